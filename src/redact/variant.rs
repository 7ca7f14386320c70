//! The forms in which a known secret is met in output: escaped, quoted, encoded, in parts.

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// A form that is shorter than this says too little.
const MIN_LEN: usize = 8;
/// The shortest line of a key, and the shortest leaf of a document, that is a secret by itself.
const MIN_LINE: usize = 40;
const MIN_LEAF: usize = 16;

/// All forms of `secret` but the secret itself, each once, none shorter than eight bytes.
pub(super) fn variants(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = Vec::new();
    let trimmed = secret.trim_ascii();
    forms.push(trimmed.to_vec());
    parts(trimmed, &mut forms);
    let plain = forms.clone();
    for text in plain.iter().filter(|text| text.len() >= 4) {
        escapes(text, &mut forms);
        quotes(text, &mut forms);
        encodings(text, &mut forms);
    }
    encodings(secret, &mut forms);
    forms.retain(|form| form.len() >= MIN_LEN && form != secret);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Parts that are secrets themselves, and the same lines otherwise ended.
fn parts(secret: &[u8], forms: &mut Vec<Vec<u8>>) {
    let lines: Vec<&[u8]> = secret.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    if lines.len() > 1 {
        for separator in ["\n", "\r\n", "\r\r\n", " ", "\\n", "\\\\n", "\\r\\n", "", "\n  ", "\n    "] {
            forms.push(lines.join(separator.as_bytes()));
        }
        let body: Vec<&[u8]> = lines.iter().copied().filter(|line| !line.starts_with(b"-----")).collect();
        forms.push(body.concat());
        forms.extend(body.iter().filter(|line| line.len() >= MIN_LINE).map(|line| line.to_vec()));
    }
    // A token of three parts: what is signed, and the signature.
    let dots: Vec<usize> = secret.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at).collect();
    if secret.starts_with(b"eyJ")
        && let [_, second] = dots[..]
    {
        forms.extend([secret[..second].to_vec(), secret[second + 1..].to_vec()]);
    }
    // `scheme://user:password@host`.
    if let Some(scheme) = memchr::memmem::find(secret, b"://") {
        let rest = &secret[scheme + 3..];
        let authority = &rest[..rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len())];
        let user_info = memchr::memrchr(b'@', authority).map(|at| &authority[..at]);
        if let Some(password) = user_info.and_then(|info| memchr::memchr(b':', info).map(|at| &info[at + 1..])) {
            forms.push(password.to_vec());
            forms.push(percent_decoded(password));
        }
    }
    // The strings of a document that could be keys.
    if secret.starts_with(b"{") {
        for leaf in secret.split(|byte| *byte == b'"').skip(1).step_by(2) {
            let kinds = [u8::is_ascii_digit, u8::is_ascii_alphabetic].map(|is| leaf.iter().any(is));
            let spaced = leaf.contains(&b' ') && !leaf.starts_with(b"-----");
            if leaf.len() >= MIN_LEAF && kinds == [true, true] && !spaced && !leaf.starts_with(b"http") {
                forms.push(leaf.to_vec());
                forms.push(replaced(leaf, b"\\n", b"\n"));
            }
        }
    }
}

fn escapes(text: &[u8], forms: &mut Vec<Vec<u8>>) {
    for (slash, upper, all) in [(false, false, false), (true, false, false), (false, true, false), (false, false, true)]
    {
        let once = json(text, slash, upper, all);
        // A string in a string.
        forms.push(json(&once, false, upper, false));
        forms.push(once);
    }
    for (upper, plus, keep) in [
        (true, false, &b"-_.~"[..]),
        (false, false, b"-_.~"),
        (true, true, b"-_.*"),
        (false, true, b"-_.*"),
        (true, false, b"-_.!~*'()"),
        (true, false, b"-_.~:/?#[]@!$&'()*+,;="),
    ] {
        forms.push(percent(text, upper, plus, keep));
    }
    for (quote, apostrophe) in [("&quot;", "&#39;"), ("&quot;", "&apos;"), ("&#34;", "&#39;"), ("\"", "'")] {
        forms.push(each(text, |byte, out| match byte {
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            b'"' => out.extend(quote.bytes()),
            b'\'' => out.extend(apostrophe.bytes()),
            byte => out.push(byte),
        }));
    }
}

