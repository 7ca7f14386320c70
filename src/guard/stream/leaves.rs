//! All strings of a document, each a text of its own: so texts that say again what channels said come out alike.

use std::collections::BTreeSet;

use super::document::{Document, Edits, Kind, Node};
use super::escapes::Escapes;
use super::logprobs::{self, Passed, Tracker, behind};
use crate::guard::string::{decoded, quoted};
use crate::redact::{Record, RedactStats, Redaction, Redactor};

/// Members whose strings are texts: that one stands there says nothing of what is in it.
const TEXTS: [&[u8]; 17] = [
    b"arguments",
    b"cited_text",
    b"code",
    b"completion",
    b"content",
    b"delta",
    b"error",
    b"id",
    b"input",
    b"message",
    b"output",
    b"refusal",
    b"stderr",
    b"stdout",
    b"text",
    b"thinking",
    b"type",
];
/// A longer value is no password.
const MAX_VALUE: usize = 512;
/// A shorter one is none that anything would find.
const MIN_VALUE: usize = 6;

/// Which nodes of a document were seen to.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeSet<Node>);

impl Claims {
    /// This node and all that is in it was seen to.
    pub(super) fn claim(&mut self, node: Node) {
        self.0.insert(node);
    }

    fn has(&self, node: Node) -> bool {
        self.0.contains(&node)
    }
}

/// Redacts the strings of documents.
pub(super) struct Leaves {
    redaction: Redaction,
    /// Both from when they are needed.
    redactor: Option<Redactor>,
    /// For strings that are documents.
    escapes: Option<Escapes>,
    /// What was done, but for what was tried.
    stats: RedactStats,
    records: Vec<Record>,
}

impl Leaves {
    pub(super) fn new(redaction: &Redaction) -> Leaves {
        let (stats, records) = (RedactStats::default(), Vec::new());
        Leaves { redaction: redaction.clone(), redactor: None, escapes: None, stats, records }
    }

    fn redactor(&mut self) -> &mut Redactor {
        let Leaves { redaction, redactor, .. } = self;
        redactor.get_or_insert_with(|| redaction.redactor())
    }

    pub(super) fn stats(&self) -> &RedactStats {
        &self.stats
    }

    /// What was hidden since the last call.
    pub(super) fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// A text; `None` when nothing in it is hidden.
    pub(super) fn redacted(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let shown = self.tried(text);
        let (stats, records) = (self.redactor().take_stats(), self.redactor().take_records());
        self.stats.merge(&stats);
        self.records.extend(records);
        shown
    }

    /// A text that is a document, as arguments of tools are.
    fn redacted_document(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let written = self.redacted(text);
        let mut out = Vec::with_capacity(text.len());
        let Leaves { redaction, escapes, stats, records, .. } = self;
        let escapes = escapes.get_or_insert_with(|| Escapes::new(redaction));
        escapes.push(written.as_deref().unwrap_or(text), &mut out);
        escapes.finish(&mut out);
        stats.merge(&escapes.take_stats());
        records.extend(escapes.take_records());
        (out != text).then_some(out)
    }

    /// A text of which nobody is told.
    fn tried(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let redactor = self.redactor();
        redactor.take_stats();
        redactor.take_records();
        let mut out = Vec::with_capacity(text.len());
        redactor.push_more(text, &mut out);
        redactor.finish(&mut out);
        (out != text).then_some(out)
    }

    /// Edits a document: all of it that nobody has claimed.
    pub(super) fn edit(&mut self, doc: &Document<'_>, claims: &Claims, edits: &mut Edits) {
        self.node(doc, doc.root(), b"", claims, edits);
    }

    /// Documents are not deep.
    fn node(&mut self, doc: &Document<'_>, node: Node, name: &[u8], claims: &Claims, edits: &mut Edits) {
        if claims.has(node) {
            return;
        }
        match doc.kind(node) {
            Kind::Object => {
                let (covered, media) = (self.cover(doc, node, edits), Media::of(doc, node));
                for (key, value) in doc.members(node) {
                    let key_text = doc.raw(key);
                    if let Some(shown) = self.redacted(&decoded(key_text)) {
                        edits.replace(doc.outer(key), quoted(&shown));
                    }
                    if !covered.contains(&value) && !media.is_opaque(doc, key_text, value) {
                        self.node(doc, value, key_text, claims, edits);
                    }
                }
            }
            Kind::Array => doc.items(node).for_each(|item| self.node(doc, item, name, claims, edits)),
            Kind::String => {
                let raw = doc.raw(node);
                let text = decoded(raw);
                let shown = match name {
                    b"arguments" | b"partial_json" => self.redacted_document(&text),
                    _ => self.redacted(&text).or_else(|| self.value(raw, &text, name)),
                };
                if let Some(shown) = shown {
                    edits.replace(doc.outer(node), quoted(&shown));
                }
            }
            Kind::Number => {
                let raw = doc.raw(node);
                let is_long = raw.len() >= MIN_VALUE && raw.iter().all(u8::is_ascii_digit);
                if let Some(shown) =
                    is_long.then(|| self.redacted(raw).or_else(|| self.value(raw, raw, name))).flatten()
                {
                    edits.replace(doc.outer(node), quoted(&shown));
                }
            }
            Kind::Name | Kind::Literal => {}
        }
    }

