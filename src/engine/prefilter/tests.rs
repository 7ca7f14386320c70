//! Every tier against the oracle, and the tiers against each other.

use proptest::prelude::*;

use super::*;

fn exact(bytes: &[u8]) -> Literal {
    Literal { bytes: bytes.to_vec(), ignore_case: false, behind: ByteSet::ALL }
}

fn folded(bytes: &[u8]) -> Literal {
    Literal { bytes: bytes.to_ascii_lowercase(), ignore_case: true, behind: ByteSet::ALL }
}

fn run(class: ByteSet, min_len: usize) -> Run {
    Run { class, min_len, drawn: false }
}

fn drawn(class: ByteSet, min_len: usize) -> Run {
    Run { class, min_len, drawn: true }
}

fn hex() -> ByteSet {
    ByteSet::EMPTY.with_range(b'0', b'9').with_range(b'a', b'f')
}

/// A prefilter for each tier that this CPU has.
fn tiers(literals: &[Literal], runs: &[Run]) -> Vec<(Tier, Prefilter)> {
    Tier::ALL.into_iter().filter_map(|tier| Some((tier, Prefilter::with_tier(literals, runs, tier)?))).collect()
}

/// What `prefilter` finds, ascending, with the numbers of runs as those of [`oracle::scan`]; the starts of one anchor must
/// ascend as they come.
fn scan(prefilter: &Prefilter, text: &[u8], from: usize, to: usize) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    prefilter.scan(text, from, to, &mut Buffers::default(), &mut |anchor| match anchor {
        Anchor::Literal { number, at, .. } => found.push((number, at)),
        Anchor::Runs { runs, at, .. } => found.extend(runs.iter().map(|run| (oracle::FIRST_RUN + run as u32, at))),
    });
    let as_reported = found.clone();
    found.sort_by_key(|&(id, _)| id);
    assert!(found.is_sorted(), "the starts of an anchor do not ascend: {as_reported:?}");
    found
}

/// Holds every tier to the oracle on the whole of `text`.
fn check(literals: &[Literal], runs: &[Run], text: &[u8]) {
    let expected = oracle::scan(literals, runs, text, 0, text.len());
    for (tier, prefilter) in tiers(literals, runs) {
        assert_eq!(
            scan(&prefilter, text, 0, text.len()),
            expected,
            "{tier:?} on {:?}",
            text.escape_ascii().to_string()
        );
    }
}

/// Numbers that look random and are the same each time (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

#[test]
fn nothing_to_look_for() {
    check(&[], &[], b"");
    check(&[], &[], b"some text");
    assert_eq!(Prefilter::new(&[], &[]).max_len(), 0);
}

#[test]
fn max_len_is_that_of_the_longest_anchor() {
    assert_eq!(Prefilter::new(&[exact(b"abc"), exact(b"abcde")], &[]).max_len(), 5);
    assert_eq!(Prefilter::new(&[exact(b"abc")], &[run(hex(), 32)]).max_len(), 32);
}

#[test]
fn texts_shorter_than_a_window() {
    let literals = [exact(b"abc"), exact(b"abcd"), folded(b"bcd")];
    for text in ["", "a", "ab", "abc", "abcd", "ABCD", "abCD", "aBcd"] {
        check(&literals, &[run(hex(), 1), run(hex(), 3)], text.as_bytes());
    }
}

#[test]
fn literals_on_every_lane() {
    let literals = [
        exact(b"sk-"),
        exact(b"ghp_"),
        exact(b"T3BlbkFJ"),
        folded(b"datadog"),
        exact(b"-----BEGIN RSA PRIVATE KEY-----"),
        exact(&[0xc3, 0xa9, 0xff, 0x80]),
        exact(&[0, 0, 0]),
        exact(&[0, b'k', 0, b'e', 0, b'y']),
    ];
    for literal in &literals {
        for filler in [b'.', b's', 0xc3, 0] {
            for len in [64, 131, 200] {
                for at in 0..=len - literal.bytes.len() {
                    let mut text = vec![filler; len];
                    text[at..at + literal.bytes.len()].copy_from_slice(&literal.bytes);
                    if at % 3 == 0 && literal.ignore_case {
                        text[at..at + literal.bytes.len()].make_ascii_uppercase();
                    }
                    check(&literals, &[], &text);
                }
            }
        }
    }
}

