//! Sources that fail: readers keep the last good value, whatever they do.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyscan::rotate::{
    Cached, EnvFileSource, EnvSource, FailureClass, Fallback, Field, FileSource, HttpSource, Refreshed, RotateSettings,
    RotatingSecret, Source, State,
};

use crate::server::Server;
use crate::skip::skipped;
use crate::{Scripted, plain, quick, until};

const WAIT: Duration = Duration::from_secs(5);

/// What is bad about a file, how it becomes so, and how that is called.
type Bad<'a> = (&'a str, Box<dyn Fn() + 'a>, FailureClass);

#[test]
fn a_file_that_goes_bad_takes_nothing_from_readers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "quartz-0001\n").unwrap();
    // Without a watch, so that each attempt is ours.
    let settings = RotateSettings { watch: false, ..quick() };
    let secret = RotatingSecret::builder("A_KEY", FileSource::new(&path)).settings(settings).start().unwrap();
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0001");
    let mut bad: Vec<Bad<'_>> = vec![
        ("empty", Box::new(|| fs::write(&path, "").unwrap()), FailureClass::Empty),
        ("blank", Box::new(|| fs::write(&path, " \n\t\r\n").unwrap()), FailureClass::Empty),
        ("large", Box::new(|| fs::write(&path, "q".repeat(65 * 1024)).unwrap()), FailureClass::TooLarge),
        ("huge", Box::new(|| fs::write(&path, "q".repeat(3 << 20)).unwrap()), FailureClass::TooLarge),
        ("endless", Box::new(|| fs::File::create(&path).unwrap().set_len(1 << 40).unwrap()), FailureClass::TooLarge),
        ("no text", Box::new(|| fs::write(&path, b"quartz\xff\xfe").unwrap()), FailureClass::Malformed),
        ("a NUL", Box::new(|| fs::write(&path, b"quartz\0").unwrap()), FailureClass::Malformed),
        ("gone", Box::new(|| fs::remove_file(&path).unwrap()), FailureClass::NotFound),
        ("a folder", Box::new(|| fs::create_dir(&path).unwrap()), FailureClass::NotFound),
    ];
    #[cfg(unix)]
    bad.push((
        "a pipe",
        Box::new(|| {
            let _ = fs::remove_dir(&path);
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        }),
        FailureClass::NotFound,
    ));
    for (what, make, class) in &bad {
        make();
        let started = Instant::now();
        assert_eq!(secret.reload(WAIT).unwrap_err().class(), *class, "{what}");
        assert!(started.elapsed() < Duration::from_secs(2), "{what}");
        assert_eq!((secret.state(), secret.get().unwrap().expose()), (State::Stale, &b"quartz-0001"[..]), "{what}");
        assert_eq!(secret.status().last_error, Some(*class), "{what}");
    }
    drop(bad);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "quartz-0002\r\n").unwrap();
    assert!(matches!(secret.reload(WAIT), Ok(Refreshed::Rotated(_))));
    assert_eq!((secret.state(), secret.get().unwrap().expose()), (State::Ok, &b"quartz-0002"[..]));
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_told_as_that() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "quartz-0001").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        skipped("this user may read every file");
        return;
    }
    let error = RotatingSecret::builder("A_KEY", FileSource::new(&path)).start().unwrap_err();
    assert_eq!(error.class(), FailureClass::Denied);
}

#[test]
fn only_one_line_end_is_taken_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for (text, value) in [
        ("quartz-1", "quartz-1"),
        ("quartz-1\n", "quartz-1"),
        ("quartz-1\n\n", "quartz-1\n"),
        (" quartz-1 \r\n", " quartz-1 "),
    ] {
        fs::write(&path, text).unwrap();
        let secret = RotatingSecret::builder("A_KEY", FileSource::new(&path)).start().unwrap();
        assert_eq!(secret.get().unwrap().expose(), value.as_bytes());
    }
    let kept = RotatingSecret::builder("A_KEY", FileSource::new(&path).keep_line_end()).start().unwrap();
    assert_eq!(kept.get().unwrap().expose(), b" quartz-1 \r\n");
}

/// A writer that truncates and writes in pieces: only whole values are ever seen.
#[test]
fn a_file_written_in_place_is_never_seen_half() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let whole = |version: u32| format!("quartz-{version:04}-{}-end", "x".repeat(100));
    fs::write(&path, whole(0)).unwrap();
    let secret = RotatingSecret::builder("A_KEY", FileSource::new(&path)).settings(quick()).start().unwrap();
    for version in 1..4 {
        let text = whole(version);
        let mut file = fs::File::create(&path).unwrap();
        for piece in text.as_bytes().chunks(40) {
            file.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        until("it is there", || secret.get().unwrap().expose() == text.as_bytes());
    }
    let seen: Vec<u64> = (0..4).flat_map(|version| secret.versions_of(whole(version).as_bytes())).collect();
    assert_eq!(seen, [1, 2, 3, 4], "there were values that were none");
}

