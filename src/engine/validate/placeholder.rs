//! Values that stand for a secret: published, conventional, repetitive.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::repetition::{
    MIN_SHARE, MIN_SHARE_OF_FORM, counts_in_hex, is_filler, is_repetitive, is_sequence, repeats_within,
};
use super::typed;
use crate::engine::wordset::WordSet;
use crate::rule::{Kind, Rule, Text};

/// Words that no random value is likely to hold, in lower case. Four letters and fewer would turn up by chance.
static WORDS: WordSet = WordSet::new(&[
    b"example",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"change-me",
    b"replaceme",
    b"replace_",
    b"replace-",
    b"redacted",
    b"yourapikey",
    b"your_",
    b"your-",
    b"_here",
    b"-here",
    b"dummy",
    b"notreal",
    b"not-a-real",
    b"not_a_real",
    b"invalid",
    b"foobar",
    b"fake_",
    b"fake-",
    b"sample",
    b"insert_",
    b"insert-",
    b"deadbeefdeadbeef",
    b"cafebabe",
    b"xxxxx",
    b"****",
    b"%%%%",
    // What hides a part of a value.
    "\u{2588}".as_bytes(),
    b"...",
]);

/// Templates, references and calls: brackets around a name or an expression.
const BRACKETS: &[(&[u8], &[u8])] =
    &[(b"${", b"}"), (b"{{", b"}}"), (b"<%", b"%>"), (b"#{", b"}"), (b"$(", b")"), (b"%(", b")")];

/// Values that vendors publish, by the beginnings of their hashes, so that they need not stand here.
pub(super) const PUBLISHED: &str = include_str!("../../../patterns/published.txt");

/// Whether `secret` is a value that its vendor publishes; white space in it (the lines of a key) does not count.
pub(super) fn is_published(secret: &[u8]) -> bool {
    let mut digest = Sha256::new();
    secret.split(u8::is_ascii_whitespace).for_each(|piece| digest.update(piece));
    digest.finalize().first_chunk().is_some_and(|start| STARTS.binary_search(&u64::from_be_bytes(*start)).is_ok())
}

/// Those beginnings as numbers, ascending.
static STARTS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let lines = PUBLISHED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let start = |line: &str| u64::from_str_radix(line.get(..16)?, 16).ok();
    let mut starts: Vec<u64> = lines.filter_map(start).collect();
    starts.sort_unstable();
    starts
});

/// Whether `secret`, of which no form is known, looks like a placeholder.
pub(super) fn is_placeholder(secret: &[u8]) -> bool {
    holds_place(secret) || is_format(secret) || stands_in(secret, &[]) || is_repetitive(secret)
}

/// Whether a match of `rule` looks like a placeholder. Where its form and what stands before it speak for it, too, one run
/// makes it one, and several are [another question](typed::is_typed).
pub(super) fn is_placeholder_of(rule: &Rule, secret: &[u8]) -> bool {
    let formed = matches!(rule.kind, Kind::Distinctive | Kind::Contextual | Kind::Identifier);
    let repeats = || {
        is_filler(secret)
            || is_sequence(secret, if formed { MIN_SHARE_OF_FORM } else { MIN_SHARE })
            || repeats_within(secret, secret.len() / 2) && !(formed && typed::is_typed(secret))
            || !formed && counts_in_hex(secret)
    };
    stands_in(secret, &rule.placeholders) || repeats()
}

/// Whether a word or a template says that a value will stand here.
fn stands_in(secret: &[u8], own: &[Text]) -> bool {
    WORDS.is_in(secret) || holds_template(secret) || holds_own(secret, own)
}

/// Whether one of a rule's own placeholders stands in it: what is a placeholder to that rule, and to no other.
pub(super) fn holds_own(secret: &[u8], own: &[Text]) -> bool {
    !own.is_empty() && {
        let lower = secret.to_ascii_lowercase();
        own.iter().any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
    }
}

/// Whether a place for a value stands in it, as texts that are filled in have them: `{name}`, `{name:08}`.
fn holds_place(secret: &[u8]) -> bool {
    let is_place = |open: usize| {
        let rest = &secret[open + 1..];
        let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let form = &rest[name..];
        let end = form.iter().take(MAX_PLACE_FORM).position(|byte| *byte == b'}');
        let is_form =
            |form: &[u8]| form.is_empty() || form[0] == b':' && form[1..].iter().all(u8::is_ascii_alphanumeric);
        (3..=MAX_PLACE_NAME).contains(&name)
            && rest[0].is_ascii_alphabetic()
            && end.is_some_and(|end| is_form(&form[..end]))
    };
    memchr::memchr_iter(b'{', secret).any(is_place)
}

/// Whether values or parts of a date are put into it when it is printed: `key%06d`, `%Y-%m-%d`.
fn is_format(secret: &[u8]) -> bool {
    let (mut plain, mut is_strict) = (0, false);
    for at in memchr::memchr_iter(b'%', secret) {
        let rest = &secret[at + 1..];
        let flags = rest.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'l' | b'z')).count();
        let is_number = rest.get(flags).is_some_and(|byte| b"duxXi".contains(byte));
        // `%08d`, `%zu`: nobody draws these. `%20` and `%af` are bytes of a URL.
        is_strict |= flags > 0 && is_number && (rest[0] == b'0' && flags > 1 || b"lz".contains(&rest[0]));
        plain += usize::from(rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit()));
    }
    is_strict || plain >= MIN_DIRECTIVES && plain * MAX_PER_DIRECTIVE >= secret.len()
}

