//! The streams of providers: which of their strings are pieces of one text, and when that text ends.

mod anthropic;
mod chat;
mod gemini;
mod other;
mod responses;

use super::StreamError;
use super::document::Kind;
use super::turn::Turn;

/// Types with longer names are of nothing that anyone has heard of.
const MAX_KIND: usize = 128;

/// Sees to the texts of an event that go on in other events.
pub(super) fn see_to(turn: &mut Turn<'_, '_>) -> Result<(), StreamError> {
    let root = turn.doc.root();
    let is_list = |name| turn.doc.get(root, name).is_some_and(|value| turn.doc.kind(value) == Kind::Array);
    let kind = turn.doc.get(root, "type").filter(|kind| turn.doc.is_string(*kind)).map(|kind| turn.doc.raw(kind));
    let kind = kind.filter(|kind| kind.len() <= MAX_KIND);
    match kind {
        Some(kind) if anthropic::has(kind) => anthropic::see_to(turn, kind),
        Some(kind) if kind.starts_with(b"response.") => responses::see_to(turn, kind),
        _ if is_list("choices") => chat::see_to(turn),
        _ if is_list("candidates") => gemini::see_to(turn),
        kind => other::see_to(turn, kind.unwrap_or_default()),
    }
}
