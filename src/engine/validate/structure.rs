//! Structures that the secrets of a format have beyond what a regex can say: encodings that have to decode, to something
//! of a known shape.
//!
//! All of them are read once from start to end, and take memory in proportion to the secret.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD};
use memchr::memmem;

use super::{json, pem, placeholder};
use crate::rule::Structure;

/// Whether `secret` has the structure.
pub(crate) fn check(structure: Structure, secret: &[u8]) -> bool {
    match structure {
        Structure::Jwt => is_jwt(secret),
        Structure::Pem => pem::fits(secret),
        Structure::AwsAccount => is_aws_key_id(secret),
        Structure::BasicAuth => is_basic_auth(secret),
        Structure::Base64Json => is_base64_json(secret),
        Structure::DiscordBot => is_discord_bot(secret),
        Structure::Nuget => is_nuget(secret),
        Structure::JfrogReference => is_jfrog_reference(secret),
    }
}

/// The account to which an AWS access key belongs; `None` where its id does not tell.
///
/// The sixteen characters behind the four of the kind are base32. Where the first of their bits is set, which is so for
/// all that were issued since 2019, the next forty are the account:
/// <https://medium.com/@TalBeerySec/a-short-note-on-aws-key-id-f88cc4317489>.
pub(crate) fn aws_account_id(secret: &[u8]) -> Option<u64> {
    let number = aws_key_number(secret)?;
    let account = number >> 7 & ((1 << 40) - 1);
    (number >> 47 == 1 && account <= MAX_AWS_ACCOUNT).then_some(account)
}

/// Account ids have twelve digits.
const MAX_AWS_ACCOUNT: u64 = 999_999_999_999;

/// The first 48 bits of a key id behind its kind.
fn aws_key_number(secret: &[u8]) -> Option<u64> {
    let (kind, id) = secret.split_at_checked(4)?;
    if id.len() != 16 || kind[0] != b'A' || !kind.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9')) {
        return None;
    }
    let bytes = BASE32_NOPAD.decode(id).ok()?;
    bytes.iter().take(6).try_fold(0, |number, byte| Some(number << 8 | u64::from(*byte)))
}

/// A key id that embeds an account, or one of the older form (`AKIAI...`, `AKIAJ...`), which embeds none.
fn is_aws_key_id(secret: &[u8]) -> bool {
    aws_key_number(secret).is_some_and(|number| number >> 47 == 0) || aws_account_id(secret).is_some()
}

