//! `keyscan hook`: git looks for secrets by itself.

mod install;
mod message;
mod run;
mod script;

use std::io::Write;

use keyscan::Result;

use crate::args::HookCommand;
use crate::exit::Exit;

pub(crate) fn run(command: &HookCommand, out: &mut dyn Write) -> Result<Exit> {
    match command {
        HookCommand::Install(args) => install::install(args, out),
        HookCommand::Uninstall(args) => install::uninstall(args, out),
        HookCommand::Status => install::status(out),
        HookCommand::Run(args) => run::run(args),
    }
}
