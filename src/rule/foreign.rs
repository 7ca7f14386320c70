//! Rules that were written for another tool: admitted as they are, with what had to be bounded said.
//!
//! Such a rule owes no way in. Where its regex forces a literal, that is its way in all the same; where it does not,
//! the regex runs over all text near the rule's words, or over all text. What has no longest match gets one.

use super::check::{self, MAX_MATCH_LEN};
use super::head::Head;
use super::literal::{self, MAX_OFFSET};
use super::model::{Anchor, Foreign, Kind, Pattern, Rule, SecretPart, Severity, WayIn, refused};
use super::remedy::Remedy;
use super::text::Text;
use crate::byteset::ByteSet;
use crate::error::Result;

/// The longest match of a regex that has none of its own, in bytes.
const UNBOUNDED_LEN: usize = 16 * 1024;
/// A compiled regex of so many states takes a few megabytes. Rules of other tools count repetitions that ours do not.
const MAX_STATES: usize = 8 * check::MAX_STATES;
/// Shorter words stand in all text, and are not asked for.
const MIN_WORD_LEN: usize = 3;

/// A rule of another tool, its regex in our syntax.
#[derive(Debug, Clone)]
pub(crate) struct ForeignSpec {
    pub(crate) id: String,
    pub(crate) description: String,
    /// The tool, as an id and as it writes itself.
    pub(crate) tool: (&'static str, &'static str),
    pub(crate) severity: Severity,
    pub(crate) confidence: f32,
    pub(crate) regex: String,
    pub(crate) foreign: Foreign,
}

impl ForeignSpec {
    /// The rule, and what about it is not as the other tool would run it.
    pub(crate) fn admit(mut self) -> Result<(Rule, Vec<String>)> {
        let hir = check::parse(&self.regex)?;
        let properties = hir.properties();
        if properties.minimum_len().unwrap_or(0) == 0 {
            return Err(refused("its regex matches the empty text, which is no secret"));
        }
        if let SecretPart::Group(group) = self.foreign.secret
            && group > properties.explicit_captures_len()
        {
            return Err(refused(format!("its regex has no group {group}")));
        }
        let states = check::states(&hir);
        if states > MAX_STATES {
            return Err(refused(format!("its repetitions unroll to {states} states, more than {MAX_STATES}")));
        }
        let mut notes = Vec::new();
        let max_len = match properties.maximum_len() {
            Some(own) if own <= MAX_MATCH_LEN => own,
            Some(_) => {
                notes.push(format!("a match ends after {MAX_MATCH_LEN} bytes at the latest"));
                MAX_MATCH_LEN
            }
            None => {
                notes.push(format!(
                    "its regex has no longest match: one ends after {UNBOUNDED_LEN} bytes at the latest"
                ));
                UNBOUNDED_LEN
            }
        };
        let way_in = match literal::anchors(&hir) {
            Some((anchors, _)) => WayIn::Literals(anchors),
            None => match literal::anchors_within_reach(&hir) {
                Some(anchors) => {
                    notes.push(format!("a match starts at most {MAX_OFFSET} bytes before the text it has to hold"));
                    WayIn::Literals(anchors)
                }
                None => WayIn::Everywhere,
            },
        };
        self.settle_words(&way_in, &mut notes);
        if way_in == WayIn::Everywhere {
            let where_ = if self.foreign.nearby.is_empty() { "all text" } else { "all text near its keywords" };
            notes.push(format!("slow: its regex forces no literal of three bytes, and runs over {where_}"));
        }
        let secret_group = self.foreign.secret != SecretPart::Whole && properties.explicit_captures_len() > 0;
        let rule = Rule {
            id: Text::from(&self.id),
            provider: Text::from(&self.tool.0.to_owned()),
            provider_name: Text::from(&self.tool.1.to_owned()),
            docs: None,
            description: Text::from(&self.description),
            severity: self.severity,
            kind: Kind::Distinctive,
            pattern: Pattern::Regex { source: Text::from(&self.regex), secret_group },
            max_len,
            keywords: Vec::new(),
            distance: 0,
            head: Head::of(&hir),
            before: ByteSet::ALL,
            after: ByteSet::ALL,
            checksum: None,
            structure: None,
            min_entropy: 0.0,
            confidence: self.confidence,
            placeholders: Vec::new(),
            way_in,
            samples: Vec::new(),
            near_misses: Vec::new(),
            remedy: Remedy::default(),
            parts: Vec::new(),
            beside: Vec::new(),
            file: None,
            foreign: Some(Box::new(self.foreign)),
        };
        Ok((rule, notes))
    }

    /// Drops the words where they ask for nothing.
    fn settle_words(&mut self, way_in: &WayIn, notes: &mut Vec<String>) {
        let words = &mut self.foreign.nearby;
        if let Some(short) = words.iter().find(|word| word.len() < MIN_WORD_LEN) {
            notes.push(format!("its keyword `{}` is too short to be asked for", short.escape_ascii()));
            words.clear();
        }
        // Where each match holds a keyword, one is near it.
        let holds = |anchor: &Anchor| {
            let text = anchor.bytes.to_ascii_lowercase();
            words.iter().any(|word| memchr::memmem::find(&text, word).is_some())
        };
        if let WayIn::Literals(anchors) = way_in
            && anchors.iter().all(holds)
        {
            words.clear();
        }
    }
}
