//! Event streams: bytes to events, and events edited in place.

use std::ops::Range;

use super::document::Edits;

/// Cuts a stream into events, as bytes: each with the blank line that ends it.
#[derive(Debug, Default)]
pub(in crate::guard) struct Splitter {
    /// Bytes, of which those before `from` were given out.
    bytes: Vec<u8>,
    from: usize,
    /// Everything before this was looked at.
    seen: usize,
    /// Where the last line starts.
    line: usize,
    /// The last event ended with a carriage return: a line feed that comes next belongs to it.
    after_cr: bool,
}

impl Splitter {
    /// Takes bytes, of which [`Splitter::next`] then gives the events.
    pub(in crate::guard) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.from);
        self.seen -= self.from;
        self.line -= self.from;
        self.from = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// How much there is that is in no event yet.
    pub(in crate::guard) fn held_len(&self) -> usize {
        self.bytes.len() - self.from
    }

    /// The next event that is complete.
    pub(in crate::guard) fn next(&mut self) -> Option<Range<usize>> {
        if self.after_cr && self.from < self.bytes.len() {
            self.after_cr = false;
            if self.bytes[self.from] == b'\n' {
                return Some(self.take(self.from + 1));
            }
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', &self.bytes[self.seen..]) {
            let at = self.seen + at;
            let is_blank = at == self.line;
            let end = match (self.bytes[at], self.bytes.get(at + 1)) {
                (b'\r', Some(b'\n')) => at + 2,
                // What ends a line that is not blank is known with the next byte.
                (b'\r', None) if !is_blank => {
                    self.seen = at;
                    return None;
                }
                _ => at + 1,
            };
            (self.seen, self.line) = (end, end);
            if is_blank {
                self.after_cr = self.bytes[end - 1] == b'\r';
                return Some(self.take(end));
            }
        }
        self.seen = self.bytes.len();
        None
    }

    fn take(&mut self, end: usize) -> Range<usize> {
        let event = self.from..end;
        (self.from, self.seen, self.line) = (end, end, end);
        event
    }

    /// The bytes of an event that was given last, or after which nothing was pushed.
    pub(in crate::guard) fn bytes(&self, event: Range<usize>) -> &[u8] {
        &self.bytes[event]
    }

    /// What is left at the end, which no blank line ends.
    pub(in crate::guard) fn rest(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.from);
        *self = Splitter::default();
        rest
    }
}

/// What a line of an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::guard) enum Field {
    Data,
    Event,
    /// The id of the event, or how long to wait before one asks for the next.
    Handle,
    /// A comment, anything else: its text, or its value.
    Other,
    Blank,
}

#[derive(Debug, Clone)]
pub(in crate::guard) struct Line {
    pub(in crate::guard) field: Field,
    /// The whole line with its end.
    all: Range<usize>,
    /// What stands behind the colon.
    pub(in crate::guard) value: Range<usize>,
}

/// An event, and where its lines are.
#[derive(Debug)]
pub(in crate::guard) struct Event<'b> {
    pub(in crate::guard) bytes: &'b [u8],
    pub(in crate::guard) lines: Vec<Line>,
}

impl<'b> Event<'b> {
    pub(in crate::guard) fn parse(bytes: &'b [u8]) -> Event<'b> {
        let (mut lines, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let len = memchr::memchr2(b'\n', b'\r', &bytes[at..]).unwrap_or(bytes.len() - at);
            let end = at + len;
            let ends = match bytes[end..] {
                [b'\r', b'\n', ..] => 2,
                [] => 0,
                _ => 1,
            };
            lines.push(Line::parse(bytes, at..end, end + ends));
            at = end + ends;
        }
        Event { bytes, lines }
    }

    /// The text of all data lines; `None` when there is none.
    pub(in crate::guard) fn data(&self) -> Option<Vec<u8>> {
        let mut lines = self.lines.iter().filter(|line| line.field == Field::Data);
        let mut data = self.bytes[lines.next()?.value.clone()].to_vec();
        for line in lines {
            data.push(b'\n');
            data.extend_from_slice(&self.bytes[line.value.clone()]);
        }
        Some(data)
    }

    /// The name of the event.
    pub(in crate::guard) fn name(&self) -> Option<&'b [u8]> {
        let line = self.lines.iter().rev().find(|line| line.field == Field::Event)?;
        Some(&self.bytes[line.value.clone()])
    }

