//! Values that are one byte, one piece or one sequence over and over.

/// A run of one byte so long is no chance in random text of these lengths.
const MIN_REPEAT: usize = 7;
/// A run of neighbours (`abcdefgh`, `12345678`) so long is no chance either.
const MIN_SEQUENCE: usize = 8;
/// Some formats begin with such a run; a placeholder has more than this share of it ...
pub(super) const MIN_SHARE: usize = 4;
/// ... and where the form of the value and what stands before it speak for it as well, more than this one.
pub(super) const MIN_SHARE_OF_FORM: usize = 2;
/// A longer piece, when it is repeated, is more than what fills a place.
const MAX_FILL: usize = 7;
/// A piece that is repeated from one end of a shorter value to the other may be chance.
const MIN_REPEATED: usize = 16;

/// Whether one byte, one piece or one sequence makes up too much of it, in either case.
pub(super) fn is_repetitive(secret: &[u8]) -> bool {
    // A piece that fills a place is shorter than half of what is long enough for it to be repeated.
    const { assert!(MAX_FILL <= MIN_REPEATED / 2) };
    is_one_byte(secret)
        || is_sequence(secret, MIN_SHARE)
        || repeats_within(secret, secret.len() / 2)
        || counts_in_hex(secret)
}

/// Whether one sequence makes up so great a part of it, in either case.
pub(super) fn is_sequence(secret: &[u8], share: usize) -> bool {
    let (mut up, mut down) = (1, 1);
    let lower = |pair: &[u8]| (pair[0].to_ascii_lowercase(), pair[1].to_ascii_lowercase());
    let in_order = |three: &[u8]| {
        let ((a, b), (_, c)) = (lower(&three[..2]), lower(&three[1..]));
        follows(a, b) && follows(b, c) || follows(b, a) && follows(c, b)
    };
    may_hold_run(secret, MIN_SEQUENCE, in_order)
        && secret.windows(2).any(|pair| {
            let (a, b) = lower(pair);
            up = if follows(a, b) { up + 1 } else { 1 };
            down = if follows(b, a) { down + 1 } else { 1 };
            let run = up.max(down);
            run >= MIN_SEQUENCE && run * share > secret.len()
        })
}

/// Whether there may be a run of `len` bytes of which each three neighbours are `alike`: no more are asked than are
/// needed for three of each such run to be among them.
fn may_hold_run(secret: &[u8], len: usize, alike: impl Fn(&[u8]) -> bool) -> bool {
    secret.windows(3).step_by(len - 2).any(alike)
}

/// Whether one byte makes up too much of it, or a piece of a few bytes all of it, in either case.
pub(super) fn is_filler(secret: &[u8]) -> bool {
    is_one_byte(secret) || repeats_within(secret, MAX_FILL)
}

/// Whether one byte makes up too much of it, in either case.
fn is_one_byte(secret: &[u8]) -> bool {
    let is_same = |pair: &[u8]| pair[0].eq_ignore_ascii_case(&pair[1]);
    let mut repeat = 1;
    let is_long = |pair: &[u8]| {
        repeat = if is_same(pair) { repeat + 1 } else { 1 };
        repeat >= MIN_REPEAT && repeat * MIN_SHARE >= secret.len()
    };
    may_hold_run(secret, MIN_REPEAT, |three| is_same(&three[..2]) && is_same(&three[1..]))
        && secret.windows(2).any(is_long)
}

/// Whether a piece of so many bytes or fewer, and of half of it at most, is repeated from one end of it to the other.
pub(super) fn repeats_within(secret: &[u8], longest: usize) -> bool {
    secret.len() >= MIN_REPEATED && begins_again(secret, longest) && period(secret) <= longest
}

/// Whether it may begin again after so many bytes or fewer, and goes on for four bytes then.
fn begins_again(secret: &[u8], longest: usize) -> bool {
    // Letters in either case are the same number, and so are some signs.
    let head = |text: &[u8]| text.first_chunk().map_or(0, |head| u32::from_ne_bytes(*head) | 0x2020_2020);
    let first = head(secret);
    secret[1..].windows(4).take(longest).any(|there| head(there) == first)
}

