//! One event of an agent: it comes in, is answered, and the process ends, in time and whatever happens.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use keyscan::guard::Document;
use keyscan::guard::hook::{Agent, Hook, HookReply, ShellWrap, refusal};

use super::audit_log::AuditLog;
use crate::args::HookArgs;
use crate::exit::Exit;

/// No event is longer.
const MAX_EVENT: u64 = 64 << 20;
/// Who is answered when it is not known who asks: a status of 2 is a no to most.
const UNKNOWN: Agent = Agent::ClaudeCode;

pub(super) fn run(agent: Option<Agent>, args: &HookArgs) -> Exit {
    // What is in a panic may be what is to be hidden.
    std::panic::set_hook(Box::new(|_| ()));
    let (sender, receiver) = mpsc::channel();
    // The worker may never come back: nobody waits for it, and what it looks at is its own.
    let (shared, deadline) = (Arc::new(args.clone()), args.deadline);
    let spawned = std::thread::Builder::new().name("hook".to_owned()).spawn(move || {
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer(agent, &shared)));
        let _ = sender.send(answered.unwrap_or_else(|_| refused(agent, "it failed on the way")));
    });
    let reply = match spawned {
        Ok(_) => receiver.recv_timeout(deadline).unwrap_or_else(|_| refused(agent, &late(deadline))),
        Err(_) => refused(agent, "it could not start"),
    };
    print(&reply);
    Exit::Of(reply.status)
}

fn refused(agent: Option<Agent>, why: &str) -> HookReply {
    refusal(agent.unwrap_or(UNKNOWN), why)
}

fn late(deadline: Duration) -> String {
    format!("it took more than {} s", deadline.as_secs_f64())
}

fn print(reply: &HookReply) {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let line = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n") };
    // Whoever does not read it is not told.
    let _ = out.write_all(line(&reply.stdout).as_bytes()).and_then(|()| out.flush());
    let _ = err.write_all(line(&reply.stderr).as_bytes());
}

fn answer(agent: Option<Agent>, args: &HookArgs) -> HookReply {
    let mut event = Vec::new();
    match io::stdin().lock().take(MAX_EVENT + 1).read_to_end(&mut event) {
        Err(_) => return refused(agent, "the event could not be read"),
        Ok(len) if len as u64 > MAX_EVENT => return refused(agent, "the event is too long"),
        Ok(_) => {}
    }
    let Ok(event) = String::from_utf8(event) else { return refused(agent, "the event is not UTF-8") };
    let event = event.trim_start_matches('\u{feff}');
    let document = match Document::parse(event) {
        Ok(document) => document,
        Err(error) => return refused(agent, &format!("the event is no JSON: {error}")),
    };
    let asks = Agent::of_event(&document);
    let agent = match agent {
        // These run the hooks of one another.
        Some(own @ (Agent::ClaudeCode | Agent::Copilot | Agent::VsCode)) => asks.unwrap_or(own),
        Some(own) => own,
        None => match asks {
            Some(asks) => asks,
            None => return refused(agent, "no agent that it knows writes such events"),
        },
    };
    // The settings of the user are at fault here, and may be told.
    let guard = match super::guard(&args.what) {
        Ok(guard) => guard,
        Err(error) => return refusal(agent, &error.to_string()),
    };
    let mut hook = Hook::new(&guard, agent);
    if args.wrap {
        hook = hook.with_wrap(wrap(args));
    }
    let reply = hook.answer_document(&document);
    let logged =
        AuditLog::open(args.what.audit_log.as_deref()).and_then(|mut log| log.write(agent.as_str(), &reply.findings));
    match logged {
        Ok(()) => reply,
        Err(error) => refusal(agent, &error.to_string()),
    }
}

/// How commands are wrapped: by this program, with the same rules and known secrets.
fn wrap(args: &HookArgs) -> ShellWrap {
    let program = std::env::current_exe().ok().and_then(|path| path.to_str().map(str::to_owned));
    let mut words = vec!["redact".to_owned(), "--quiet".to_owned()];
    words.extend(super::settings::rule_words(&args.what));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    ShellWrap::new(program.as_deref().unwrap_or("keyscan"), &words)
}