#[test]
fn literals_across_the_ends_of_chunks() {
    let literals = [exact(b"sk-"), exact(b"there~8Q~"), exact(b"~8Q~after")];
    let runs = [run(hex(), 5)];
    for literal in [&literals[0].bytes[..], &literals[1].bytes, &literals[2].bytes, b"012ab"] {
        for at in CHUNK - 80..CHUNK + 80 {
            let mut text = vec![b'.'; 2 * CHUNK + 200];
            for at in [at, at + CHUNK] {
                text[at..at + literal.len()].copy_from_slice(literal);
            }
            for (tier, prefilter) in tiers(&literals, &runs) {
                assert_eq!(scan(&prefilter, &text, 0, text.len()).len(), 2, "{tier:?} at {at}");
            }
        }
    }
}

#[test]
fn literals_inside_one_another() {
    let literals = [
        exact(b"aaa"),
        exact(b"aaaa"),
        exact(b"aaaa"),
        folded(b"aaaa"),
        folded(b"aaaaaaab"),
        exact(b"aab"),
        folded(b"baa"),
    ];
    check(&literals, &[], &b"aaaaAAAAaaaabaaaBAAaaaaaaaabAAAAAAABaaa".repeat(9));
    check(&literals, &[], &b"a".repeat(300));
}

#[test]
fn only_ascii_letters_fold() {
    // Pairs of bytes that differ in the bit that tells upper from lower case, and are no letters.
    let literals =
        [folded(b"[a]"), folded(b"{a}b"), folded(b"@a`b"), folded(&[0xc4, b'a', 0xe4, b'b']), folded(b"\x10a0b")];
    let text = b"[a] {A} {a} {a}b [A]B @a`b `a@b @A`B \x10a0b 0a\x10b \x10A0B 0a0b \xc4a\xe4b \xe4a\xc4b \xc4A\xe4B";
    check(&literals, &[], text);
    check(&literals, &[], &text.repeat(5));
}

#[test]
fn runs_at_every_place() {
    let runs = [run(hex(), 5), run(hex(), 9), run(ByteSet::ALPHANUMERIC, 7), run(hex().with(b'-'), 5)];
    for len in 0..20 {
        for at in 0..140 {
            for around in [b'.', b'x', b'-'] {
                let mut text = vec![around; 160];
                text[at..at + len].fill(b'a');
                check(&[], &runs, &text);
                check(&[], &runs, &text[..at + len]);
            }
        }
    }
}

#[test]
fn runs_of_many_blocks() {
    let hexes = (1..90).map(|min_len| run(hex(), min_len));
    let runs: Vec<Run> = hexes.chain((1..80).map(|min_len| run(ByteSet::ALPHANUMERIC, min_len))).collect();
    for len in [1, 3, 63, 64, 65, 85, 100] {
        check(&[], &runs, &[&b"a".repeat(len)[..], b".x", &b"b".repeat(len), b"z "].concat());
    }
}

#[test]
fn runs_of_any_class() {
    let text: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    check(&[], &[run(ByteSet::ALL, 3), run(ByteSet::ALL, 600), run(ByteSet::EMPTY, 1)], &text);
    check(&[], &[run(ByteSet::EMPTY.with_range(120, 200), 70), run(hex(), 1)], &text);
    check(&[], &[run(ByteSet::EMPTY.with_range(0, 200).complement(), 55), run(ByteSet::EMPTY.with(0), 2)], &text);
}

