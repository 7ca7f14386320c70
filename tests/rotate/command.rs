//! Programs as sources.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, Instant};

use keyscan::rotate::{CommandSource, FailureClass, Protocol, RotateSettings, RotatingSecret};

use crate::{quick, until};

fn shell(script: &str) -> CommandSource {
    CommandSource::new(["sh", "-c", script])
}

fn value(source: CommandSource) -> Result<String, FailureClass> {
    let settings = RotateSettings { fetch_timeout: Duration::from_millis(1500), ..quick() };
    let secret = RotatingSecret::builder("A_KEY", source).settings(settings).start().map_err(|error| error.class())?;
    Ok(String::from_utf8(secret.get().unwrap().expose().to_vec()).unwrap())
}

#[test]
fn what_programs_write_is_the_secret() {
    assert_eq!(value(shell("echo quartz-0001")).as_deref(), Ok("quartz-0001"));
    assert_eq!(value(shell("echo quartz-0001; echo nonsense >&2")).as_deref(), Ok("quartz-0001"));
    let json = shell(r#"echo '{"value":"quartz-0002","expires_at":"2999-01-01T00:00:00Z"}'"#).protocol(Protocol::Json);
    assert_eq!(value(json).as_deref(), Ok("quartz-0002"));
    let vector = shell(
        r#"read request; case "$request" in *'["db"]'*) echo '{"db":{"value":"quartz-0003","error":null}}';; esac"#,
    );
    assert_eq!(value(vector.protocol(Protocol::Vector { secret: "db".to_owned() })).as_deref(), Ok("quartz-0003"));
}

#[test]
fn programs_that_fail_are_told_apart() {
    assert_eq!(value(shell("echo quartz-0001; exit 3")), Err(FailureClass::Failed));
    assert_eq!(value(shell("kill -9 $$")), Err(FailureClass::Failed));
    assert_eq!(value(shell("true")), Err(FailureClass::Empty));
    assert_eq!(value(shell("cat /dev/zero")), Err(FailureClass::TooLarge));
    assert_eq!(value(shell("head -c 20 /dev/zero")), Err(FailureClass::Malformed));
    assert_eq!(value(CommandSource::new(["/no/such/program"])), Err(FailureClass::NotFound));
    assert_eq!(value(CommandSource::new(Vec::<String>::new())), Err(FailureClass::NotFound));
    assert_eq!(value(shell("echo quartz").protocol(Protocol::Json)), Err(FailureClass::Malformed));
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let script = format!("sleep 300 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
    let started = Instant::now();
    assert_eq!(value(shell(&script)), Err(FailureClass::Timeout));
    assert!(started.elapsed() < Duration::from_secs(4));
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    // A process that nobody has reaped yet is dead all the same.
    let lives = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
    };
    until("both have ended", || !pids.lines().any(lives));
}

#[test]
fn what_a_program_leaves_running_is_not_waited_for() {
    let started = Instant::now();
    assert_eq!(value(shell("sleep 300 & echo quartz-0001")).as_deref(), Ok("quartz-0001"));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn programs_get_few_variables() {
    // Cargo sets these for tests.
    let script = "echo \"x${CARGO_MANIFEST_DIR}x${CARGO_PKG_NAME}x\"";
    assert_eq!(value(shell(script)).as_deref(), Ok("xxx"));
    assert_eq!(value(shell(script).variables(["CARGO_PKG_NAME"])).as_deref(), Ok("xxkeyscanx"));
    assert!(!format!("{:?}", shell("echo quartz-0001")).contains("quartz"));
}
