//! Standard input, or files, to standard output, where there are neither signals nor pseudo-terminals.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use keyscan::redact::{RedactStats, RedactWriter};
use keyscan::{Error, Result};

use super::Job;
use crate::exit::Exit;
use crate::rules::broken;

impl Job<'_> {
    pub(super) fn stream(&self) -> Result<(RedactStats, Exit)> {
        let stdin = [Path::new("-").to_owned()];
        let names = if self.args.files.is_empty() { &stdin[..] } else { &self.args.files };
        let mut stats = RedactStats::default();
        for path in names {
            let done = if path == Path::new("-") {
                self.pass(io::stdin(), io::stdout())?
            } else {
                let file = File::open(path).map_err(|error| Error::config(error.to_string()).with_path(path))?;
                self.pass(file, io::stdout())?
            };
            stats.merge(&done);
        }
        Ok((stats, Exit::Clean))
    }

    fn pass(&self, mut input: impl Read, output: impl io::Write) -> Result<RedactStats> {
        let mut writer = RedactWriter::new(&self.redaction, output);
        io::copy(&mut input, &mut writer).map_err(broken)?;
        writer.finish().map(|(_, stats)| stats).map_err(broken)
    }

    pub(super) fn command(&self) -> Result<(RedactStats, Exit)> {
        let failed = |error: io::Error| Error::config(format!("the command cannot be run: {error}"));
        let mut command = Command::new(&self.args.command[0]);
        command.args(&self.args.command[1..]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (first, second) = std::thread::scope(|scope| {
            let errors = scope.spawn(|| err.map(|err| self.pass(err, io::stderr())));
            let output = out.map(|out| self.pass(out, io::stdout()));
            (output, errors.join().unwrap_or_else(|_| Some(Err(Error::config("a stream was lost")))))
        });
        let mut stats = RedactStats::default();
        for done in [first, second].into_iter().flatten() {
            stats.merge(&done?);
        }
        let status = child.wait().map_err(failed)?.code().unwrap_or(1);
        Ok((stats, if status == 0 { Exit::Clean } else { Exit::Of(status as u8) }))
    }
}
