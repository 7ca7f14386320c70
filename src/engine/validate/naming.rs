//! Values that are names: of a secret (`MY_SECRET_KEY`, `private-reg-token`), of a variable, of something in code.

use super::randomness;

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

/// With what names of passwords end, in lower case.
const PASSWORDS: &[&[u8]] = &[b"pass", b"passphrase", b"passwd", b"password", b"passwort", b"pwd"];

/// Whether a name is that of a password: `db_password`, `userPwd`.
pub(super) fn of_password(name: &[u8]) -> bool {
    let end = name.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
    let ends = |word: &&&[u8]| end >= word.len() && name[end - word.len()..end].eq_ignore_ascii_case(word);
    PASSWORDS.iter().any(|word| ends(&word))
}

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
        let is_word = number.len() <= 2 && letters.len() <= MAX_WORD && letters.iter().all(u8::is_ascii_alphabetic);
        let is_short = word.len() <= 4 && word.iter().all(u8::is_ascii_alphanumeric);
        if !is_word && !is_short {
            return false;
        }
        words += 1;
        secrets += usize::from(SECRETS.iter().any(|secret| letters.eq_ignore_ascii_case(secret)));
    }
    words >= 2 && secrets >= 1
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

/// Whether it is a hash of a password with its scheme before it, or the start of one: `$6$salt$hash`.
pub(super) fn is_hash(value: &[u8]) -> bool {
    let scheme = |rest: &[u8]| rest.iter().take(12).position(|byte| *byte == b'$');
    value.strip_prefix(b"$").and_then(scheme).is_some_and(|len| {
        len > 0 && value[1..=len].iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
    })
}

/// Whether it is a number as code writes it, or a colour: `0x1f`, `-0x7fdf969b`, `1_000`, `#a0b1c2`.
pub(super) fn is_number(value: &[u8]) -> bool {
    let colour = value.strip_prefix(b"#").filter(|digits| matches!(digits.len(), 3 | 4 | 6 | 8));
    if colour.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
        return true;
    }
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let hex = value.strip_prefix(b"0x").or_else(|| value.strip_prefix(b"0X"));
    hex.is_some_and(|digits| digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit))
        || value.contains(&b'_') && value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'_')
}

/// Whether it is the name of a variable, with the sign that shells and templates put before it.
pub(super) fn is_variable(value: &[u8]) -> bool {
    value.split_first().is_some_and(|(sign, name)| {
        matches!(sign, b'$' | b'@' | b'!' | b'#' | b'&' | b':')
            && !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for text in ["MY_SECRET_KEY", "private-reg-token2", "@HOST1_PASSWORD@", "CURLOPT_XOAUTH2_BEARER", "S2A_TOKEN"] {
            assert!(names_secret(text.as_bytes()), "{text}");
        }
        for text in ["", "secret", "horse-battery", "token=x_y", "key-q7Zt0vKxP3mW9sLd", "Pa55-word", "$$", "pass word"]
        {
            assert!(!names_secret(text.as_bytes()), "{text}");
        }
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
    fn variables() {
        assert!(is_variable(b"$db_password") && !is_variable(b"$3cr3t") && !is_variable(b"$"));
    }
}
