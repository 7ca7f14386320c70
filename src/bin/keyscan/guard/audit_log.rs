//! What a guard found, one JSON object a line, in a file that many processes append to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use keyscan::guard::{Action, AuditEntry};
use keyscan::{Error, Result};

/// The file; `None` where nobody asked for one.
pub(super) struct AuditLog(Option<File>);

impl AuditLog {
    pub(super) fn open(path: Option<&Path>) -> Result<AuditLog> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(path).map_err(|error| Error::config(error.to_string()).with_path(path))
        };
        Ok(AuditLog(path.map(open).transpose()?))
    }

    /// Appends one line for each entry; `what` names the channel.
    pub(super) fn write(&mut self, what: &str, entries: &[AuditEntry]) -> Result<()> {
        let Some(file) = self.0.as_mut().filter(|_| !entries.is_empty()) else { return Ok(()) };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut lines = String::new();
        for entry in entries {
            let object = serde_json::json!({
                "time": now, "channel": what, "rule": entry.rule, "provider": entry.provider,
                "severity": entry.severity.map(keyscan::Severity::as_str), "confidence": entry.confidence,
                "start": entry.span.map(|span| span.start), "end": entry.span.map(|span| span.end),
                "fingerprint": entry.fingerprint.map(|fingerprint| fingerprint.to_string()),
                "action": match entry.action {
                    Action::Allow => "allow", Action::Report => "report",
                    Action::Redact => "redact", Action::Block => "block",
                },
            });
            lines.push_str(&object.to_string());
            lines.push('\n');
        }
        // In one piece, so that lines of processes that write at once do not mix.
        file.write_all(lines.as_bytes()).map_err(|error| Error::config(format!("the audit log: {error}")))
    }
}
