//! Names of secrets, and values that are names or labels themselves: `MY_SECRET_KEY`, `private-reg-token`, `$password`.

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
    ends_with(name, PASSWORDS)
}

/// With what names of values end that are called keys and are public by their standard, in lower case.
const NONCES: &[&[u8]] = &[b"websocket-key", b"websocket_key"];

/// Whether a name is that of a value which anyone may see: `Sec-WebSocket-Key1`, a nonce.
pub(super) fn of_nonce(name: &[u8]) -> bool {
    ends_with(name, NONCES)
}

/// Whether a name ends with one of these, in any case, or does before a number.
fn ends_with(name: &[u8], ends: &[&[u8]]) -> bool {
    let end = name.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
    let name = &name[..end];
    // The last letter decides nearly always.
    let last = name.last().map(u8::to_ascii_lowercase);
    ends.iter()
        .filter(|word| word.last().copied() == last)
        .any(|word| name.len() >= word.len() && name[name.len() - word.len()..].eq_ignore_ascii_case(word))
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
        && value.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_'))
        && randomness::surprise(value) < 4.5
}

/// Whether it is a short word of a sentence, with what ends the sentence or a part of it.
pub(super) fn ends_sentence(value: &[u8]) -> bool {
    let letters = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let mut rest = value[letters..].iter();
    (1..12).contains(&letters) && letters < value.len() && rest.all(|byte| b".,:;!?)".contains(byte))
}

/// The word for a password in other languages, or the beginning of its forms, in lower case.
const PASSWORDS_ABROAD: &[&str] = &[
    "adgangskode",
    "contrase",
    "cyfrinair",
    "geslo",
    "has\u{142}o",
    "haslo",
    "heslo",
    "jelsz",
    "kennwort",
    "l\u{f6}senord",
    "lozink",
    "mot de passe",
    "parola",
    "parole",
    "parool",
    "pasahitz",
    "passord",
    "passwort",
    "salasana",
    "senha",
    "sifre",
    "\u{15f}ifre",
    "slapta\u{17e}od",
    "wachtwoord",
    "\u{43f}\u{430}\u{440}\u{43e}\u{43b}",
    "\u{5bc6}\u{7801}",
    "\u{5bc6}\u{78bc}",
    "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}",
    "\u{be44}\u{bc00}\u{bc88}\u{d638}",
];

/// Whether it is a label that asks for a password, in another language: it holds the word for it and no digit.
pub(super) fn is_label(value: &[u8]) -> bool {
    !value.iter().any(u8::is_ascii_digit)
        && std::str::from_utf8(value).is_ok_and(|text| {
            let lower = text.to_lowercase();
            PASSWORDS_ABROAD.iter().any(|word| lower.contains(word))
        })
}

/// Whether it is the name of a variable, with the sign that shells and templates put before it, or what stands before the
/// `>` of an arrow behind one: `$self-`.
pub(super) fn is_variable(value: &[u8]) -> bool {
    let value = if value.starts_with(b"$") { value.strip_suffix(b"-").unwrap_or(value) } else { value };
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
        assert!(is_camel_case(b"STS.AssumeRoleWithWebIdentity") && is_camel_case(b"test_getUserByAccessToken"));
        assert!(!is_camel_case(b"TESTKEY-quartz-velvet") && !is_camel_case(b"xkQjvZwpQhgtBrdz"));
        assert!(
            ends_sentence(b"flag:") && ends_sentence(b"here).") && !ends_sentence(b"flag") && !ends_sentence(b"p4ss.")
        );
    }

    #[test]
    fn labels() {
        assert!(
            is_label("Nieuw Wachtwoord".as_bytes())
                && is_label("\u{41f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}".as_bytes())
        );
        assert!(!is_label(b"wachtwoord7") && !is_label(b"quartz"));
    }

    #[test]
    fn variables() {
        assert!(
            is_variable(b"$db_password") && is_variable(b"$self-") && !is_variable(b"$3cr3t") && !is_variable(b"$")
        );
    }
}
