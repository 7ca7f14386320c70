//! Loggers of the `log` crate.

use log::kv::{Key, Value, VisitSource};
use log::{Log, Metadata, Record};

use crate::redact::Redaction;

/// Redacts records before a logger gets them: the message, and the keys and values beside it.
///
/// Each record is a text of its own: a secret that is logged in parts, by several records, is not found.
///
/// ```
/// use keyscan::RuleSet;
/// use keyscan::redact::{RedactLogger, Redaction};
/// # struct Stderr;
/// # impl log::Log for Stderr {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, _: &log::Record<'_>) {}
/// #     fn flush(&self) {}
/// # }
///
/// let logger = RedactLogger::new(&Redaction::new(RuleSet::new()), Stderr);
/// log::set_boxed_logger(Box::new(logger)).expect("no logger is set yet");
/// ```
#[derive(Debug)]
pub struct RedactLogger<L> {
    redaction: Redaction,
    inner: L,
}

impl<L: Log> RedactLogger<L> {
    /// Redacts what goes to `inner`.
    pub fn new(redaction: &Redaction, inner: L) -> RedactLogger<L> {
        RedactLogger { redaction: redaction.clone(), inner }
    }
}

/// A pair beside a message: the key, and the value as it was or without its secrets.
enum Pair<'v> {
    Same(Key<'v>, Value<'v>),
    Redacted(String, String),
}

struct Pairs<'v, 'p> {
    redaction: &'p Redaction,
    pairs: Vec<Pair<'v>>,
}

/// A whole text, redacted.
fn redacted(redaction: &Redaction, text: &str) -> String {
    let out = redaction.redact(text.as_bytes());
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl<'v> VisitSource<'v> for Pairs<'v, '_> {
    fn visit_pair(&mut self, key: Key<'v>, value: Value<'v>) -> Result<(), log::kv::Error> {
        // Beside its name a value may be a secret that it is not alone.
        let text = value.to_string();
        let pair = format!("{key}={text}");
        let in_pair = redacted(self.redaction, &pair);
        self.pairs.push(match in_pair.split_once('=') {
            _ if in_pair == pair => Pair::Same(key, value),
            Some((name, rest)) if name == key.as_str() => Pair::Redacted(name.to_owned(), rest.to_owned()),
            _ => Pair::Redacted(redacted(self.redaction, key.as_str()), in_pair),
        });
        Ok(())
    }
}

impl<L: Log> Log for RedactLogger<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.inner.enabled(record.metadata()) {
            return;
        }
        let message = redacted(&self.redaction, &record.args().to_string());
        let mut pairs = Pairs { redaction: &self.redaction, pairs: Vec::new() };
        // What cannot be read is not passed on.
        let _ = record.key_values().visit(&mut pairs);
        let pairs: Vec<(Key<'_>, Value<'_>)> = pairs
            .pairs
            .iter()
            .map(|pair| match pair {
                Pair::Same(key, value) => (key.clone(), value.clone()),
                Pair::Redacted(key, value) => (Key::from_str(key), Value::from(value.as_str())),
            })
            .collect();
        let mut builder = record.to_builder();
        let pairs = pairs.as_slice();
        builder.key_values(&pairs);
        self.inner.log(&builder.args(format_args!("{message}")).build());
    }

    fn flush(&self) {
        self.inner.flush();
    }
}