    /// A value that is a secret because of the name of its member.
    fn value(&mut self, raw: &[u8], text: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let is_value = (MIN_VALUE..=MAX_VALUE).contains(&text.len()) && !text.iter().any(u8::is_ascii_whitespace);
        if !is_value || name.is_empty() || name.len() > 64 || TEXTS.contains(&name) {
            return None;
        }
        let (head, tail) = ([b"{\"", name, b"\": \""].concat(), b"\"}\n");
        let shown = self.redacted(&[&head, raw, tail].concat())?;
        let inner = shown.strip_prefix(head.as_slice()).and_then(|shown| shown.strip_suffix(tail));
        // Where more than the value is hidden, all of it is.
        Some(inner.map_or_else(|| b"[REDACTED]".to_vec(), decoded))
    }

    /// Leaves out the entries of logprobs that tell what is hidden of the text beside them. Gives what was seen to.
    fn cover(&mut self, doc: &Document<'_>, object: Node, edits: &mut Edits) -> Vec<Node> {
        let Some(logprobs) = doc.get(object, "logprobs").filter(|found| doc.is_container(*found)) else {
            return Vec::new();
        };
        let text = |path: &[&str]| doc.at(object, path).filter(|found| doc.is_string(*found));
        let pairs = [
            (text(&["text"]), Some(logprobs).filter(|found| doc.kind(*found) == Kind::Array)),
            (text(&["message", "content"]), doc.get(logprobs, "content")),
            (text(&["message", "refusal"]), doc.get(logprobs, "refusal")),
        ];
        let mut covered = Vec::new();
        for (text, array) in pairs.into_iter().filter_map(|(text, array)| text.zip(array)) {
            let text = doc.text(text);
            if let Some(kept) = self.kept(&text, doc, array) {
                edits.replace(doc.outer(array), [b"[", kept.join(&b',').as_slice(), b"]"].concat());
                covered.push(array);
            }
        }
        // Of completions as they were first: lists of tokens side by side.
        let beside = text(&["text"]).filter(|_| doc.get(logprobs, "tokens").is_some());
        if beside.is_some_and(|text| self.tried(&doc.text(text)).is_some()) {
            edits.replace(doc.outer(logprobs), b"null".to_vec());
            covered.push(logprobs);
        }
        covered
    }

    /// The entries that tell nothing that is hidden; `None` when nothing is.
    fn kept(&mut self, text: &[u8], doc: &Document<'_>, array: Node) -> Option<Vec<Vec<u8>>> {
        self.tried(text)?;
        let (mut tracker, mut out) = (Tracker::new(false), Vec::new());
        let entries = logprobs::entries(doc, array);
        if !entries.iter().flat_map(|entry| &entry.text).eq(text) {
            return Some(Vec::new());
        }
        let redactor = self.redactor();
        redactor.take_stats();
        redactor.take_records();
        for entry in entries.into_iter().map(Some).chain([None]) {
            out.clear();
            let text = entry.as_ref().map(|entry| entry.text.clone()).unwrap_or_default();
            match &entry {
                Some(_) => redactor.push(&text, &mut out),
                None => redactor.finish(&mut out),
            }
            let behind = behind(&redactor.take_records(), redactor.stats().bytes_out);
            let passed = Passed { out: &out, behind, held: redactor.held_len() };
            tracker.take(&text, entry.into_iter().collect(), passed);
        }
        Some(tracker.released())
    }
}

/// What an object says of the bytes in it.
struct Media<'d> {
    kind: &'d [u8],
    /// It names a media type or a format.
    is_named: bool,
}

impl<'d> Media<'d> {
    fn of(doc: &Document<'d>, object: Node) -> Media<'d> {
        let mut media = Media { kind: b"", is_named: false };
        for (name, value) in doc.members(object) {
            match doc.raw(name) {
                b"type" => media.kind = doc.raw(value),
                b"mime_type" | b"mimeType" | b"media_type" | b"format" | b"transcript" => media.is_named = true,
                _ => {}
            }
        }
        media
    }

    /// Whether the value of a member is bytes that nobody reads as text, and that are worth nothing once they are
    /// edited: signatures, images, what a provider has encrypted.
    fn is_opaque(&self, doc: &Document<'_>, name: &[u8], value: Node) -> bool {
        let is_kept = match name {
            b"signature" | b"thought_signature" | b"thoughtSignature" => true,
            b"encrypted_content" | b"encrypted_index" | b"encrypted_stdout" | b"obfuscation" => true,
            b"b64_json" | b"partial_image_b64" | b"file_data" => true,
            b"data" => self.is_named || matches!(self.kind, b"base64" | b"redacted_thinking"),
            b"url" | b"image_url" => doc.raw(value).starts_with(b"data:"),
            b"result" => self.kind == b"image_generation_call",
            _ => false,
        };
        is_kept && doc.is_string(value) && is_base64(doc.raw(value))
    }
}

/// Base64 of either alphabet, maybe as a `data:` URL.
fn is_base64(raw: &[u8]) -> bool {
    let is_url = raw.starts_with(b"data:");
    let data = raw.strip_prefix(b"data:").and_then(|url| memchr::memchr(b',', url).map(|at| &url[at + 1..]));
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    data.or((!is_url).then_some(raw)).is_some_and(|data| data.iter().all(is_digit))
}