fn quotes(text: &[u8], forms: &mut Vec<Vec<u8>>) {
    let with = |chars: &[u8], escape: u8| {
        each(text, |byte, out| {
            if chars.contains(&byte) {
                out.push(escape);
            }
            out.push(byte);
        })
    };
    // Shells: single quotes in two manners, double quotes, no quotes, `$'...'`; make; cmd.
    forms.push(replaced(text, b"'", b"'\\''"));
    forms.push(replaced(text, b"'", b"'\"'\"'"));
    forms.push(with(b"\"\\$`", b'\\'));
    forms.push(with(b"\"\\$`!", b'\\'));
    forms.push(with(b" \t\"'\\$`!&|;<>()[]{}*?#~^=", b'\\'));
    forms.push(with(b"'\\", b'\\'));
    forms.push(replaced(text, b"$", b"$$"));
    forms.push(with(b"^&|<>()%!\"", b'^'));
    forms.push(replaced(text, b"%", b"%%"));
    // SQL, `PowerShell`.
    forms.push(replaced(text, b"'", b"''"));
    forms.push(replaced(text, b"\"", b"\"\""));
    forms.push(with(b"\"'`$", b'`'));
    // Go's %q and Python's repr: bytes beyond ASCII by their numbers.
    for quote in [b'"', b'\''] {
        forms.push(each(text, |byte, out| match byte {
            b'\\' => out.extend(b"\\\\"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            byte if byte == quote => out.extend([b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            byte => out.extend(format!("\\x{byte:02x}").bytes()),
        }));
    }
}

fn encodings(text: &[u8], forms: &mut Vec<Vec<u8>>) {
    let base64 = stable_base64(text);
    for core in &base64 {
        forms.extend(stable_base64(core));
    }
    forms.extend(base64);
    for hex in [HEXLOWER.encode(text), HEXUPPER.encode(text)] {
        let pairs: Vec<&str> = hex.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
        forms.extend([":", "\\x"].map(|separator| pairs.join(separator).into_bytes()));
        forms.push(hex.into_bytes());
    }
    if text.is_ascii() {
        // Both byte orders have the characters with one NUL between two of them.
        let mut wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
        wide.pop();
        forms.push(wide);
    } else if let Ok(text) = std::str::from_utf8(text) {
        forms.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        forms.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
}

/// The characters of base64 that say nothing but `text`, for each of the three places it may have in what is encoded,
/// in both alphabets.
fn stable_base64(text: &[u8]) -> Vec<Vec<u8>> {
    let mut cores = Vec::new();
    for shift in 0..3 {
        let shifted = [&vec![0; shift][..], text].concat();
        // Characters of which all six bits are the text's.
        let (from, to) = ((8 * shift).div_ceil(6), 8 * shifted.len() / 6);
        if from < to {
            for encoded in [BASE64.encode(&shifted), BASE64URL.encode(&shifted)] {
                cores.push(encoded.as_bytes()[from..to].to_vec());
            }
        }
    }
    cores.retain(|core| core.len() >= MIN_LEN);
    cores
}

fn json(text: &[u8], escape_slash: bool, upper: bool, all: bool) -> Vec<u8> {
    let unit = |unit: u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    let mut out = Vec::with_capacity(text.len() + 8);
    // What is no UTF-8 cannot stand in JSON, and is left as it is.
    for chunk in text.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' => out.extend(b"\\\""),
                '\\' => out.extend(b"\\\\"),
                '\n' => out.extend(b"\\n"),
                '\r' => out.extend(b"\\r"),
                '\t' => out.extend(b"\\t"),
                '/' if escape_slash => out.extend(b"\\/"),
                '<' | '>' | '&' | '\'' if upper || all => out.extend(unit(char as u16).bytes()),
                ' '..='~' => out.push(char as u8),
                char if all || char.is_ascii_control() => {
                    out.extend(char.encode_utf16(&mut [0; 2]).iter().flat_map(|u| unit(*u).into_bytes()));
                }
                char => out.extend(char.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        out.extend(chunk.invalid());
    }
    out
}

fn percent(text: &[u8], upper: bool, plus: bool, keep: &[u8]) -> Vec<u8> {
    each(text, |byte, out| match byte {
        b' ' if plus => out.push(b'+'),
        byte if byte.is_ascii_alphanumeric() || keep.contains(&byte) => out.push(byte),
        byte if upper => out.extend(format!("%{byte:02X}").bytes()),
        byte => out.extend(format!("%{byte:02x}").bytes()),
    })
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn each(text: &[u8], mut write: impl FnMut(u8, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    text.iter().for_each(|byte| write(*byte, &mut out));
    out
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(secret: &str, form: &str) -> bool {
        variants(secret.as_bytes()).iter().any(|variant| variant == form.as_bytes())
    }

    #[test]
    fn secrets_are_met_escaped_quoted_and_encoded() {
        let secret = "pa\"ss\\w'o/r$d é";
        for form in [
            r#"pa\"ss\\w'o/r$d é"#,
            r#"pa\"ss\\w'o\/r$d é"#,
            r#"pa\\\"ss\\\\w'o/r$d é"#,
            r#"pa\"ss\\w\u0027o/r$d \u00e9"#,
            "pa%22ss%5Cw%27o%2Fr%24d%20%C3%A9",
            "pa%22ss%5cw%27o%2fr%24d+%c3%a9",
            "pa&quot;ss\\w&#39;o/r$d é",
            r#"pa"ss\w'\''o/r$d é"#,
            r#"pa"ss\w'"'"'o/r$d é"#,
            r#"pa"ss\w''o/r$d é"#,
            r#"pa"ss\w'o/r$$d é"#,
            r#"pa\"ss\\w'o/r\$d é"#,
            r#"pa\"ss\\w'o/r$d \xc3\xa9"#,
            "7061227373",
        ] {
            let found = has(secret, form)
                || (form.len() == 10 && variants(secret.as_bytes()).iter().any(|v| v.starts_with(form.as_bytes())));
            assert!(found, "{form}");
        }
    }

    #[test]
    fn base64_is_told_wherever_the_secret_stands_in_it() {
        let secret = b"Password123!";
        for before in ["", "u:", "ab:", "user:"] {
            for after in ["", "\n", "zz", "zzz"] {
                let encoded = BASE64.encode(&[before.as_bytes(), secret, after.as_bytes()].concat());
                let core = variants(secret)
                    .into_iter()
                    .filter(|form| memchr::memmem::find(encoded.as_bytes(), form).is_some())
                    .map(|form| form.len())
                    .max();
                assert!(core.is_some_and(|core| core * 6 + 12 > 8 * secret.len()), "{before} {after}");
            }
        }
    }

    #[test]
    fn parts_that_are_secrets_are_told() {
        assert!(has("postgres://user:p%40ss-w0rd@host/db", "p@ss-w0rd"));
        assert!(has("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "c2lnbmF0dXJl"));
        assert!(has("{\"id\": \"x\", \"key\": \"0123456789abcdefg\"}", "0123456789abcdefg"));
        let lines = format!("{}\n{}", "ab1".repeat(20), "cd2".repeat(20));
        assert!(has(&lines, &lines.replace('\n', "\r\n")) && has(&lines, &lines.replace('\n', " ")));
        assert!(has(&lines, &"ab1".repeat(20)));
    }
}
