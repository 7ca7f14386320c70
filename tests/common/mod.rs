//! What the suites share: seeded randomness, rules and texts to try.
#![allow(dead_code, reason = "no suite uses all of it")]

#[cfg(feature = "git")]
pub(crate) mod formats;
pub(crate) mod pack;
pub(crate) mod repo;
pub(crate) mod server;
pub(crate) mod texts;
pub(crate) mod twin;

use std::path::Path;

use keyscan::{Finding, RuleSet, Scanner, Scratch};

/// `SplitMix64`: the same seed gives the same numbers everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}

/// The rules of a file's text, which are admitted.
pub(crate) fn rules(toml: &str) -> RuleSet {
    match RuleSet::from_toml(Path::new("test.toml"), toml) {
        Ok(rules) => rules,
        Err(error) => panic!("{error}"),
    }
}

/// Made-up rules, one for each way in and for each thing that makes matching hard.
pub(crate) fn test_rules() -> RuleSet {
    rules(include_str!("rules.toml"))
}

/// The findings of a text that comes in these pieces, in the order of their places.
pub(crate) fn scan_pieces<'t>(
    scanner: &Scanner,
    scratch: &mut Scratch,
    pieces: impl IntoIterator<Item = &'t [u8]>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut session = scanner.session(scratch);
    for piece in pieces {
        session.feed(piece, |finding, _| findings.push(finding));
    }
    let _coverage = session.finish(|finding, _| findings.push(finding));
    findings.sort_by_key(|finding| (finding.span, finding.rule));
    findings
}

/// Whether nothing in the text was given up.
pub(crate) fn is_complete(scanner: &Scanner, text: &[u8]) -> bool {
    scanner.scan_with(text, &mut Scratch::new(), |_, _| ()).is_complete()
}

/// ASCII in UTF-16.
pub(crate) fn utf16(text: &[u8], big: bool) -> Vec<u8> {
    text.iter().flat_map(|&byte| if big { [0, byte] } else { [byte, 0] }).collect()
}
