//! Exit statuses, as `docs/cli.md` promises them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing found, everything examined.
    Clean,
    /// Secrets were found; the status the user chose.
    Found(u8),
    /// Usage, configuration or I/O error, or not everything was examined.
    Failed,
    /// The user interrupted.
    Interrupted,
    /// The status of the command that was run, or of a signal.
    Of(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Clean => 0,
            Exit::Found(code) | Exit::Of(code) => code,
            Exit::Failed => 2,
            Exit::Interrupted => 130,
        })
    }
}