#[test]
fn any_split_finds_the_same() {
    let literals = [exact(b"there~8Q~"), exact(b"~8Q~there"), folded(b"ere"), exact(b"abc")];
    let runs = [run(hex(), 8), run(ByteSet::ALPHANUMERIC, 12)];
    let text = b"there~8Q~there 0123456789abcdefghij abc there~8Q~THERE--0123456789abcabc there~8Q~abc 01234567";
    for (tier, prefilter) in tiers(&literals, &runs) {
        let expected = oracle::scan(&literals, &runs, text, 0, text.len());
        for a in 0..=text.len() {
            for b in a..=text.len() {
                let mut found =
                    [(0, a), (a, b), (b, text.len())].map(|(from, to)| scan(&prefilter, text, from, to)).concat();
                found.sort_unstable();
                assert_eq!(found, expected, "{tier:?} split at {a} and {b}");
            }
        }
        // Ends beyond the text, and empty and reversed ranges.
        assert_eq!(scan(&prefilter, text, 0, usize::MAX), expected);
        assert!(scan(&prefilter, text, text.len(), usize::MAX).is_empty());
        assert!(scan(&prefilter, text, usize::MAX, usize::MAX).is_empty());
        assert!(scan(&prefilter, text, 20, 10).is_empty());
    }
}

