//! Values that are names: of a secret (`MY_SECRET_KEY`, `private-reg-token`), of a member of something, of an algorithm.

use super::randomness::{self, Bar};

/// Words of which one stands in the name of a secret, in lower case.
const SECRETS: &[&[u8]] = &[
    b"apikey",
    b"auth",
    b"bearer",
    b"cred",
    b"credential",
    b"credentials",
    b"creds",
    b"key",
    b"pass",
    b"passphrase",
    b"passwd",
    b"password",
    b"pw",
    b"pwd",
    b"secret",
    b"secrets",
    b"token",
    b"tokens",
];

/// Longer runs of letters are seldom words of a name.
const MAX_WORD: usize = 12;

/// Whether `value` is made of words of which one says that the whole names a secret: `PASSWORD_2`, `my-secret-token`.
/// What a template puts around a name does not count.
pub(super) fn names_secret(value: &[u8]) -> bool {
    let is_sigil = |byte: &u8| matches!(byte, b'@' | b'%' | b'&' | b'*' | b'<' | b'>' | b'$');
    let Some(start) = value.iter().position(|byte| !is_sigil(byte)) else { return false };
    let end = value.iter().rposition(|byte| !is_sigil(byte)).map_or(start, |last| last + 1);
    let (mut words, mut secrets) = (0, 0);
    for word in value[start..end].split(|byte| matches!(byte, b'-' | b'_')) {
        let len = word.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
        let (letters, number) = word.split_at(len);
        if number.len() > 2 || letters.len() > MAX_WORD || !letters.iter().all(u8::is_ascii_alphabetic) {
            return false;
        }
        words += 1;
        secrets += usize::from(SECRETS.iter().any(|secret| letters.eq_ignore_ascii_case(secret)));
    }
    words >= 2 && secrets >= 1
}

/// Whether it is a name in code that says that it holds a secret, `kSecret` or `k8s_creds`: what is assigned is what it
/// holds.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let is_name = value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let mut words = value
        .split(|byte| *byte == b'_')
        .flat_map(|part| part.chunk_by(|a, b| !(a.is_ascii_lowercase() && b.is_ascii_uppercase())));
    is_name
        && !value[0].is_ascii_digit()
        && randomness::surprise(value) < 5.0
        && words.any(|word| SECRETS.iter().any(|secret| word.eq_ignore_ascii_case(secret)))
}

/// Whether it is words and small numbers with hyphens between them: `eu-west-1`.
pub(super) fn is_slug(value: &[u8]) -> bool {
    let is_piece = |piece: &[u8]| {
        let letters = piece.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let number = &piece[letters..];
        !piece.is_empty() && number.len() <= 2 && number.iter().all(u8::is_ascii_digit)
    };
    value.contains(&b'-') && value.split(|byte| *byte == b'-').all(is_piece) && randomness::surprise(value) < 5.0
}

/// Whether it is a long name of words in mixed case, as code has them: `AssumeRoleWithIdentity`.
pub(super) fn is_camel_case(value: &[u8]) -> bool {
    let humps = value.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    value.len() >= 16
        && humps >= 2
        && value.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'.')
        && randomness::surprise(value) < 4.5
}

/// Whether it is a short word of a sentence, with what ends the sentence or a part of it.
pub(super) fn ends_sentence(value: &[u8]) -> bool {
    let letters = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let mut rest = value[letters..].iter();
    (1..12).contains(&letters) && letters < value.len() && rest.all(|byte| b".,:;!?)".contains(byte))
}

/// Whether it reads like code that names a member of something: `config.tokenSource`.
pub(super) fn is_member_path(value: &[u8]) -> bool {
    let is_name = |part: &[u8]| {
        part.len() < 24
            && part.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
            && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
    };
    value.contains(&b'.') && value.split(|b| *b == b'.').all(is_name)
}

/// Whether it is words with slashes between them: a path, a list of choices, an algorithm (`AES/CBC/PKCS5Padding`).
pub(super) fn is_path(value: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        part.first().is_none_or(u8::is_ascii_alphabetic)
            && part.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            && !randomness::is_random(part, Bar::High)
    };
    value.contains(&b'/') && value.split(|b| *b == b'/').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for text in ["MY_SECRET_KEY", "private-reg-token2", "@HOST1_PASSWORD@", "CURLOPT_XOAUTH2_BEARER"] {
            assert!(names_secret(text.as_bytes()), "{text}");
        }
        for text in ["", "secret", "horse-battery", "token=x_y", "key-q7Zt0vKxP3mW9sLd", "Pa55-word", "$$", "pass word"]
        {
            assert!(!names_secret(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn references_and_slugs() {
        assert!(is_reference(b"XXH3_kSecret") && is_reference(b"k8sCreds") && is_reference(b"token1_key"));
        assert!(!is_reference(b"hunter2") && !is_reference(b"q7Zt0vKeyP3mW9sLd") && !is_reference(b"my-token"));
        assert!(is_slug(b"eu-west-1") && !is_slug(b"sha-256") && is_slug(b"utf-8"));
        assert!(!is_slug(b"hunter2") && !is_slug(b"xq-zjv-wkq") && !is_slug(b"Pa-55"));
    }

    #[test]
    fn names_and_words() {
        assert!(is_camel_case(b"STS.AssumeRoleWithWebIdentity") && is_camel_case(b"getUserByAccessToken"));
        assert!(!is_camel_case(b"TESTKEY-quartz-velvet") && !is_camel_case(b"xkQjvZwpQhgtBrdz"));
        assert!(
            ends_sentence(b"flag:") && ends_sentence(b"here).") && !ends_sentence(b"flag") && !ends_sentence(b"p4ss.")
        );
    }

    #[test]
    fn members_and_paths() {
        assert!(is_member_path(b"config.tokenSource") && !is_member_path(b"config") && !is_member_path(b"a.b!c"));
        assert!(is_path(b"AES/CBC/PKCS5Padding") && is_path(b"//host/api/v1") && !is_path(b"AES"));
        assert!(!is_path(b"lAYYSFmLs4bTjf+lTZ1/LCHR") && !is_path(b"q7Zt0vKxP3mW9sLd/B2cN8rT5yH4jF6gA"));
    }
}
