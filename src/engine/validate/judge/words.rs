//! The words of names.

use super::features::{Atom, hash};

/// The words of a name that count, from its end.
const MAX_WORDS: usize = 4;
/// Longer words are no vocabulary.
pub(super) const MAX_WORD: usize = 20;

/// Words that end names without a joint before them: `apitoken`.
const ENDS: &[&[u8]] =
    &[b"password", b"passwd", b"passphrase", b"secret", b"secrets", b"token", b"tokens", b"credentials", b"pass"];

/// Words that only end like one.
const OTHERS: &[&[u8]] =
    &[b"bypass", b"compass", b"encompass", b"keepass", b"minipass", b"overpass", b"surpass", b"trespass", b"underpass"];

/// Words behind the one that says what the value is: `password_confirmation`, `SECRET_KEY_BASE`, `token_v2`.
const TAILS: &[&[u8]] = &[
    b"again",
    b"base",
    b"bytes",
    b"confirm",
    b"confirmation",
    b"plain",
    b"plaintext",
    b"raw",
    b"repeat",
    b"str",
    b"string",
    b"text",
    b"v",
    b"value",
];

/// Words of many meanings, for which the word before decides.
const LOOSE: &[&[u8]] = &[b"key", b"keys", b"auth"];

/// What makes a key one that is secret.
const OF_SECRETS: &[&[u8]] = &[
    b"access",
    b"account",
    b"admin",
    b"aes",
    b"api",
    b"app",
    b"application",
    b"auth",
    b"cipher",
    b"client",
    b"consumer",
    b"cookie",
    b"crypto",
    b"customer",
    b"deploy",
    b"developer",
    b"encrypt",
    b"encryption",
    b"hmac",
    b"integration",
    b"jwt",
    b"licence",
    b"license",
    b"management",
    b"master",
    b"oauth",
    b"private",
    b"secret",
    b"security",
    b"server",
    b"service",
    b"session",
    b"shared",
    b"sign",
    b"signing",
    b"storage",
    b"subscription",
    b"user",
    b"webhook",
    b"write",
];

/// The hashes of words: words of names come with theirs.
const fn hashes<const N: usize>(words: &[&[u8]]) -> [u32; N] {
    let (mut hashes, mut at) = ([0; N], 0);
    while at < N {
        hashes[at] = hash(words[at]);
        at += 1;
    }
    hashes
}

static TAIL_HASHES: [u32; TAILS.len()] = hashes(TAILS);
static LOOSE_HASHES: [u32; LOOSE.len()] = hashes(LOOSE);
static OF_SECRETS_HASHES: [u32; OF_SECRETS.len()] = hashes(OF_SECRETS);

/// Joints of names.
fn is_joint(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// A word in lower case, and its hash.
#[derive(Clone, Copy)]
pub(super) struct Word {
    bytes: [u8; MAX_WORD],
    len: usize,
    hash: u32,
}

impl Word {
    pub(super) const NONE: Word = Word { bytes: [0; MAX_WORD], len: 0, hash: hash(b"") };

    /// The end of a word, as far as it counts.
    pub(super) fn of(word: &[u8]) -> Word {
        let word = &word[word.len().saturating_sub(MAX_WORD)..];
        let mut lower = Word { bytes: [0; MAX_WORD], len: word.len(), hash: 0 };
        for (to, from) in lower.bytes.iter_mut().zip(word) {
            *to = from.to_ascii_lowercase();
        }
        lower.hash = hash(lower.text());
        lower
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn atom(&self) -> Atom<'_> {
        Atom { text: self.text(), hash: self.hash }
    }
}

/// The last words of a name, the last one first.
pub(super) struct Words {
    words: [Word; MAX_WORDS],
    count: usize,
    /// What stands behind the word that says what the value is.
    pub(super) tail: Word,
}

impl Words {
    pub(super) fn of(name: &[u8]) -> Words {
        let mut words = Words { words: [Word::NONE; MAX_WORDS], count: 0, tail: Word::NONE };
        let mut end = name.len();
        while words.count < MAX_WORDS {
            // Numbers at the end of words say nothing.
            while end > 0 && !name[end - 1].is_ascii_alphabetic() {
                end -= 1;
            }
            if end == 0 {
                break;
            }
            let mut start = end - 1;
            while start > 0 && !is_joint(name[start - 1]) && !is_hump(name, start) && !name[start - 1].is_ascii_digit()
            {
                start -= 1;
            }
            let part = &name[start..end];
            let ends =
                |word: &&&[u8]| part.len() > word.len() && part[part.len() - word.len()..].eq_ignore_ascii_case(word);
            if let Some(word) = ENDS.iter().find(ends)
                && !OTHERS.iter().any(|other| part.eq_ignore_ascii_case(other))
            {
                start = end - word.len();
            }
            let word = Word::of(&name[start..end]);
            end = start;
            let is_tail = words.count == 0 && words.tail.len == 0 && TAIL_HASHES.contains(&word.hash);
            if is_tail && name[..start].iter().any(u8::is_ascii_alphabetic) {
                words.tail = word;
                continue;
            }
            words.words[words.count] = word;
            words.count += 1;
        }
        words
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Word> {
        self.words[..self.count].iter()
    }

    pub(super) fn last(&self) -> Atom<'_> {
        self.words[0].atom()
    }

    /// The word before the last.
    pub(super) fn before(&self) -> Atom<'_> {
        self.words[1].atom()
    }

    /// What the name promises: its last word, told apart where the word before it decides.
    pub(super) fn role(&self) -> Atom<'_> {
        if !LOOSE_HASHES.contains(&self.words[0].hash) {
            return self.last();
        }
        let is_auth = self.words[0].text() == b"auth";
        match (self.count, OF_SECRETS_HASHES.contains(&self.words[1].hash)) {
            (1, _) if is_auth => const { Atom::new(b"auth:alone") },
            (1, _) => const { Atom::new(b"key:alone") },
            (_, true) => const { Atom::new(b"key:of-secrets") },
            _ if is_auth => const { Atom::new(b"auth:other") },
            _ => const { Atom::new(b"key:other") },
        }
    }
}

