//! Expressions by which `git filter-repo --replace-text` takes a secret out of a history.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::Trace;

impl Trace {
    /// Writes an expression for each form in which the secret was found. What is written holds the secret.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_replacements(&self, out: &mut dyn Write) -> io::Result<()> {
        let rule = self.rules.first().map_or("secret", String::as_str);
        for written in &self.written {
            // By their numbers bytes mean nothing to the expression, to its file or to the arrow behind it.
            let mut line = Zeroizing::new(Vec::with_capacity(4 * written.len() + 64));
            line.extend_from_slice(b"regex:");
            for &byte in written.expose() {
                if byte.is_ascii_alphanumeric() {
                    line.push(byte);
                } else {
                    let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
                    line.extend([b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
                }
            }
            line.extend_from_slice(b"==>[REDACTED:");
            line.extend_from_slice(rule.as_bytes());
            line.extend_from_slice(b"]\n");
            out.write_all(&line)?;
        }
        Ok(())
    }
}
