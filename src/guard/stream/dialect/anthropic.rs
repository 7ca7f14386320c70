//! Anthropic Messages: blocks that start, grow by deltas, and stop.

use crate::guard::stream::StreamError;
use crate::guard::stream::channel::Envelope;
use crate::guard::stream::document::Node;
use crate::guard::stream::turn::{Piece, Turn};

pub(super) fn has(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"message_start"
            | b"content_block_start"
            | b"content_block_delta"
            | b"content_block_stop"
            | b"message_delta"
            | b"message_stop"
            | b"ping"
    )
}

pub(super) fn see_to(turn: &mut Turn<'_, '_>, kind: &[u8]) -> Result<(), StreamError> {
    let root = turn.doc.root();
    let index = turn.doc.get_number(root, "index").unwrap_or(0);
    match kind {
        b"content_block_start" => {
            let Some(block) = turn.doc.get(root, "content_block") else { return Ok(()) };
            // A block may start with the start of its text, which deltas carry on.
            for (member, delta) in [("text", "text_delta"), ("thinking", "thinking_delta")] {
                let text = turn.doc.get(block, member).filter(|text| turn.doc.is_string(*text));
                if let Some(text) = text.filter(|text| !turn.doc.raw(*text).is_empty()) {
                    let piece = piece(index, delta, member, text);
                    turn.piece(&piece, |_| Envelope { name: Some(DELTA.into()), ..envelope(index, delta, member) })?;
                }
            }
        }
        b"content_block_delta" => {
            let Some(delta) = turn.doc.get(root, "delta") else { return Ok(()) };
            let doc = turn.doc;
            let kind = doc.get(delta, "type").map(|kind| String::from_utf8_lossy(doc.raw(kind)).into_owned());
            let kind = kind.filter(|kind| kind.len() <= MAX_NAME).unwrap_or_default();
            for (name, value) in doc.members(delta).filter(|(_, value)| doc.is_string(*value)) {
                let name = String::from_utf8_lossy(doc.raw(name)).into_owned();
                if name.len() <= MAX_NAME && name != "type" && name != "signature" {
                    turn.piece(&piece(index, &kind, &name, value), |_| envelope(index, &kind, &name))?;
                }
            }
        }
        b"content_block_stop" => turn.flush(|_, group| group.0 == index),
        b"ping" => {}
        _ => turn.flush_all(),
    }
    Ok(())
}

/// Longer names are of nothing that anyone has heard of.
const MAX_NAME: usize = 64;
const DELTA: &str = "content_block_delta";

fn piece(index: u64, kind: &str, member: &str, text: Node) -> Piece {
    let channel = format!("block {index} {kind}.{member}");
    Piece { channel, group: (index, None), text, logprobs: None, is_document: member == "partial_json", is_last: false }
}

fn envelope(index: u64, kind: &str, member: &str) -> Envelope {
    let head = format!("{{\"type\":\"{DELTA}\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{member}\":");
    Envelope { head: head.into_bytes(), tail: b"}}".to_vec(), ..Envelope::default() }
}
