//! Templates of texts that hold a secret, so that no file of the project has to hold one.
//!
//! A template is text with fields in braces: `{hex:32}` is 32 random hex digits, `{base62:20-40}` is 20 to 40 letters
//! and digits, `{base64-of:...}` encodes what stands inside, `{{` and `}}` are braces. The secret stands between two
//! bars, `key = "|{hex:32}|"`, and is the whole text where there is no bar (`{bar}` is a bar that is text).

use std::ops::Range;

use super::model::refused;
use crate::checksum::Checksum;
use crate::error::Result;

/// A template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    source: String,
    parts: Vec<Part>,
}

/// A text made from a template.
#[derive(Clone, PartialEq, Eq)]
pub struct Filled {
    /// The text.
    pub text: Vec<u8>,
    /// Where the secret stands in it.
    pub secret: Range<usize>,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filled({} bytes, secret at {:?})", self.text.len(), self.secret)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Random { alphabet: &'static [u8], min: usize, max: usize },
    Lines { alphabet: &'static [u8], count: usize },
    Uuid,
    Encoded { alphabet: Encoding, parts: Vec<Part> },
    Bar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    Base64Url,
    Hex,
}

/// The alphabets of random fields.
const ALPHABETS: &[(&str, &[u8])] = &[
    ("digits", b"0123456789"),
    ("hex", b"0123456789abcdef"),
    ("hex-upper", b"0123456789ABCDEF"),
    ("lower", b"abcdefghijklmnopqrstuvwxyz"),
    ("upper", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("alpha", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ("lower-alnum", b"0123456789abcdefghijklmnopqrstuvwxyz"),
    ("upper-alnum", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("base32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    ("base32-lower", b"abcdefghijklmnopqrstuvwxyz234567"),
    ("bech32-upper", b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    ("base58", b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"),
    ("base62", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
    ("base64", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
    ("base64url", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
];

impl Sample {
    /// Parses a template.
    ///
    /// # Errors
    /// When a field is unknown, a brace is not closed, or there are one or more than two bars.
    pub fn parse(source: &str) -> Result<Sample> {
        let mut rest = source;
        let parts = parse_parts(&mut rest, false)
            .map_err(|why| refused(format!("the template `{source}` is not well-formed: {why}")))?;
        let bars = parts.iter().filter(|part| **part == Part::Bar).count();
        if bars != 0 && bars != 2 {
            return Err(refused(format!("the template `{source}` has {bars} bars; a secret stands between two")));
        }
        Ok(Sample { source: source.to_owned(), parts })
    }

    /// The template as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A text of this form. The same seed gives the same text; `checksum` is made to fit where one is given.
    #[must_use]
    pub fn fill(&self, seed: u64, checksum: Option<Checksum>) -> Filled {
        let mut random = Random(seed ^ 0x9E37_79B9_7F4A_7C15);
        let mut text = Vec::new();
        let mut bars = Vec::new();
        fill(&self.parts, &mut random, &mut text, &mut bars);
        let secret = if let [start, end] = bars[..] { start..end } else { 0..text.len() };
        if let Some(checksum) = checksum {
            checksum.seal(&mut text[secret.clone()]);
        }
        Filled { text, secret }
    }
}

fn fill(parts: &[Part], random: &mut Random, text: &mut Vec<u8>, bars: &mut Vec<usize>) {
    for part in parts {
        match part {
            Part::Text(bytes) => text.extend_from_slice(bytes),
            Part::Random { alphabet, min, max } => {
                let len = min + random.below(max - min + 1);
                text.extend((0..len).map(|_| alphabet[random.below(alphabet.len())]));
            }
            Part::Lines { alphabet, count } => {
                for line in 0..*count {
                    if line > 0 {
                        text.push(b'\n');
                    }
                    text.extend((0..64).map(|_| alphabet[random.below(alphabet.len())]));
                }
            }
            Part::Uuid => {
                for (index, len) in [8, 4, 4, 4, 12].into_iter().enumerate() {
                    if index > 0 {
                        text.push(b'-');
                    }
                    text.extend((0..len).map(|_| b"0123456789abcdef"[random.below(16)]));
                }
            }
            Part::Encoded { alphabet, parts } => {
                let mut inner = Vec::new();
                fill(parts, random, &mut inner, &mut Vec::new());
                let encoded = match alphabet {
                    Encoding::Base64 => data_encoding::BASE64.encode(&inner),
                    Encoding::Base64Url => data_encoding::BASE64URL_NOPAD.encode(&inner),
                    Encoding::Hex => data_encoding::HEXLOWER.encode(&inner),
                };
                text.extend_from_slice(encoded.as_bytes());
            }
            Part::Bar => bars.push(text.len()),
        }
    }
}

fn parse_parts(rest: &mut &str, nested: bool) -> std::result::Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let flush = |text: &mut Vec<u8>, parts: &mut Vec<Part>| {
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(text)));
        }
    };
    loop {
        if let Some(after) = rest.strip_prefix("{{") {
            text.push(b'{');
            *rest = after;
        } else if let Some(after) = rest.strip_prefix("}}") {
            text.push(b'}');
            *rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            *rest = after;
            flush(&mut text, &mut parts);
            parts.push(parse_field(rest)?);
        } else if rest.starts_with('}') {
            flush(&mut text, &mut parts);
            return if nested { Ok(parts) } else { Err("a closing brace without an opening one".to_owned()) };
        } else if let Some(after) = rest.strip_prefix('|') {
            *rest = after;
            flush(&mut text, &mut parts);
            parts.push(Part::Bar);
        } else if let Some(first) = rest.chars().next() {
            let (head, tail) = rest.split_at(first.len_utf8());
            text.extend_from_slice(head.as_bytes());
            *rest = tail;
        } else {
            flush(&mut text, &mut parts);
            return if nested { Err("a brace is not closed".to_owned()) } else { Ok(parts) };
        }
    }
}

fn parse_field(rest: &mut &str) -> std::result::Result<Part, String> {
    for (name, alphabet) in
        [("base64-of:", Encoding::Base64), ("base64url-of:", Encoding::Base64Url), ("hex-of:", Encoding::Hex)]
    {
        if let Some(after) = rest.strip_prefix(name) {
            *rest = after;
            let parts = parse_parts(rest, true)?;
            *rest = rest.strip_prefix('}').ok_or("a brace is not closed")?;
            return Ok(Part::Encoded { alphabet, parts });
        }
    }
    let (field, after) = rest.split_once('}').ok_or("a brace is not closed")?;
    *rest = after;
    if field == "uuid" {
        return Ok(Part::Uuid);
    }
    if field == "bar" {
        return Ok(Part::Text(b"|".to_vec()));
    }
    let (name, len) = field.split_once(':').ok_or_else(|| format!("no field is called `{field}`"))?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{field}` has no length"));
    if let Some(alphabet) = name.strip_suffix("-lines") {
        return Ok(Part::Lines { alphabet: alphabet_of(alphabet)?, count: number(len)? });
    }
    let (min, max) = match len.split_once('-') {
        None => (number(len)?, number(len)?),
        Some((min, max)) => (number(min)?, number(max)?),
    };
    if min > max || max > 1 << 20 {
        return Err(format!("the length of `{field}` is out of range"));
    }
    Ok(Part::Random { alphabet: alphabet_of(name)?, min, max })
}

fn alphabet_of(name: &str) -> std::result::Result<&'static [u8], String> {
    let found = ALPHABETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, alphabet)| *alphabet).ok_or_else(|| format!("no field is called `{name}`"))
}

/// `SplitMix64`: small, seeded, good enough to make samples.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, seed: u64) -> String {
        String::from_utf8(Sample::parse(template).unwrap().fill(seed, None).text).unwrap()
    }

    #[test]
    fn fields_are_filled_from_their_alphabets() {
        let text = fill("a{hex:8}-{digits:2-4}{{}}{bar}", 7);
        assert!(text.starts_with('a') && text.ends_with("{}|"), "{text}");
        assert!(text[1..9].bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(fill("{base64-of:{{\"a\":1}}}", 1), "eyJhIjoxfQ==");
        assert_eq!(fill("{uuid}", 1).len(), 36);
        assert_eq!(fill("{base64-lines:3}", 1).len(), 64 * 3 + 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_text() {
        assert_eq!(fill("{base62:40}", 3), fill("{base62:40}", 3));
        assert_ne!(fill("{base62:40}", 3), fill("{base62:40}", 4));
    }

    #[test]
    fn bars_mark_the_secret() {
        let filled = Sample::parse("key=|{hex:4}|;").unwrap().fill(1, None);
        assert_eq!(filled.secret, 4..8);
        assert_eq!(filled.text.len(), 9);
    }

    #[test]
    fn malformed_templates_are_refused() {
        for bad in ["{hex:}", "{nothing:3}", "{hex:3", "}", "a|b", "{base64-of:x", "{hex:5-2}"] {
            assert!(Sample::parse(bad).is_err(), "{bad}");
        }
    }
}
