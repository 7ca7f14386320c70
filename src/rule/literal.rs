//! The way in, proven from a regex's syntax tree.
//!
//! A match of a concatenation holds each of its pieces in order. Wherever a few neighbouring pieces can only spell a
//! few strings, every match contains one of these strings, at a distance from its start that the pieces before it
//! bound. Of all such places the one is taken whose strings are rarest in ordinary text. What an alternation forces is
//! what all of its branches force; what a repetition forces is what its first round forces.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::model::Anchor;
use crate::byteset::ByteSet;

/// Shorter strings are too common to be a way in.
const MIN_LITERAL_LEN: usize = 3;
/// Longer strings are no rarer.
const MAX_LITERAL_LEN: usize = 16;
/// At most so many strings are spelled out for one place.
const MAX_SPELLINGS: usize = 64;
/// What one literal more costs the prefilter, in the unit of its share of ordinary text.
const PRICE_OF_A_LITERAL: f64 = 1e-7;
/// A literal farther from the start of its match makes too many starts possible.
pub(super) const MAX_OFFSET: usize = 1024;

/// One piece of a concatenation.
enum Piece<'h> {
    /// One byte of these (a fold of one letter is a class of two).
    Bytes(ByteSet),
    /// Anything else.
    Other(&'h Hir),
}

impl Piece<'_> {
    fn len_bounds(&self) -> (usize, Option<usize>) {
        match self {
            Piece::Bytes(_) => (1, Some(1)),
            Piece::Other(hir) => {
                let properties = hir.properties();
                (properties.minimum_len().unwrap_or(0), properties.maximum_len())
            }
        }
    }
}

/// The rarest set of literals of which every match of `hir` contains one, and what it costs.
pub(super) fn anchors(hir: &Hir) -> Option<(Vec<Anchor>, f64)> {
    best(hir, Reach::Proven).map(|choice| (choice.anchors, choice.cost))
}

/// The same, where a literal may also stand behind a part that has no longest match. That part then counts as
/// [`MAX_OFFSET`] bytes: matches that start farther before the literal are not proposed.
#[cfg_attr(not(feature = "compat"), allow(dead_code, reason = "for rules of other tools"))]
pub(super) fn anchors_within_reach(hir: &Hir) -> Option<Vec<Anchor>> {
    best(hir, Reach::Bounded).map(|choice| choice.anchors)
}

/// What is done about literals that can stand any number of bytes after the start of their match.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "compat"), allow(dead_code, reason = "for rules of other tools"))]
enum Reach {
    /// They are no way in.
    Proven,
    /// They are taken to stand no farther than [`MAX_OFFSET`].
    Bounded,
}

/// What it costs, in the same unit, to look for words and to try each start up to `distance` bytes after one.
pub(super) fn cost_of_words(words: &[String], distance: usize) -> f64 {
    words.iter().map(|word| cost_of(word.as_bytes(), true, distance)).sum()
}

/// A run of one class with which every match of `hir` starts, and its least length: of the bytes of the first piece, or,
/// where that is shorter than `min_len`, of those of as many pieces as may not stand before a match.
pub(super) fn leading_run(hir: &Hir, before: ByteSet, min_len: usize) -> Option<(ByteSet, usize)> {
    let mut pieces = Vec::new();
    flatten(hir, &mut pieces);
    let mut run: Option<(ByteSet, usize)> = None;
    for piece in &pieces {
        let set = match piece {
            Piece::Bytes(set) => *set,
            Piece::Other(hir) => alphabet(hir),
        };
        let (class, len) = run.unwrap_or((set, 0));
        let union = class.union(set);
        // A wider class makes longer runs of other texts; it is taken where a narrower one is too short.
        if union != class && len >= min_len || !before.intersection(union).is_empty() {
            break;
        }
        run = Some((union, len + piece.len_bounds().0));
    }
    run.filter(|&(_, len)| len >= min_len)
}

