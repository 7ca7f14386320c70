//! Streams of others, as far as one can tell: events whose type says that they are deltas, and tokens one by one.

use crate::guard::stream::StreamError;
use crate::guard::stream::channel::Envelope;
use crate::guard::stream::document::{Document, Node};
use crate::guard::stream::turn::{Piece, Step, Turn, nested, scalars, way};

/// Where a token stands, in events that have no type.
const TOKENS: [&[&str]; 6] = [
    &["token", "text"],
    &["message", "content"],
    &["message", "thinking"],
    &["response"],
    &["completion"],
    &["content"],
];
/// In the types of events that end a text.
const ENDS: [&[u8]; 5] = [b"end", b"stop", b"done", b"finish", b"error"];

pub(super) fn see_to(turn: &mut Turn<'_, '_>, kind: &[u8]) -> Result<(), StreamError> {
    let (doc, root) = (turn.doc, turn.doc.root());
    let contains = |what: &[u8]| memchr::memmem::find(kind, what).is_some();
    let mut texts = Vec::new();
    if contains(b"delta") {
        texts = turn.strings(root);
    } else if kind.is_empty() {
        for path in TOKENS {
            let token = doc.at(root, path).filter(|token| doc.is_string(*token));
            let path = path.iter().map(|name| Step::Name(name.as_bytes().to_vec())).collect();
            texts.extend(token.map(|token| (path, token)));
        }
    }
    let is_end = ENDS.iter().any(|end| contains(end)) && !contains(b"delta");
    let is_done = doc.get(root, "done").is_some_and(|done| doc.raw(done) == b"true");
    let is_last = is_done || doc.get(root, "stop_reason").is_some_and(|reason| doc.is_string(reason));
    for (path, text) in texts {
        let channel = format!("other {} {}{}", String::from_utf8_lossy(kind), id(doc, root), way(&path));
        let piece = Piece { channel, group: (0, None), text, logprobs: None, is_document: false, is_last };
        turn.piece(&piece, |doc| envelope(doc, root, &path))?;
    }
    if is_end || is_last {
        turn.flush_all();
    }
    Ok(())
}

/// Of which of several texts the event is a piece.
fn id(doc: &Document<'_>, root: Node) -> String {
    let is_id = |name: &[u8]| matches!(name, b"id" | b"index") || name.ends_with(b"_id") || name.ends_with(b"Id");
    String::from_utf8_lossy(&scalars(doc, root, is_id)).into_owned()
}

fn envelope(doc: &Document<'_>, root: Node, path: &[Step]) -> Envelope {
    let (mut head, mut middle) = (b"{".to_vec(), Vec::new());
    let Some((Step::Name(first), rest)) = path.split_first() else { return Envelope::default() };
    head.extend(scalars(doc, root, |name| name != first.as_slice() && name != b"done"));
    head.extend([b"\"", first.as_slice(), b"\":"].concat());
    nested(rest, &mut head, &mut middle);
    Envelope { head, middle, tail: b"}".to_vec(), ..Envelope::default() }
}
