//! Between an MCP client and a server: no secret passes, all else does, nobody waits for ever, and who ends is known.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use keyscan::RuleSet;
use serde_json::{Value, json};

fn secret() -> String {
    let rules = RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    let filled = rule.samples()[0].fill(77, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
}

/// A server that is a script: what it gets it keeps in `seen`, and what it is asked for it says.
const FAKE: &str = r#"
echo "starting with $S" >&2
while IFS= read -r line; do
  printf '%s\n' "$line" >> seen
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case $line in
    *'"method":"result"'*) printf '{"jsonrpc":"2.0", "id":%s,"result":{"content":[{"type":"text","text":"k\\n%s"}],"structuredContent":{"k":"%s","n":1.0}}}\n' "$id" "$S" "$S" ;;
    *'"method":"error"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"no %s","data":["%s"]}}\n' "$id" "$S" "$S" ;;
    *'"method":"notify"'*) printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"%s"}}\n{"jsonrpc":"2.0","id":%s,"result":{}}\n' "$S" "$id" ;;
    *'"method":"ask"'*) printf '{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"%s"}}]}}\n{"jsonrpc":"2.0","id":%s,"result":{}}\n' "$S" "$id" ;;
    *'"method":"noise"'*) printf 'debug: %s\n{"jsonrpc":"2.0","id":%s,"result":{}}\n' "$S" "$id" ;;
    *'"method":"big"'*) printf '{"jsonrpc":"2.0","result":{"t":"'; head -c 3000000 /dev/zero | tr '\0' 'a'; printf '","s":"%s"},"id":%s}\n' "$S" "$id" ;;
    *'"method":"log"'*) echo "log line $S end" >&2; printf '{"jsonrpc":"2.0","id":%s,"result":{}}\n' "$id" ;;
    *'"method":"exit"'*) exit 7 ;;
    *'"method":"killed"'*) kill -KILL $$ ;;
    *'"method"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{}}\n' "$id" ;;
  esac
done
exit 3
"#;

struct Talk {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    secret: String,
}

impl Talk {
    fn start(more: &[&str]) -> Talk {
        let (folder, secret) = (tempfile::tempdir().unwrap(), secret());
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyscan"));
        command.args(["guard", "mcp"]).args(more).args(["--", "sh", "-c", FAKE]).env("S", &secret);
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Talk { child, to, from, folder, secret }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.to.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert!(!line.contains(&self.secret[6..16]), "{line}");
        line
    }

    fn ask(&mut self, id: u32, method: &str) -> Value {
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string());
        serde_json::from_str(&self.hear()).unwrap()
    }

    fn seen(&self) -> String {
        fs::read_to_string(self.folder.path().join("seen")).unwrap_or_default()
    }

    fn end(mut self) -> (Option<i32>, String, String) {
        drop(self.to.take());
        let (mut out, mut err) = (String::new(), String::new());
        self.from.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap().code();
        let seen = self.seen();
        assert!(
            !seen.contains(&self.secret[6..16])
                && !err.contains(&self.secret[6..16])
                && !out.contains(&self.secret[6..16])
        );
        (status, out, err)
    }
}

#[test]
fn results_errors_and_notifications_lose_their_secrets_and_nothing_else() {
    let mut talk = Talk::start(&[]);
    talk.say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"result\"}");
    let marker = "[REDACTED:github-pat]";
    let expected = format!(
        "{{\"jsonrpc\":\"2.0\", \"id\":1,\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"k\\n{marker}\"}}],\"structuredContent\":{{\"k\":\"{marker}\",\"n\":1.0}}}}}}\n"
    );
    assert_eq!(talk.hear(), expected);
    let error = talk.ask(2, "error");
    assert_eq!(error["error"], json!({"code": -32000, "message": format!("no {marker}"), "data": [marker]}));
    assert_eq!(talk.ask(3, "notify")["params"]["data"], marker);
    assert_eq!(serde_json::from_str::<Value>(&talk.hear()).unwrap()["id"], 3);
    // What the server asks for is an answer to the model as well.
    assert_eq!(talk.ask(4, "ask")["params"]["messages"][0]["content"]["text"], marker);
    talk.hear();
    // A stray line stays one.
    talk.say("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"noise\"}");
    assert_eq!(talk.hear(), format!("debug: {marker}\n"));
    talk.hear();
    talk.ask(6, "log");
    let (status, _, err) = talk.end();
    assert_eq!(status, Some(3));
    assert_eq!(err, format!("starting with {marker}\nlog line {marker} end\n"));
}

