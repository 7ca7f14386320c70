//! `OpenAI` Responses: items and parts of them that grow by `.delta` events and end with `.done`, which say all of it
//! again.

use crate::guard::stream::StreamError;
use crate::guard::stream::channel::{Envelope, Group};
use crate::guard::stream::document::{Document, Node};
use crate::guard::stream::turn::{Piece, Step, Turn, nested, scalars, way};

pub(super) fn see_to(turn: &mut Turn<'_, '_>, kind: &[u8]) -> Result<(), StreamError> {
    let root = turn.doc.root();
    let kind = String::from_utf8_lossy(kind).into_owned();
    let group = group(turn.doc, root);
    if let Some(what) = kind.strip_suffix(".delta") {
        delta(turn, root, what, group)?;
    } else if kind.ends_with(".done") {
        let what = kind.trim_end_matches(".done");
        match what {
            "response.output_item" => turn.flush(|_, other| other.0 == group.0),
            "response.content_part" | "response.reasoning_summary_part" => turn.flush(|_, other| other == group),
            _ => {
                let start = channel(what, group, b"");
                turn.flush(|name, other| other == group && name.starts_with(&start));
            }
        }
    } else if ["completed", "failed", "incomplete", "cancelled", "created"].iter().any(|end| kind[9..] == **end) {
        turn.flush_all();
    }
    turn.channels.sequence = turn.doc.get_number(root, "sequence_number").or(turn.channels.sequence);
    Ok(())
}

fn delta(turn: &mut Turn<'_, '_>, root: Node, what: &str, group: Group) -> Result<(), StreamError> {
    let doc = turn.doc;
    let Some(delta) = doc.get(root, "delta") else { return Ok(()) };
    if what.contains("audio") && !what.contains("transcript") {
        turn.claims.claim(delta);
        return Ok(());
    }
    let item = doc.get(root, "item_id").map(|item| doc.raw(item)).filter(|item| item.len() <= 256).unwrap_or_default();
    for (path, text) in turn.strings(delta) {
        let channel = format!("{}{}", channel(what, group, item), way(&path));
        let logprobs = doc.get(root, "logprobs").filter(|_| path.is_empty());
        let piece = Piece { channel, group, text, logprobs, is_document: what.ends_with("_arguments"), is_last: false };
        turn.piece(&piece, |doc| envelope(doc, root, &path))?;
    }
    Ok(())
}

fn group(doc: &Document<'_>, root: Node) -> Group {
    let part = ["content_index", "summary_index", "command_index"].iter().find_map(|name| doc.get_number(root, name));
    (doc.get_number(root, "output_index").unwrap_or(0), part)
}

fn channel(what: &str, group: Group, item: &[u8]) -> String {
    format!("item {} {:?} {what} {}", group.0, group.1, String::from_utf8_lossy(item))
}

fn envelope(doc: &Document<'_>, root: Node, path: &[Step]) -> Envelope {
    let left_out = [&b"delta"[..], b"sequence_number", b"obfuscation", b"logprobs"];
    let (mut head, mut middle) = (b"{".to_vec(), Vec::new());
    head.extend(scalars(doc, root, |name| !left_out.contains(&name)));
    head.extend_from_slice(b"\"delta\":");
    nested(path, &mut head, &mut middle);
    let logprobs = path.is_empty().then_some((",\"logprobs\":[", "]"));
    let is_numbered = doc.get_number(root, "sequence_number").is_some();
    Envelope { head, middle, logprobs, tail: b"}".to_vec(), is_numbered, ..Envelope::default() }
}