/// All bytes that may stand in a match of `hir`.
pub(super) fn alphabet(hir: &Hir) -> ByteSet {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => ByteSet::EMPTY,
        HirKind::Literal(literal) => literal.0.iter().fold(ByteSet::EMPTY, |set, byte| set.with(*byte)),
        HirKind::Class(_) => class_of(hir).unwrap_or(ByteSet::ALL),
        HirKind::Repetition(repetition) => alphabet(&repetition.sub),
        HirKind::Capture(capture) => alphabet(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(ByteSet::EMPTY, |set, part| set.union(alphabet(part)))
        }
    }
}

struct Choice {
    anchors: Vec<Anchor>,
    cost: f64,
}

fn best(hir: &Hir, reach: Reach) -> Option<Choice> {
    let mut pieces = Vec::new();
    flatten(hir, &mut pieces);
    let mut found: Option<Choice> = None;
    let mut keep = |choice: Option<Choice>| {
        if let Some(choice) = choice
            && found.as_ref().is_none_or(|known| choice.cost < known.cost)
        {
            found = Some(choice);
        }
    };
    let (mut min_before, mut max_before) = (0, Some(0usize));
    for (index, piece) in pieces.iter().enumerate() {
        let Some(most) = max_before.filter(|&most| most <= MAX_OFFSET) else { break };
        keep(spelled(&pieces[index..], min_before, most));
        if let Piece::Other(hir) = piece {
            keep(inside(hir, min_before, most, reach));
        }
        let (min, max) = piece.len_bounds();
        min_before += min;
        max_before = match reach {
            Reach::Proven => max.map(|max| most + max),
            Reach::Bounded => Some(max.map_or(MAX_OFFSET, |max| MAX_OFFSET.min(most + max))),
        };
        min_before = min_before.min(max_before.unwrap_or(min_before));
    }
    found
}

