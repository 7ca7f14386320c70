//! Values that are a secret only in name: words that everybody takes, runs along the keyboard, and both together.

/// Words of passwords in documentation and tests, in lower case and without digits.
const WORDS: &[&[u8]] = &[
    b"abc",
    b"access",
    b"adm",
    b"admin",
    b"alice",
    b"api",
    b"app",
    b"auth",
    b"bar",
    b"baz",
    b"blah",
    b"bob",
    b"changeit",
    b"changeme",
    b"client",
    b"code",
    b"com",
    b"correct",
    b"cred",
    b"credential",
    b"credentials",
    b"database",
    b"db",
    b"default",
    b"demo",
    b"dev",
    b"foo",
    b"good",
    b"guest",
    b"hello",
    b"hunter",
    b"key",
    b"letmein",
    b"local",
    b"login",
    b"long",
    b"master",
    b"mongo",
    b"my",
    b"mysql",
    b"open",
    b"oracle",
    b"pass",
    b"passw",
    b"passwd",
    b"password",
    b"passwort",
    b"phrase",
    b"postgres",
    b"private",
    b"public",
    b"pw",
    b"pwd",
    b"qux",
    b"rabbitmq",
    b"random",
    b"redis",
    b"root",
    b"sa",
    b"safe",
    b"secret",
    b"secrets",
    b"secure",
    b"server",
    b"sesame",
    b"session",
    b"shared",
    b"spam",
    b"static",
    b"strong",
    b"super",
    b"system",
    b"temp",
    b"test",
    b"testing",
    b"this",
    b"token",
    b"top",
    b"user",
    b"very",
    b"weak",
    b"welcome",
    b"word",
    b"world",
];

/// Words of what stands where a value will be, or says what is to stand there.
const STAND_INS: &[&[u8]] = &[
    b"dummy",
    b"empty",
    b"enter",
    b"example",
    b"fake",
    b"for",
    b"here",
    b"id",
    b"incorrect",
    b"invalid",
    b"is",
    b"missing",
    b"mock",
    b"name",
    b"new",
    b"no",
    b"none",
    b"not",
    b"null",
    b"old",
    b"other",
    b"real",
    b"refresh",
    b"sample",
    b"simple",
    b"some",
    b"string",
    b"the",
    b"unit",
    b"username",
    b"valid",
    b"value",
    b"wrong",
    b"your",
];

/// Neighbours on keyboards, and of the alphabet.
const ROWS: &[&[u8]] = &[b"qwertyuiop", b"asdfghjkl", b"zxcvbnm", b"qazwsxedc", b"1q2w3e4r5t6y"];

/// So much of a value is looked at; what is longer is no such value.
const MAX_LEN: usize = 48;
const MIN_RUN: usize = 3;
/// A number that goes with words is no longer.
const MAX_NUMBER: usize = 4;

/// Whether the whole of a value is made of such words and runs, with signs and numbers between them.
pub(super) fn is_weak(value: &[u8]) -> bool {
    is_made_of(value, &[WORDS, STAND_INS])
}

/// Whether it is, and none of the words says that something else is to stand there: someone may take it for a password.
pub(super) fn is_taken(value: &[u8]) -> bool {
    is_made_of(value, &[WORDS])
}

fn is_made_of(value: &[u8], lists: &[&[&[u8]]]) -> bool {
    if value.len() > MAX_LEN {
        return false;
    }
    // Which places are reached by words, runs and signs from the start.
    let mut reached = [false; MAX_LEN + 1];
    reached[0] = true;
    for at in 0..value.len() {
        if !reached[at] {
            continue;
        }
        let rest = &value[at..];
        let words = lists.iter().flat_map(|list| list.iter());
        words.filter(|word| spells(rest, word)).for_each(|word| reached[at + word.len()] = true);
        (MIN_RUN..=longest_run(rest)).for_each(|len| reached[at + len] = true);
        if !rest[0].is_ascii_alphanumeric() {
            reached[at + 1] = true;
        }
        let number = rest.iter().take(MAX_NUMBER + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let is_whole = at == 0 || !value[at - 1].is_ascii_digit();
        if is_whole && (1..=MAX_NUMBER).contains(&number) {
            reached[at + number] = true;
        }
    }
    reached[value.len()]
}

/// Whether a text begins with a word, in any case and with signs for letters as people take them.
fn spells(text: &[u8], word: &[u8]) -> bool {
    let is_letter = |(byte, letter): (&u8, &u8)| {
        byte.eq_ignore_ascii_case(letter)
            || match letter {
                b'a' => matches!(byte, b'4' | b'@'),
                b'e' => *byte == b'3',
                b'i' | b'l' => matches!(byte, b'1' | b'!'),
                b'o' => *byte == b'0',
                b's' => matches!(byte, b'5' | b'$'),
                b't' => *byte == b'7',
                _ => false,
            }
    };
    text.len() >= word.len() && text.iter().zip(word).all(is_letter)
}

/// How long the text goes on with one byte, or from neighbour to neighbour in one direction.
fn longest_run(text: &[u8]) -> usize {
    longest_sequence(text).max(steps(text, 0))
}

/// How long the text goes on from neighbour to neighbour in one direction, of the alphabet, the digits or a keyboard.
pub(super) fn longest_sequence(text: &[u8]) -> usize {
    let row = ROWS
        .iter()
        .flat_map(|row| (0..row.len()).map(move |from| &row[from..]))
        .map(|row| text.iter().zip(row).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count());
    [steps(text, 1), steps(text, -1)].into_iter().chain(row).max().unwrap_or(0)
}

/// How long the text goes on by such steps from byte to byte, in any case.
fn steps(text: &[u8], step: i16) -> usize {
    let follows =
        |pair: &&[u8]| i16::from(pair[1].to_ascii_lowercase()) - i16::from(pair[0].to_ascii_lowercase()) == step;
    1 + text.windows(2).take_while(follows).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_runs() {
        for text in [
            "123456",
            "abc123",
            "asdf1234",
            "zzzz",
            "s3cr3t",
            "Test@12345",
            "newpass123",
            "MySeCreTPaSsW0rd",
            "cba321",
            "qwerty",
            "P@ssw0rd!",
            "hunter2",
            "000000",
            "my-secret-token-2024",
            "aaabbb123456",
        ] {
            assert!(is_weak(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_stands_for_a_value_is_taken_by_nobody() {
        for text in ["changeme", "admin123", "P@ssw0rd!", "postgres", "qwerty", "123456"] {
            assert!(is_taken(text.as_bytes()), "{text}");
        }
        for text in ["your-password", "enter password here", "invalid_token", "none", "new_password_value"] {
            assert!(!is_taken(text.as_bytes()) && is_weak(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in ["q7Zt0vKxP3mW9sLd", "kjwxq", "tiger82!", "8412907", "passq7Zt", "9f86d081884c7d65"] {
            assert!(!is_weak(text.as_bytes()), "{text}");
        }
    }
}
