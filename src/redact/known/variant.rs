//! The forms in which a known secret is met in output: escaped, quoted, encoded, in parts.

use data_encoding::{BASE64, BASE64URL};
use zeroize::Zeroize;

use super::forms::Forms;

/// A form that is shorter than this says too little.
const MIN_LEN: usize = 8;
/// The shortest line of a key, and the shortest leaf of a document, that is a secret by itself.
const MIN_LINE: usize = 40;
const MIN_LEAF: usize = 16;

/// Adds all forms of `secret` to `forms`, none shorter than eight bytes.
pub(super) fn variants(secret: &[u8], forms: &mut Forms) {
    let trimmed = secret.trim_ascii();
    let mut plain = vec![trimmed.to_vec()];
    parts(trimmed, &mut plain);
    let mut made = Made { forms, scratch: Vec::new() };
    plain.iter().for_each(|text| written(text, &mut made));
    if trimmed.len() < secret.len() {
        encodings(secret, &mut made);
    }
    plain.iter_mut().for_each(Zeroize::zeroize);
}

/// Calls `found` with `secret` and with each part of it that is a secret itself, each with all its forms.
pub(in crate::redact) fn parts_and_forms(secret: &[u8], mut found: impl FnMut(&[u8], &Forms)) {
    let trimmed = secret.trim_ascii();
    let mut plain = vec![trimmed.to_vec()];
    parts(trimmed, &mut plain);
    for text in &plain {
        let mut forms = Forms::default();
        written(text, &mut Made { forms: &mut forms, scratch: Vec::new() });
        found(text, &forms);
    }
    plain.iter_mut().for_each(Zeroize::zeroize);
}

/// The forms of one text.
fn written(text: &[u8], made: &mut Made<'_>) {
    made.add(|out| out.extend_from_slice(text));
    if text.len() >= 4 {
        // Nothing escapes these.
        if !text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            escapes(text, made);
            quotes(text, made);
        }
        encodings(text, made);
    }
}

/// Takes forms that are long enough, by way of memory that is wiped.
struct Made<'f> {
    forms: &'f mut Forms,
    scratch: Vec<u8>,
}

impl Made<'_> {
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        self.take();
    }

    /// Takes what was written to the scratch.
    fn take(&mut self) {
        if self.scratch.len() >= MIN_LEN {
            self.forms.push(&self.scratch);
        }
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        self.scratch.zeroize();
    }
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
                let mut lines = Vec::with_capacity(leaf.len());
                replace(leaf, b"\\n", b"\n", &mut lines);
                forms.push(lines);
            }
        }
    }
}

fn escapes(text: &[u8], made: &mut Made<'_>) {
    for (slash, upper, all) in [(false, false, false), (true, false, false), (false, true, false), (false, false, true)]
    {
        let mut once = Vec::with_capacity(2 * text.len());
        json(text, slash, upper, all, &mut once);
        // A string in a string.
        made.add(|out| json(&once, false, upper, false, out));
        made.add(|out| out.extend_from_slice(&once));
        once.zeroize();
    }
    for (upper, plus, keep) in [
        (true, false, &b"-_.~"[..]),
        (false, false, b"-_.~"),
        (true, true, b"-_.*"),
        (false, true, b"-_.*"),
        (true, false, b"-_.!~*'()"),
        (true, false, b"-_.~:/?#[]@!$&'()*+,;="),
    ] {
        made.add(|out| percent(text, upper, plus, keep, out));
    }
    for (quote, apostrophe) in [("&quot;", "&#39;"), ("&quot;", "&apos;"), ("&#34;", "&#39;"), ("\"", "'")] {
        made.add(|out| {
            for byte in text {
                match byte {
                    b'&' => out.extend(b"&amp;"),
                    b'<' => out.extend(b"&lt;"),
                    b'>' => out.extend(b"&gt;"),
                    b'"' => out.extend(quote.bytes()),
                    b'\'' => out.extend(apostrophe.bytes()),
                    byte => out.push(*byte),
                }
            }
        });
    }
}

fn quotes(text: &[u8], made: &mut Made<'_>) {
    let with = |chars: &'static [u8], escape: u8| {
        move |out: &mut Vec<u8>| {
            for byte in text {
                out.extend(chars.contains(byte).then_some(escape));
                out.push(*byte);
            }
        }
    };
    // Shells: single quotes in two manners, double quotes, no quotes, `$'...'`; make; cmd.
    made.add(|out| replace(text, b"'", b"'\\''", out));
    made.add(|out| replace(text, b"'", b"'\"'\"'", out));
    made.add(with(b"\"\\$`", b'\\'));
    made.add(with(b"\"\\$`!", b'\\'));
    made.add(with(b" \t\"'\\$`!&|;<>()[]{}*?#~^=", b'\\'));
    made.add(with(b"'\\", b'\\'));
    made.add(|out| replace(text, b"$", b"$$", out));
    made.add(with(b"^&|<>()%!\"", b'^'));
    made.add(|out| replace(text, b"%", b"%%", out));
    // SQL, `PowerShell`.
    made.add(|out| replace(text, b"'", b"''", out));
    made.add(|out| replace(text, b"\"", b"\"\"", out));
    made.add(with(b"\"'`$", b'`'));
    // Go's %q and Python's repr: bytes beyond ASCII by their numbers.
    for quote in [b'"', b'\''] {
        made.add(|out| {
            for &byte in text {
                match byte {
                    b'\\' => out.extend(b"\\\\"),
                    b'\n' => out.extend(b"\\n"),
                    b'\r' => out.extend(b"\\r"),
                    b'\t' => out.extend(b"\\t"),
                    byte if byte == quote => out.extend([b'\\', byte]),
                    b' '..=b'~' => out.push(byte),
                    byte => {
                        out.extend(b"\\x");
                        hex(byte, false, out);
                    }
                }
            }
        });
    }
}

