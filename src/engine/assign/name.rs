//! What a name says about the value that is assigned to it.

use std::ops::Range;

use crate::engine::wordset::WordSet;

/// How far a name is read from a stem in it, in either direction.
pub(super) const MAX_NAME: usize = 48;

/// Names that end with one of these words hold something about a secret, not the secret.
static ABOUT: WordSet = WordSet::new(&[
    b"id",
    b"ids",
    b"name",
    b"names",
    b"url",
    b"uri",
    b"path",
    b"file",
    b"filename",
    b"type",
    b"count",
    b"size",
    b"len",
    b"length",
    b"limit",
    b"expiry",
    b"expires",
    b"expiration",
    b"timeout",
    b"ttl",
    b"endpoint",
    b"version",
    b"prefix",
    b"suffix",
    b"format",
    b"header",
    b"label",
    b"description",
    b"pattern",
    b"regex",
    b"schema",
    b"class",
    b"index",
    b"policy",
    b"hash",
    b"arn",
    b"ref",
    b"user",
    b"username",
    b"login",
    b"email",
    b"host",
    b"hostname",
    b"domain",
    b"region",
    b"issuer",
    b"audience",
    b"alg",
    b"status",
    b"spec",
    b"env",
    b"default",
    b"doc",
    b"docs",
    b"message",
    b"msg",
    b"error",
    b"title",
    b"hint",
    b"placeholder",
    b"field",
    b"keyid",
    b"timestamp",
]);

/// Names that hold one of these, in lower case, hold what is no credential: guards of forms, cursors of lists, keys of
/// requests and of handshakes, ids of keys that are fetched, keys that are public or pressed, rounds of a computation, answers to a challenge, and what only
/// begins like a stem.
static NO_CREDENTIAL: WordSet = WordSet::new(&[
    b"csrf",
    b"xsrf",
    b"continuation",
    b"nextpage",
    b"next_page",
    b"next-page",
    b"pagetoken",
    b"page_token",
    b"page-token",
    b"nexttoken",
    b"next_token",
    b"cancellation",
    b"canceltoken",
    b"idempotency",
    b"publishable",
    b"tokeniz",
    b"tokenis",
    b"secretar",
    b"credentialspec",
    b"publickey",
    b"public_key",
    b"public-key",
    b"pubkey",
    b"pub_key",
    b"pub-key",
    b"firstpass",
    b"first_pass",
    b"secondpass",
    b"second_pass",
    b"renderpass",
    b"render_pass",
    b"authenticity",
    b"websocket-key",
    b"websocketkey",
    b"recv-key",
    b"keyserver",
    b"algorithm",
    b"keyframe",
    b"feedkeys",
    b"cinkeys",
    b"indentkeys",
    b"keyids",
    b"keyowner",
    b"rspauth",
]);

/// Methods that compare or set what stands before them.
const METHODS: &[&[u8]] = &[b"equals", b"equalsIgnoreCase", b"eq", b"eql", b"assign", b"set", b"append", b"push_str"];

/// The name around the stem at `text[stem]`, without a method of it that is called: `name.equals(`.
pub(super) fn around(text: &[u8], stem: usize) -> Range<usize> {
    let tail = text[stem..].iter().take(MAX_NAME).take_while(|byte| is_name(**byte)).count();
    let mut end = stem + tail;
    if text.get(end) == Some(&b'(')
        && let Some(dot) = memchr::memrchr(b'.', &text[stem..end])
        && METHODS.contains(&&text[stem + dot + 1..end])
    {
        end = stem + dot;
    }
    start(text, stem)..end
}

/// Whether the name around the stem at `text[stem]` is looked up in the environment: `ENV['name']`. What a comma parts
/// from that is another argument.
pub(super) fn is_of_environment(text: &[u8], stem: usize) -> bool {
    let before = &text[..start(text, stem)];
    let called =
        before.strip_suffix(b"'").or_else(|| before.strip_suffix(b"\"")).and_then(|head| head.strip_suffix(b"["));
    called.is_some_and(|called| called.ends_with(b"ENV") || called.ends_with(b"environ"))
}

/// With what names end of which the value is a user and a password, in lower case.
const OF_USERS: &[&[u8]] = &[b"auth", b"authentication", b"credential", b"credentials"];

/// Whether what a name is given is a user and a password: `auth`, `HTTPBasicAuth`.
pub(super) fn takes_user(name: &[u8]) -> bool {
    let ends_with =
        |end: &&[u8]| name.len().checked_sub(end.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(end));
    OF_USERS.iter().any(ends_with)
}

/// Where the name around the stem at `text[stem]` starts.
pub(super) fn start(text: &[u8], stem: usize) -> usize {
    let head = text[stem.saturating_sub(MAX_NAME)..stem].iter().rev().take_while(|byte| is_name(**byte));
    stem - head.count()
}

/// Whether the name around `stem`, which goes on to the end of the name, says that it holds no secret.
pub(super) fn is_of_no_secret(text: &[u8], stem: Range<usize>) -> bool {
    let name = around(text, stem.start);
    let before = &text[name.start.saturating_sub(PUBLIC.len())..name.start];
    is_about(&text[stem]) || before.eq_ignore_ascii_case(PUBLIC) || NO_CREDENTIAL.is_in(&text[name])
}

/// The word before a name in words: `Public Key: ...`.
const PUBLIC: &[u8] = b"public ";

/// Whether the last word of a name says that it holds something about a secret: `token_id`, `tokenId`.
fn is_about(name: &[u8]) -> bool {
    ABOUT.at_end(name).any(|word| {
        let (head, last) = name.split_at(name.len() - word.len());
        head.last().is_none_or(|before| {
            !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && last[0].is_ascii_uppercase())
        })
    })
}

/// Words with which calls begin, or that they hold, that look a value up by its name.
const LOOKUPS: &[&[u8]] = &[b"get", b"env", b"read", b"load", b"fetch", b"find", b"lookup", b"require", b"property"];

/// Whether a call of this name looks something up: `os.getenv`, `ENV[`, `config.get`.
pub(super) fn looks_up(call: &[u8]) -> bool {
    let last = call.rsplit(|byte| matches!(byte, b'.' | b':')).next().unwrap_or(call);
    let starts_with = |word: &&[u8]| last.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    LOOKUPS.iter().any(starts_with) || call.windows(3).any(|part| part.eq_ignore_ascii_case(b"env"))
}

/// Whether a byte can be part of a name.
pub(super) fn is_name(byte: u8) -> bool {
    IS_NAME[usize::from(byte)]
}

static IS_NAME: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0);
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};
