//! Secrets out of a stream: known ones and those that the rules find, exactly, and without holding back more than has
//! to be.
//!
//! The text that is shown is the text as it came, with each hidden interval replaced by a marker. Intervals are the
//! secrets of all findings, the known secrets, and blocks of keys; those that overlap are one. What comes out does not
//! depend on how the text was cut, and at each moment everything is out that no secret can still become part of. What
//! stands around markers is looked at once more, for no secret shall come of what they bring together.

#[cfg(any(feature = "futures", feature = "log", feature = "tokio", feature = "tracing"))]
mod adapt;
mod ansi;
mod block;
mod echo;
mod emit;
mod interval;
mod json;
mod known;
mod logfmt;
mod redactor;
mod source;
mod stats;
mod style;
mod vault;
mod watch;
mod write;

use std::sync::Arc;

use self::block::BlockKind;
use crate::engine::{DOUBTFUL, Scanner};
use crate::fingerprint::Key;
use crate::rule::{Rule, RuleSet};

#[cfg(any(feature = "futures", feature = "log", feature = "tokio", feature = "tracing"))]
pub use self::adapt::*;
#[cfg(feature = "trace")]
pub(crate) use self::known::forms_of;
pub use self::known::{Admission, KnownSecrets, Refused};
pub use self::redactor::Redactor;
#[cfg(feature = "rotate")]
pub(crate) use self::source::dotenv;
pub use self::source::{SecretSource, Sourced};
pub use self::stats::{Cause, Record, RedactStats};
pub use self::style::Style;
pub use self::vault::Vault;
pub use self::watch::{Unwatched, WatchList};
pub use self::write::{RedactReader, RedactWriter};

/// What happens at the end of the text to the start of a known secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// It is hidden when it is a quarter of the secret or more, and four bytes or more.
    #[default]
    HideParts,
    /// It is shown.
    Show,
}

/// What a text is, as far as it has to stay that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TextFormat {
    /// Bytes.
    #[default]
    Text,
    /// JSON documents, pretty or one a line, among lines that are none. They are documents afterwards, too; and the
    /// values of members named `password`, `authorization` and the like are hidden whatever they look like.
    Json,
    /// Lines of `name=value` pairs. The values of names such as `password` and `authorization` are hidden whatever they
    /// look like.
    Logfmt,
}

/// How to redact: rules, known secrets and markers. Cheap to clone; one serves many streams.
#[derive(Debug, Clone)]
pub struct Redaction {
    scanner: Scanner,
    /// Which blocks are hidden: those of the rules that are wanted.
    blocks: Vec<BlockKind>,
    /// Their rules.
    block_rules: Arc<[Rule]>,
    /// Whether what each rule of the scanner finds is hidden; `None` when all is.
    wanted: Option<Arc<[bool]>>,
    known: KnownSecrets,
    style: Style,
    at_end: AtEnd,
    format: TextFormat,
    min_confidence: f32,
    recorded: bool,
    /// For the fingerprints of records.
    key: Option<Key>,
}

impl Redaction {
    /// Redacts what these rules find.
    #[must_use]
    pub fn new(mut rules: RuleSet) -> Redaction {
        let blocks = BlockKind::ALL.into_iter().filter(|kind| rules.get(kind.rule_id()).is_some()).collect();
        // Blocks are told by their first lines, not by a regex that would hold all of a block back.
        let block_rules = rules.rules().iter().filter(|rule| is_block_rule(rule)).cloned().collect();
        rules.retain(|rule| !is_block_rule(rule));
        Redaction {
            scanner: Scanner::new(rules),
            blocks,
            block_rules,
            wanted: None,
            known: KnownSecrets::new(),
            style: Style::default(),
            at_end: AtEnd::default(),
            format: TextFormat::default(),
            min_confidence: DOUBTFUL,
            recorded: false,
            key: None,
        }
    }

    /// Also hides these secrets, and those that are added to them later.
    #[must_use]
    pub fn with_known(mut self, known: KnownSecrets) -> Redaction {
        self.known = known;
        self
    }

    /// Replaces secrets in this way.
    #[must_use]
    pub fn with_style(mut self, style: Style) -> Redaction {
        self.style = style;
        self
    }

    /// Does this with the start of a known secret at the end of the text.
    #[must_use]
    pub fn at_end(mut self, at_end: AtEnd) -> Redaction {
        self.at_end = at_end;
        self
    }

    /// Keeps texts what they are.
    #[must_use]
    pub fn with_format(mut self, format: TextFormat) -> Redaction {
        self.format = format;
        self
    }

    /// Hides findings that are at least so sure. Default [`DOUBTFUL`], which is what scans report.
    #[must_use]
    pub fn with_min_confidence(mut self, confidence: f32) -> Redaction {
        self.min_confidence = confidence;
        self
    }

    /// Records what is hidden, for [`Redactor::take_records`]; with fingerprints where there is a key.
    #[must_use]
    pub fn recorded(mut self, key: Option<Key>) -> Redaction {
        self.recorded = true;
        self.key = key;
        self
    }

    /// Hides only what these of its rules find; which of several rules finds a secret stays as it is with all of them.
    #[must_use]
    pub fn with_wanted(mut self, wanted: impl Fn(&Rule) -> bool) -> Redaction {
        self.blocks.retain(|kind| self.block_rules.iter().any(|rule| rule.id() == kind.rule_id() && wanted(rule)));
        self.wanted = Some(self.scanner.rules().iter().map(wanted).collect());
        self
    }

    /// The rule of this id, by which records are labelled.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        let rules = self.scanner.rules();
        let found = rules.binary_search_by(|rule| rule.id().cmp(id)).ok().map(|at| &rules[at]);
        found.or_else(|| self.block_rules.iter().find(|rule| rule.id() == id))
    }

    /// All its rules, in no order.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.scanner.rules().iter().chain(self.block_rules.iter())
    }

    /// Whether what this rule of the scanner finds is hidden.
    fn wants(&self, rule: usize) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted[rule])
    }

    /// Records what is hidden, with the key that it has.
    pub(crate) fn with_records(mut self) -> Redaction {
        self.recorded = true;
        self
    }

    /// The known secrets that it hides.
    #[must_use]
    pub fn known(&self) -> &KnownSecrets {
        &self.known
    }

    /// Starts a stream.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.clone(), 0, true)
    }

    /// Whether a marker is one that would be hidden, which those that we make are not.
    fn hides_marker(&self, marker: &str) -> bool {
        let is_custom = matches!(self.style, Style::Custom(_));
        is_custom && self.scanner.scan(marker.as_bytes()).iter().any(|found| found.confidence >= self.min_confidence)
    }

    /// Redacts a whole text.
    #[must_use]
    pub fn redact(&self, text: &[u8]) -> Vec<u8> {
        let (mut redactor, mut out) = (self.redactor(), Vec::with_capacity(text.len()));
        redactor.push_more(text, &mut out);
        redactor.finish(&mut out);
        out
    }
}

/// Whether a rule finds blocks that [`Blocks`] finds.
fn is_block_rule(rule: &Rule) -> bool {
    let frames = ["-----BEGIN", "---- BEGIN", "PuTTY-User-Key-File"];
    rule.regex().is_some_and(|regex| frames.iter().any(|frame| regex.starts_with(frame)))
}
