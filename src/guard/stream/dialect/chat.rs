//! `OpenAI` chat completions, and completions as they were first: choices that grow by deltas until there is a reason to
//! finish.

use std::collections::BTreeMap;

use crate::guard::stream::StreamError;
use crate::guard::stream::channel::Envelope;
use crate::guard::stream::document::{Document, Kind, Node};
use crate::guard::stream::turn::{Piece, Step, Turn, nested, scalars, way};

pub(super) fn see_to(turn: &mut Turn<'_, '_>) -> Result<(), StreamError> {
    let doc = turn.doc;
    let Some(choices) = doc.get(doc.root(), "choices") else { return Ok(()) };
    for (place, choice) in doc.items(choices).enumerate() {
        let index = doc.get_number(choice, "index").unwrap_or(place as u64);
        let finish = doc.get(choice, "finish_reason");
        let is_last = finish.is_some_and(|reason| doc.is_string(reason));
        let texts = match doc.get(choice, "delta") {
            Some(delta) => turn.strings(delta),
            None => {
                let text = doc.get(choice, "text").filter(|text| doc.is_string(*text));
                text.map(|text| (vec![Step::Name(b"text".to_vec())], text)).into_iter().collect()
            }
        };
        let is_delta = doc.get(choice, "delta").is_some();
        let ways: BTreeMap<String, usize> = texts.iter().enumerate().map(|(at, (path, _))| (way(path), at)).collect();
        for (at, (path, text)) in texts.into_iter().enumerate() {
            let way = way(&path);
            // Of a member that stands there twice, the last is the last.
            let is_last = is_last && ways.get(&way) == Some(&at);
            let channel = format!("choice {index} {way}");
            let logprobs = logprobs(doc, choice, &path);
            let is_document = matches!(path.last(), Some(Step::Name(name)) if name == b"arguments");
            let piece = Piece { channel, group: (index, None), text, logprobs, is_document, is_last };
            turn.piece(&piece, |doc| envelope(doc, index, &path, is_delta))?;
        }
        if !is_delta {
            drop_lists(turn, choice);
        }
        if is_last {
            turn.flush(|_, group| group.0 == index);
        }
    }
    Ok(())
}

/// The entries of the tokens of this text.
fn logprobs(doc: &Document<'_>, choice: Node, path: &[Step]) -> Option<Node> {
    let [Step::Name(name)] = path else { return None };
    let name = std::str::from_utf8(name).ok().filter(|name| matches!(*name, "content" | "refusal"))?;
    doc.at(choice, &["logprobs", name])
}

/// Completions as they were first have lists of tokens and of places in the text: they say what a redactor may hold.
fn drop_lists(turn: &mut Turn<'_, '_>, choice: Node) {
    let logprobs = turn.doc.get(choice, "logprobs").filter(|logprobs| turn.doc.kind(*logprobs) == Kind::Object);
    if let Some(logprobs) = logprobs.filter(|_| !turn.edits.is_empty()) {
        turn.edits.replace(turn.doc.outer(logprobs), b"null".to_vec());
        turn.claims.claim(logprobs);
    }
}

fn envelope(doc: &Document<'_>, index: u64, path: &[Step], is_delta: bool) -> Envelope {
    let (mut head, mut middle) = (b"{".to_vec(), Vec::new());
    head.extend(scalars(doc, doc.root(), |name| name != b"usage"));
    head.extend(format!("\"choices\":[{{\"index\":{index},").bytes());
    if is_delta {
        head.extend_from_slice(b"\"delta\":");
        nested(path, &mut head, &mut middle);
    } else {
        head.extend_from_slice(b"\"text\":");
    }
    let logprobs = match path {
        [Step::Name(name)] if is_delta && name == b"content" => Some((",\"logprobs\":{\"content\":[", "]}")),
        [Step::Name(name)] if is_delta && name == b"refusal" => Some((",\"logprobs\":{\"refusal\":[", "]}")),
        _ => None,
    };
    let tail = b",\"finish_reason\":null}]}".to_vec();
    Envelope { head, middle, logprobs, tail, ..Envelope::default() }
}
