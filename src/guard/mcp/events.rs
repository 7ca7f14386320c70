//! Messages of a server that come as server-sent events: each event keeps its id, and its message is looked at.

use std::ops::Range;

use super::{McpGuard, Passage, Refused, Skimmer, joined};
use crate::guard::stream::document::Edits;
use crate::guard::stream::sse::{Event, Field, Splitter};
use crate::guard::{AuditEntry, Decision};

/// The events of one body, piece by piece.
///
/// Ids of events and times to wait stay as they are, so that a client can go on where it was cut off: what it is sent
/// again is looked at again.
#[derive(Debug)]
pub struct McpEvents {
    guard: McpGuard,
    /// The longest event, in bytes.
    limit: usize,
    splitter: Splitter,
    /// An event that is longer, as far as it came.
    overlong: Option<Overlong>,
    told: Told,
}

/// What was not passed on, and what was found.
#[derive(Debug, Default)]
pub struct Told {
    /// Errors for the server, in the place of answers to what it asked for.
    pub back: Vec<String>,
    /// The secrets that were found.
    pub findings: Vec<AuditEntry>,
    /// How many messages were withheld.
    pub withheld: u64,
}

/// In the place of a message that nobody waits for.
const WITHHELD: &[u8] = b": keyscan withheld a message";

impl McpEvents {
    /// Looks at messages as this guard does; of events longer than this many bytes only an error goes on.
    #[must_use]
    pub fn new(guard: McpGuard, limit: usize) -> McpEvents {
        McpEvents { guard, limit, splitter: Splitter::default(), overlong: None, told: Told::default() }
    }

    /// Takes the next bytes, and appends whole events to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if let Some(overlong) = &mut self.overlong {
                let Some(len) = overlong.feed(bytes) else { return };
                bytes = &bytes[len..];
                self.end_overlong(out);
                continue;
            }
            // A long run of events in one piece is no long event.
            let (piece, rest) = bytes.split_at(bytes.len().min(64 << 10));
            self.splitter.push(piece);
            bytes = rest;
            while let Some(event) = self.splitter.next() {
                let event = self.splitter.bytes(event).to_vec();
                self.event(&event, out);
            }
            if self.splitter.held_len() > self.limit {
                self.overlong = Some(Overlong::new(&self.splitter.rest()));
            }
        }
    }

    /// Ends the body: what no blank line ends is looked at as if one did.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_overlong(out);
        let rest = self.splitter.rest();
        if !rest.is_empty() {
            self.event(&rest, out);
        }
    }

    /// What happened since the last call.
    pub fn take_told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    fn event(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let event = Event::parse(bytes);
        let mut edits = Edits::default();
        for line in &event.lines {
            if matches!(line.field, Field::Event | Field::Other) {
                self.line(bytes, line.value.clone(), &mut edits);
            }
        }
        match event.data().map(|data| self.data(&data)) {
            None | Some(Shown::Same) => {}
            Some(Shown::Data(data)) => event.replace_data(&data, &mut edits),
            Some(Shown::Nothing) => event.withhold_data(WITHHELD, &mut edits),
        }
        out.extend(edits.apply(bytes));
    }

    /// A comment, or the name of an event.
    fn line(&mut self, bytes: &[u8], value: Range<usize>, edits: &mut Edits) {
        let text = String::from_utf8_lossy(&bytes[value.clone()]);
        match self.text(&text) {
            Shown::Same => {}
            Shown::Data(shown) => edits.replace(value, one_line(shown)),
            Shown::Nothing => edits.replace(value, Vec::new()),
        }
    }

    fn data(&mut self, data: &[u8]) -> Shown {
        let text = String::from_utf8_lossy(data);
        if text.trim().is_empty() {
            return Shown::Same;
        }
        let looked = self.guard.message(text.trim());
        self.told.findings.extend(looked.findings);
        match looked.passage {
            Passage::Pass(shown) if shown == text.trim() => Shown::Same,
            Passage::Pass(shown) => Shown::Data(shown.into_bytes()),
            Passage::Refuse(refused) => self.refused(refused),
            Passage::NotJson => self.text(&text),
        }
    }

    fn refused(&mut self, refused: Refused) -> Shown {
        self.told.withheld += 1;
        self.told.back.extend(refused.back);
        joined(&refused.forth).map_or(Shown::Nothing, |errors| Shown::Data(errors.into_bytes()))
    }

    fn text(&mut self, text: &str) -> Shown {
        let checked = self.guard.guard().check(self.guard.direction(), text);
        self.told.findings.extend(checked.findings);
        match checked.decision {
            Decision::Allow => Shown::Same,
            Decision::Redact(shown) => Shown::Data(shown.into_bytes()),
            Decision::Block(_) => {
                self.told.withheld += 1;
                Shown::Nothing
            }
        }
    }

    fn end_overlong(&mut self, out: &mut Vec<u8>) {
        let Some(overlong) = self.overlong.take() else { return };
        out.extend_from_slice(&overlong.kept);
        let refused = self.guard.too_long(&overlong.skimmer, self.limit as u64);
        match self.refused(refused) {
            Shown::Data(error) => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(&error);
            }
            Shown::Same | Shown::Nothing => out.extend_from_slice(WITHHELD),
        }
        out.extend_from_slice(b"\n\n");
    }
}

/// What is shown in the place of something.
enum Shown {
    Same,
    Data(Vec<u8>),
    Nothing,
}

fn one_line(text: Vec<u8>) -> Vec<u8> {
    text.into_iter().filter(|byte| !b"\r\n".contains(byte)).collect()
}

/// An event that is too long to be kept: what matters of its message, and its id where that comes first.
#[derive(Debug, Default)]
struct Overlong {
    kept: Vec<u8>,
    skimmer: Skimmer,
    line: Line,
    /// The last line ended with a carriage return: a line feed belongs to it.
    after_cr: bool,
    is_ended: bool,
}

/// Where in a line of an event.
#[derive(Debug)]
enum Line {
    /// What of it is there, which is not yet a name.
    Start(Vec<u8>),
    Data,
    Other,
}

impl Default for Line {
    fn default() -> Line {
        Line::Start(Vec::new())
    }
}

impl Overlong {
    /// No id is longer.
    const MAX_KEPT: usize = 1024;

    fn new(held: &[u8]) -> Overlong {
        let mut overlong = Overlong::default();
        for line in held.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let is_whole = line.ends_with(b"\n") || line.ends_with(b"\r");
            if line.starts_with(b"id:") && is_whole && line.len() <= Overlong::MAX_KEPT {
                overlong.kept = [line.trim_ascii_end(), b"\n"].concat();
            }
        }
        overlong.feed(held);
        overlong
    }

    /// Reads on; answers where the event ends.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        const NAME: &[u8] = b"data:";
        for (at, &byte) in bytes.iter().enumerate() {
            if matches!(byte, b'\n' | b'\r') {
                let is_rest = byte == b'\n' && std::mem::take(&mut self.after_cr);
                if is_rest {
                    continue;
                }
                self.after_cr = byte == b'\r';
                if matches!(&self.line, Line::Start(start) if start.is_empty()) {
                    self.is_ended = true;
                    return Some(at + 1);
                }
                self.line = Line::default();
                continue;
            }
            self.after_cr = false;
            match &mut self.line {
                Line::Start(start) => {
                    start.push(byte);
                    if start == NAME {
                        self.line = Line::Data;
                    } else if !NAME.starts_with(start) {
                        self.line = Line::Other;
                    }
                }
                Line::Data => self.skimmer.feed(&[byte]),
                Line::Other => {}
            }
        }
        None
    }
}