fn literals() -> impl Strategy<Value = Vec<Literal>> {
    let byte = prop::sample::select(b"abAB-\x00\xe9".to_vec());
    let literal = (prop::collection::vec(byte, 3..9), any::<bool>());
    let literal = literal.prop_map(|(bytes, ignore_case)| if ignore_case { folded(&bytes) } else { exact(&bytes) });
    prop::collection::vec(literal, 0..40)
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let class = prop::sample::subsequence(b"abAB-\x00\xe9".to_vec(), 1..5)
        .prop_map(|bytes| bytes.into_iter().fold(ByteSet::EMPTY, ByteSet::with));
    prop::collection::vec((class, 1usize..12).prop_map(|(class, min_len)| run(class, min_len)), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn as_the_oracle(
        literals in literals(),
        runs in runs(),
        text in prop::collection::vec(prop::sample::select(b"aabAB-\x00\xe9".to_vec()), 0..400),
        split in 0usize..400,
    ) {
        let expected = oracle::scan(&literals, &runs, &text, 0, text.len());
        let split = split.min(text.len());
        for (tier, prefilter) in tiers(&literals, &runs) {
            prop_assert_eq!(&scan(&prefilter, &text, 0, text.len()), &expected, "{:?}", tier);
            let mut parts = scan(&prefilter, &text, 0, split);
            parts.extend(scan(&prefilter, &text, split, text.len()));
            parts.sort_unstable();
            prop_assert_eq!(&parts, &expected, "{:?} split at {}", tier, split);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Names and drawn values of all lengths, joined and apart, at all places of a chunk.
    #[test]
    fn drawn_runs_as_the_oracle(
        filler in 0usize..130,
        pieces in prop::collection::vec(
            prop::sample::select(vec!["get", "Authentication", "container", "qzXw", "kJvPdmWq", "7", "-", "_", " ", "\u{e9}"]),
            0..60,
        ),
        split in 0usize..400,
    ) {
        let runs = [
            drawn(ByteSet::ALPHANUMERIC, DRAWN_LEN),
            drawn(ByteSet::ALPHANUMERIC, 21),
            drawn(ByteSet::ALPHANUMERIC.with(b'-').with(b'_'), 24),
            run(ByteSet::ALPHANUMERIC, 32),
        ];
        let text = ["r".repeat(filler), pieces.concat()].concat().into_bytes();
        let expected = oracle::scan(&[], &runs, &text, 0, text.len());
        let split = split.min(text.len());
        for (tier, prefilter) in tiers(&[], &runs) {
            prop_assert_eq!(&scan(&prefilter, &text, 0, text.len()), &expected, "{:?}", tier);
            let mut parts = scan(&prefilter, &text, 0, split);
            parts.extend(scan(&prefilter, &text, split, text.len()));
            parts.sort_unstable();
            prop_assert_eq!(&parts, &expected, "{:?} split at {}", tier, split);
        }
    }
}

/// Words, numbers and punctuation in about the mixture of source code, with anchors strewn in.
fn source_like(len: usize, anchors: &[Literal]) -> Vec<u8> {
    let words =
        ["return", "self", "token", "x", "i", "Buffer", "MAX_LEN", "data", "0x3f", "42", "value", "key", "fn", "é"];
    let glue = [" ", " ", "\n    ", "(", ")", ".", ", ", " = ", "_", "-", ";\n", "\"", "/", "\0"];
    let mut numbers = Numbers(7);
    let mut text = Vec::with_capacity(len + 64);
    while text.len() < len {
        text.extend_from_slice(numbers.pick(&words).as_bytes());
        text.extend_from_slice(numbers.pick(&glue).as_bytes());
        match numbers.below(200) {
            0 => text.extend_from_slice(&anchors[numbers.below(anchors.len())].bytes),
            1 => text.extend_from_slice(format!("{:064x}", u128::from(numbers.next()) << 64).as_bytes()),
            2 => text.extend_from_slice(&b"kRz9".repeat(numbers.below(20))),
            _ => {}
        }
    }
    text.truncate(len);
    text
}

/// Literals in the manner of real rules.
fn rule_like(count: usize) -> Vec<Literal> {
    let starts = ["sk-", "ghp_", "AKIA", "xoxb-", "SG.", "glpat-", "dop_v1_", "T3Blbk", "api", "pk_live_", "key-"];
    let tails = ["", "a", "test_", "prod", "Q~8", "-us1", "0", "token", "é", "==", "EAAA"];
    let mut numbers = Numbers(3);
    (0..count)
        .map(|_| {
            let bytes = [numbers.pick(&starts), numbers.pick(&tails), numbers.pick(&tails)].concat();
            if numbers.below(4) == 0 { folded(bytes.as_bytes()) } else { exact(bytes.as_bytes()) }
        })
        .collect()
}

#[test]
fn every_tier_finds_the_same_in_source() {
    let literals = rule_like(600);
    let runs = [run(hex(), 32), run(ByteSet::ALPHANUMERIC, 32), run(ByteSet::ALPHANUMERIC.with(b'_').with(b'-'), 40)];
    let text = source_like(1 << 20, &literals);
    let portable = Prefilter::with_tier(&literals, &runs, Tier::Portable).expect("every CPU has this tier");
    let expected = scan(&portable, &text, 0, text.len());
    assert!(expected.len() > 1_000);
    for (tier, prefilter) in tiers(&literals, &runs) {
        assert!(scan(&prefilter, &text, 0, text.len()) == expected, "{tier:?} differs");
    }
    // The oracle is slow: a part of it.
    check(&literals, &runs, &text[..20_000]);
}

#[test]
fn hostile_texts() {
    let literals = [exact(b"AKIA"), exact(b"aaaaaaaaaaaaaaaa"), exact(b"aaa"), exact(&[0, 0, 0, 0]), folded(b"xxxx")];
    let runs = [run(ByteSet::ALPHANUMERIC, 32), run(ByteSet::EMPTY.with(0), 32)];
    for text in [b"AKIA".repeat(1500), b"a".repeat(6000), vec![0; 6000], b"X".repeat(6000), vec![0xff; 6000]] {
        check(&literals, &runs, &text);
    }
}

proptest! {
    /// What stands behind a literal of three bytes is a hint: where it is followed, nothing is missed, and nothing is
    /// found that does not stand there.
    #[test]
    fn what_stands_behind_is_a_hint(text in "[abc-]{0,300}", bytes in "[ab-]{3,5}", ignore_case: bool) {
        let behind = ByteSet::EMPTY.with_range(b'a', b'b');
        let hinted = Literal { bytes: bytes.clone().into(), ignore_case, behind };
        let plain = Literal { behind: ByteSet::ALL, ..hinted.clone() };
        let stands = oracle::scan(&[plain], &[], text.as_bytes(), 0, text.len());
        let fits = |at: usize| text.as_bytes().get(at + bytes.len()).is_none_or(|byte| behind.contains(*byte));
        for (tier, prefilter) in tiers(&[hinted], &[]) {
            let found = scan(&prefilter, text.as_bytes(), 0, text.len());
            prop_assert!(found.iter().all(|one| stands.contains(one)), "{tier:?}");
            prop_assert!(stands.iter().all(|one| !fits(one.1) || found.contains(one)), "{tier:?}");
        }
    }
}
