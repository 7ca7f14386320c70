//! Placeholders back to values, for a sink that may have them.

use super::document::{Document, ValueKind};
use super::string::json_string;
use crate::redact::Vault;

/// Documents in strings of documents.
const MAX_NESTED: usize = 4;

/// The document with the values of its placeholders, in strings and in documents in strings; `None` when it has none of
/// this vault, or is no document. Only who may have the values may be given it.
#[must_use]
pub fn restore_json(vault: &Vault, text: &str) -> Option<String> {
    restored(vault, text, 0)
}

fn restored(vault: &Vault, text: &str, depth: usize) -> Option<String> {
    if !text.contains("{{keyscan:") {
        return None;
    }
    let document = Document::parse(text).ok()?;
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for node in document.nodes().iter().filter(|node| node.kind == ValueKind::String) {
        let (start, end) = (node.start as usize, node.end as usize);
        let raw = &text[start..end];
        let said =
            Document::parse(raw).ok().and_then(|string| string.root().as_str().map(std::borrow::Cow::into_owned));
        let inner = said.as_deref().filter(|said| depth < MAX_NESTED && said.trim_start().starts_with(['{', '[']));
        let restored = match inner.and_then(|inner| restored(vault, inner, depth + 1)) {
            Some(inner) => Some(json_string(&inner)),
            None => vault.restored(raw, |value| {
                let quoted = json_string(value);
                quoted[1..quoted.len() - 1].to_owned()
            }),
        };
        if let Some(restored) = restored {
            out.push_str(&text[done..start]);
            out.push_str(&restored);
            done = end;
        }
    }
    out.push_str(&text[done..]);
    (done > 0).then_some(out)
}