/// After how many bytes the text repeats itself, in any case, to its end; its length where it does not.
fn period(text: &[u8]) -> usize {
    // For each start of the text, the length of the longest shorter start that it ends with.
    let mut borders = vec![0; text.len()];
    for end in 1..text.len() {
        let mut len = borders[end - 1];
        while len > 0 && !text[len].eq_ignore_ascii_case(&text[end]) {
            len = borders[len - 1];
        }
        borders[end] = len + usize::from(text[len].eq_ignore_ascii_case(&text[end]));
    }
    text.len() - borders.last().copied().unwrap_or(0)
}

/// Whether it is hexadecimal digits, and a quarter of them are bytes that count up or down: `00010203`, `ffeeddcc`.
pub(super) fn counts_in_hex(secret: &[u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| Some(digit(pair[0])? * 16 + digit(pair[1])?);
    let (mut run, mut step, mut before) = (0, 0, None);
    secret.len().is_multiple_of(2)
        && secret.iter().all(u8::is_ascii_hexdigit)
        && secret.chunks_exact(2).any(|pair| {
            let here = byte(pair);
            let change = here.zip(before).map_or(0, |(here, before): (u32, u32)| here.wrapping_sub(before) & 0xff);
            run = if change == step && HEX_STEPS.contains(&change) { run + 1 } else { 1 };
            (step, before) = (change, here);
            run >= MIN_HEX_RUN && run * 4 >= secret.len()
        })
}

/// One up or down, in one digit or in both.
const HEX_STEPS: [u32; 4] = [0x01, 0xff, 0x11, 0xef];
const MIN_HEX_RUN: usize = 4;

/// Whether `b` comes right after `a` among the letters or the digits, decimal or hexadecimal.
fn follows(a: u8, b: u8) -> bool {
    let inside = a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric();
    inside && (b == a.wrapping_add(1) || matches!((a, b), (b'9', b'0' | b'a') | (b'0', b'a')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_only_fills_a_place_is_no_value_of_any_form() {
        for text in ["aaaaaaaaQ", "q7Rxxxxxxxxxxxx", "ab12ab12ab12ab12"] {
            assert!(is_filler(text.as_bytes()), "{text}");
        }
        for text in ["zt9876543210mqbvcxzlkjtt", "abcd1234abcd1234abcd1234"] {
            let text = text.as_bytes();
            assert!(!is_filler(text) && !is_sequence(text, MIN_SHARE_OF_FORM) && is_repetitive(text));
        }
    }

    /// The same without a look at a part first: every pair, and every piece at every place.
    fn repeats_plainly(secret: &[u8]) -> bool {
        let lower = secret.to_ascii_lowercase();
        let is_run = |run: &[u8], next: &dyn Fn(u8, u8) -> bool| run.windows(2).all(|pair| next(pair[0], pair[1]));
        let runs = |least: usize| (least..=lower.len()).flat_map(|len| lower.windows(len));
        let same = |run: &[u8]| run.len() * MIN_SHARE >= lower.len() && is_run(run, &|a, b| a == b);
        let sequence = |run: &[u8]| {
            run.len() * MIN_SHARE > lower.len() && (is_run(run, &follows) || is_run(run, &|a, b| follows(b, a)))
        };
        let piece = |len: usize| lower[len..] == lower[..lower.len() - len];
        runs(MIN_REPEAT).any(same)
            || runs(MIN_SEQUENCE).any(sequence)
            || lower.len() >= MIN_REPEATED && (1..=lower.len() / 2).any(piece)
            || counts_in_hex(secret)
    }

    proptest! {
        #[test]
        fn what_repeats_is_what_repeats_plainly(
            head in "[a-cA-C0-9]{0,8}",
            piece in "[a-zA-Z0-9`@]{1,9}",
            run in "(?i)(abcdefghijkl|nmlkjihg|0123456789|890abcde|qqqqqqq|QqQqQqQq)?",
            times in 0usize..6,
            tail in "[a-cA-C0-9]{0,4}",
        ) {
            let repeated = piece.repeat(times);
            for text in [format!("{head}{run}{tail}"), format!("{head}{repeated}"), format!("{repeated}{tail}{run}")] {
                prop_assert_eq!(is_repetitive(text.as_bytes()), repeats_plainly(text.as_bytes()), "{}", text);
            }
        }
    }

    #[test]
    fn the_period_is_the_shortest() {
        assert_eq!(period(b"abABab"), 2);
        assert_eq!(period(b"abcabcab"), 3);
        assert_eq!(period(b"abcd"), 4);
        assert_eq!(period(b""), 0);
    }
}
