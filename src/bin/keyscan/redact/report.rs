//! What was hidden, for programs: one JSON object a line, without secrets.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use keyscan::redact::{RedactStats, Redactor};
use keyscan::{Error, Result};

use crate::rules::broken;

/// A report, which streams write to in turn.
pub(crate) struct Report(Option<Mutex<BufWriter<File>>>);

impl Report {
    /// Writes to this file; to none, nothing.
    pub(crate) fn open(path: Option<&Path>) -> Result<Report> {
        let create = |path: &Path| File::create(path).map_err(|e| Error::config(e.to_string()).with_path(path));
        Ok(Report(path.map(create).transpose()?.map(|file| Mutex::new(BufWriter::new(file)))))
    }

    /// Writes what a redactor has hidden since the last call.
    pub(crate) fn take(&self, name: &str, redactor: &mut Redactor) -> Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        for record in redactor.take_records() {
            let fingerprint = record.fingerprint.map(|fingerprint| fingerprint.to_string());
            let object = serde_json::json!({
                "stream": name, "rule": record.label, "offset": record.at, "fingerprint": fingerprint,
            });
            writeln!(file, "{object}").map_err(broken)?;
        }
        Ok(())
    }

    /// Writes the totals.
    pub(crate) fn finish(&self, stats: &RedactStats) -> Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let object = serde_json::json!({
            "complete": stats.skipped_attempts == 0, "bytes_in": stats.bytes_in, "bytes_out": stats.bytes_out,
            "hidden": stats.hidden,
        });
        writeln!(file, "{object}").and_then(|()| file.flush()).map_err(broken)
    }
}
