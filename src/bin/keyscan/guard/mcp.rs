//! Between an MCP client and a server that talk over pipes: JSON-RPC, one message a line.
//!
//! Each message is looked at as a document. What may not go on is answered with an error by its id, to whom it came
//! from or is waited for, so that nobody waits for ever. Whatever the server says beside is redacted as a log.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use keyscan::guard::Direction;
use keyscan::guard::mcp::{Looked, McpGuard, PARSE_ERROR, Passage, Refused, Skimmer, WITHHELD, error_message};
use keyscan::redact::{Style, Vault};
use keyscan::{Error, Key, Result};

use super::audit_log::AuditLog;
use crate::args::McpArgs;
use crate::exit::Exit;

pub(super) fn run(args: &McpArgs) -> Result<Exit> {
    // What is in a panic may be what is to be hidden.
    std::panic::set_hook(Box::new(|_| ()));
    let vault = args.placeholders.then(Key::random).transpose()?.map(Vault::new);
    let style = vault.clone().map_or(Style::Label, Style::Placeholder);
    let guard = super::styled(&args.what, style)?;
    let log = Arc::new(Mutex::new(AuditLog::open(args.what.audit_log.as_deref())?));
    let piped = || Stdio::piped();
    let mut server = Command::new(&args.command[0])
        .args(&args.command[1..])
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn()
        .map_err(|error| Error::config(format!("the server cannot be started: {error}")))?;
    let (Some(to_server), Some(from_server), Some(server_log)) =
        (server.stdin.take(), server.stdout.take(), server.stderr.take())
    else {
        return Err(Error::config("the server cannot be talked to"));
    };
    pass_signals(server.id())?;
    let (done, ended) = mpsc::channel();
    // Standard output itself is locked by who prints reports.
    let output = rustix::stdio::stdout().try_clone_to_owned().map_err(|error| Error::config(error.to_string()))?;
    let client = Outgoing::start(std::fs::File::from(output), done.clone(), "client");
    let server_side = Outgoing::start(to_server, done.clone(), "server");
    let lane = |guard, back: &Outgoing, forth: &Outgoing| Lane {
        guard,
        log: Arc::clone(&log),
        back: back.clone(),
        forth: forth.clone(),
        max: args.max_message,
    };
    let requests = lane(McpGuard::new(&guard, Direction::ToTool).with_vault(vault), &client, &server_side);
    let answers = lane(McpGuard::new(&guard, Direction::ToModel), &server_side, &client);
    spawn("requests", done.clone(), move || requests.pump(io::stdin()));
    spawn("answers", done.clone(), move || answers.pump(from_server));
    let redaction = guard.redaction(Direction::ToUser).clone();
    spawn("log", done, move || {
        let mut writer = keyscan::redact::RedactWriter::new(&redaction, io::stderr());
        let _ = io::copy(&mut BufReader::new(server_log), &mut writer);
        let _ = writer.finish();
        true
    });
    let status = supervise(&mut server, &ended, client, &server_side)?;
    Ok(Exit::Of(status))
}

/// Waits until the server is gone and everything it said is passed on, or something failed.
fn supervise(
    server: &mut Child,
    ended: &Receiver<(&'static str, bool)>,
    client: Outgoing,
    server_side: &Outgoing,
) -> Result<u8> {
    let mut to_come = 2;
    while to_come > 0 {
        match ended.recv() {
            Ok(("requests", true)) => {
                // The client has no more to say: the server is told, and ends.
                server_side.end();
            }
            Ok(("answers" | "log", true)) => to_come -= 1,
            // Nobody takes what goes to the server: it is ending.
            Ok(("server", _)) => {}
            Ok((_, _)) | Err(_) => {
                let _ = server.kill();
                let _ = server.wait();
                return Err(Error::config("the guard failed or the client went away; the server was ended"));
            }
        }
    }
    client.finish();
    let status = server.wait().map_err(|error| Error::config(error.to_string()))?;
    Ok(status.code().map_or_else(|| 128 + status.signal().unwrap_or(0), |code| code & 0xFF) as u8)
}

fn spawn(name: &'static str, done: Sender<(&'static str, bool)>, run: impl FnOnce() -> bool + Send + 'static) {
    std::thread::spawn(move || {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        let _ = done.send((name, ended.unwrap_or(false)));
    });
}

/// Signals that would end this process go to the server, which ends it.
fn pass_signals(server: u32) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let failed = |error: io::Error| Error::config(error.to_string());
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(failed)?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let (Some(pid), Some(signal)) =
                (rustix::process::Pid::from_raw(server as i32), rustix::process::Signal::from_named_raw(signal))
            else {
                continue;
            };
            let _ = rustix::process::kill_process(pid, signal);
        }
    });
    Ok(())
}

/// Lines to one side, written by a thread of their own: who answers the other side never waits for this one.
#[derive(Clone)]
struct Outgoing(Sender<Line>);

enum Line {
    Text(String, Option<Sender<()>>),
    End(Sender<()>),
}

