//! The engine for Python. Nothing is decided here: types are converted, the interpreter's lock is let go while the engine
//! works, and no `repr`, error or pickle shows a secret.

#![expect(clippy::needless_pass_by_value, reason = "what Python gives is made for the call")]

mod errors;
mod finding;
mod guard;
mod known;
mod redact;
mod reload;
mod rotate;
mod rules;
mod scan;
mod source;
mod stream;
mod text;

use pyo3::prelude::*;

/// The extension module of the package `keyscan`.
#[pymodule]
mod _keyscan {
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "a name of Python")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::finding::{Finding, restore_finding};
    #[pymodule_export]
    use super::guard::{AuditEntry, Decision, Guard};
    #[pymodule_export]
    use super::known::{Key, KnownSecrets};
    #[pymodule_export]
    use super::redact::{Redaction, Redactor, redact};
    #[pymodule_export]
    use super::reload::call_with_reload;
    #[pymodule_export]
    use super::rotate::{Lease, RotatingSecret, Rotation, TokenManager};
    #[pymodule_export]
    use super::rules::{Rule, RuleSet, sample};
    #[pymodule_export]
    use super::scan::{Scanner, scan};
    #[pymodule_export]
    use super::source::Source;
    #[pymodule_export]
    use super::stream::{StreamGuard, Streams, framing_of};
}

/// Python gives its objects memory at multiples of 16 bytes and no more: what the engine aligns to registers has to lie
/// elsewhere.
macro_rules! fits_in_objects {
    ($($class:ty),* $(,)?) => { $(const _: () = assert!(align_of::<$class>() <= 16);)* };
}

fits_in_objects!(
    finding::Finding,
    guard::AuditEntry,
    guard::Decision,
    guard::Guard,
    known::Key,
    known::KnownSecrets,
    redact::Redaction,
    redact::Redactor,
    rotate::Lease,
    rotate::RotatingSecret,
    rotate::Rotation,
    rotate::TokenManager,
    rules::Rule,
    rules::RuleSet,
    scan::Scanner,
    source::Source,
    stream::StreamGuard,
    stream::Streams,
);
