//! One event: what each dialect does with its texts.

use super::StreamError;
use super::channel::{Channels, Envelope, Group, Shown};
use super::document::{Document, Edits, Kind, Node};
use super::leaves::Claims;
use super::logprobs;
use crate::guard::string::quoted;

/// An event while it is edited.
pub(super) struct Turn<'t, 'b> {
    pub(super) doc: &'t Document<'b>,
    pub(super) name: Option<&'b [u8]>,
    pub(super) line_end: &'static [u8],
    pub(super) channels: &'t mut Channels,
    pub(super) edits: Edits,
    pub(super) claims: Claims,
    /// Events that come before this one.
    pub(super) before: Vec<u8>,
}

/// A piece of a channel: where it stands, and where what is shown of it goes.
pub(super) struct Piece {
    pub(super) channel: String,
    pub(super) group: Group,
    pub(super) text: Node,
    /// The entries of logprobs of its tokens.
    pub(super) logprobs: Option<Node>,
    /// The text is a document, as arguments of tools are.
    pub(super) is_document: bool,
    /// The channel ends with it.
    pub(super) is_last: bool,
}

impl Turn<'_, '_> {
    /// Gives a piece to its channel, and puts what is shown in its place.
    pub(super) fn piece(
        &mut self,
        piece: &Piece,
        envelope: impl FnOnce(&Document<'_>) -> Envelope,
    ) -> Result<(), StreamError> {
        let Turn { doc, name, channels, edits, claims, .. } = self;
        let text = doc.text(piece.text);
        let array = piece.logprobs.filter(|array| doc.kind(*array) == Kind::Array);
        let entries = array.map(|array| logprobs::entries(doc, array)).unwrap_or_default();
        let came: Vec<Vec<u8>> = entries.iter().map(|entry| entry.raw.clone()).collect();
        let open = || Envelope { name: name.map(<[u8]>::to_vec), ..envelope(doc) };
        let mut shown = channels.channel(&piece.channel, piece.group, piece.is_document, open)?.push(&text, entries);
        if piece.is_last {
            let Shown { text, entries } = channels.end(&piece.channel);
            shown.text.extend(text);
            shown.entries.extend(entries);
        }
        claims.claim(piece.text);
        if shown.text != text {
            edits.replace(doc.outer(piece.text), quoted(&shown.text));
        }
        if let Some(array) = array.filter(|_| shown.entries != came || (came.is_empty() && shown.text != text)) {
            edits.replace(doc.outer(array), [b"[", shown.entries.join(&b',').as_slice(), b"]"].concat());
            claims.claim(array);
        }
        Ok(())
    }

    /// Ends channels before this event.
    pub(super) fn flush(&mut self, which: impl Fn(&str, Group) -> bool) {
        self.channels.flush(which, self.line_end, &mut self.before);
    }

    /// Ends all channels before this event.
    pub(super) fn flush_all(&mut self) {
        self.flush(|_, _| true);
    }

    /// The strings in a value, with the ways to them.
    pub(super) fn strings(&self, node: Node) -> Vec<(Vec<Step>, Node)> {
        let mut found = Vec::new();
        strings(self.doc, node, &mut Vec::new(), &mut found);
        found
    }
}

/// A step into a value.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Name(Vec<u8>),
    /// An element: its `index`, or its place.
    Index(u64),
}

/// Names that are longer, and ways that have more steps, are of nothing that goes on in other events.
const MAX_NAME: usize = 64;
const MAX_STEPS: usize = 8;

/// Members that say what something is, and are there at once.
fn is_label(name: &[u8]) -> bool {
    matches!(name, b"type" | b"role" | b"id" | b"name" | b"object" | b"format" | b"index" | b"status")
        || name.ends_with(b"_id")
        || name.ends_with(b"Id")
}

fn strings(doc: &Document<'_>, node: Node, path: &mut Vec<Step>, found: &mut Vec<(Vec<Step>, Node)>) {
    match doc.kind(node) {
        Kind::String => found.push((path.clone(), node)),
        Kind::Object if path.len() < MAX_STEPS => {
            let is_wanted = |name: &[u8]| name.len() <= MAX_NAME && !is_label(name);
            for (name, value) in doc.members(node).filter(|(name, _)| is_wanted(doc.raw(*name))) {
                path.push(Step::Name(doc.raw(name).to_vec()));
                strings(doc, value, path, found);
                path.pop();
            }
        }
        Kind::Array if path.len() < MAX_STEPS => {
            for (place, item) in doc.items(node).enumerate() {
                path.push(Step::Index(doc.get_number(item, "index").unwrap_or(place as u64)));
                strings(doc, item, path, found);
                path.pop();
            }
        }
        Kind::Object | Kind::Array | Kind::Name | Kind::Number | Kind::Literal => {}
    }
}

/// The way as a part of the name of a channel.
pub(super) fn way(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Name(name) => format!(".{}", String::from_utf8_lossy(name)),
        Step::Index(index) => format!("[{index}]"),
    };
    path.iter().map(step).collect()
}

/// What stands around a string at the end of this way, before and behind.
pub(super) fn nested(path: &[Step], head: &mut Vec<u8>, behind: &mut Vec<u8>) {
    let (mut closing, mut in_element) = (Vec::new(), false);
    for (number, step) in path.iter().enumerate() {
        match step {
            Step::Name(name) => {
                if !std::mem::take(&mut in_element) {
                    head.push(b'{');
                    closing.push(b"}".as_slice());
                }
                head.extend([b"\"", name.as_slice(), b"\":"].concat());
            }
            Step::Index(index) if matches!(path.get(number + 1), Some(Step::Name(_))) => {
                head.extend(format!("[{{\"index\":{index},").bytes());
                closing.push(b"}]");
                in_element = true;
            }
            Step::Index(_) => {
                head.push(b'[');
                closing.push(b"]");
            }
        }
    }
    closing.iter().rev().for_each(|close| behind.extend_from_slice(close));
}

/// Longer members are not carried on to events that are made here, nor is more in all.
const MAX_SCALAR: usize = 512;
const MAX_SCALARS: usize = 4096;

/// The members of an object that are no containers and are named thus, as they stand there, each with a comma behind it.
pub(super) fn scalars(doc: &Document<'_>, object: Node, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in doc.members(object) {
        let span = doc.outer(name).start..doc.outer(value).end;
        if wanted(doc.raw(name))
            && !doc.is_container(value)
            && span.len() <= MAX_SCALAR.min(MAX_SCALARS - out.len().min(MAX_SCALARS))
        {
            out.extend_from_slice(&doc.bytes()[span]);
            out.push(b',');
        }
    }
    out
}
