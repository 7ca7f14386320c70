//! `keyscan guard`: what stands between an agent and the world.

mod audit_log;
mod doctor;
mod edit;
mod hook;
mod install;
#[cfg(unix)]
mod mcp;
mod settings;

use std::io::Write;

use keyscan::guard::Guard;
use keyscan::redact::{Admission, KnownSecrets, Redaction, Style};
use keyscan::{Error, Key, Result};

use crate::args::{GuardCommand, WhatArgs};
use crate::exit::Exit;
use crate::settings as rules;

pub(crate) fn run(command: &GuardCommand, out: &mut dyn Write) -> Result<Exit> {
    if let GuardCommand::Mcp(args) = command {
        #[cfg(unix)]
        return mcp::run(args);
        #[cfg(not(unix))]
        return Err(Error::config(format!("there is no way yet to run {:?} here", args.command.first())));
    }
    let Some((agent, args)) = command.of_agent() else { return Ok(Exit::Failed) };
    match agent {
        _ if !(args.install || args.uninstall || args.doctor) => Ok(hook::run(agent, args)),
        None => Err(Error::config("say which agent")),
        Some(agent) if args.install => install::install(agent, args, out),
        Some(agent) if args.uninstall => install::uninstall(agent, args, out),
        Some(agent) => doctor::run(agent, args, out),
    }
}

/// The guard that the arguments ask for. The configuration of the project is not read unless it is named: an agent works
/// in folders of strangers, who would then decide what it may send.
pub(crate) fn guard(args: &WhatArgs) -> Result<Guard> {
    styled(args, Style::Label)
}

/// The same, with these markers.
fn styled(args: &WhatArgs, style: Style) -> Result<Guard> {
    let (config, rules) = rules::load_named_only(&args.rules)?;
    let known = KnownSecrets::new();
    for source in &args.secrets_from {
        let sourced = source.load()?;
        // What cannot be hidden is named when the guard is installed, not each time it runs.
        let _refused = known.add_all(
            sourced.iter().map(|secret| (secret.name.as_str(), secret.value.as_slice())),
            Admission::default(),
        );
    }
    let mut redaction = Redaction::new(rules).with_known(known).with_style(style).recorded(key(args)?);
    if let Some(confidence) = config.min_confidence {
        redaction = redaction.with_min_confidence(confidence);
    }
    Ok(Guard::with_policy(&redaction, &config.guard))
}

fn key(args: &WhatArgs) -> Result<Option<Key>> {
    let Some(path) = &args.key else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| Error::config(error.to_string()).with_path(path))?;
    text.trim().parse().map(Some).map_err(|error: Error| error.with_path(path))
}