/// What a part forces from within.
fn inside(hir: &Hir, min_before: usize, max_before: usize, reach: Reach) -> Option<Choice> {
    let shift = |mut choice: Choice| {
        for anchor in &mut choice.anchors {
            anchor.min_before += min_before;
            anchor.max_before += max_before;
        }
        choice.cost = cost(&choice.anchors);
        choice
    };
    match hir.kind() {
        HirKind::Alternation(branches) => {
            let mut anchors = Vec::new();
            for branch in branches {
                anchors.extend(best(branch, reach)?.anchors);
            }
            anchors.dedup();
            (anchors.len() <= MAX_SPELLINGS).then(|| shift(Choice { cost: 0.0, anchors }))
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => best(&repetition.sub, reach).map(shift),
        _ => None,
    }
}

/// The strings that the first pieces can spell, as long as they are few.
fn spelled(pieces: &[Piece<'_>], min_before: usize, max_before: usize) -> Option<Choice> {
    let mut spellings: Vec<Vec<ByteSet>> = vec![Vec::new()];
    let mut found: Option<Choice> = None;
    for piece in pieces {
        let continued = spell(&spellings, piece);
        let goes_on = continued.is_some();
        // What cannot be spelled out may still force how it begins.
        let Some(continued) = continued.or_else(|| join(&spellings, &heads(piece)?)) else { break };
        spellings = continued;
        let anchors = spellings.iter().map(|spelling| to_anchor(spelling, min_before, max_before));
        if let Some(anchors) = anchors.collect::<Option<Vec<Anchor>>>() {
            let choice = Choice { cost: cost(&anchors), anchors };
            if found.as_ref().is_none_or(|known| choice.cost < known.cost) {
                found = Some(choice);
            }
        }
        if !goes_on || is_long_enough(&spellings) {
            break;
        }
    }
    found
}

/// Whether one of the strings needs no more bytes. Then none of them may be continued: of the others, too, more would be
/// spelled than of this one.
fn is_long_enough(spellings: &[Vec<ByteSet>]) -> bool {
    spellings.iter().any(|spelling| spelling.len() >= MAX_LITERAL_LEN)
}

/// The strings with which the branches of an alternation begin.
fn heads(piece: &Piece<'_>) -> Option<Vec<Vec<ByteSet>>> {
    let Piece::Other(hir) = piece else { return None };
    let HirKind::Alternation(branches) = hir.kind() else { return None };
    let mut all = Vec::new();
    for branch in branches {
        let mut pieces = Vec::new();
        flatten(branch, &mut pieces);
        let mut spellings = vec![Vec::new()];
        for piece in &pieces {
            if is_long_enough(&spellings) {
                break;
            }
            match spell(&spellings, piece) {
                // A class of many bytes makes many strings for one byte more.
                Some(continued) if continued.len() <= 8 => spellings = continued,
                _ => break,
            }
        }
        all.extend(spellings);
    }
    Some(all)
}

/// Each spelling, continued by each way to spell one more piece; `None` when there are too many.
fn spell(spellings: &[Vec<ByteSet>], piece: &Piece<'_>) -> Option<Vec<Vec<ByteSet>>> {
    let tails: Vec<Vec<ByteSet>> = match piece {
        Piece::Bytes(set) if is_fold(*set) => vec![vec![*set]],
        Piece::Bytes(set) => set.iter().map(|byte| vec![ByteSet::EMPTY.with(byte)]).collect(),
        Piece::Other(hir) => match hir.kind() {
            HirKind::Alternation(branches) => {
                let mut tails = Vec::new();
                for branch in branches {
                    tails.extend(spell_all(branch)?);
                }
                tails
            }
            HirKind::Repetition(repetition) if repetition.min == 0 && repetition.max == Some(1) => {
                let mut tails = spell_all(&repetition.sub)?;
                tails.push(Vec::new());
                tails
            }
            _ => return None,
        },
    };
    join(spellings, &tails)
}

fn join(spellings: &[Vec<ByteSet>], tails: &[Vec<ByteSet>]) -> Option<Vec<Vec<ByteSet>>> {
    if spellings.len() * tails.len() > MAX_SPELLINGS {
        return None;
    }
    let joined = |spelling: &Vec<ByteSet>, tail: &Vec<ByteSet>| spelling.iter().chain(tail).copied().collect();
    Some(spellings.iter().flat_map(|spelling| tails.iter().map(move |tail| joined(spelling, tail))).collect())
}

/// The strings that all of `hir` can spell, as far as they are [long enough](is_long_enough).
fn spell_all(hir: &Hir) -> Option<Vec<Vec<ByteSet>>> {
    let mut pieces = Vec::new();
    flatten(hir, &mut pieces);
    let mut spellings = vec![Vec::new()];
    for piece in &pieces {
        if is_long_enough(&spellings) {
            break;
        }
        spellings = spell(&spellings, piece)?;
    }
    Some(spellings)
}

fn to_anchor(spelling: &[ByteSet], min_before: usize, max_before: usize) -> Option<Anchor> {
    if spelling.len() < MIN_LITERAL_LEN {
        return None;
    }
    let spelling = &spelling[..spelling.len().min(MAX_LITERAL_LEN)];
    let ignore_case = spelling.iter().any(|&set| is_fold(set));
    let bytes = spelling.iter().map(|set| {
        let byte = set.iter().last().expect("a piece of a spelling is one byte or its fold");
        if ignore_case { byte.to_ascii_lowercase() } else { byte }
    });
    Some(Anchor { bytes: bytes.collect(), ignore_case, min_before, max_before })
}

/// Whether the set is one letter in both cases.
fn is_fold(set: ByteSet) -> bool {
    let mut bytes = set.iter();
    matches!((bytes.next(), bytes.next(), bytes.next()),
        (Some(a), Some(b), None) if a.is_ascii_uppercase() && b == a.to_ascii_lowercase())
}

fn flatten<'h>(hir: &'h Hir, pieces: &mut Vec<Piece<'h>>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => {
            pieces.extend(literal.0.iter().map(|&byte| Piece::Bytes(ByteSet::EMPTY.with(byte))));
        }
        HirKind::Capture(capture) => flatten(&capture.sub, pieces),
        HirKind::Concat(parts) => parts.iter().for_each(|part| flatten(part, pieces)),
        HirKind::Class(_) => pieces.push(class_of(hir).map_or(Piece::Other(hir), Piece::Bytes)),
        HirKind::Repetition(repetition) => match class_of(&repetition.sub) {
            Some(set) if repetition.max == Some(repetition.min) && repetition.min <= MAX_LITERAL_LEN as u32 => {
                pieces.extend((0..repetition.min).map(|_| Piece::Bytes(set)));
            }
            _ => pieces.push(Piece::Other(hir)),
        },
        HirKind::Alternation(_) => pieces.push(Piece::Other(hir)),
    }
}