#[test]
fn what_goes_to_a_tool_is_refused_with_an_error_and_the_session_goes_on() {
    let mut talk = Talk::start(&[]);
    let secret = talk.secret.clone();
    talk.say(
        &json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"arguments": {"q": secret}}}).to_string(),
    );
    let error: Value = serde_json::from_str(&talk.hear()).unwrap();
    assert_eq!((&error["id"], &error["error"]["code"]), (&json!(9), &json!(-32001)));
    assert!(error["error"]["message"].as_str().unwrap().contains("github-pat"));
    // A notification has nobody to answer; an answer is one for the server.
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/x", "params": [secret]}).to_string());
    talk.say(&json!({"jsonrpc": "2.0", "id": "s1", "result": {"text": secret}}).to_string());
    talk.say("this is no JSON");
    let error: Value = serde_json::from_str(&talk.hear()).unwrap();
    assert_eq!((&error["id"], &error["error"]["code"]), (&Value::Null, &json!(-32700)));
    // Several in one.
    talk.say(&json!([{"jsonrpc": "2.0", "id": 20, "method": "a", "params": [secret]}, {"jsonrpc": "2.0", "id": 21, "method": "b"}]).to_string());
    let ids: Vec<Value> = (0..2).map(|_| serde_json::from_str::<Value>(&talk.hear()).unwrap()["id"].clone()).collect();
    assert_eq!(ids, [20, 21]);
    assert_eq!(talk.ask(10, "plain")["id"], 10);
    let seen = talk.seen();
    assert!(seen.contains("\"id\":\"s1\"") && seen.contains("-32001") && !seen.contains("notifications/x"), "{seen}");
    let (_, _, err) = talk.end();
    assert!(err.contains("dropped"), "{err}");
}

#[test]
fn messages_that_are_too_long_are_refused_by_their_id() {
    let mut talk = Talk::start(&["--max-message", "1M"]);
    let secret = talk.secret.clone();
    let long = "x".repeat(2 << 20);
    talk.say(
        &json!({"jsonrpc": "2.0", "method": "m", "params": {"id": 1, "t": long, "s": secret}, "zid": 5, "id": 30})
            .to_string(),
    );
    let error: Value = serde_json::from_str(&talk.hear()).unwrap();
    assert_eq!((&error["id"], &error["error"]["code"]), (&json!(30), &json!(-32600)));
    let error = talk.ask(31, "big");
    assert_eq!((&error["id"], &error["error"]["code"]), (&json!(31), &json!(-32600)));
    assert_eq!(talk.ask(32, "plain")["id"], 32);
    talk.end();
    // What is below the limit passes.
    let mut talk = Talk::start(&[]);
    let answer = talk.ask(33, "big");
    assert_eq!(answer["result"]["t"].as_str().unwrap().len(), 3_000_000);
    assert_eq!(answer["result"]["s"], "[REDACTED:github-pat]");
    talk.end();
}

