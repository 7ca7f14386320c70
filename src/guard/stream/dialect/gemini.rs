//! Gemini `streamGenerateContent`: candidates that grow by parts until there is a reason to finish.

use crate::guard::stream::StreamError;
use crate::guard::stream::channel::Envelope;
use crate::guard::stream::document::{Document, Kind, Node};
use crate::guard::stream::turn::{Piece, Turn, scalars};

pub(super) fn see_to(turn: &mut Turn<'_, '_>) -> Result<(), StreamError> {
    let doc = turn.doc;
    let Some(candidates) = doc.get(doc.root(), "candidates") else { return Ok(()) };
    for (place, candidate) in doc.items(candidates).enumerate() {
        let index = doc.get_number(candidate, "index").unwrap_or(place as u64);
        let is_last = doc.get(candidate, "finishReason").is_some_and(|reason| doc.is_string(reason));
        let parts = doc.at(candidate, &["content", "parts"]).filter(|parts| doc.kind(*parts) == Kind::Array);
        let parts: Vec<Node> = parts.map(|parts| doc.items(parts).collect()).unwrap_or_default();
        let texts: Vec<(bool, Node)> = parts.into_iter().filter_map(|part| text(doc, part)).collect();
        for (number, &(is_thought, text)) in texts.iter().enumerate() {
            let goes_on = texts[number + 1..].iter().any(|(other, _)| *other == is_thought);
            let channel = format!("candidate {index} {is_thought}");
            let is_last = is_last && !goes_on;
            let piece = Piece { channel, group: (index, None), text, logprobs: None, is_document: false, is_last };
            turn.piece(&piece, |doc| envelope(doc, index, is_thought))?;
        }
        if is_last {
            turn.flush(|_, group| group.0 == index);
        }
    }
    Ok(())
}

fn text(doc: &Document<'_>, part: Node) -> Option<(bool, Node)> {
    let text = doc.get(part, "text").filter(|text| doc.is_string(*text))?;
    Some((doc.get(part, "thought").is_some_and(|thought| doc.raw(thought) == b"true"), text))
}

fn envelope(doc: &Document<'_>, index: u64, is_thought: bool) -> Envelope {
    let mut head = b"{".to_vec();
    head.extend(scalars(doc, doc.root(), |_| true));
    head.extend_from_slice(b"\"candidates\":[{\"content\":{\"parts\":[{");
    head.extend_from_slice(if is_thought { b"\"thought\":true,\"text\":" } else { b"\"text\":" });
    let tail = format!("}}],\"role\":\"model\"}},\"index\":{index}}}]}}");
    Envelope { head, tail: tail.into_bytes(), ..Envelope::default() }
}
