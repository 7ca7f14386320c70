//! What stands before an opaque value: is it assigned or passed, and does it call itself something else?

/// How far back the operator of an assignment is looked for.
const REACH: usize = 64;
/// Names of opaque values that are public, in lower case.
const PUBLIC: &[&[u8]] = &[
    b"sha1",
    b"sha256",
    b"sha384",
    b"sha512",
    b"sha-",
    b"md5",
    b"checksum",
    b"digest",
    b"commit",
    b"integrity",
    b"revision",
    b"etag",
    b"fingerprint",
    b"thumbprint",
    b"csrf",
    b"xsrf",
    b"hash",
    b"h1:",
];

/// Whether the value at `text[start]` is assigned, passed or quoted, and not named as something public.
pub(super) fn is_assigned(text: &[u8], start: usize) -> bool {
    let before = &text[start.saturating_sub(REACH)..start];
    let quoted = before.last().is_some_and(|b| matches!(b, b'"' | b'\'' | b'`'));
    let rest = before.trim_ascii_end();
    let rest = trim_end(rest, b"\"'`[{(@$\\ \t");
    let spaced = before.last().is_some_and(|b| *b == b' ' || *b == b'\t');
    let operator = rest.last().is_some_and(|b| matches!(b, b'=' | b':' | b'>' | b',' | b'|'))
        || before.last().is_some_and(|b| matches!(b, b'(' | b'[' | b'{'));
    // A flag or a word and a space: `--api-key VALUE`, `token VALUE`.
    let passed = spaced && rest.last().is_some_and(u8::is_ascii_alphanumeric);
    (quoted || operator || passed) && !names_public(before)
}

/// Whether the last words before a value name a public one.
fn names_public(before: &[u8]) -> bool {
    let tail = &before[before.len().saturating_sub(24)..];
    let line = memchr::memrchr(b'\n', tail).map_or(tail, |at| &tail[at + 1..]).to_ascii_lowercase();
    PUBLIC.iter().any(|word| memchr::memmem::find(&line, word).is_some())
}

fn trim_end<'t>(mut text: &'t [u8], set: &[u8]) -> &'t [u8] {
    while let Some((last, rest)) = text.split_last().filter(|(last, _)| set.contains(last)) {
        let _ = last;
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(text: &str) -> bool {
        is_assigned(text.as_bytes(), text.len())
    }

    #[test]
    fn values_are_assigned_in_many_ways() {
        for text in [
            "KEY=",
            "key: ",
            "\"key\": \"",
            "'key' => '",
            "key = [\"",
            "set(",
            "--token ",
            "<key>",
            "key := `",
            "f(a, \"",
        ] {
            assert!(assigned(text), "{text}");
        }
    }

    #[test]
    fn hashes_and_names_are_not() {
        for text in ["sha256:", "integrity=\"", "commit ", "path/", "\"checksum\": \"", "x."] {
            assert!(!assigned(text), "{text}");
        }
    }
}
