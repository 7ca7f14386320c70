//! Standard input, or files, to standard output.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;

use keyscan::redact::RedactStats;
use keyscan::{Error, Result};

use super::Job;
use super::pump::{End, Pump};
use super::signals::{self, die_of_pipe};
use crate::exit::Exit;

impl Job<'_> {
    pub(super) fn stream(&self) -> Result<(RedactStats, Exit)> {
        let asked = signals::listen(self)?;
        let stdin = [Path::new("-").to_owned()];
        let names = if self.args.files.is_empty() { &stdin[..] } else { &self.args.files };
        let mut stats = RedactStats::default();
        for path in names {
            let name = path.to_string_lossy();
            let redactor = self.redaction.redactor();
            let (report, reveal) = (&self.report, self.args.idle_reveal);
            let line = self.args.line_buffered.then(Vec::new);
            let mut pump = Pump { redactor, name: &name, report, stop: &asked.stop, reveal, line };
            let output = rustix::stdio::stdout();
            let end = if path == Path::new("-") {
                pump.run(rustix::stdio::stdin(), output, false)?
            } else {
                let file = File::open(path).map_err(|error| Error::config(error.to_string()).with_path(path))?;
                pump.run(file, output, false).map_err(|error| error.with_path(path))?
            };
            stats.merge(pump.stats());
            match end {
                End::Unread => die_of_pipe(),
                End::Stopped => break,
                End::Complete => {}
            }
        }
        let exit = match asked.status.load(Ordering::Relaxed) {
            0 => Exit::Clean,
            status => Exit::Of(status),
        };
        Ok((stats, exit))
    }
}
