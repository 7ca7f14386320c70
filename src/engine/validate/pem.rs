//! Private keys between `-----BEGIN ...-----` and `-----END ...-----`: PEM (RFC 7468, RFC 1421), OpenSSH
//! (<https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key>) and `OpenPGP` armour (RFC 9580).
//!
//! Keys are found in sources and logs, so their lines may be separated by real line feeds, by escaped ones, by spaces or
//! by the quotes and operators of a concatenation, and may have marks of a diff in front. What is read as the body is
//! therefore not lines but the words that are long enough and nothing but base64.

use data_encoding::BASE64_NOPAD;
use memchr::memmem;

/// The shortest body of a key: an Ed25519 key takes 48 bytes, an X25519 one in a bare container 32.
const MIN_BYTES: usize = 32;

/// Shorter words are noise, or a last line that is not needed. No one wraps keys this short.
const MIN_WORD: usize = 16;

/// Keys of these labels are DER, whose outermost element is a SEQUENCE.
const DER_LABELS: &[&[u8]] = &[
    b"PRIVATE KEY",
    b"RSA PRIVATE KEY",
    b"EC PRIVATE KEY",
    b"DSA PRIVATE KEY",
    b"ENCRYPTED PRIVATE KEY",
    b"TSS2 PRIVATE KEY",
];

/// Whether the body of the block decodes, to what its label says.
pub(super) fn fits(block: &[u8]) -> bool {
    let Some((label, body)) = split(block) else { return false };
    if [&b"..."[..], b"***", "…".as_bytes()].iter().any(|gap| memmem::find(body, gap).is_some()) {
        return false;
    }
    let mut text = base64_of(body);
    // A body that is cut off need not end with a whole group of characters.
    text.truncate(text.len() / 4 * 4);
    let Ok(key) = BASE64_NOPAD.decode(&text) else { return false };
    key.len() >= MIN_BYTES && is_varied(&text) && starts_right(label, body, &key)
}

/// The label and what stands between the first and the last line; the latter may be missing.
fn split(block: &[u8]) -> Option<(&[u8], &[u8])> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let rest = &block[memmem::find(block, BEGIN)? + BEGIN.len()..];
    let label = &rest[..memmem::find(rest, b"-----")?];
    let body = &rest[label.len() + 5..];
    let end = memmem::find(body, b"-----END").unwrap_or(body.len());
    Some((label, &body[..end]))
}

fn starts_right(label: &[u8], body: &[u8], key: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const OPENSSH: &[u8] = b"openssh-key-v1\0";
    const PACKET: u8 = 0x80;

    if memmem::find(label, b"PGP").is_some() {
        key[0] & PACKET != 0
    } else if memmem::find(label, b"OPENSSH").is_some() {
        key.starts_with(OPENSSH)
    } else if memmem::find(body, b"DEK-Info").is_some() || !DER_LABELS.contains(&label) {
        true
    } else {
        // OpenSSH's own keys are met under older labels, too.
        key[0] == SEQUENCE || key.starts_with(OPENSSH)
    }
}