/// So many signs of a format are no chance.
const MIN_DIRECTIVES: usize = 2;
/// So many bytes stand between two of them at most.
const MAX_PER_DIRECTIVE: usize = 4;

/// Longer ones are no names.
const MAX_PLACE_NAME: usize = 24;
/// How a value is written is said in fewer bytes.
const MAX_PLACE_FORM: usize = 10;

/// Whether brackets of a template stand in it, and between them what a template says; the end may be missing.
fn holds_template(secret: &[u8]) -> bool {
    let says = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-.:,|/$\"'()[]<>=?&@+*!#%\\".contains(byte);
    let count = |text: &[u8], byte: u8| text.iter().filter(|other| **other == byte).count();
    let may_open = memchr::memchr3(b'$', b'{', b'<', secret).or_else(|| memchr::memchr2(b'#', b'%', secret)).is_some();
    may_open
        && BRACKETS.iter().any(|(open, close)| {
            memchr::memmem::find_iter(secret, open).any(|at| {
                let rest = &secret[at + open.len()..];
                let end = memchr::memmem::find(rest, close);
                let inside = &rest[..end.unwrap_or(rest.len())];
                // A parenthesis that stays open is chance.
                let parenthesis = *close == b")";
                let nests = end.is_none() || parenthesis;
                let balanced = count(inside, b'(') == count(inside, b')') && count(inside, b'[') == count(inside, b']');
                inside.iter().all(says) && (nests || balanced) && !(parenthesis && end.is_none())
            })
        })
}

/// Passwords of documentation and tests, in lower case: no one else's.
const CONVENTIONAL: &[&[u8]] = &[
    b"admin",
    b"bar",
    b"baz",
    b"changeit",
    b"foo",
    b"guest",
    b"letmein",
    b"mypass",
    b"mypassword",
    b"none",
    b"null",
    b"opensesame",
    b"open sesame",
    b"pass",
    b"passwd",
    b"password",
    b"passwort",
    b"pwd",
    b"qwerty",
    b"root",
    b"secret",
    b"somepassword",
    b"string",
    b"test",
    b"testpass",
    b"testpassword",
    b"token",
    b"user",
    b"username",
];

/// Whether a text, or its password where it is `user:password`, is one of the conventional ones or a placeholder.
pub(super) fn is_conventional_text(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    // A document is judged by its structure.
    if text.starts_with(b"{") || text.starts_with(b"-----BEGIN") {
        return false;
    }
    let password = memchr::memchr(b':', text).map_or(text, |colon| &text[colon + 1..]);
    is_conventional(password) || is_short_number(password) || is_one_word_again(password) || is_placeholder(password)
}

/// Whether it is one of the passwords of documentation and tests, with or without a number.
fn is_conventional(password: &[u8]) -> bool {
    let lower = password.to_ascii_lowercase();
    let stem = lower.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(&lower[..0], |last| &lower[..=last]);
    CONVENTIONAL.contains(&stem)
}

fn is_short_number(password: &[u8]) -> bool {
    password.len() <= 8 && password.iter().all(u8::is_ascii_digit)
}

/// Whether it is one word, written several times.
pub(super) fn is_one_word_again(text: &[u8]) -> bool {
    let mut words = text.trim_ascii().split(u8::is_ascii_whitespace);
    let first = words.next();
    let mut others = words.peekable();
    others.peek().is_some() && others.all(|word| Some(word) == first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rule::RuleSet;

    fn placeholder(text: &str) -> bool {
        is_placeholder(text.as_bytes())
    }

    #[test]
    fn all_published_values_are_known() {
        let lines = PUBLISHED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        assert_eq!(STARTS.len(), lines.count());
        assert!(STARTS.is_sorted() && !is_published(b"quartz-0123"));
    }

    #[test]
    fn what_people_write_instead_of_a_secret() {
        for text in [
            "TESTKEY-EXAMPLE-77",
            "your_key_goes_in",
            "q7Rxxxxxxxxxxxx",
            "aaaaaaaaQ",
            "abcdefghij",
            "0123456789",
            "9876543210zq",
            "ab12ab12ab12ab12",
            "${TOKEN}",
            "q7{{ .Values.token | quote }}",
            "%(token)s",
            "q7${token",
            "q7-{seed}-zt",
            "B%08d%02d",
            "%Y%yq7%mM",
            "000102030405060708090a0b",
            "63ffeeddccbbaa",
            "q7{seed:08x}",
            "changeme",
        ] {
            assert!(placeholder(text), "{text}");
        }
    }

    #[test]
    fn random_values_are_none() {
        for text in [
            "q7Zt0vKxP3mW9sLd",
            "9f86d081884c7d65",
            "hunter2hunter3",
            "q{{7}t)p${e]nob(ody[x>-_$#a}}",
            "q7%2Fzt%af%20mq",
        ] {
            assert!(!placeholder(text), "{text}");
        }
        assert!(stands_in(b"q7Zt0vKxP3mW9sLd", &[Text::from(&"kxp3".to_owned())]));
    }

    proptest! {
        #[test]
        fn a_generic_rule_adds_its_own_placeholders_only(value in "([a-c0-2]{1,12}|quartz|\\$\\{|aaaaaaaa|12345678){1,4}") {
            let mut rule = RuleSet::builtin().rules().iter().find(|rule| rule.kind == Kind::Generic).unwrap().clone();
            rule.placeholders = vec![Text::from(&"quartz".to_owned())];
            let value = value.as_bytes();
            prop_assert_eq!(
                is_placeholder(value) || holds_own(value, &rule.placeholders),
                is_placeholder(value) || is_placeholder_of(&rule, value)
            );
        }
    }
}
