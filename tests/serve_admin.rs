//! The emergency endpoint of `keyscan serve`, over sockets: what is rotated there is hidden everywhere at once, whoever is
//! not meant is refused, and nothing that the process says is a value.
#![cfg(unix)]

#[path = "common/mount.rs"]
mod mount;
#[path = "common/server.rs"]
mod server;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use keyscan::rotate::{AuditLog, TagKey};

use mount::mount;
use server::{Asked, Server};

const TOKEN: &str = "an-admin-token-of-this-test";

struct Process {
    child: Child,
    folder: tempfile::TempDir,
    public: String,
    admin: String,
    errors: mpsc::Receiver<String>,
}

impl Process {
    fn start() -> Process {
        let folder = tempfile::tempdir().unwrap();
        mount(&folder.path().join("mounted"), 0, "quartz-mounted-0000");
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        let config = "tag-key = 'tag-key'\naudit-log = 'audit'\n[secret.MOUNTED]\nfile = 'mounted/key'\n\
                      [secret.PUSHED]\npush = true\n[secret.LATER]\nfile = 'later'\nrequired = false\n";
        fs::write(folder.path().join("secrets.toml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyscan"))
            .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--secrets"])
            .arg(folder.path().join("secrets.toml"))
            .arg("--admin-token-file")
            .arg(folder.path().join("token"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, errors) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| _ = sender.send(line)));
        let (mut public, mut admin, mut said) = (None, None, Vec::new());
        while public.is_none() || admin.is_none() {
            let line: String =
                errors.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("it said {said:?}"));
            let address =
                |says: &str| line.strip_prefix(says).map(|rest| rest.trim_start_matches("http://").to_owned());
            public = public.or_else(|| address("keyscan: listens on "));
            admin = admin.or_else(|| address("keyscan: rotates secrets at "));
            said.push(line);
        }
        assert!(said.iter().any(|line| line.contains("LATER has no value yet")), "{said:?}");
        Process { child, folder, public: public.unwrap(), admin: admin.unwrap(), errors }
    }

    fn ask(&self, address: &str, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A server that refuses a body may reset the connection after its answer.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap();
        (status, answer)
    }

    fn admin(&self, method: &str, path: &str, more: &str, body: &str) -> (u16, String) {
        let len = body.len();
        let (status, answer) = self.ask(
            &self.admin,
            &format!(
                "{method} {path} HTTP/1.1\r\nhost: {}\r\nx-admin-token: {TOKEN}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {len}\r\n{more}\r\n{body}",
                self.admin
            ),
        );
        assert!(!answer.contains("quartz"), "{answer}");
        (status, answer)
    }

    /// What the sidecar makes of a text.
    fn redacted(&self, text: &str) -> String {
        let (status, answer) = self.ask(
            &self.public,
            &format!(
                "POST /v1/redact HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: text/plain\r\n\
                 content-length: {}\r\n\r\n{text}",
                text.len()
            ),
        );
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < deadline, "it never came to be that {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn what_is_rotated_is_hidden_at_once() {
    let mut process = Process::start();
    let is_hidden = |value: &str| !process.redacted(&format!("it was {value}, it was")).contains("quartz");
    assert!(is_hidden("quartz-mounted-0000"));
    assert!(!is_hidden("quartz-pushed-0001"));
    let body = r#"{"secret_name":"PUSHED","new_value":"quartz-pushed-0001"}"#;
    let (status, answer) = process.admin("POST", "/rotate-secret", "", body);
    assert!(status == 200 && answer.contains("cache-control: no-store"), "{answer}");
    assert!(is_hidden("quartz-pushed-0001"));

    // A mounted secret that is swapped five times, and asked for each time.
    for version in 1..=5 {
        let value = format!("quartz-mounted-{version:04}");
        mount(&process.folder.path().join("mounted"), version, &value);
        let (status, answer) = process.admin("POST", "/v1/secrets/MOUNTED/rotate", "", r#"{"reason":"drill"}"#);
        // Its watch may have been sooner.
        assert!(status == 200 || status == 409 && answer.contains("unchanged"), "{answer}");
        assert!(is_hidden(&value));
    }
    // And one that nobody asks for.
    mount(&process.folder.path().join("mounted"), 6, "quartz-mounted-0006");
    process.until("the swap was seen", || is_hidden("quartz-mounted-0006"));
    for version in 0..=6 {
        assert!(is_hidden(&format!("quartz-mounted-{version:04}")), "old ones stay hidden");
    }
    let (status, answer) = process.admin("GET", "/secret-status", "", "");
    assert!(status == 200 && answer.contains(r#""secret_name":"MOUNTED""#), "{answer}");

    // How secrets are is told to whoever collects numbers, without their values.
    let (status, metrics) =
        process.ask(&process.public, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    for line in [
        "keyscan_secret_state{name=\"PUSHED\",state=\"ok\"} 1",
        "keyscan_secret_state{name=\"PUSHED\",state=\"revoked\"} 0",
        "keyscan_secret_state{name=\"LATER\",state=\"absent\"} 1",
        "keyscan_secret_version{name=\"PUSHED\"} 1",
        "keyscan_secret_rotations_total{name=\"PUSHED\"} 1",
    ] {
        assert!(status == 200 && metrics.lines().any(|own| own == line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("keyscan_secret_age_seconds{name=\"MOUNTED\"} ") && !metrics.contains("quartz"));

    // Whoever is not meant is refused.
    let ask = |head: &str| process.ask(&process.admin, &format!("{head}connection: close\r\n\r\n")).0;
    assert_eq!(ask("GET /v1/status HTTP/1.1\r\nhost: localhost\r\n"), 401);
    assert_eq!(ask(&format!("GET /v1/status HTTP/1.1\r\nhost: evil.example\r\nx-admin-token: {TOKEN}\r\n")), 403);
    assert_eq!(ask(&format!("GET /v1/status HTTP/1.1\r\nx-admin-token: {TOKEN}\r\n")), 400);
    let own = format!("origin: http://{}\r\n", process.admin);
    assert_eq!(process.admin("GET", "/v1/status", &own, "").0, 403);
    assert_eq!(process.admin("GET", "/v1/status", "x-forwarded-for: 10.0.0.1\r\n", "").0, 403);
    assert_eq!(process.admin("POST", "/v1/secrets/PUSHED/rotate", "", &"x".repeat(100_000)).0, 413);
    assert_eq!(process.admin("GET", "/v1/redact", "", "").0, 404, "the sidecar is elsewhere");
    assert_eq!(ask("GET /readyz HTTP/1.1\r\nhost: localhost\r\n"), 200);
    // The endpoint is not where everybody asks.
    let (status, _) = process.ask(
        &process.public,
        &format!("GET /v1/status HTTP/1.1\r\nhost: localhost\r\nx-admin-token: {TOKEN}\r\nconnection: close\r\n\r\n"),
    );
    assert_eq!(status, 404);

    let pid = rustix::process::Pid::from_raw(process.child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(process.child.wait().unwrap().success());
    let said: Vec<String> = process.errors.iter().collect();
    let log = fs::read_to_string(process.folder.path().join("audit")).unwrap();
    for text in said.iter().chain([&log]) {
        assert!(!text.contains("quartz") && !text.contains(TOKEN), "{text}");
    }
    let key = TagKey::load_or_create(&process.folder.path().join("tag-key")).unwrap();
    let report = AuditLog::check(log.as_bytes(), Some(&key)).unwrap();
    assert!(report.problems.is_empty() && report.entries >= 7, "{report}");
    let check = |head: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(["rotate", "audit", "audit", "--key", "tag-key", "--head", head]);
        let output = command.current_dir(process.folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let head = report.head.unwrap();
    assert_eq!(check(&head).0, Some(0), "{}", check(&head).1);
    assert_eq!(check(&"0".repeat(64)).0, Some(1));
    fs::write(process.folder.path().join("audit"), log.replacen("rotated", "unmoved", 1)).unwrap();
    assert!(check(&head).0 == Some(1) && check(&head).1.contains("was changed"), "{}", check(&head).1);
}

#[test]
fn other_machines_do_not_reach_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), TOKEN).unwrap();
    fs::write(folder.path().join("secrets.toml"), "[secret.A]\npush = true\n").unwrap();
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(["serve", "--allow-remote", "--listen", "127.0.0.1:0", "--secrets", "secrets.toml"]);
        let output = command.args(more).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = run(&["--admin-token-file", "token", "--admin-listen", "0.0.0.0:0"]);
    assert!(status == Some(2) && said.contains("other machines reach"), "{said}");
    fs::write(folder.path().join("token"), "short").unwrap();
    let (status, said) = run(&["--admin-token-file", "token"]);
    assert!(status == Some(2) && said.contains("shorter than 16 bytes") && !said.contains("short\n"), "{said}");
    fs::write(folder.path().join("secrets.toml"), "[secret.A]\nvalue = 'quartz-0001'\n").unwrap();
    let (status, said) = run(&[]);
    assert!(status == Some(2) && said.contains("line 2") && !said.contains("quartz"), "{said}");
}

/// What stands for AWS: the endpoint of a container, the metadata service of an instance, STS, and Secrets Manager.
fn aws(asked: &Asked) -> (u16, String, String) {
    let answer = |status: u16, body: &str| (status, String::new(), body.to_owned());
    let keys = r#"{"AccessKeyId":"temp-id","SecretAccessKey":"temp-word","Token":"temp-session","Expiration":"2999-01-01T00:00:00Z"}"#;
    if asked.line.starts_with("GET /container ") && asked.header("authorization") == "container-word" {
        return answer(200, keys);
    }
    // Of the second version: who has no token of it is not answered.
    let role = "GET /latest/meta-data/iam/security-credentials/";
    let is_known = asked.header("x-aws-ec2-metadata-token") == "metadata-word";
    if asked.line.starts_with("PUT /latest/api/token ")
        && !asked.header("x-aws-ec2-metadata-token-ttl-seconds").is_empty()
    {
        return answer(200, "metadata-word");
    }
    if let Some(rest) = asked.line.strip_prefix(role).filter(|_| is_known) {
        return answer(200, if rest.starts_with("the%20role ") { keys } else { "the role\n" });
    }
    if asked
        .body
        .starts_with("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fapp&")
        && asked.body.ends_with("WebIdentityToken=pod%2Bword")
    {
        let keys = "<AssumeRoleWithWebIdentityResponse><Credentials><AccessKeyId>temp-id</AccessKeyId>\
                    <SecretAccessKey>temp-word</SecretAccessKey><SessionToken>temp-session</SessionToken>\
                    <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResponse>";
        return answer(200, keys);
    }
    let signed = asked.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=temp-id/");
    let session = if asked.header("x-amz-security-token") == "temp-session" { "quartz-aws-0001" } else { "" };
    if signed && asked.body.contains("app/stripe") && !session.is_empty() {
        return answer(200, &format!(r#"{{"SecretString":"{session}","VersionId":"v"}}"#));
    }
    answer(400, r#"{"__type":"AccessDeniedException"}"#)
}

#[test]
fn credentials_for_aws_are_found_where_its_own_tools_find_them() {
    let server = Server::new(aws);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let url = &server.url;
    write(
        "secrets.toml",
        &format!("[secret.A]\naws-secret = 'app/stripe'\nregion = 'eu-west-1'\nendpoint = '{url}'\n"),
    );
    write("pod-token", "pod+word\n");
    write(
        "credentials",
        "[default]\naws_access_key_id = none\naws_secret_access_key = none\n[app]\n\
           aws_access_key_id = temp-id\naws_secret_access_key = temp-word\naws_session_token = temp-session\n",
    );
    let (container, metadata) = (format!("{url}/container"), format!("{url}/"));
    let chains: [&[(&str, &str)]; 6] = [
        &[
            ("AWS_ACCESS_KEY_ID", "temp-id"),
            ("AWS_SECRET_ACCESS_KEY", "temp-word"),
            ("AWS_SESSION_TOKEN", "temp-session"),
        ],
        &[("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_PROFILE", "app")],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-word")],
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "pod-token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/app"),
            ("AWS_ENDPOINT_URL_STS", url),
        ],
        &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata)],
        &[],
    ];
    for chain in chains {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--secrets", "secrets.toml"]).current_dir(folder.path());
        command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").envs(chain.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        for line in lines {
            let listens = line.contains("listens on");
            said.push(line);
            if listens {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let said = said.join("\n");
        assert_eq!(said.contains("has no value yet"), chain.is_empty(), "{chain:?}: {said}");
        assert!(!chain.is_empty() || said.contains("no credentials for AWS were found"), "{said}");
    }
    let count = |start: &str| server.asked().iter().filter(|asked| asked.line.starts_with(start)).count();
    assert_eq!(count("GET /container"), 1, "a container is asked by those who have one");
    assert_eq!((count("PUT /latest/"), count("GET /latest/")), (1, 2), "and so is an instance");
}

#[test]
fn other_machines_reach_it_over_tls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("secrets.toml"), "[secret.PUSHED]\npush = true\n").unwrap();
    fs::write(at("token"), TOKEN).unwrap();
    let serve = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--secrets", &at("secrets.toml")]);
        command.args(["--admin-token-file", &at("token")]).args(more);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let refused = |more: &[&str], what: &str| {
        let output = serve(more).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(what), "{said}");
    };
    refused(&["--admin-listen", "0.0.0.0:0"], "--admin-tls-cert");
    refused(&["--admin-listen", "0.0.0.0:0", "--allow-remote"], "--admin-tls-cert");
    fs::write(at("none"), "nothing\n").unwrap();
    refused(&["--admin-tls-cert", &at("none"), "--admin-tls-key", &at("none")], "no certificate");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", &at("cert"), "-keyout"])
        .arg(at("key"))
        .output();
    if !made.is_ok_and(|made| made.status.success()) || Command::new("curl").arg("--version").output().is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: openssl or curl is not there");
        return;
    }
    refused(&["--admin-tls-cert", &at("cert"), "--admin-tls-key", &at("cert")], "no private key");
    let tls = ["--admin-listen", "0.0.0.0:0", "--admin-tls-cert", &at("cert"), "--admin-tls-key", &at("key")];
    let mut child = serve(&tls).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| Some(line.split_once("rotates secrets at https://0.0.0.0:")?.1.to_owned())).unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    let curl = |url: &str, more: &[&str]| {
        let output =
            Command::new("curl").args(["-s", "-m", "20", "--noproxy", "*"]).args(more).arg(url).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let url = format!("https://127.0.0.1:{port}/v1/status");
    let token = format!("x-admin-token: {TOKEN}");
    let (asked, answer) = curl(&url, &["--cacert", &at("cert"), "-H", &token]);
    assert!(asked && answer.contains("\"PUSHED\""), "{answer}");
    assert!(curl(&url, &["--cacert", &at("cert")]).1.contains("unauthorized"));
    assert!(!curl(&url, &["-H", &token]).0, "the certificate is looked at");
    assert!(!curl(&format!("http://127.0.0.1:{port}/v1/status"), &["-H", &token]).0, "nobody is answered without TLS");
    // Who says nothing is not waited for before others.
    let silent = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    assert!(curl(&url, &["--cacert", &at("cert"), "-H", &token]).0);
    drop(silent);
    child.kill().unwrap();
    child.wait().unwrap();
}