/// A body of a few different characters was typed by someone.
fn is_varied(text: &[u8]) -> bool {
    let mut seen = [false; 256];
    for &byte in text {
        seen[usize::from(byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count() >= 8
}

/// The base64 of a body, up to its padding.
///
/// Of the headers (`Proc-Type: 4,ENCRYPTED`, `Version: GnuPG v2`) no word is both long and nothing but base64.
fn base64_of(body: &[u8]) -> Vec<u8> {
    let plain = unescape(body);
    let words = || plain.split(|&byte| byte == b' ');
    // In a diff each line has a mark in front. No key starts with one: `+` would be the first byte 0xF8.
    let first = words().find(|word| word.len() > MIN_WORD && is_base64(&word[1..]));
    let mark = first.map(|word| word[0]).filter(|byte| matches!(byte, b'+' | b'-'));

    let mut text = Vec::with_capacity(plain.len());
    for word in words() {
        let word = if !word.is_empty() && word.first() == mark.as_ref() { &word[1..] } else { word };
        let bare = word.iter().position(|byte| *byte == b'=').map_or(word, |at| &word[..at]);
        let padded = bare.len() < word.len();
        if is_base64(bare) && (padded || bare.len() >= MIN_WORD) {
            text.extend_from_slice(bare);
        }
        // Behind the padding there is at most the checksum of `OpenPGP`, which starts with the same character.
        if padded && !text.is_empty() {
            break;
        }
    }
    text
}

fn is_base64(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// The body with a space for all that separates words: white space, quotes and escapes, of one backslash or more. The
/// escapes of characters (`\/` and `\u002b`, as JSON writers make them) become those characters.
fn unescape(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(body.len());
    let mut rest = body;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'\\' => {
                let backslashes = after.iter().take_while(|byte| **byte == b'\\').count();
                let (made, taken) = match &after[backslashes..] {
                    [b'/', ..] => (b'/', 1),
                    [b'n' | b'r' | b't', ..] => (b' ', 1),
                    [b'u', b'0', b'0', high, low, ..] => (character(*high, *low), 5),
                    _ => (b' ', 0),
                };
                plain.push(made);
                rest = &after[backslashes + taken..];
            }
            b'"' | b'\'' | b'`' => plain.push(b' '),
            byte if byte.is_ascii_whitespace() => plain.push(b' '),
            byte => plain.push(*byte),
        }
    }
    plain
}

/// The character of two hex digits, a space where it is none of base64.
fn character(high: u8, low: u8) -> u8 {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let code = digit(high).zip(digit(low)).map_or(b' ', |(high, low)| (high * 16 + low) as u8);
    if is_base64(&[code]) || code == b'=' { code } else { b' ' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Sample;

    /// A block of random lines; `start` is the base64 of what such a key starts with.
    fn block(label: &str, start: &str) -> String {
        let template = format!("{start}{{base64:{}}}\n{{base64-lines:3}}\n{{base64:42}}==", 64 - start.len());
        framed(label, &String::from_utf8(Sample::parse(&template).unwrap().fill(1, None).text).unwrap())
    }

    fn framed(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----")
    }

    fn pkcs8() -> String {
        block("PRIVATE KEY", "MIIB")
    }

    fn holds(text: &str) -> bool {
        fits(text.as_bytes())
    }

    #[test]
    fn every_kind_fits_its_label_and_no_other() {
        let openssh = data_encoding::BASE64.encode(b"openssh-key-v1\0");
        for label in DER_LABELS {
            let label = std::str::from_utf8(label).unwrap();
            assert!(holds(&block(label, "MIIB")) && holds(&block(label, &openssh)), "{label}");
            assert!(!holds(&block(label, "AIIB")), "{label}");
        }
        assert!(holds(&block("OPENSSH PRIVATE KEY", &openssh)));
        assert!(!holds(&block("OPENSSH PRIVATE KEY", "MIIB")));
        assert!(holds(&block("PGP PRIVATE KEY BLOCK", "lQWG")));
        assert!(!holds(&block("PGP PRIVATE KEY BLOCK", "MIIB")));
        assert!(holds(&block("NEBULA ED25519 PRIVATE KEY", "")));
    }

    #[test]
    fn lines_may_be_separated_in_many_ways() {
        let key = pkcs8();
        for separator in ["\r\n", "\\n", "\\\\n", "\\r\\n", "\\\\\\\\n", " ", "\n    ", "\\n\\\n", "\\u000a", "\n> "] {
            assert!(holds(&key.replace('\n', separator)), "{separator:?}");
        }
        for (separator, end) in
            [("\" +\n  \"", ""), ("\\n\"\n + \"", ""), ("\",\n\"", "\"]"), ("' . '", "'"), ("\\n' \\\n '", "'")]
        {
            assert!(holds(&format!("{}{end}", key.replace('\n', separator))), "{separator:?}");
        }
        for mark in ["\n+", "\n-", "\n#5 0.228 ", "\n// "] {
            assert!(holds(&key.replace('\n', mark)), "{mark:?}");
        }
        assert!(holds(&key.replace('/', "\\/")) && holds(&key.replace('+', "\\u002B")));
    }

    #[test]
    fn headers_are_passed_over() {
        let encrypted = block("RSA PRIVATE KEY", "AIIB");
        let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123456789ABCDEF0123456789ABCDEF\n\n";
        assert!(!holds(&encrypted));
        assert!(holds(&encrypted.replace("-----\nA", &format!("-----\n{headers}A"))));
        assert!(holds(&encrypted.replace("-----\nA", &format!("-----\n{headers}A")).replace('\n', "\\n")));

        let armour = block("PGP PRIVATE KEY BLOCK", "lQWG");
        let headers = "Version: GnuPG v1.4.11 (GNU/Linux)\nComment: https://example.com/documentation\n\n";
        let armour = armour.replace("-----\nl", &format!("-----\n{headers}l"));
        assert!(holds(&armour) && holds(&armour.replace("==\n", "==\n=ab12\n")));
        assert!(holds(&armour.replace("==\n", "\n=ab12\n")));
    }

    #[test]
    fn the_last_line_may_be_missing_and_the_body_cut() {
        let key = pkcs8();
        let end = key.find("-----END").unwrap();
        for len in 100..end {
            assert!(holds(&key[..len]), "{len}");
        }
    }

    #[test]
    fn placeholders_do_not_fit() {
        let repeated = "MIIB".repeat(60);
        let a = "A".repeat(200);
        let words = "put the contents of the private key of your service account right here, please".repeat(3);
        for body in ["", "...", "MIIEvQ...", "***", "YOUR KEY HERE", "MIIEvQIBADANBg==", &repeated, &a, &words] {
            assert!(!holds(&framed("PRIVATE KEY", body)) && !holds(&framed("OTHER KEY", body)), "{body}");
        }
        assert!(!holds(&pkcs8().replace("==", "...")) && !holds(&pkcs8().replace("==", "…")));
    }

    #[test]
    fn what_is_no_block_does_not_fit() {
        let key = pkcs8();
        for len in [0, 5, 11, 20, 27] {
            assert!(!holds(&key[..len]), "{len}");
        }
        assert!(!holds(&key.replace("-----BEGIN", "-----")));
    }

    #[test]
    fn hostile_texts_do_no_harm() {
        for noise in ["\\", "\\u00", "\\\\n+", "=", "+ ", "-----BEGIN ", "MIIB= "] {
            holds(&framed("PRIVATE KEY", &noise.repeat((1 << 16) / noise.len())));
        }
    }
}