#[test]
fn a_file_that_never_rests_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "quartz-0000").unwrap();
    let settings = RotateSettings { watch: false, fetch_timeout: Duration::from_millis(600), ..quick() };
    let secret = RotatingSecret::builder("A_KEY", FileSource::new(&path)).settings(settings).start().unwrap();
    let (stop, rested) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let writer = std::thread::spawn({
        let (path, stop, rested) = (path.clone(), stop.clone(), rested.clone());
        move || {
            let (mut version, mut last) = (1, Instant::now());
            while !stop.load(Ordering::Relaxed) {
                fs::write(&path, format!("quartz-{version:04}")).unwrap();
                rested.fetch_or(last.elapsed() > Duration::from_millis(25), Ordering::Relaxed);
                (version, last) = (version + 1, Instant::now());
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    });
    std::thread::sleep(Duration::from_millis(30));
    // On a busy machine the writer may rest longer than it means to: then the file is rightly believed.
    let refused = (0..20).find_map(|_| {
        rested.store(false, Ordering::Relaxed);
        let before = secret.get().unwrap();
        let Err(error) = secret.reload(WAIT) else {
            until("the writer goes on", || rested.load(Ordering::Relaxed));
            return None;
        };
        Some((error.class(), before.expose() == secret.get().unwrap().expose()))
    });
    assert_eq!(refused, Some((FailureClass::Unsettled, true)));
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}

#[test]
fn sources_that_hang_or_panic_are_not_waited_for() {
    let source = Scripted::of("quartz-0001");
    let settings = RotateSettings { wait: Duration::from_millis(200), ..quick() };
    let settings = RotateSettings { fetch_timeout: Duration::from_millis(100), ..settings };
    let secret = RotatingSecret::builder("A_KEY", source.clone()).settings(settings).start().unwrap();
    source.takes(Duration::from_secs(3));
    let started = Instant::now();
    assert_eq!(secret.refresh().unwrap_err().class(), FailureClass::Timeout);
    assert!(started.elapsed() < Duration::from_millis(2500));
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0001");
    until("it counts as hanging", || secret.state() == State::Stale);
    source.takes(Duration::ZERO);
    until("it has come back", || secret.state() == State::Ok);
    source.panics();
    assert_eq!(secret.reload(WAIT).unwrap_err().class(), FailureClass::Failed);
    source.answers("quartz-0002");
    secret.reload(WAIT).unwrap();
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0002");
}

#[test]
fn garbage_over_http_is_told_apart() {
    let step = Arc::new(AtomicU64::new(0));
    let of_server = step.clone();
    let server = Server::new(move |asked| match of_server.load(Ordering::Relaxed) {
        0 => plain(200, r#"{"data":{"value":"quartz-0001"}}"#),
        1 => plain(200, "<html>welcome</html>"),
        2 => plain(200, ""),
        3 => plain(200, r#"{"data":{"other":"x"}}"#),
        4 => plain(500, "quartz-0009 is broken"),
        5 => plain(429, ""),
        6 => plain(403, ""),
        7 => plain(404, ""),
        8 => (302, "location: http://127.0.0.1:1/\r\n".to_owned(), String::new()),
        9 => plain(200, &"x".repeat(2 << 20)),
        10 => {
            std::thread::sleep(Duration::from_secs(5));
            plain(200, "")
        }
        _ => plain(200, &format!(r#"{{"data":{{"value":"quartz-{}"}}}}"#, asked.header("authorization"))),
    });
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "word\n").unwrap();
    let source = HttpSource::new(&server.url).field("/data/value").token_file(&token);
    let settings = RotateSettings { fetch_timeout: Duration::from_millis(700), ..quick() };
    let secret = RotatingSecret::builder("A_KEY", source).settings(settings).start().unwrap();
    let classes = [
        FailureClass::Malformed,
        FailureClass::Malformed,
        FailureClass::NotFound,
        FailureClass::Unreachable,
        FailureClass::Unreachable,
        FailureClass::Denied,
        FailureClass::NotFound,
        FailureClass::Failed,
        FailureClass::TooLarge,
        FailureClass::Timeout,
    ];
    for (at, class) in classes.into_iter().enumerate() {
        step.store(at as u64 + 1, Ordering::Relaxed);
        let error = secret.reload(WAIT).unwrap_err();
        assert_eq!(error.class(), class, "step {}: {error}", at + 1);
        assert!(!error.to_string().contains("quartz"), "{error}");
        assert_eq!(secret.get().unwrap().expose(), b"quartz-0001");
    }
    step.store(99, Ordering::Relaxed);
    secret.reload(WAIT).unwrap();
    assert_eq!(secret.get().unwrap().expose(), b"quartz-Bearer word");
}

#[test]
fn servers_elsewhere_need_tls_and_addresses_have_no_users() {
    for (address, says) in [
        ("http://192.0.2.1/", "TLS"),
        ("https://user:word@localhost/", "user"),
        ("ftp://localhost/", "TLS"),
        ("no", ""),
    ] {
        let error = RotatingSecret::builder("A_KEY", HttpSource::new(address)).start().unwrap_err();
        assert_eq!(error.class(), FailureClass::Malformed);
        assert!(error.message().contains(says) && !error.message().contains("word"), "{error}");
    }
    let error = RotatingSecret::builder("A_KEY", HttpSource::new("http://127.0.0.1:1/")).start().unwrap_err();
    assert_eq!(error.class(), FailureClass::Unreachable);
}

#[test]
fn variables_files_and_fallbacks() {
    let error = RotatingSecret::builder("A_KEY", EnvSource::new("KEYSCAN_NO_SUCH_VARIABLE")).start().unwrap_err();
    assert_eq!(error.class(), FailureClass::NotFound);
    // A variable that every test run has.
    let secret = RotatingSecret::builder("PATH", EnvSource::new("PATH")).start().unwrap();
    assert!(secret.status().fixed);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    fs::write(&path, "A=one\nexport A_KEY='quartz-0001' # now\n").unwrap(); // keyscan:allow generic-secret
    let secret =
        RotatingSecret::builder("A_KEY", EnvFileSource::new(&path, "A_KEY")).settings(quick()).start().unwrap();
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0001");
    fs::write(&path, "A_KEY=quartz-0002\n").unwrap(); // keyscan:allow generic-secret
    until("the file was read again", || secret.get().unwrap().expose() == b"quartz-0002");

    let mounted = folder.path().join("mounted");
    let source = Fallback::new(FileSource::new(&mounted), Scripted::of("quartz-old"));
    let secret = RotatingSecret::builder("A_KEY", source).settings(quick()).start().unwrap();
    assert_eq!(secret.get().unwrap().expose(), b"quartz-old");
    fs::write(&mounted, "quartz-new").unwrap();
    until("the file was read", || secret.get().unwrap().expose() == b"quartz-new");
    // What was there and has gone is no reason to go back.
    fs::remove_file(&mounted).unwrap();
    assert!(secret.reload(WAIT).is_err());
    assert_eq!(secret.get().unwrap().expose(), b"quartz-new");
}

#[test]
fn fields_of_one_item_are_one_request() {
    let item = Scripted::of(r#"{"user":"quartz-user","word":"quartz-word"}"#);
    let cached = Cached::new(item.clone(), Duration::from_secs(60));
    let start = |field: &str| {
        RotatingSecret::builder(field, Field::new(cached.clone(), field)).settings(quick()).start().unwrap()
    };
    let (user, word) = (start("user"), start("word"));
    assert_eq!(
        (user.get().unwrap().expose(), word.get().unwrap().expose()),
        (&b"quartz-user"[..], &b"quartz-word"[..])
    );
    assert_eq!(item.asked(), 1);
    // Who asks for it gets past what is kept.
    item.answers(r#"{"user":"quartz-user","word":"quartz-next"}"#);
    word.reload(WAIT).unwrap();
    assert_eq!((item.asked(), word.get().unwrap().expose()), (2, &b"quartz-next"[..]));
    assert_eq!(cached.kind(), "scripted");
}

#[test]
fn attempts_become_rarer_while_they_fail() {
    let source = Scripted::of("quartz-0001");
    let secret = RotatingSecret::builder("A_KEY", source.clone()).settings(quick()).start().unwrap();
    source.fails(FailureClass::Unreachable);
    let (started, before) = (Instant::now(), source.asked());
    let mut refused = 0;
    while started.elapsed() < Duration::from_secs(2) {
        refused += u32::from(secret.refresh().is_err_and(|error| error.class() == FailureClass::BreakerOpen));
        std::thread::sleep(Duration::from_millis(1));
    }
    let asked = source.asked() - before;
    assert!(asked < 15 && refused > 500, "{asked} {refused}");
    // A server that says that asking does not help is left alone.
    source.fails(FailureClass::Rejected);
    let _ = secret.reload(WAIT);
    let before = source.asked();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(source.asked(), before);
}