#[test]
fn the_end_of_the_server_is_the_end_of_the_guard() {
    for (method, expected) in [("exit", 7), ("killed", 137)] {
        let mut talk = Talk::start(&[]);
        talk.say(&json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string());
        // The client still has its side open.
        let status = talk.child.wait().unwrap();
        assert_eq!(status.code(), Some(expected), "{method}");
    }
    let mut talk = Talk::start(&[]);
    talk.ask(1, "plain");
    let start = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &talk.child.id().to_string()]).status().unwrap().success());
    assert_eq!(talk.child.wait().unwrap().code(), Some(143));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn placeholders_lead_back_to_the_server_that_said_the_value_and_nowhere_else() {
    let mut talk = Talk::start(&["--placeholders"]);
    let answer = talk.ask(1, "result");
    let placeholder = answer["result"]["structuredContent"]["k"].as_str().unwrap().to_owned();
    assert!(placeholder.starts_with("{{keyscan:github-pat:") && placeholder.ends_with("}}"), "{placeholder}");
    assert_eq!(answer["result"]["content"][0]["text"], format!("k\n{placeholder}"));
    // The same value, the same placeholder.
    assert_eq!(talk.ask(2, "error")["error"]["data"][0], placeholder);
    let inner = json!({"token": placeholder}).to_string();
    let made_up = placeholder.replace(|c: char| c.is_ascii_digit(), "0");
    let call = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"a": placeholder, "b": inner, "c": made_up}});
    talk.say(&call.to_string());
    talk.hear();
    let seen: Vec<Value> = talk.seen().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let params = &seen.iter().find(|one| one["id"] == 3).unwrap()["params"];
    assert_eq!((&params["a"], &params["b"]), (&json!(talk.secret), &json!(json!({"token": talk.secret}).to_string())));
    assert_eq!(params["c"], made_up);
    // Another guard knows nothing of it, and the value itself is refused as ever.
    let mut other = Talk::start(&["--placeholders"]);
    other.say(&call.to_string());
    other.hear();
    assert!(other.seen().contains(&placeholder));
    other.end();
    talk.say(&json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": [talk.secret]}).to_string());
    assert!(talk.hear().contains("-32001"));
    drop(talk.to.take());
    assert_eq!(talk.child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_keyscan")).args(["guard", "mcp", "--", "/no/such/server"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// An environment of Python with `mcp`, made once; `None` where there is none to be had.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-python");
    let python = folder.join("bin/python");
    let works =
        || Command::new(&python).args(["-c", "import mcp"]).output().is_ok_and(|output| output.status.success());
    if works() {
        return Some(python);
    }
    let run = |program: &Path, arguments: &[&str]| -> Option<Output> {
        let output = Command::new(program).args(arguments).output().ok()?;
        output.status.success().then_some(output)
    };
    run(Path::new("python3"), &["-m", "venv", folder.to_str()?])?;
    run(&python, &["-m", "pip", "install", "-q", "--disable-pip-version-check", "mcp"])?;
    works().then_some(python)
}

/// What the client of `tests/mcp` got, run with these arguments.
struct Got {
    stdout: String,
    stderr: String,
}

impl Got {
    fn of(python: &Path, secret: &str, arguments: &[&str]) -> Got {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.py");
        let output =
            Command::new(python).arg(script).args(arguments).env("FAKE_SECRET", secret).output().expect("it runs");
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{stderr}");
        assert!(!stdout.contains(&secret[6..16]) && !stderr.contains(&secret[6..16]), "{stdout}\n{stderr}");
        Got { stdout, stderr }
    }

    fn step(&self, name: &str) -> Value {
        let mut lines = self.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["step"] == name).unwrap_or_else(|| panic!("{name}: {}\n{}", self.stdout, self.stderr))
    }

    /// What holds whatever carries the messages.
    fn check(&self) {
        let marker = "[REDACTED:github-pat]";
        assert_eq!(self.step("tools")["got"]["tools"].as_array().unwrap().len(), 6);
        assert_eq!(self.step("show")["got"]["content"][0]["text"], format!("x is {marker}\nand \"more\""));
        assert_eq!(self.step("table")["got"]["structuredContent"], json!({"key": marker, "note": "plain"}));
        assert!(self.step("table")["got"]["content"][0]["text"].as_str().unwrap().contains(marker));
        assert_eq!(self.step("fail")["got"]["isError"], true, "{}", self.step("fail"));
        assert_eq!(self.step("echo")["got"]["content"][0]["text"], "12");
        assert!(self.step("leak")["error"].as_str().unwrap().contains("github-pat"), "{}", self.step("leak"));
        assert_eq!(self.step("progress")["got"], format!("half of {marker}"));
        assert_eq!(self.step("tell")["got"]["content"][0]["text"], "done");
        assert_eq!(self.step("resource")["got"]["contents"][0]["text"], format!("token = {marker}"));
        assert_eq!(self.step("prompt")["got"]["messages"][0]["content"]["text"], format!("Explain {marker}"));
        assert_eq!(self.step("again")["got"]["content"][0]["text"], "11");
    }
}

