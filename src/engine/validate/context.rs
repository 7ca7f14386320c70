//! What stands before an opaque value: is it assigned or passed, and does it call itself something else?

use crate::engine::wordset::WordSet;

/// How far back the operator of an assignment is looked for.
const REACH: usize = 64;
/// Names of opaque values that are public, in lower case.
static PUBLIC: WordSet = WordSet::new(&[
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
    b"signature",
    b"h1:",
    b"traceparent",
    b"trace_id",
    b"trace-id",
    b"trace.id",
    b"traceid",
    b"span_id",
    b"span-id",
    b"span.id",
    b"spanid",
    b"request_id",
    b"request-id",
    b"request.id",
    b"requestid",
    b"correlation_id",
    b"correlation-id",
    b"correlationid",
]);
/// Last words of a name to which a value is joined without an operator, in lower case.
const TELLING: &[&[u8]] = &[b"key", b"token", b"secret", b"private", b"access", b"password"];
/// Endings of these names that change nothing.
const ENDINGS: &[&[u8]] = &[b"s", b"es", b"ed", b"sum", b"code", b"id", b"key", b"value"];
/// How far back such a name is looked for.
const NAME_REACH: usize = 24;
/// Starts of a hash of a list of hashes; the one before a comma is about as far back.
const HASHES: &[&[u8]] = &[b"h1:", b"sha256-", b"sha384-", b"sha512-"];

/// How much of the text before a value has to be base64 for the value to be a part of it.
const BLOB_REACH: usize = 32;

/// Whether the value at `text[start]` goes on a run of base64: it is a piece of something longer.
pub(super) fn is_in_base64(text: &[u8], start: usize) -> bool {
    let run = &text[start.saturating_sub(BLOB_REACH)..start];
    let has = |is: fn(&u8) -> bool| run.iter().any(is);
    run.len() == BLOB_REACH
        && matches!(run[BLOB_REACH - 1], b'+' | b'/')
        && run.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

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
    // In lists of dependencies a path and a space stand before a commit.
    let word = rest.rsplit(u8::is_ascii_whitespace).next().unwrap_or(rest);
    let passed = spaced && rest.last().is_some_and(u8::is_ascii_alphanumeric) && !word.contains(&b'/');
    (quoted || operator || passed || is_joined(before)) && !names_public(before)
}

/// Whether the value at `text[start]` is assigned and the like, or stands free, and is not named as something public.
pub(super) fn may_follow(text: &[u8], start: usize) -> bool {
    let before = &text[start.saturating_sub(REACH)..start];
    is_assigned(text, start) || before.last().is_none_or(u8::is_ascii_whitespace) && !names_public(before)
}

/// Whether the value goes on a name, or stands on the line below it: `vendor-secret-VALUE`, `vendorKey.VALUE`.
fn is_joined(before: &[u8]) -> bool {
    let name = match before.split_last() {
        Some((b'-' | b'_' | b'.', name)) => name,
        Some((b'\n', name)) => name.strip_suffix(b"\r").unwrap_or(name),
        _ => return false,
    };
    let lower = name.to_ascii_lowercase();
    TELLING.iter().any(|word| lower.ends_with(word))
}

/// Whether the name before the value at `text[start]` ends in the word `id`.
pub(super) fn names_id(text: &[u8], start: usize) -> bool {
    let name = trim_end(&text[start.saturating_sub(REACH)..start], b"=:>,| \t\"'`]");
    let Some(head) = name.len().checked_sub(2) else { return false };
    let starts_word = head == 0
        || !name[head - 1].is_ascii_alphabetic()
        || (name[head - 1].is_ascii_lowercase() && name[head] == b'I');
    starts_word && name[head..].eq_ignore_ascii_case(b"id")
}

/// Whether the last words before a value name a public one.
fn names_public(before: &[u8]) -> bool {
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let listed = line.ends_with(b",") && HASHES.iter().any(|hash| memchr::memmem::find(line, hash).is_some());
    let name = &line[line.len().saturating_sub(NAME_REACH)..];
    listed || PUBLIC.places(name).any(|(at, word)| ends_word(name, at + word.len()))
}

/// Whether a word that ends at `end` is not the start of a longer one: `hashicorp` says nothing of a hash.
fn ends_word(name: &[u8], end: usize) -> bool {
    let rest = &name[end..];
    let goes_on = |at: usize| {
        let is_upper = |byte: u8| byte.is_ascii_uppercase();
        rest.get(at).is_some_and(|next| next.is_ascii_alphabetic() && is_upper(*next) == is_upper(name[end + at - 1]))
    };
    !name[end - 1].is_ascii_alphabetic()
        || !goes_on(0)
        || ENDINGS.iter().any(|ending| {
            let len = ending.len();
            rest.len() >= len && rest[..len].eq_ignore_ascii_case(ending) && !goes_on(len)
        })
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
            "<token>\n    ",
            "hashicorp_token = \"",
            "vendor-secret-",
            "vendorAccessKey.",
            "vendor access token\r\n",
        ] {
            assert!(assigned(text), "{text}");
        }
    }

    #[test]
    fn names_of_ids() {
        let id = |before: &str| names_id(before.as_bytes(), before.len());
        assert!(id("scw_project_id = \"") && id("\"projectId\": \"") && id("id: "));
        assert!(!id("scw_secret = \"") && !id("grid: ") && !id("\""));
    }

    #[test]
    fn pieces_of_base64() {
        let blob = "q7Zt0vKxP3mW9sLdq7Zt0vKxP3mW9sLd";
        let piece = |before: &str| is_in_base64(before.as_bytes(), before.len());
        assert!(piece(&format!("{blob}/")) && piece(&format!("=\"{blob}+")));
        assert!(!piece(blob) && !piece(&format!("{blob}=")) && !piece("/usr/local/lib/python/site/packages/"));
    }

    #[test]
    fn hashes_and_names_are_not() {
        for text in [
            "sha256:",
            "integrity=\"",
            "commit ",
            "path/",
            "\"checksum\": \"",
            "x.",
            "github.com/some/module ",
            "h1:q7Rz=,",
            "fileHash = \"",
            "release-",
            "key cafe\n",
            "vendor.trace_id=",
            "vendor traceparent: ",
            "\"vendor\", \"span_id\": \"",
            "vendorRequestId=",
        ] {
            assert!(!assigned(text), "{text}");
        }
    }
}