/// The set of bytes that a class or a literal of one byte stands for.
pub(super) fn class_of(hir: &Hir) -> Option<ByteSet> {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            Some(class.ranges().iter().fold(ByteSet::EMPTY, |set, r| set.with_range(r.start(), r.end())))
        }
        HirKind::Class(Class::Unicode(class)) if class.is_ascii() => {
            Some(class.ranges().iter().fold(ByteSet::EMPTY, |set, r| set.with_range(r.start() as u8, r.end() as u8)))
        }
        HirKind::Literal(literal) if literal.0.len() == 1 => Some(ByteSet::EMPTY.with(literal.0[0])),
        HirKind::Capture(capture) => class_of(&capture.sub),
        _ => None,
    }
}

/// What a set of literals costs: how often they stand in ordinary text, and how many starts each makes possible.
fn cost(anchors: &[Anchor]) -> f64 {
    let one = |anchor: &Anchor| cost_of(&anchor.bytes, anchor.ignore_case, anchor.max_before - anchor.min_before);
    anchors.iter().map(one).sum()
}

/// The share of a byte's places that are in runs of it: the zeros of data in base64, padding, lines.
const SHARE_IN_RUNS: f64 = 0.02;

/// What one literal costs that makes so many more starts than one possible.
fn cost_of(bytes: &[u8], ignore_case: bool, starts: usize) -> f64 {
    let one = |byte: &u8| commonness(*byte, ignore_case);
    let same = bytes.iter().all(|byte| *byte == bytes[0]);
    let frequency = if same { one(&bytes[0]) * SHARE_IN_RUNS } else { bytes.iter().map(one).product() };
    frequency * (1.0 + starts as f64 / 2.0) + PRICE_OF_A_LITERAL
}

