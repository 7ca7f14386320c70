//! What the first bytes of every match are, one set for each position.
//!
//! Most places where an anchor stands are refuted by the next few bytes. To ask these first costs a few nanoseconds,
//! and a regex many.

use regex_syntax::hir::{Hir, HirKind};
use serde::{Deserialize, Serialize};

use super::literal::class_of;
use crate::byteset::ByteSet;

/// Later positions refute little that the earlier ones have not.
const MAX_HEAD_LEN: usize = 16;

/// The sets of the first positions, each with the number of positions in a row that have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
pub(crate) struct Head(Vec<(ByteSet, u8)>);

impl Head {
    /// What `hir` forces of its first bytes.
    pub(super) fn of(hir: &Hir) -> Head {
        let (mut sets, _) = sets(hir);
        // A position that may hold anything at the end says nothing.
        while sets.pop_if(|set| *set == ByteSet::ALL).is_some() {}
        let runs = sets.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u8));
        Head(runs.collect())
    }

    /// Whether a match may start where `text` does. Where the text ends sooner, what is there decides.
    #[inline]
    pub(crate) fn fits(&self, mut text: &[u8]) -> bool {
        for (set, len) in &self.0 {
            let (here, rest) = text.split_at(text.len().min(usize::from(*len)));
            if !here.iter().all(|&byte| set.contains(byte)) {
                return false;
            }
            text = rest;
        }
        true
    }
}

/// The sets of the first positions, and whether they are all positions of every match, so that what follows stands
/// right after them. At most [`MAX_HEAD_LEN`].
fn sets(hir: &Hir) -> (Vec<ByteSet>, bool) {
    let (mut sets, mut whole) = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (Vec::new(), true),
        HirKind::Literal(literal) => (literal.0.iter().map(|&byte| ByteSet::EMPTY.with(byte)).collect(), true),
        HirKind::Class(_) => class_of(hir).map_or((Vec::new(), false), |set| (vec![set], true)),
        HirKind::Capture(capture) => sets(&capture.sub),
        HirKind::Repetition(repetition) => {
            let (once, whole) = sets(&repetition.sub);
            let rounds = repetition.min as usize;
            match (rounds, whole) {
                (0, _) => (Vec::new(), false),
                (_, false) => (once, false),
                _ => {
                    let len = (rounds * once.len()).min(MAX_HEAD_LEN + 1);
                    (once.iter().copied().cycle().take(len).collect(), repetition.max == Some(repetition.min))
                }
            }
        }
        HirKind::Concat(parts) => {
            let mut all = (Vec::new(), true);
            for part in parts {
                if !all.1 || all.0.len() > MAX_HEAD_LEN {
                    break;
                }
                let (next, whole) = sets(part);
                all.0.extend(next);
                all.1 = whole;
            }
            all
        }
        HirKind::Alternation(parts) => parts.iter().map(sets).reduce(either).unwrap_or((Vec::new(), false)),
    };
    if sets.len() > MAX_HEAD_LEN {
        sets.truncate(MAX_HEAD_LEN);
        whole = false;
    }
    (sets, whole)
}

fn either((a, a_whole): (Vec<ByteSet>, bool), (b, b_whole): (Vec<ByteSet>, bool)) -> (Vec<ByteSet>, bool) {
    let whole = a_whole && b_whole && a.len() == b.len();
    (a.iter().zip(&b).map(|(a, b)| a.union(*b)).collect(), whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(regex: &str) -> Head {
        Head::of(&super::super::check::parse(regex).unwrap())
    }

    /// The sets, written as classes.
    fn written(regex: &str) -> String {
        let set = |(set, len): &(ByteSet, u8)| format!("{}*{len}", set.iter().map(char::from).collect::<String>());
        head(regex).0.iter().map(set).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_regex_forces() {
        assert_eq!(written(r"\babc"), "a*1 b*1 c*1");
        assert_eq!(written("(?i)ab"), "Aa*1 Bb*1");
        assert_eq!(written("k[01]{3,5}[23]"), "k*1 01*3");
        assert_eq!(written("k[01]{3}[23]x"), "k*1 01*3 23*1 x*1");
        assert_eq!(written("(?:ab|cd)e"), "ac*1 bd*1 e*1");
        assert_eq!(written("(?:ab|cde)e"), "ac*1 bd*1");
        assert_eq!(written("x?(?:y|z+)q"), "");
        assert_eq!(written("(?:ab){2}c"), "a*1 b*1 a*1 b*1 c*1");
        assert_eq!(written("(?:a+b){2}c"), "a*1");
        assert_eq!(written("[0-9]{40}x"), "0123456789*16");
        assert_eq!(written("a(?s-u:.)"), "a*1");
    }

    #[test]
    fn a_text_that_ends_is_not_refuted() {
        let head = head("k[01]{3}x");
        for fits in ["", "k", "k0", "k010", "k010x", "k010xy"] {
            assert!(head.fits(fits.as_bytes()), "{fits}");
        }
        for refuted in ["0", "kx", "k01x", "k010y"] {
            assert!(!head.fits(refuted.as_bytes()), "{refuted}");
        }
    }
}