impl Outgoing {
    fn start(mut to: impl Write + Send + 'static, done: Sender<(&'static str, bool)>, name: &'static str) -> Outgoing {
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines {
                match line {
                    Line::Text(mut text, written) => {
                        text.push('\n');
                        if to.write_all(text.as_bytes()).and_then(|()| to.flush()).is_err() {
                            let _ = done.send((name, false));
                            return;
                        }
                        // The sender waits, or does not.
                        drop(written);
                    }
                    Line::End(written) => {
                        drop(written);
                        return;
                    }
                }
            }
        });
        Outgoing(sender)
    }

    /// Waits until it is written, so that who sends does not send faster than is read.
    fn pass(&self, text: String) {
        let (written, wait) = mpsc::channel();
        let _ = self.0.send(Line::Text(text, Some(written)));
        let _ = wait.recv();
    }

    /// Does not wait: an error, which is short.
    fn tell(&self, text: String) {
        let _ = self.0.send(Line::Text(text, None));
    }

    /// Closes it behind what was sent, without waiting.
    fn end(&self) {
        let _ = self.0.send(Line::End(mpsc::channel().0));
    }

    /// Waits until everything is written.
    fn finish(self) {
        let (written, wait) = mpsc::channel();
        let _ = self.0.send(Line::End(written));
        let _ = wait.recv();
    }
}

/// Messages that go one way.
struct Lane {
    guard: McpGuard,
    log: Arc<Mutex<AuditLog>>,
    /// To whom they come from.
    back: Outgoing,
    /// To whom they go.
    forth: Outgoing,
    max: u64,
}

/// What was read.
enum Message {
    Whole,
    /// Too long; what of it matters.
    Skimmed(Skimmer),
}

impl Lane {
    /// Passes messages on until there are no more; answers false when that failed.
    fn pump(&self, from: impl Read) -> bool {
        let (mut from, mut line) = (BufReader::with_capacity(64 << 10, from), Vec::new());
        loop {
            match read_message(&mut from, &mut line, self.max) {
                Ok(Some(Message::Whole)) => self.message(&line),
                Ok(Some(Message::Skimmed(skimmed))) => self.refuse(self.guard.too_long(&skimmed, self.max)),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    fn message(&self, line: &[u8]) {
        let Ok(text) = std::str::from_utf8(line) else { return self.no_message(&String::from_utf8_lossy(line)) };
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let Looked { passage, findings } = self.guard.message(text);
        let channel = if self.guard.direction() == Direction::ToTool { "mcp-request" } else { "mcp-answer" };
        let logged = self.log.lock().is_ok_and(|mut log| log.write(channel, &findings).is_ok());
        match passage {
            Passage::NotJson => self.no_message(text),
            _ if !logged => {
                self.refuse(self.guard.refuse(text, WITHHELD, "keyscan: the audit log cannot be written"));
            }
            Passage::Pass(text) => self.forth.pass(text),
            Passage::Refuse(refused) => self.refuse(refused),
        }
    }

    /// What is no JSON: of a client, an error; of a server, a stray line of its log.
    fn no_message(&self, text: &str) {
        if self.guard.direction() == Direction::ToTool {
            self.back.tell(error_message("null", PARSE_ERROR, "keyscan: this is no JSON"));
            return;
        }
        match self.guard.guard().check(Direction::ToModel, text).decision.apply(text) {
            Ok(text) => self.forth.pass(text.replace(['\r', '\n'], " ")),
            Err(reason) => warn(&reason.to_string()),
        }
    }

    /// Tells whom it concerns that a message does not go on.
    fn refuse(&self, refused: Refused) {
        refused.back.into_iter().for_each(|error| self.back.tell(error));
        refused.forth.into_iter().for_each(|error| self.forth.pass(error));
        (0..refused.dropped).for_each(|_| warn(&refused.why));
    }
}

fn warn(why: &str) {
    let _ = writeln!(io::stderr(), "keyscan: a message was dropped: {why}");
}

/// Reads one line. A longer one than `max` is read to its end, and skimmed.
fn read_message(from: &mut impl BufRead, line: &mut Vec<u8>, max: u64) -> io::Result<Option<Message>> {
    line.clear();
    let mut skimmer: Option<Skimmer> = None;
    loop {
        let chunk = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let feed = chunk.iter().position(|byte| *byte == b'\n');
        let (part, used) = (&chunk[..feed.unwrap_or(chunk.len())], feed.map_or(chunk.len(), |feed| feed + 1));
        let is_end = feed.is_some() || used == 0;
        match &mut skimmer {
            Some(skimmer) => skimmer.feed(part),
            None => {
                line.extend_from_slice(part);
                if line.len() as u64 > max {
                    let mut long = Skimmer::default();
                    long.feed(line);
                    line.clear();
                    line.shrink_to(64 << 10);
                    skimmer = Some(long);
                }
            }
        }
        let ended_early = used == 0 && line.is_empty() && skimmer.is_none();
        from.consume(used);
        if is_end {
            return Ok(match skimmer {
                _ if ended_early => None,
                Some(skimmer) => Some(Message::Skimmed(skimmer)),
                None => Some(Message::Whole),
            });
        }
    }
}