/// The share of a byte in source code and logs, roughly.
fn commonness(byte: u8, ignore_case: bool) -> f64 {
    match byte {
        b' ' => 0.15,
        b'e' | b't' => 0.06,
        b'a' | b'i' | b'n' | b'o' | b'r' | b's' => 0.05,
        b'j' | b'k' | b'q' | b'w' | b'x' | b'y' | b'z' => 0.005,
        b'a'..=b'z' => 0.02,
        b'0' | b'1' => 0.015,
        b'_' | b'-' | b'.' | b'/' | b'"' | b'=' | b':' => 0.015,
        b'2'..=b'9' | b'A'..=b'Z' if !ignore_case => 0.006,
        _ => 0.006,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(regex: &str) -> Hir {
        super::super::check::parse(regex).unwrap()
    }

    fn found(regex: &str) -> Vec<(String, usize, usize)> {
        let anchors = anchors(&parse(regex)).unwrap_or_default().0;
        let text = |a: &Anchor| format!("{}{}", if a.ignore_case { "i:" } else { "" }, a.bytes.escape_ascii());
        anchors.iter().map(|a| (text(a), a.min_before, a.max_before)).collect()
    }

    fn names(regex: &str) -> Vec<String> {
        found(regex).into_iter().map(|(name, ..)| name).collect()
    }

    #[test]
    fn the_rarest_forced_literal_is_found_wherever_it_stands() {
        assert_eq!(found("test-[a-z]{4}"), [("test-".into(), 0, 0)]);
        assert_eq!(found("[a-z]{4,6}QXQX[0-9]+"), [("QXQX".into(), 4, 6)]);
        assert_eq!(names("gh[po]_[a-z]{9}"), ["gho_", "ghp_"]);
        assert_eq!(names("sk_(?:live|test)_[a-z]{9}"), ["sk_live_", "sk_test_"]);
        assert_eq!(names("(?i)Abc[^0-9]"), ["i:abc"]);
        assert_eq!(names("abx?cd[0-9]{20}"), ["abxcd", "abcd"]);
        assert_eq!(names("(?:abc[0-9]+|[0-9]{2}xyz)"), ["abc", "xyz"]);
        assert_eq!(names("(?:abc){2,3}"), ["abc"]);
        assert_eq!(names(r"\$(?:1\$[a-z]+|55\$[0-9]+)\$"), ["$1$", "$55$"]);
    }

    #[test]
    fn long_literals_are_read_no_farther_than_their_anchors() {
        // What was copied byte by byte would be a gigabyte and more.
        let (one, other) = ("0123456789abcdef".repeat(20_000), "fedcba9876543210".repeat(20_000));
        let regex = format!("(?:{one}|{other}|x{{3}})z");
        assert_eq!(names(&regex), ["0123456789abcdef", "fedcba9876543210", "xxx"]);
    }

    #[test]
    fn no_way_in_where_none_is_forced() {
        for regex in ["[a-z]{20}", "ab[^0-9]", "(?:abc|[0-9]{9})", "(?:abc)?[0-9]{9}", "[a-z]*abc"] {
            assert_eq!(found(regex), [], "{regex}");
        }
    }

    #[test]
    fn a_part_without_end_before_a_literal_may_count_as_bounded() {
        let hir = parse(r"[a-z]+QXQX[0-9]{4}");
        assert_eq!(anchors(&hir), None);
        let found = anchors_within_reach(&hir).unwrap();
        assert_eq!(
            (found[0].bytes.as_slice(), found[0].min_before, found[0].max_before),
            (&b"QXQX"[..], 1, MAX_OFFSET)
        );
        assert_eq!(anchors_within_reach(&parse("[a-z]{4}QXQX")), anchors(&parse("[a-z]{4}QXQX")).map(|found| found.0));
    }

    #[test]
    fn leading_runs_are_measured() {
        let hex = ByteSet::EMPTY.with_range(b'0', b'9').with_range(b'a', b'f');
        let leading = |regex: &str, before: ByteSet| leading_run(&parse(regex), before, 16);
        let beside = ByteSet::ALPHANUMERIC.complement();
        assert_eq!(leading("[0-9a-f]{32}", beside), Some((hex, 32)));
        assert_eq!(leading("[0-9a-f]{20,}z", beside), Some((hex, 20)));
        assert_eq!(leading("(?<secret>[0-9a-f]{8}[0-9a-f]{8})-", beside), Some((hex, 16)));
        assert_eq!(leading("(?:[0-9a-f]{8}|x)", beside), None);
        assert_eq!(leading("(?:[0-9a-f]{32}|[0-9]{20})", beside), Some((hex, 20)));
        assert_eq!(leading("(?:ab)?[0-9a-f]{6,9}c[0-9]{10}", beside), Some((hex, 17)));
        assert_eq!(leading("[0-9a-f]{12}-", beside), None);
        // Where the first class is too short, the union with those after it.
        assert_eq!(leading("[a-f]{8}(?:[0-5][6-9]){4}", beside), Some((hex, 16)));
        assert_eq!(leading("[a-f]{8}(?:[0-5][6-9]){4}", ByteSet::EMPTY.with(b'7')), None);
        assert_eq!(leading("[0-9a-f]{16}[g-z]{9}", beside), Some((hex, 16)));
    }
}