fn encodings(text: &[u8], made: &mut Made<'_>) {
    let mut cores = [const { Vec::new() }; 6];
    stable_base64(text, &mut cores);
    for core in cores.iter().filter(|core| !core.is_empty()) {
        made.add(|out| out.extend_from_slice(core));
        let mut twice = [const { Vec::new() }; 6];
        stable_base64(core, &mut twice);
        for core in twice.iter_mut().filter(|core| !core.is_empty()) {
            made.add(|out| out.extend_from_slice(core));
            core.zeroize();
        }
    }
    cores.iter_mut().for_each(Zeroize::zeroize);
    for upper in [false, true] {
        for separator in [&b""[..], b":", b"\\x"] {
            made.add(|out| {
                for (at, &byte) in text.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(separator);
                    }
                    hex(byte, upper, out);
                }
            });
        }
    }
    if text.is_ascii() {
        // Both byte orders have the characters with one NUL between two of them.
        made.add(|out| {
            out.extend(text.iter().flat_map(|byte| [*byte, 0]));
            out.pop();
        });
    } else if let Ok(text) = std::str::from_utf8(text) {
        made.add(|out| out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)));
        made.add(|out| out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)));
    }
}

fn hex(byte: u8, upper: bool, out: &mut Vec<u8>) {
    let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
}

/// The characters of base64 that say nothing but `text`, for each of the three places it may have in what is encoded, in
/// both alphabets where these differ; empty where they are too few.
fn stable_base64(text: &[u8], cores: &mut [Vec<u8>; 6]) {
    let mut shifted = Vec::with_capacity(text.len() + 2);
    for shift in 0..3 {
        shifted.clear();
        shifted.resize(shift, 0);
        shifted.extend_from_slice(text);
        // Characters of which all six bits are the text's.
        let (from, to) = ((8 * shift).div_ceil(6), 8 * shifted.len() / 6);
        if to < from + MIN_LEN {
            continue;
        }
        let core = &mut cores[2 * shift];
        core.resize(BASE64.encode_len(shifted.len()), 0);
        BASE64.encode_mut(&shifted, core);
        core.copy_within(from..to, 0);
        core.truncate(to - from);
        if core.iter().any(|byte| matches!(byte, b'+' | b'/')) {
            let other = &mut cores[2 * shift + 1];
            other.resize(BASE64URL.encode_len(shifted.len()), 0);
            BASE64URL.encode_mut(&shifted, other);
            other.copy_within(from..to, 0);
            other.truncate(to - from);
        }
    }
    shifted.zeroize();
}

fn json(text: &[u8], escape_slash: bool, upper: bool, all: bool, out: &mut Vec<u8>) {
    let unit = |unit: u16, out: &mut Vec<u8>| {
        out.extend(b"\\u");
        unit.to_be_bytes().into_iter().for_each(|byte| hex(byte, upper, out));
    };
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
                '<' | '>' | '&' | '\'' if upper || all => unit(char as u16, out),
                ' '..='~' => out.push(char as u8),
                char if all || char.is_ascii_control() => {
                    char.encode_utf16(&mut [0; 2]).iter().for_each(|half| unit(*half, out));
                }
                char => out.extend(char.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        out.extend(chunk.invalid());
    }
}

fn percent(text: &[u8], upper: bool, plus: bool, keep: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b' ' if plus => out.push(b'+'),
            byte if byte.is_ascii_alphanumeric() || keep.contains(&byte) => out.push(byte),
            byte => {
                out.push(b'%');
                hex(byte, upper, out);
            }
        }
    }
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

fn replace(text: &[u8], from: &[u8], to: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
        let mut forms = Forms::default();
        variants(secret, &mut forms);
        (0..forms.len()).map(|index| forms.get(index).to_vec()).collect()
    }

    fn has(secret: &str, form: &str) -> bool {
        forms(secret.as_bytes()).iter().any(|variant| variant == form.as_bytes())
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
                || (form.len() == 10 && forms(secret.as_bytes()).iter().any(|v| v.starts_with(form.as_bytes())));
            assert!(found, "{form}");
        }
    }

    #[test]
    fn base64_is_told_wherever_the_secret_stands_in_it() {
        let secret = b"Password123!";
        for before in ["", "u:", "ab:", "user:"] {
            for after in ["", "\n", "zz", "zzz"] {
                let encoded = BASE64.encode(&[before.as_bytes(), secret, after.as_bytes()].concat());
                let core = forms(secret)
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
