//! Does a value look as if it were drawn at random, or like words, a number, a path?
//!
//! The measure is the mean surprise of its letters: how many bits each costs under a model of ordinary names
//! (`patterns/bigrams.txt`, made by `examples/bigrams.rs`). Names and words cost about 3.9 bits a letter and hardly ever
//! more than 4.7; random letters and digits cost 5.8 and hardly ever less. Hexadecimal digits are judged by their
//! entropy and mixture, since two digits in a row surprise nobody.

const SYMBOLS: usize = 28;

/// Surprise of the second symbol after the first, in quarters of a bit.
static SURPRISE: [[u8; SYMBOLS]; SYMBOLS] = parse(include_bytes!("../../../patterns/bigrams.txt"));

const fn parse(text: &[u8]) -> [[u8; SYMBOLS]; SYMBOLS] {
    let mut table = [[0; SYMBOLS]; SYMBOLS];
    let (mut at, mut cell) = (0, 0);
    while at < text.len() {
        let value = match text[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'a'..=b'z' => letter - b'a' + 10,
            _ => {
                at += 1;
                continue;
            }
        };
        table[cell / SYMBOLS][cell % SYMBOLS] = value;
        at += 1;
        cell += 1;
    }
    assert!(cell == SYMBOLS * SYMBOLS, "patterns/bigrams.txt is a table of 28 by 28");
    table
}

fn symbol(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a'),
        b'A'..=b'Z' => usize::from(byte - b'A'),
        b'0'..=b'9' => 26,
        _ => 27,
    }
}

/// Mean surprise in bits of the bytes of `value` after the first.
pub(crate) fn surprise(value: &[u8]) -> f32 {
    let sum: u32 = value.windows(2).map(|pair| u32::from(SURPRISE[symbol(pair[0])][symbol(pair[1])])).sum();
    sum as f32 / (4 * value.len().saturating_sub(1).max(1)) as f32
}

/// Shannon entropy in bits per byte.
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    value.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let len = value.len() as f32;
    counts.iter().filter(|&&count| count > 0).map(|&count| count as f32 / len).map(|p| -p * p.log2()).sum()
}

/// How a value is made up.
struct Shape {
    digits: usize,
    lower: usize,
    upper: usize,
    /// Neither letters nor digits.
    signs: usize,
    /// How often the class changes from one byte to the next, other than from a capital into lower case.
    changes: usize,
    /// How often a letter follows a digit or a digit a letter.
    switches: usize,
    /// All bytes are hexadecimal digits of one case.
    hex: bool,
}

impl Shape {
    fn of(value: &[u8]) -> Shape {
        let count = |is: fn(&u8) -> bool| value.iter().filter(|b| is(b)).count();
        let class = |byte: u8| match byte {
            b'0'..=b'9' => 0,
            b'a'..=b'z' => 1,
            b'A'..=b'Z' => 2,
            _ => 3,
        };
        let classes = value.windows(2).map(|pair| (class(pair[0]), class(pair[1])));
        Shape {
            digits: count(u8::is_ascii_digit),
            lower: count(u8::is_ascii_lowercase),
            upper: count(u8::is_ascii_uppercase),
            signs: count(|byte| !byte.is_ascii_alphanumeric()),
            changes: classes.clone().filter(|(a, b)| a != b && (*a, *b) != (2, 1)).count(),
            switches: classes.filter(|(a, b)| (*a == 0) != (*b == 0) && *a != 3 && *b != 3).count(),
            hex: value.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
                || value.iter().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(b)),
        }
    }
}

/// Whether `value`, or a part of it between punctuation, looks drawn at random.
pub(super) fn is_random(value: &[u8]) -> bool {
    if is_uuid(value) {
        return entropy(value) >= 3.0;
    }
    let is_joint = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'/');
    is_random_part(value) || value.split(is_joint).any(|part| part.len() >= 16 && is_random_part(part))
}

fn is_random_part(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"0x").unwrap_or(value);
    if value.len() < 8 {
        return false;
    }
    let shape = Shape::of(value);
    if shape.digits == value.len() {
        return false;
    }
    if shape.hex {
        let letters = value.len() - shape.digits;
        return value.len() >= 16 && letters >= 2 && shape.digits >= 2 && entropy(value) >= 2.8;
    }
    let surprise = surprise(value);
    let mixed = shape.changes >= 2;
    let varied = if shape.digits == 0 {
        // Without a digit it may be a name in mixed case; with twenty letters hardly any random value is.
        let both_cases = shape.lower > 0 && shape.upper > 0;
        let letters_of_one_case = shape.signs == 0 && !both_cases;
        (mixed && both_cases && surprise >= 4.9)
            || (letters_of_one_case && value.len() >= 20 && surprise >= 4.9)
            || (letters_of_one_case && value.len() >= 12 && surprise >= 5.2)
    } else {
        // Of long names few bytes are digits.
        let few_digits = shape.digits * 12 < value.len();
        let least = if value.len() >= 24 && few_digits { 4.5 } else { 3.7 };
        // Names hardly ever go to and fro between letters and digits, however little their letters surprise.
        let restless = shape.switches * 4 >= value.len();
        mixed && shape.digits < value.len() && (restless || surprise >= least)
    };
    varied && entropy(value) >= least_entropy(value.len())
}

/// What random text of this length has at least, but for one in a hundred thousand or so.
fn least_entropy(len: usize) -> f32 {
    match len {
        0..=9 => 2.1,
        10..=15 => 2.4,
        16..=23 => 2.8,
        24..=39 => 3.2,
        _ => 3.5,
    }
}

/// Whether `value` has the form of a UUID.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Sample;

    fn share_random(template: &str) -> usize {
        let sample = Sample::parse(template).unwrap();
        (0..1000).filter(|&seed| is_random(&sample.fill(seed, None).text)).count()
    }

    #[test]
    fn random_values_look_random() {
        for template in
            ["{base62:20}", "{base62:32}", "{base64url:43}", "{hex:32}", "{hex:40}", "{lower-alnum:32}", "{uuid}"]
        {
            let share = share_random(template);
            assert!(share >= 970, "{template}: {share} of 1000");
        }
    }

    #[test]
    fn letters_and_digits_in_turn_are_no_name() {
        let text = b"abc123def456ghi789jkl012mno34567";
        assert!(is_random(text));
    }

    #[test]
    fn words_numbers_and_paths_do_not() {
        for text in [
            "get_user_by_access_token",
            "AuthenticationProviderConfig",
            "com.example.service.TokenStore",
            "/usr/local/share/certificates",
            "the quick brown fox jumps",
            "1234567890123456",
            "2024-01-01T00:00:00Z",
            "SECRET_KEY_BASE_PRODUCTION",
            "kubernetes-dashboard-token",
            "application/x-www-form-urlencoded",
            "node_modules/.bin/webpack",
            "password123",
            "StorageErrorCodeBlobAlreadyExists",
            "b.AuthorizationUrl",
            "getAuthCredentialByEcsRoleName",
            "smithy.api#httpApiKeyAuth",
            "apiRootCA.CAKey",
            "ObjectS3StoreServerSideEncryptionByDefault",
        ] {
            assert!(!is_random(text.as_bytes()), "{text}: {}", surprise(text.as_bytes()));
        }
    }

    #[test]
    fn entropy_is_in_bits_per_byte() {
        assert_eq!(entropy(b"aaaa"), 0.0);
        assert_eq!(entropy(b"abcd"), 2.0);
    }
}