    /// How its lines end.
    pub(in crate::guard) fn line_end(&self) -> &'static [u8] {
        match self.lines.first().map(|line| &self.bytes[line.all.clone()]) {
            Some([.., b'\r', b'\n']) => b"\r\n",
            Some([.., b'\r']) => b"\r",
            _ => b"\n",
        }
    }

    /// Puts this text in the place of the data.
    pub(in crate::guard) fn replace_data(&self, data: &[u8], edits: &mut Edits) {
        let mut lines = self.lines.iter().filter(|line| line.field == Field::Data);
        let Some(first) = lines.next() else { return };
        // What stands before the value, in the way of this stream.
        let name = &self.bytes[first.all.start..first.value.start];
        let name = if first.value.is_empty() { b"data: " } else { name };
        let mut text = Vec::with_capacity(data.len() + 16);
        for (number, part) in data.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            if number > 0 {
                text.extend_from_slice(self.line_end());
            }
            text.extend_from_slice(name);
            text.extend_from_slice(part);
        }
        text.extend_from_slice(&self.bytes[first.value.end..first.all.end]);
        edits.replace(first.all.clone(), text);
        lines.for_each(|line| edits.replace(line.all.clone(), Vec::new()));
    }

    /// Puts this comment in the place of the data.
    pub(in crate::guard) fn withhold_data(&self, comment: &[u8], edits: &mut Edits) {
        let mut lines = self.lines.iter().filter(|line| line.field == Field::Data);
        let Some(first) = lines.next() else { return };
        edits.replace(first.all.start..first.value.end, comment.to_vec());
        lines.for_each(|line| edits.replace(line.all.clone(), Vec::new()));
    }
}

impl Line {
    fn parse(bytes: &[u8], text: Range<usize>, end: usize) -> Line {
        let mut start = text.start;
        if start == 0 && bytes.starts_with(b"\xEF\xBB\xBF") {
            start = 3;
        }
        let line = &bytes[start.min(text.end)..text.end];
        let colon = memchr::memchr(b':', line);
        let field = match &line[..colon.unwrap_or(line.len())] {
            _ if line.is_empty() => Field::Blank,
            b"data" => Field::Data,
            b"event" => Field::Event,
            b"id" | b"retry" => Field::Handle,
            _ => Field::Other,
        };
        let value = match colon {
            Some(colon) if line.get(colon + 1) == Some(&b' ') => start + colon + 2,
            Some(colon) => start + colon + 1,
            // A line without a colon is a name without a value; as text, it is all there is.
            None if matches!(field, Field::Other | Field::Handle) => start,
            None => text.end,
        };
        Line { field, all: text.start..end, value: value..text.end }
    }
}

/// An event of a name and a text.
pub(in crate::guard) fn event(name: Option<&[u8]>, data: &[u8], line_end: &[u8], out: &mut Vec<u8>) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name);
        out.extend_from_slice(line_end);
    }
    for part in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(part);
        out.extend_from_slice(line_end);
    }
    out.extend_from_slice(line_end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut splitter, mut events) = (Splitter::default(), Vec::new());
        for piece in pieces {
            splitter.push(piece);
            while let Some(event) = splitter.next() {
                events.push(splitter.bytes(event).to_vec());
            }
        }
        (events, splitter.rest())
    }

    #[test]
    fn events_end_with_blank_lines_of_any_kind() {
        for text in
            [&b"data: a\n\ndata: b\n\nrest"[..], b"data: a\r\n\r\ndata: b\r\n\r\nrest", b"data: a\r\rdata: b\r\rrest"]
        {
            for cut in 0..text.len() {
                let (events, rest) = events(&[&text[..cut], &text[cut..]]);
                let all: Vec<u8> = events.concat().into_iter().chain(rest.iter().copied()).collect();
                assert_eq!(all, text, "cut at {cut}");
                let events: Vec<_> = events.iter().filter(|event| event.len() > 1).collect();
                assert_eq!(events.len(), 2, "cut at {cut}");
                assert_eq!(Event::parse(events[1]).data().unwrap(), b"b");
                assert_eq!(rest, b"rest");
            }
        }
    }

    #[test]
    fn an_event_is_there_with_its_last_byte() {
        for text in [&b"data: a\n\n"[..], b"data: a\r\r", b"\n", b": c\r\n\r\n"] {
            let complete = if text.ends_with(b"\r\n") { text.len() - 1 } else { text.len() };
            assert_eq!(events(&[&text[..complete]]).0.len(), 1, "{text:?}");
        }
    }

    #[test]
    fn data_is_replaced_where_it_stands() {
        let bytes = b": note\r\nid:7\r\ndata:a\r\nretry: 1\r\ndata: b\r\n\r\n";
        let event = Event::parse(bytes);
        assert_eq!((event.data().unwrap(), event.name()), (b"a\nb".to_vec(), None));
        let mut edits = Edits::default();
        event.replace_data(b"x\ny\nz", &mut edits);
        let expected = b": note\r\nid:7\r\ndata:x\r\ndata:y\r\ndata:z\r\nretry: 1\r\n\r\n";
        assert_eq!(edits.apply(bytes), expected);
    }
}