/// A JSON Web Token (RFC 7519) in its signed form (RFC 7515): header, payload and signature.
fn is_jwt(secret: &[u8]) -> bool {
    let mut parts = secret.split(|byte| *byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let decode = |part: &[u8]| BASE64URL_NOPAD.decode(without_padding(part)).ok();
    let (Some(header), Some(payload)) = (decode(header), decode(payload)) else { return false };

    let mut algorithm = None;
    let well_formed = json::is_object(&header, |name, value| {
        if name == b"alg" {
            algorithm = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        }
    });
    let Some(algorithm) = algorithm.filter(|algorithm| !algorithm.is_empty()) else { return false };
    let signature = without_padding(signature);
    let unsigned = algorithm.eq_ignore_ascii_case(b"none");
    well_formed
        && json::is_object(&payload, |_, _| ())
        && (unsigned || !signature.is_empty())
        && signature.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Base64 of `user:password` (RFC 7617), neither of them empty, in printable UTF-8.
fn is_basic_auth(secret: &[u8]) -> bool {
    let Some(decoded) = decode_base64(secret) else { return false };
    let Ok(text) = std::str::from_utf8(&decoded) else { return false };
    // `echo user:password | base64` encodes a line feed, too.
    let text = text.trim_end_matches(['\r', '\n']);
    let pair = text.split_once(':').filter(|(user, password)| !user.is_empty() && !password.is_empty());
    pair.is_some() && !text.contains(char::is_control)
}

/// Base64 of a JSON object: the whole, or what stands behind a prefix (`ops_`), or that up to the last underscore, where
/// a signature follows (`sntrys_...`). What it calls a key is no placeholder.
fn is_base64_json(secret: &[u8]) -> bool {
    let is_object = |text: &[u8]| {
        let mut genuine = true;
        let holds_key = |name: &[u8]| memmem::find(name, b"key").is_some();
        let well_formed = decode_base64(text).is_some_and(|text| {
            json::is_object(&text, |name, value| {
                genuine &= !(holds_key(name) && placeholder::is_placeholder(value));
            })
        });
        well_formed && genuine
    };
    let unprefixed = memchr::memchr(b'_', secret).map(|at| &secret[at + 1..]);
    let unsigned = unprefixed.and_then(|rest| memchr::memrchr(b'_', rest).map(|at| &rest[..at]));
    [Some(secret), unprefixed, unsigned].into_iter().flatten().any(is_object)
}

/// A Discord bot token: three parts, of which the first is base64 of the bot's id, a number of 17 to 20 digits.
/// <https://discord.com/developers/docs/reference#snowflakes>
fn is_discord_bot(secret: &[u8]) -> bool {
    let mut parts = secret.split(|byte| *byte == b'.');
    let id = parts.next().and_then(decode_base64);
    id.is_some_and(|id| (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit))
        && parts.by_ref().take(2).filter(|part| !part.is_empty()).count() == 2
        && parts.next().is_none()
}

/// A `NuGet` API key: 20 characters of base32 of `v4` and an id, 26 of a password of 16 bytes; in lower case, and
/// accepted in any.
/// <https://github.com/NuGet/NuGetGallery/blob/main/src/NuGetGallery.Services/Authentication/ApiKeyV4.cs>
fn is_nuget(secret: &[u8]) -> bool {
    let secret = secret.to_ascii_uppercase();
    let Some((id, password)) = secret.split_at_checked(20) else { return false };
    // Bits beyond the last whole byte have to be zero for either part to decode.
    BASE32_NOPAD.decode(id).is_ok_and(|id| id.starts_with(b"v4"))
        && BASE32_NOPAD.decode(password).is_ok_and(|password| password.len() == 16)
}

/// A `JFrog` reference token: base64 of `reftkn:`, a version, the time of its end and the token.
/// <https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens>
fn is_jfrog_reference(secret: &[u8]) -> bool {
    let Some(decoded) = decode_base64(secret) else { return false };
    let Some(rest) = decoded.strip_prefix(b"reftkn:") else { return false };
    let parts: Vec<&[u8]> = rest.splitn(3, |byte| *byte == b':').collect();
    let [version, end, token] = parts[..] else { return false };
    version.len() == 2
        && !end.is_empty()
        && [version, end].iter().all(|number| number.iter().all(u8::is_ascii_digit))
        && !token.is_empty()
        && token.iter().all(u8::is_ascii_graphic)
}

/// The text of which `secret` is the base64: printable ASCII, which the bytes of a random value of twelve characters are
/// in one of several thousand cases, and of more characters in hardly any.
pub(super) fn text_in_base64(secret: &[u8]) -> Option<Vec<u8>> {
    let encoded = secret.len() >= 12 && !secret.iter().all(u8::is_ascii_hexdigit);
    let text = encoded.then(|| decode_base64(secret)).flatten()?;
    text.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()).then_some(text)
}

/// Whether it is base64 of a public key or a certificate (RFC 5280): a SEQUENCE that starts with an algorithm and goes on
/// with a BIT STRING, or one that starts with what is certified; or a public key of SSH (RFC 4253).
pub(super) fn is_public_key(secret: &[u8]) -> bool {
    secret.split(|byte| *byte == b' ').any(is_ssh_key) || is_der_key(secret)
}

/// Whether it starts with the name of an algorithm and its length in four bytes.
fn is_ssh_key(base64: &[u8]) -> bool {
    let head = || BASE64_NOPAD.decode(base64.get(..16)?).ok();
    base64.starts_with(b"AAAA")
        && head().is_some_and(|head| [&b"ssh-"[..], b"ecdsa-", b"sk-"].iter().any(|name| head[4..].starts_with(name)))
}

fn is_der_key(secret: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const OBJECT_ID: u8 = 0x06;
    const BIT_STRING: u8 = 0x03;
    const VERSION: u8 = 0xA0;

    // The head says all, and the end may be cut off.
    let head = &secret[..secret.len().min(64) / 4 * 4];
    let Some(key) = secret.starts_with(b"M").then(|| BASE64_NOPAD.decode(head).ok()).flatten() else { return false };
    let Some((SEQUENCE, _, content)) = der_element(&key) else { return false };
    let Some((SEQUENCE, len, inner)) = der_element(content) else { return false };
    inner.first() == Some(&VERSION)
        || inner.first() == Some(&OBJECT_ID) && inner.get(len..).is_some_and(|rest| rest.first() == Some(&BIT_STRING))
}

/// The tag, the length and the content of the DER element at the start, which may be cut off.
fn der_element(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&len, rest) = rest.split_first()?;
    if len < 0x80 {
        return Some((tag, usize::from(len), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(len & 0x7F))?;
    let len = digits.iter().fold(0usize, |len, digit| len.saturating_mul(256).saturating_add(usize::from(*digit)));
    Some((tag, len, rest))
}

/// Base64 of either alphabet, with or without padding.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = without_padding(text);
    let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let encoding = if url { BASE64URL_NOPAD } else { BASE64_NOPAD };
    encoding.decode(text).ok()
}

/// The text without the at most two characters of padding at its end.
fn without_padding(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"=").unwrap_or(text);
    text.strip_suffix(b"=").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE32, BASE64, BASE64URL};
    use proptest::prelude::*;

    use super::*;
    use crate::rule::Sample;

    const ALL: [Structure; 8] = [
        Structure::Jwt,
        Structure::Pem,
        Structure::AwsAccount,
        Structure::BasicAuth,
        Structure::Base64Json,
        Structure::DiscordBot,
        Structure::Nuget,
        Structure::JfrogReference,
    ];

    /// Whether all texts of the template have the structure, or none.
    fn holds(structure: Structure, template: &str) -> bool {
        let sample = Sample::parse(template).unwrap();
        let mut answers = (0..20).map(|seed| check(structure, &sample.fill(seed, None).text));
        let first = answers.next().unwrap();
        assert!(answers.all(|answer| answer == first), "{template}");
        first
    }

    #[test]
    fn jwt() {
        let holds = |template: &str| holds(Structure::Jwt, template);
        let header = r#"{base64url-of:{{"alg":"HS256","typ":"JWT"}}}"#;
        let payload = r#"{base64url-of:{{"sub":"{digits:10}","roles":["{lower:3-9}"],"exp":null}}}"#;
        assert!(holds(&format!("{header}.{payload}.{{base64url:43}}")));
        assert!(holds(&format!("{header}==.{payload}=.{{base64url:43}}=")));
        assert!(holds(&format!(r#"{{base64url-of:{{{{"typ":"JWT", "alg": "none"}}}}}}.{payload}."#)));

        assert!(!holds(&format!("{header}.{payload}.")), "not signed");
        assert!(!holds(&format!("{header}.{payload}.{{base64url:43}}.{{base64url:4}}")), "four parts");
        assert!(!holds(&format!("{header}.{payload}")), "two parts");
        assert!(!holds(&format!("{header}.{payload}.{{base64url:20}}+")), "wrong alphabet");
        assert!(!holds(&format!("{header}.{payload}A.{{base64url:43}}")), "one character more");
        assert!(!holds(&format!("{header}.{{base64url-of:{{lower:20}}}}.{{base64url:43}}")), "a payload of no JSON");
        assert!(!holds(&format!("{header}.{{base64url-of:[1,2,3]}}.{{base64url:43}}")), "a payload of no object");
        for header in [r#"{{"typ":"JWT"}}"#, r#"{{"alg":1}}"#, r#"{{"alg":""}}"#, r#"{{"a":{{"alg":"HS256"}}}}"#] {
            assert!(!holds(&format!("{{base64url-of:{header}}}.{payload}.{{base64url:43}}")), "{header}");
        }
    }

    /// The key id of an account, in the form of 2019.
    fn key_id(account: u64) -> String {
        let number = 1 << 47 | account << 7 | 0x55;
        format!("AKIA{}", BASE32.encode(&[&number.to_be_bytes()[2..], &[1, 2, 3, 4]].concat()))
    }

    #[test]
    fn aws_accounts() {
        for account in [0, 1, 123_456_789_012, 581_039_954_779, MAX_AWS_ACCOUNT] {
            assert_eq!(aws_account_id(key_id(account).as_bytes()), Some(account));
            assert!(check(Structure::AwsAccount, key_id(account).as_bytes()));
        }
        let beyond = key_id(MAX_AWS_ACCOUNT + 1);
        assert_eq!(aws_account_id(beyond.as_bytes()), None);
        assert!(!check(Structure::AwsAccount, beyond.as_bytes()));

        for old in ["AKIAI{base32:15}", "AKIAJ{base32:15}", "ASIAI{base32:15}"] {
            assert!(holds(Structure::AwsAccount, old));
            assert_eq!(aws_account_id(&Sample::parse(old).unwrap().fill(1, None).text), None);
        }
        for wrong in
            ["AKIAI{base32:14}", "AKIAI{base32:16}", "AKIAI{base32:14}1", "AKIAI{base32-lower:15}", "akiaI{base32:15}"]
        {
            assert!(!holds(Structure::AwsAccount, wrong), "{wrong}");
        }
    }

    #[test]
    fn basic_auth() {
        let holds = |text: &str| check(Structure::BasicAuth, BASE64.encode(text.as_bytes()).as_bytes());
        assert!(
            holds("user:password") && holds("user:pass:word") && holds("müller:pässword") && holds("user:password\n")
        );
        assert!(!holds("user:") && !holds(":password") && !holds("user") && !holds("") && !holds("user:pass\0word"));
        assert!(!check(Structure::BasicAuth, BASE64.encode(b"user:\xFFpassword").as_bytes()));
        assert!(!check(Structure::BasicAuth, b"user:password"));
    }

    #[test]
    fn base64_json() {
        let holds = |template: &str| holds(Structure::Base64Json, template);
        assert!(holds(r#"{base64-of:{{"k":"{base62:32}","n":"{lower:1-8}","id":1}}}"#));
        assert!(holds(r#"ops_{base64url-of:{{"email":"{lower:1-8}@example.com"}}}"#));
        assert!(holds(r#"sntrys_{base64-of:{{"iat":1{digits:9},"url":"{lower:4-9}"}}}_{base64:43}"#));
        assert!(!holds(r#"{base64-of:["{base62:32}"]}"#) && !holds("eyJ{base62:60}") && !holds("{lower:9}"));
        assert!(!holds(r#"{base64-of:{{"k":"{base62:32}"}"#) && !holds(r#"{base64-of:{{"k":"{base62:32}"}}}AAAA"#));
    }

    #[test]
    fn discord_bots() {
        let holds = |template: &str| holds(Structure::DiscordBot, template);
        for digits in 17..=20 {
            assert!(holds(
                &format!("{{base64-of:{{digits:{digits}}}}}.{{base64url:6}}.{{base64url:27}}").replace('=', "")
            ));
        }
        for wrong in [
            "{base64-of:{digits:16}}.{base64url:6}.{base64url:27}",
            "{base64-of:{digits:21}}.{base64url:6}.{base64url:27}",
            "{base64-of:{digits:17}a}.{base64url:6}.{base64url:27}",
            "{digits:18}.{base64url:6}.{base64url:27}",
            "{base64-of:{digits:18}}.{base64url:6}.",
            "{base64-of:{digits:18}}.{base64url:6}",
            "{base64-of:{digits:18}}.{base64url:6}.{base64url:27}.",
        ] {
            assert!(!holds(wrong), "{wrong}");
        }
    }

    #[test]
    fn nuget_keys() {
        let holds = |text: &str| check(Structure::Nuget, text.as_bytes());
        let encode = |bytes: &[u8]| BASE32_NOPAD.encode(bytes).to_lowercase();
        let right = encode(b"v4\x01\x82\x03\x84\x05\x86\x07\x88\x09\x8A") + &encode(&[0x5A; 16]);
        assert_eq!((right.len(), &right[..3]), (46, "oy2"));
        assert!(holds(&right) && holds(&right.to_uppercase()));
        assert!(!holds(&right[..45]) && !holds(&format!("{right}a")) && !holds(&right.replace("oy2", "oy3")));
        for (at, wrong) in [(19, "b"), (45, "b"), (30, "1")] {
            assert!(!holds(&format!("{}{wrong}{}", &right[..at], &right[at + 1..])), "{at}");
        }
    }

    #[test]
    fn jfrog_references() {
        let holds = |template: &str| holds(Structure::JfrogReference, template);
        assert!(holds("{base64-of:reftkn:01:{digits:10}:{base62:27}}"));
        for wrong in [
            "{base64-of:reftkn:x1:{digits:10}:{base62:27}}",
            "{base64-of:reftkn:01:{lower:10}:{base62:27}}",
            "{base64-of:reftkn:01:{digits:10}:}",
            "{base64-of:reftkn:01:{digits:10}}",
            "{base64-of:reftkn:There are others.}",
            "{base64-of:reftok:01:{digits:10}:{base62:27}}",
        ] {
            assert!(!holds(wrong), "{wrong}");
        }
    }

    #[test]
    fn public_keys() {
        let spki = [
            &[0x30, 0x82, 1, 0x22, 0x30, 13, 6, 9, 42, 0x86, 0x48, 0x86, 0xF7, 13, 1, 1, 1, 5, 0, 3, 0x82][..],
            &[7; 60],
        ];
        let certificate = [&[0x30, 0x82, 3, 0x22, 0x30, 0x82, 2, 0x22, 0xA0, 3, 2, 1, 2][..], &[7; 60]];
        let pkcs8 = [&[0x30, 0x82, 4, 0x22, 2, 1, 0, 0x30, 13, 6, 9, 42, 0x86, 0x48, 0x86, 0xF7, 13, 1][..], &[7; 60]];
        let holds = |der: [&[u8]; 2]| is_public_key(BASE64.encode(&der.concat()).as_bytes());
        assert!(holds(spki) && holds(certificate) && !holds(pkcs8));
        assert!(
            !is_public_key(b"")
                && !is_public_key(b"M")
                && !is_public_key(b"MP__")
                && !is_public_key(b"MIIEvQIBADANBgkq")
        );
    }

    #[test]
    fn long_texts_are_read_once() {
        let deep = format!("{{\"a\":{}", "[".repeat(40_000));
        let deep = BASE64URL.encode(deep.as_bytes());
        for text in ["A".repeat(1 << 16), "=".repeat(1 << 16), "._".repeat(1 << 15), format!("{deep}.{deep}.x")] {
            for structure in ALL {
                assert!(!check(structure, text.as_bytes()));
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), start in "(-----BEGIN (PGP )?PRIVATE KEY-----)?") {
            let text = [start.as_bytes(), &bytes].concat();
            for structure in ALL {
                check(structure, &text);
            }
            aws_account_id(&text);
        }
    }
}
