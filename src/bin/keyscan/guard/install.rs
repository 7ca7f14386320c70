//! Hooks come into the settings of agents and go out of them, beside what is there.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use keyscan::guard::hook::Agent;
use keyscan::guard::{Document, Value};
use keyscan::{Error, Result};

use super::edit::{Edited, find};
use super::settings::{Place, is_ours};
use crate::args::{HookArgs, Scope};
use crate::exit::Exit;
use crate::redact::Copy;
use crate::rules::broken;

pub(super) fn install(agent: Agent, args: &HookArgs, out: &mut dyn Write) -> Result<Exit> {
    // What would fail at each event fails now.
    super::guard(&args.what)?;
    let place = Place::of(agent, args)?;
    let before = read(&place.path)?;
    let mut file = Edited(before.clone().unwrap_or_else(|| "{}\n".to_owned()));
    take_out(&mut file, &place, agent)?;
    for (name, value) in place.needs {
        file.ensure(&[*name], value).map_err(|error| not_ours(&place, &error))?;
    }
    for event in place.events {
        file.append(&["hooks", event], &place.entry).map_err(|error| not_ours(&place, &error))?;
    }
    if before.as_deref() == Some(&file.0) {
        say(out, &format!("{}: installed already", place.path.display()))?;
    } else {
        write(&place.path, &file.0)?;
        say(out, &format!("{}: installed for {}", place.path.display(), place.events.join(", ")))?;
    }
    match agent {
        Agent::Codex => say(out, "Codex runs hooks that you trust: it asks when it starts, or see /hooks.")?,
        Agent::ClaudeCode | Agent::Gemini | Agent::Cursor => {
            say(out, "Sessions that run keep what they had: start anew.")?;
        }
        Agent::Copilot | Agent::VsCode => {}
    }
    if args.scope == Scope::Project {
        say(
            out,
            "All who work in the project need `keyscan` on their path; where it is missing, agents go on without.",
        )?;
    }
    say(out, &format!("`keyscan guard {agent} --doctor` proves that it is in force, and names what is not covered."))?;
    Ok(Exit::Clean)
}

pub(super) fn uninstall(agent: Agent, args: &HookArgs, out: &mut dyn Write) -> Result<Exit> {
    let place = Place::of(agent, args)?;
    let Some(before) = read(&place.path)? else {
        say(out, &format!("{}: not there", place.path.display()))?;
        return Ok(Exit::Clean);
    };
    let mut file = Edited(before.clone());
    let removed = take_out(&mut file, &place, agent)?;
    let is_own = place.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("keyscan"));
    let is_empty = Document::parse(&file.0).is_ok_and(|document| {
        let all = place.needs;
        document
            .root()
            .members()
            .all(|(name, _)| all.iter().any(|(need, _)| name.as_str().is_some_and(|name| name == *need)))
    });
    if removed > 0 && is_own && is_empty {
        fs::remove_file(&place.path).map_err(|error| failed(&place.path, &error))?;
    } else if removed > 0 {
        write(&place.path, &file.0)?;
    }
    let what = if removed > 0 { "taken out" } else { "nothing of ours is there" };
    say(out, &format!("{}: {what}", place.path.display()))?;
    Ok(Exit::Clean)
}

/// The commands of ours that a file of settings runs, by event.
pub(super) fn installed(path: &Path, events: &[&str], agent: Agent) -> Result<Vec<(String, String)>> {
    let Some(text) = read(path)? else { return Ok(Vec::new()) };
    let document = Document::parse(&text).map_err(|error| Error::config(error.to_string()).with_path(path))?;
    let mut found = Vec::new();
    for event in events {
        let Some(list) = find(document.root(), &["hooks", event]) else { continue };
        for entry in list.elements() {
            found.extend(
                commands(entry).filter(|command| is_ours(command, agent)).map(|command| ((*event).to_owned(), command)),
            );
        }
    }
    Ok(found)
}

/// Whether hooks are switched off in a file of settings.
pub(super) fn is_off(path: &Path) -> bool {
    let text = read(path).ok().flatten().unwrap_or_default();
    Document::parse(&text).is_ok_and(|document| document.root().get("disableAllHooks").is_some_and(Value::is_true))
}

/// All commands of an entry, which may be a group of them.
fn commands<'v>(entry: Value<'v, 'v>) -> impl Iterator<Item = String> {
    let inner = entry.get("hooks").into_iter().flat_map(Value::elements);
    let all: Vec<String> = std::iter::once(entry)
        .chain(inner)
        .flat_map(|hook| ["command", "bash"].into_iter().filter_map(move |name| hook.get_str(name)))
        .map(std::borrow::Cow::into_owned)
        .collect();
    all.into_iter()
}

/// Takes out what earlier versions and other options have put in.
fn take_out(file: &mut Edited, place: &Place, agent: Agent) -> Result<usize> {
    let text = file.0.clone();
    let document = Document::parse(&text).map_err(|error| not_ours(place, &error))?;
    let events: Vec<String> = find(document.root(), &["hooks"])
        .into_iter()
        .flat_map(Value::members)
        .filter_map(|(name, _)| name.as_str().map(std::borrow::Cow::into_owned))
        .collect();
    let mut removed = 0;
    for event in events {
        // A group that others have put a hook into as well keeps theirs.
        let is_ours = |entry: Value<'_, '_>| {
            let mut all = commands(entry).peekable();
            all.peek().is_some() && all.all(|command| is_ours(&command, agent))
        };
        removed += file.remove(&["hooks", &event], is_ours).map_err(|error| not_ours(place, &error))?;
    }
    Ok(removed)
}

fn not_ours(place: &Place, error: &dyn std::fmt::Display) -> Error {
    let why = format!(
        "{error}: the file is not changed. Comments have to go, or put this into each of {} by hand: {}",
        place.events.join(", "),
        place.entry
    );
    Error::config(why).with_path(&place.path)
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

/// Replaces the file, or makes it, at once or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    let wrote = || -> io::Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        // A link stays one; what it names is edited.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut copy = Copy::beside(&target)?;
        copy.file.write_all(text.as_bytes())?;
        if let Ok(metadata) = fs::metadata(&target) {
            copy.file.set_permissions(metadata.permissions())?;
        }
        copy.file.sync_all()?;
        copy.replace(&target)
    };
    wrote().map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::config(error.to_string()).with_path(path)
}

pub(super) fn say(out: &mut dyn Write, line: &str) -> Result<()> {
    writeln!(out, "{line}").map_err(broken)
}
