//! What a name says about the value that is assigned to it.

use std::ops::Range;

/// How far a name is read from a stem in it, in either direction.
pub(super) const MAX_NAME: usize = 48;

/// Names that end with one of these words hold something about a secret, not the secret.
const ABOUT: &[&str] = &[
    "id",
    "ids",
    "name",
    "names",
    "url",
    "uri",
    "path",
    "file",
    "filename",
    "type",
    "count",
    "size",
    "len",
    "length",
    "limit",
    "expiry",
    "expires",
    "expiration",
    "timeout",
    "ttl",
    "endpoint",
    "version",
    "prefix",
    "suffix",
    "format",
    "header",
    "label",
    "description",
    "pattern",
    "regex",
    "schema",
    "class",
    "index",
    "policy",
    "hash",
    "arn",
    "ref",
    "user",
    "username",
    "login",
    "email",
    "host",
    "hostname",
    "domain",
    "region",
    "issuer",
    "audience",
    "algorithm",
    "alg",
    "status",
    "spec",
    "env",
    "algorithms",
    "default",
    "doc",
    "docs",
    "message",
    "msg",
    "error",
    "title",
    "hint",
    "placeholder",
    "field",
];

/// Names that hold one of these, in lower case, hold what is no credential: guards of forms, cursors of lists, keys of
/// requests, and what only begins like a stem.
const NO_CREDENTIAL: &[&str] = &[
    "csrf",
    "xsrf",
    "continuation",
    "nextpage",
    "next_page",
    "next-page",
    "pagetoken",
    "page_token",
    "page-token",
    "nexttoken",
    "next_token",
    "cancellation",
    "canceltoken",
    "idempotency",
    "publishable",
    "tokeniz",
    "tokenis",
    "secretar",
    "credentialspec",
    "publickey",
    "public_key",
    "public-key",
    "authenticity",
    "algorithm",
];

/// The name around the stem at `text[stem]`.
pub(super) fn around(text: &[u8], stem: usize) -> Range<usize> {
    let head = text[stem.saturating_sub(MAX_NAME)..stem].iter().rev().take_while(|byte| is_name(**byte)).count();
    let tail = text[stem..].iter().take(MAX_NAME).take_while(|byte| is_name(**byte)).count();
    stem - head..stem + tail
}

/// Whether the last word of a name says that it holds something about a secret: `token_id`, `tokenId`.
pub(super) fn is_about(name: &[u8]) -> bool {
    ABOUT.iter().any(|word| {
        let Some(start) = name.len().checked_sub(word.len()) else { return false };
        let (head, last) = name.split_at(start);
        let starts_word = match (head.last(), last.first()) {
            (Some(before), Some(first)) => {
                !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
            }
            _ => true,
        };
        starts_word && last.eq_ignore_ascii_case(word.as_bytes())
    })
}

/// Whether a name says that it holds no credential.
pub(super) fn is_no_credential(name: &[u8]) -> bool {
    (0..name.len()).any(|at| {
        let mut words = STARTS[usize::from(name[at].to_ascii_lowercase())];
        while words != 0 {
            let word = NO_CREDENTIAL[words.trailing_zeros() as usize].as_bytes();
            if name[at..].get(..word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word)) {
                return true;
            }
            words &= words - 1;
        }
        false
    })
}

/// For each byte those of [`NO_CREDENTIAL`] that start with it, as bits: names are many, and searchers dear to make.
static STARTS: [u64; 256] = {
    let mut starts = [0; 256];
    let mut word = 0;
    while word < NO_CREDENTIAL.len() {
        starts[NO_CREDENTIAL[word].as_bytes()[0] as usize] |= 1 << word;
        word += 1;
    }
    starts
};

/// Words with which calls begin, or that they hold, that look a value up by its name.
const LOOKUPS: &[&[u8]] = &[b"get", b"env", b"read", b"load", b"fetch", b"find", b"lookup", b"require", b"property"];

/// Whether a call of this name looks something up: `os.getenv`, `ENV[`, `config.get`.
pub(super) fn looks_up(call: &[u8]) -> bool {
    let lower = call.to_ascii_lowercase();
    let last = lower.rsplit(|byte| matches!(byte, b'.' | b':')).next().unwrap_or(&lower);
    LOOKUPS.iter().any(|word| last.starts_with(word)) || memchr::memmem::find(&lower, b"env").is_some()
}

/// The last words of names of passwords, in lower case.
const PASSWORDS: &[&[u8]] =
    &[b"password", b"passwd", b"passphrase", b"passwort", b"pwd", b"pswd", b"passw", b"passwrd"];
/// What may follow them and changes nothing.
const ENDINGS: &[&[u8]] =
    &[b"", b"s", b"confirmation", b"confirm", b"again", b"repeat", b"new", b"old", b"value", b"plain", b"text"];

/// Whether the last words of a name are those of a password: `db_password`, `password_1`, `passwordConfirmation`.
pub(super) fn is_password(name: &[u8]) -> bool {
    let lower = name.to_ascii_lowercase();
    PASSWORDS.iter().any(|word| {
        memchr::memmem::rfind(&lower, word).is_some_and(|at| {
            let is_joint = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.');
            let tail = &lower[at + word.len()..];
            let start = tail.iter().position(|byte| !is_joint(byte)).unwrap_or(tail.len());
            let end = tail.iter().rposition(|byte| !is_joint(byte)).map_or(start, |last| last + 1);
            ENDINGS.contains(&&tail[start..end])
        })
    })
}

/// Whether a byte can be part of a name.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}
