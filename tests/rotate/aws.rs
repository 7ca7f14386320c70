//! AWS Secrets Manager, against moto: a stand-in for its API, installed by pip into a folder of the build.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyscan::Secret;
use keyscan::rotate::{AwsCredentials, AwsSecretsManager, FailureClass, RotatingSecret};

use crate::server::Server;
use crate::skip::skipped;
use crate::{plain, quick};

const WAIT: Duration = Duration::from_secs(5);

struct Moto {
    child: Child,
    address: String,
    python: PathBuf,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// `None` where there is no Python, or moto cannot be had.
    fn start() -> Option<Moto> {
        let python = installed().map_err(|why| skipped(&format!("moto cannot be had: {why}"))).ok()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(&python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
        // It says when it listens.
        let mut lines = BufReader::new(child.stderr.take()?).lines();
        let listens = lines.by_ref().map_while(Result::ok).any(|line| line.contains("Running on"));
        std::thread::spawn(move || lines.for_each(drop));
        let moto = Moto { child, address: format!("http://127.0.0.1:{port}"), python };
        assert!(listens, "moto did not start");
        Some(moto)
    }

    /// Runs lines of Python with a client of AWS's own library.
    fn with_client(&self, lines: &str) {
        let script = format!(
            "import boto3\nc = boto3.client('secretsmanager', endpoint_url='{}', region_name='eu-west-1', \
             aws_access_key_id='test-id', aws_secret_access_key='test-word')\n{lines}\n",
            self.address
        );
        assert!(Command::new(&self.python).args(["-c", &script]).status().unwrap().success());
    }
}

fn installed() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let marker = folder.join("complete");
    if marker.exists() {
        return Ok(python);
    }
    let run = |command: &mut Command| -> Result<(), String> {
        let output = command.output().map_err(|error| error.to_string())?;
        let errors = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        if output.status.success() { Ok(()) } else { Err(errors) }
    };
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1"];
    run(Command::new(&python).args(pip).arg("moto[server,secretsmanager]>=5,<6"))?;
    std::fs::write(marker, "").map_err(|error| error.to_string())?;
    Ok(python)
}

fn test_credentials() -> AwsCredentials {
    AwsCredentials::Static { key_id: "test-id".to_owned(), secret: Secret::new(b"test-word"), session: None }
}

fn source(address: &str, id: &str) -> AwsSecretsManager {
    AwsSecretsManager::new(id).region("eu-west-1").endpoint(address).credentials(test_credentials())
}

#[test]
fn secrets_of_aws_are_read_and_followed() {
    let Some(moto) = Moto::start() else { return };
    moto.with_client(
        "c.create_secret(Name='app/plain', SecretString='quartz-0001')  # keyscan:allow generic-secret\n\
         c.create_secret(Name='app/json', SecretString='{\"db\": {\"password\": \"quartz-0002\"}}')  # keyscan:allow generic-secret\n\
         c.create_secret(Name='app/binary', SecretBinary=b'quartz-0003')  # keyscan:allow generic-secret",
    );
    let start = |source| RotatingSecret::builder("A_KEY", source).settings(quick()).start();
    let secret = start(source(&moto.address, "app/plain")).unwrap();
    let first = secret.get().unwrap();
    assert_eq!((first.expose(), first.source_version().map(str::len)), (&b"quartz-0001"[..], Some(36)));
    let of_json = start(source(&moto.address, "app/json").field("/db/password")).unwrap();
    assert_eq!(of_json.get().unwrap().expose(), b"quartz-0002");
    assert_eq!(start(source(&moto.address, "app/binary")).unwrap().get().unwrap().expose(), b"quartz-0003");

    moto.with_client("c.put_secret_value(SecretId='app/plain', SecretString='quartz-0004')"); // keyscan:allow generic-secret
    secret.reload(WAIT).unwrap();
    let second = secret.get().unwrap();
    assert_eq!(second.expose(), b"quartz-0004");
    assert_ne!(first.source_version(), second.source_version());
    let before = start(source(&moto.address, "app/plain").stage("AWSPREVIOUS")).unwrap();
    assert_eq!(before.get().unwrap().expose(), b"quartz-0001");

    for (source, class) in [
        (source(&moto.address, "app/none"), FailureClass::NotFound),
        (source(&moto.address, "app/json").field("none"), FailureClass::NotFound),
        (source(&moto.address, "app/plain").field("none"), FailureClass::Malformed),
    ] {
        let error = start(source).unwrap_err();
        assert_eq!(error.class(), class, "{error}");
        assert!(!error.to_string().contains("quartz"));
    }
    moto.with_client("c.delete_secret(SecretId='app/plain')");
    assert_eq!(secret.reload(WAIT).unwrap_err().class(), FailureClass::NotFound);
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0004");
}

/// A server whose clock is an hour ahead refuses what was signed by ours, and takes what follows its own.
#[test]
fn signatures_follow_the_clock_of_the_server() {
    let ahead = std::time::SystemTime::now() + Duration::from_secs(3600);
    let date = httpdate_of(ahead);
    let hour = date[17..19].to_owned();
    let server = Server::new(move |asked| {
        let at = asked.header("x-amz-date");
        let headers = format!("date: {date}\r\n");
        if at[9..11] == hour {
            (200, headers, r#"{"SecretString":"quartz-0001","VersionId":"v"}"#.to_owned()) // keyscan:allow generic-secret
        } else {
            (
                400,
                headers,
                r#"{"__type":"com.amazonaws#InvalidSignatureException","message":"Signature expired"}"#.to_owned(),
            )
        }
    });
    let secret = RotatingSecret::builder("A_KEY", source(&server.url, "app")).settings(quick()).start().unwrap();
    assert_eq!(secret.get().unwrap().expose(), b"quartz-0001");
}

#[test]
fn refusals_of_aws_are_told_apart() {
    for (status, name, class) in [
        (400, "AccessDeniedException", FailureClass::Denied),
        (400, "UnrecognizedClientException", FailureClass::Denied),
        (400, "ResourceNotFoundException", FailureClass::NotFound),
        (400, "InvalidRequestException", FailureClass::NotFound),
        (400, "ThrottlingException", FailureClass::Unreachable),
        (500, "InternalServiceError", FailureClass::Unreachable),
        (400, "<b>", FailureClass::Failed),
    ] {
        let body = format!(r#"{{"__type":"{name}","Message":"quartz-0001"}}"#);
        let server = Server::new(move |_| plain(status, &body));
        let error = RotatingSecret::builder("A_KEY", source(&server.url, "app")).settings(quick()).start().unwrap_err();
        assert_eq!(error.class(), class, "{name}");
        assert!(!error.to_string().contains("quartz") && !error.to_string().contains('<'), "{error}");
    }
    for region in ["", "eu west", "a/b"] {
        let source = AwsSecretsManager::new("app").region(region).credentials(test_credentials());
        assert!(RotatingSecret::builder("A_KEY", source).start().is_err(), "{region}");
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn httpdate_of(time: std::time::SystemTime) -> String {
    let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let date = keyscan::gate::Date::from_unix_seconds(seconds).to_string();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let month: usize = date[5..7].parse().unwrap();
    format!(
        "{}, {} {} {} {:02}:{:02}:{:02} GMT",
        days[(seconds / 86_400 % 7) as usize],
        &date[8..],
        months[month - 1],
        &date[..4],
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}