/// Whether a word of a name in mixed case starts at `name[at]`: `userToken`, `HTTPToken`.
fn is_hump(name: &[u8], at: usize) -> bool {
    let (before, here) = (name[at - 1], name[at]);
    here.is_ascii_uppercase()
        && (before.is_ascii_lowercase()
            || before.is_ascii_uppercase() && name.get(at + 1).is_some_and(u8::is_ascii_lowercase))
}

/// In which letters a name is written.
pub(super) fn case_of(name: &[u8]) -> Atom<'static> {
    let (mut lower, mut upper, mut underscore, mut hyphen) = (false, false, false, false);
    for byte in name {
        lower |= byte.is_ascii_lowercase();
        upper |= byte.is_ascii_uppercase();
        underscore |= *byte == b'_';
        hyphen |= *byte == b'-';
    }
    match (lower, upper, underscore, hyphen) {
        (true, true, ..) => const { Atom::new(b"mixed") },
        (false, true, ..) => const { Atom::new(b"capitals") },
        (_, _, true, _) => const { Atom::new(b"snake") },
        (_, _, _, true) => const { Atom::new(b"kebab") },
        _ => const { Atom::new(b"plain") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> Vec<String> {
        Words::of(name.as_bytes()).iter().map(|word| String::from_utf8_lossy(word.text()).into_owned()).collect()
    }

    #[test]
    fn names_are_words() {
        assert_eq!(words("userToken"), ["token", "user"]);
        assert_eq!(words("HTTPApiKEY_2"), ["key", "api", "http"]);
        assert_eq!(words("MYSQLPASSWORD"), ["password", "mysql"]);
        assert_eq!(words("my.a-b_c.d"), ["d", "c", "b", "a"]);
        assert_eq!(words("bypass"), ["bypass"]);
        assert_eq!(words("__1"), [""; 0]);
    }

    #[test]
    fn tails_stand_behind_what_counts() {
        for (name, last, tail) in [
            ("password_confirmation", "password", "confirmation"),
            ("SECRET_KEY_BASE", "key", "base"),
            ("token_v2", "token", "v"),
            ("value", "value", ""),
            ("value_text", "value", "text"),
        ] {
            let words = Words::of(name.as_bytes());
            assert_eq!((words.last().text, words.tail.text()), (last.as_bytes(), tail.as_bytes()), "{name}");
        }
    }

    #[test]
    fn keys_are_what_the_word_before_says() {
        for (name, role) in [
            ("api_key", "key:of-secrets"),
            ("key", "key:alone"),
            ("firstKeys", "key:other"),
            ("auth", "auth:alone"),
            ("client_secret", "secret"),
        ] {
            assert_eq!(Words::of(name.as_bytes()).role().text, role.as_bytes(), "{name}");
        }
    }
}
