//! How hard a value is to guess, in bits, with every doubt against it: a file that lets a machine recognise a value lets
//! whoever has it try values, too.

use crate::engine::validate::surprise;

/// A shorter run of letters is no word.
const MIN_WORD: usize = 5;
/// Letters that surprise less, in bits each, are words.
const WORDS: f32 = 4.7;
/// What a byte of a word, of a sequence or of something that was there before is worth.
const KNOWN_BITS: f32 = 1.0;

/// How many bits a guess has to get right at least, as far as can be told.
pub(super) fn bits(value: &[u8]) -> f32 {
    let each = alphabet_bits(value);
    let known = known_bytes(value);
    known.into_iter().map(|known| if known { KNOWN_BITS } else { each }).sum()
}

/// Bits of one byte that is drawn from the alphabet of the value.
fn alphabet_bits(value: &[u8]) -> f32 {
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let is_hex = |case: u8| {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (case..case + 6).contains(byte);
        // The dashes of a UUID.
        value.iter().all(|byte| is_digit(byte) || *byte == b'-')
    };
    let letters = match (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase)) {
        _ if is_hex(b'a') || is_hex(b'A') => 6,
        (true, true) => 52,
        (false, false) => 0,
        _ => 26,
    };
    let digits = if has(u8::is_ascii_digit) { 10 } else { 0 };
    ((letters + digits).max(2) as f32).log2()
}

/// Which bytes a guess gets for nearly nothing: words, also those with digits for letters, sequences, repetitions, signs,
/// digits in a row that may be a date.
fn known_bytes(value: &[u8]) -> Vec<bool> {
    let mut known: Vec<bool> = value.iter().map(|byte| !byte.is_ascii_alphanumeric()).collect();
    let lower: Vec<u8> = value.iter().map(u8::to_ascii_lowercase).collect();
    let mut mark = |from: usize, to: usize| known[from..to].fill(true);
    for at in 3..value.len() {
        let steps = |from: usize| lower[from + 1].wrapping_sub(lower[from]);
        let is_even = (at - 3..at).all(|from| steps(from) == steps(at - 1) && matches!(steps(from), 0 | 1 | 255));
        if is_even {
            mark(at - 3, at + 1);
        }
        // What stood there before, of four bytes or more.
        let last = &lower[at - 3..=at];
        if lower[..at].windows(4).any(|window| window == last) {
            mark(at - 3, at + 1);
        }
    }
    let is_hex = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    if !is_hex {
        // Letters alone, and with the digits and signs that stand for letters.
        for plain in [true, false] {
            let read = |byte: u8| if plain { byte } else { letter_for(byte) };
            let letters: Vec<u8> = lower.iter().map(|byte| read(*byte)).collect();
            for (from, to) in runs(&letters, u8::is_ascii_lowercase) {
                // With every digit read as a letter much makes words: it has to be closer to them.
                let least = if plain { WORDS } else { WORDS - 0.3 };
                if to - from >= MIN_WORD && surprise(&letters[from..to]) < least {
                    mark(from, to);
                }
            }
        }
        for (from, to) in runs(value, u8::is_ascii_digit) {
            if to - from >= 4 {
                mark(from, to);
            }
        }
        // Short names and numbers between signs, as in addresses.
        for (from, to) in runs(value, u8::is_ascii_alphanumeric) {
            let letters = value[from..to].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            if to - from < 8 && value[from + letters..to].iter().all(u8::is_ascii_digit) {
                mark(from, to);
            }
        }
    }
    known
}

/// The letter for which a digit or a sign is written.
fn letter_for(byte: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' | b'!' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        byte => byte,
    }
}

/// Where bytes that are such stand next to each other.
fn runs(text: &[u8], is: fn(&u8) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in (0..text.len()).filter(|at| is(&text[*at])) {
        match runs.last_mut() {
            Some(run) if run.1 == at => run.1 += 1,
            _ => runs.push((at, at + 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Sample;

    #[test]
    fn what_is_drawn_is_worth_nearly_all_its_bits() {
        for (template, least) in [
            ("{base62:20}", 80.0),
            ("{base62:32}", 140.0),
            ("{base62:40}", 180.0),
            ("{hex:32}", 110.0),
            ("{hex:40}", 140.0),
            ("{uuid}", 100.0),
            ("{lower-alnum:24}", 85.0),
        ] {
            let sample = Sample::parse(template).unwrap();
            let mut all: Vec<f32> = (0..500).map(|seed| bits(&sample.fill(seed, None).text)).collect();
            all.sort_by(f32::total_cmp);
            assert!(all[15] >= least, "{template}: {} of the least, {} of the median", all[15], all[250]);
        }
    }

    #[test]
    fn what_people_choose_is_worth_little() {
        for value in [
            "correct-horse-battery-staple",
            "Summer2024!Summer2024!",
            "P@ssw0rd-Production-2024!!",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "0123456789abcdef0123456789abcdef",
            "my-super-secret-database-password",
            concat!("postgres://admin:", "hunter2", "@db.example.com:5432/production"),
            "20240101-20241231-20251231-0000",
            "Sommerferien-an-der-Nordsee-1987",
        ] {
            assert!(bits(value.as_bytes()) < 70.0, "{value}: {}", bits(value.as_bytes()));
        }
    }
}
