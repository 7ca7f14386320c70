//! Loggers of the `log` crate.

use log::kv::{Key, Value, VisitSource};
use log::{Log, Metadata, Record};

use super::pool::Pool;
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
    pool: Pool,
    inner: L,
}

impl<L: Log> RedactLogger<L> {
    /// Redacts what goes to `inner`.
    pub fn new(redaction: &Redaction, inner: L) -> RedactLogger<L> {
        RedactLogger { pool: Pool::new(redaction), inner }
    }
}

/// A pair beside a message: the key, and the value as it was or without its secrets.
enum Pair<'v> {
    Same(Key<'v>, Value<'v>),
    Redacted(String, String),
}

struct Pairs<'v, 'p> {
    pool: &'p Pool,
    pairs: Vec<Pair<'v>>,
}

impl<'v> VisitSource<'v> for Pairs<'v, '_> {
    fn visit_pair(&mut self, key: Key<'v>, value: Value<'v>) -> Result<(), log::kv::Error> {
        // Beside its name a value may be a secret that it is not alone.
        let text = value.to_string();
        let pair = format!("{key}={text}");
        let redacted = self.pool.redact(&pair);
        self.pairs.push(match redacted.split_once('=') {
            _ if redacted == pair => Pair::Same(key, value),
            Some((name, rest)) if name == key.as_str() => Pair::Redacted(name.to_owned(), rest.to_owned()),
            _ => Pair::Redacted(self.pool.redact(key.as_str()), redacted),
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
        let message = self.pool.redact(&record.args().to_string());
        let mut pairs = Pairs { pool: &self.pool, pairs: Vec::new() };
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