#[test]
fn a_real_client_and_a_real_server_talk_through_it() {
    let Some(python) = python() else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: Python with the package `mcp` cannot be had here");
        return;
    };
    let (folder, secret) = (tempfile::tempdir().unwrap(), secret());
    let seen = folder.path().join("seen");
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/server.py");
    let (python_text, server_text) = (python.to_str().unwrap(), server.to_str().unwrap());
    // The client gives the server its own environment.
    let seen_text = format!("FAKE_SEEN={}", seen.display());
    let guard = [env!("CARGO_BIN_EXE_keyscan"), "guard", "mcp", "--max-message", "200K", "--"];
    let arguments = [&guard[..], &["env", &seen_text, python_text, server_text]].concat();
    let got = Got::of(&python, &secret, &arguments);
    got.check();
    assert!(got.step("long")["error"].as_str().unwrap().contains("longer than"), "{}", got.step("long"));
    assert_eq!(fs::read_to_string(&seen).unwrap(), "plain \u{e4} text\nstill there\n");
    assert!(got.stderr.contains("showing x: [REDACTED:github-pat]"), "{}", got.stderr);
}

#[cfg(feature = "serve")]
mod over_http {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A process that ends with its test.
    struct Killed(Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn wait_for(port: u16) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "it listens");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn a_real_client_and_a_real_server_talk_through_the_sidecar() {
        let Some(python) = python() else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: Python with the package `mcp` cannot be had here");
            return;
        };
        let is_there = |what: &str| Command::new(&python).args(["-c", what]).output().unwrap().status.success();
        if !is_there("from mcp.client.streamable_http import streamable_http_client; from mcp import Client") {
            let _ = writeln!(std::io::stderr(), "SKIPPED: this package `mcp` is an old one");
            return;
        }
        let (folder, secret) = (tempfile::tempdir().unwrap(), secret());
        let server_script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/server.py");
        for more in [&[][..], &["json"]] {
            let (port, own, seen) = (free_port(), free_port(), folder.path().join("seen"));
            let mut server = Command::new(&python);
            server.arg(&server_script).arg(port.to_string()).args(more);
            server.env("FAKE_SECRET", &secret).env("FAKE_SEEN", &seen);
            let _server = Killed(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            wait_for(port);
            let listen = format!("127.0.0.1:{own}");
            let mut serve = Command::new(env!("CARGO_BIN_EXE_keyscan"));
            serve.args(["serve", "-q", "--listen", &listen, "--max-body", "200K"]);
            serve.args(["--mcp", &format!("fake=http://127.0.0.1:{port}/mcp")]);
            let _serve = Killed(serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            wait_for(own);
            let url = format!("http://{listen}/mcp/fake");
            for arguments in [&[url.as_str()][..], &["modern", &url]] {
                let _ = fs::remove_file(&seen);
                let got = Got::of(&python, &secret, arguments);
                // Without a stream, nothing is told before the end, and nothing asked.
                if more.is_empty() {
                    got.check();
                }
                assert_eq!(got.step("show")["got"]["content"][0]["text"], "x is [REDACTED:github-pat]\nand \"more\"");
                assert!(got.step("leak")["error"].as_str().unwrap().contains("github-pat"), "{}", got.step("leak"));
                assert!(got.step("long")["error"].as_str().unwrap().contains("larger than"), "{}", got.step("long"));
                assert_eq!(fs::read_to_string(&seen).unwrap(), "plain \u{e4} text\nstill there\n");
                if more.is_empty() && arguments.len() == 1 {
                    let asked = got.step("asked");
                    assert!(asked.to_string().contains("what of [REDACTED:github-pat]?"), "{asked}");
                    // The answer held the secret: the server was told so in its place, and does not wait.
                    let sample = got.step("sample");
                    assert!(sample.to_string().contains("goes to a tool: it holds 1 secret"), "{sample}");
                }
            }
        }
    }
}
