//! Streams of models on their way: each of their texts through a redactor of its own, and everything else as it came.

mod channel;
mod dialect;
mod document;
mod escapes;
mod leaves;
mod logprobs;
mod sse;
mod turn;

use std::fmt;

use self::channel::{Channels, Envelope};
use self::document::{Document, Edits};
use self::leaves::{Claims, Leaves};
use self::sse::{Event, Field, Splitter};
use self::turn::Turn;
use super::audit::{AuditEntry, Reason};
use super::policy::{Action, DirectionPolicy, Policy};
use super::{Direction, Guard};
use crate::redact::{Record, RedactStats, Redaction, Redactor, TextFormat};

/// What a stream of bytes is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// Text, or documents among text.
    Text,
    /// One JSON document.
    Json,
    /// JSON documents, one a line.
    Lines,
    /// Server-sent events.
    Events,
}

impl Framing {
    /// The framing of a media type, such as `text/event-stream; charset=utf-8`; `None` where that is nothing that can be
    /// read as text.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Framing> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_text = essence.starts_with("text/")
            || essence.ends_with("+xml")
            || ["application/xml", "application/javascript", "application/x-www-form-urlencoded", "application/yaml"]
                .contains(&essence.as_str());
        match essence.as_str() {
            "text/event-stream" => Some(Framing::Events),
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => Some(Framing::Lines),
            "application/json" | "text/json" => Some(Framing::Json),
            _ if essence.ends_with("+json") => Some(Framing::Json),
            _ => is_text.then_some(Framing::Text),
        }
    }
}

/// What a stream may take of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// The longest event, or line of documents, in bytes. Default 16 MiB.
    pub event_len: usize,
    /// The largest document that comes as a whole, in bytes. Default 100 MiB.
    pub document_len: usize,
    /// Texts that are open at one time; each takes up to about a megabyte. Default 64.
    pub channels: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits { event_len: 16 << 20, document_len: 100 << 20, channels: 64 }
    }
}

/// Why a stream is not carried on. Nothing comes out of it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// An event, or a line of documents, is longer than so many bytes.
    EventTooLong(usize),
    /// The document is larger than so many bytes.
    DocumentTooLong(usize),
    /// More texts than this are open at one time.
    TooManyChannels(usize),
    /// The policy withholds it.
    Blocked(Reason),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamError::EventTooLong(limit) => write!(f, "an event is longer than {limit} bytes"),
            StreamError::DocumentTooLong(limit) => write!(f, "the document is larger than {limit} bytes"),
            StreamError::TooManyChannels(limit) => write!(f, "more than {limit} texts are open at one time"),
            StreamError::Blocked(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for StreamError {}

/// Redacts the stream of a model, piece by piece.
///
/// Of server-sent events the texts that go on from event to event (deltas of Anthropic Messages, of `OpenAI` chat
/// completions and Responses, of Gemini, and what looks alike) are redacted as the texts that they make when they are
/// put together: a secret is hidden however it is cut, and what is held back of a text comes with its next delta, or
/// with one more before the text ends. All other strings are redacted one by one. Events in which nothing is hidden or
/// held back stay as they are, byte by byte.
///
/// ```
/// use keyscan::RuleSet;
/// use keyscan::guard::{Framing, StreamGuard};
/// use keyscan::redact::{KnownSecrets, Redaction};
///
/// let known = KnownSecrets::new();
/// known.add("database", b"quartz-0123").expect("it is long enough");
/// let redaction = Redaction::new(RuleSet::new()).with_known(known);
/// let (mut guard, mut out) = (StreamGuard::new(&redaction, Framing::Events), Vec::new());
/// for token in ["It is qua", "rtz-01", "23."] {
///     let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{token}\"}}}}]}}\n\n");
///     guard.push(event.as_bytes(), &mut out).expect("it is within the limits");
/// }
/// guard.finish(&mut out).expect("it is within the limits");
/// let out = String::from_utf8(out).expect("it is UTF-8");
/// assert!(out.contains("\"content\":\"It is \"") && out.contains("\"content\":\"[REDACTED:database].\""));
/// ```
pub struct StreamGuard {
    framing: Framing,
    limits: StreamLimits,
    splitter: Splitter,
    /// A document, or a line of one, that is not complete.
    held: Vec<u8>,
    /// For text.
    redactor: Option<Redactor>,
    channels: Channels,
    leaves: Leaves,
    /// The data of events is no JSON.
    is_raw: bool,
    /// How the lines of the last event ended.
    line_end: &'static [u8],
    guard: Guard,
    direction: Direction,
    findings: Vec<AuditEntry>,
    failed: Option<StreamError>,
}

/// Findings that wait to be taken; of more, only what they count is known.
const MAX_FINDINGS: usize = 1024;

impl fmt::Debug for StreamGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamGuard({:?}, {} bytes held)", self.framing, self.held_len())
    }
}

impl StreamGuard {
    /// Starts a stream in which everything is hidden that this redaction hides; documents stay documents, whatever its
    /// format. For many streams, [`Streams`] does once what they share.
    #[must_use]
    pub fn new(redaction: &Redaction, framing: Framing) -> StreamGuard {
        Streams::hiding(redaction).start(framing)
    }

    fn of(streams: &Streams, framing: Framing) -> StreamGuard {
        StreamGuard {
            framing,
            limits: streams.limits,
            splitter: Splitter::default(),
            held: Vec::new(),
            redactor: (framing == Framing::Text).then(|| streams.redaction.redactor()),
            channels: Channels::new(streams.redaction.clone(), streams.limits.channels),
            leaves: Leaves::new(&streams.redaction),
            is_raw: false,
            line_end: b"\n",
            guard: streams.guard.clone(),
            direction: streams.direction,
            findings: Vec::new(),
            failed: None,
        }
    }

    /// Takes the next bytes and appends to `out` what can be shown.
    ///
    /// # Errors
    /// When the stream is beyond its limits. Nothing more comes out of it then; what was shown before stands.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        self.guarded(|guard, out| guard.take(bytes, out), out)
    }

    /// Ends the stream and appends the rest to `out`.
    ///
    /// # Errors
    /// As [`StreamGuard::push`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        self.guarded(StreamGuard::end, out)
    }

    /// How many bytes are held: those of an event that is not complete, and those of texts that may become secrets.
    #[must_use]
    pub fn held_len(&self) -> usize {
        let text = self.redactor.as_ref().map_or(0, Redactor::held_len);
        text + self.splitter.held_len() + self.held.len() + self.channels.held_len()
    }

    /// What was done so far, in texts.
    #[must_use]
    pub fn stats(&self) -> RedactStats {
        let mut stats = self.channels.stats();
        stats.merge(self.leaves.stats());
        if let Some(redactor) = &self.redactor {
            stats.merge(redactor.stats());
        }
        stats
    }

    /// The secrets that were hidden since the last call: the first thousand of them, without their places.
    pub fn take_findings(&mut self) -> Vec<AuditEntry> {
        std::mem::take(&mut self.findings)
    }

    /// Runs a step, of which nothing comes out when it fails.
    fn guarded(
        &mut self,
        run: impl FnOnce(&mut StreamGuard, &mut Vec<u8>) -> Result<(), StreamError>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let result = self.failed.clone().map_or_else(|| run(self, out), Err);
        if let Err(error) = &result {
            self.failed = Some(error.clone());
            self.held = Vec::new();
            self.splitter = Splitter::default();
        }
        result
    }

    /// Shows what a step made, if the policy allows what was found in it.
    fn show(&mut self, made: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let mut records = self.channels.take_records();
        records.extend(self.leaves.take_records());
        records.extend(self.redactor.as_mut().map(Redactor::take_records).unwrap_or_default());
        let entry = |record: Record| AuditEntry { span: None, ..self.guard.entry(self.direction, record) };
        let entries: Vec<AuditEntry> = records.into_iter().map(entry).collect();
        let blocked: Vec<&AuditEntry> = entries.iter().filter(|entry| entry.action == Action::Block).collect();
        if !blocked.is_empty() {
            return Err(StreamError::Blocked(Reason::secrets(self.direction, blocked)));
        }
        let room = MAX_FINDINGS.saturating_sub(self.findings.len());
        self.findings.extend(entries.into_iter().take(room));
        let text = self.redactor.as_ref().map_or(0, |redactor| redactor.stats().skipped_attempts);
        let skipped = text + self.channels.skipped_attempts() + self.leaves.stats().skipped_attempts;
        if skipped > 0 && self.guard.on_incomplete(self.direction) == Action::Block {
            return Err(StreamError::Blocked(Reason::unexamined(self.direction)));
        }
        out.extend_from_slice(made);
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        match self.framing {
            Framing::Text => self.text(|redactor, made| redactor.push(bytes, made), out),
            Framing::Json => {
                if self.held.len() + bytes.len() > self.limits.document_len {
                    return Err(StreamError::DocumentTooLong(self.limits.document_len));
                }
                self.held.extend_from_slice(bytes);
                Ok(())
            }
            Framing::Lines => self.lines(bytes, out),
            Framing::Events => self.events(bytes, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        match self.framing {
            Framing::Text => self.text(Redactor::finish, out),
            Framing::Json => {
                let document = std::mem::take(&mut self.held);
                let made = self.document(&document);
                self.show(&made, out)
            }
            Framing::Lines => {
                let line = std::mem::take(&mut self.held);
                self.line(&line, out)?;
                let made = self.rest(!line.is_empty() && !line.ends_with(b"\n"));
                self.show(&lines_of(&made), out)
            }
            Framing::Events => {
                let rest = self.splitter.rest();
                if !rest.is_empty() {
                    self.event(&rest, out)?;
                }
                let made = self.rest(!rest.is_empty());
                self.show(&made, out)
            }
        }
    }

    fn text(&mut self, run: impl FnOnce(&mut Redactor, &mut Vec<u8>), out: &mut Vec<u8>) -> Result<(), StreamError> {
        let mut made = Vec::new();
        if let Some(redactor) = &mut self.redactor {
            run(redactor, &mut made);
        }
        self.show(&made, out)
    }

    /// What channels hold at the end of the stream; behind something that no blank line ended, with one before it.
    fn rest(&mut self, is_open: bool) -> Vec<u8> {
        let (mut rest, line_end) = (Vec::new(), self.line_end);
        self.channels.flush(|_, _| true, line_end, &mut rest);
        if is_open && !rest.is_empty() {
            rest.splice(0..0, [line_end, line_end].concat());
        }
        rest
    }

    fn events(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        self.splitter.push(bytes);
        while let Some(event) = self.splitter.next() {
            let bytes = self.splitter.bytes(event).to_vec();
            if bytes.len() > self.limits.event_len {
                return Err(StreamError::EventTooLong(self.limits.event_len));
            }
            self.event(&bytes, out)?;
        }
        if self.splitter.held_len() > self.limits.event_len {
            return Err(StreamError::EventTooLong(self.limits.event_len));
        }
        Ok(())
    }

    /// One event with its end.
    fn event(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let event = Event::parse(bytes);
        let (mut edits, mut made) = (Edits::default(), Vec::new());
        for line in event.lines.iter().filter(|line| matches!(line.field, Field::Event | Field::Other)) {
            if let Some(shown) = self.leaves.redacted(&bytes[line.value.clone()]) {
                edits.replace(line.value.clone(), shown.into_iter().filter(|byte| !b"\r\n".contains(byte)).collect());
            }
        }
        if let Some(data) = event.data() {
            self.line_end = event.line_end();
            if let Some(edited) = self.data(&data, event.name(), &mut made)? {
                event.replace_data(&edited, &mut edits);
            }
        }
        made.extend(edits.apply(bytes));
        self.show(&made, out)
    }

    /// The data of an event; `None` when it stays as it is. What has to come before the event goes to `before`.
    fn data(&mut self, data: &[u8], name: Option<&[u8]>, before: &mut Vec<u8>) -> Result<Option<Vec<u8>>, StreamError> {
        if data.trim_ascii() == b"[DONE]" {
            self.channels.flush(|_, _| true, self.line_end, before);
            return Ok(None);
        }
        let is_document = matches!(data.trim_ascii_start().first(), Some(b'{' | b'['));
        let doc = if self.is_raw { None } else { Document::parse(data) };
        match doc {
            Some(doc) if is_document => self.turn(&doc, name, before),
            // Something is wrong with it, and whoever reads it will make as little of it.
            None if is_document && !self.is_raw => Ok(self.leaves.redacted(data)),
            // Tokens as they are, or each as a string.
            doc => {
                let string = doc.filter(|doc| doc.is_string(doc.root()));
                self.is_raw |= string.is_none();
                let channel = format!("data {}", String::from_utf8_lossy(name.unwrap_or_default()));
                let text = string.as_ref().map_or_else(|| data.to_vec(), |doc| doc.text(doc.root()));
                let envelope = || Envelope::plain(name, string.is_some());
                let shown = self.channels.channel(&channel, (0, None), false, envelope)?.push(&text, Vec::new());
                let quote = |text: Vec<u8>| if string.is_some() { document::quoted(&text) } else { text };
                Ok((shown.text != text).then(|| quote(shown.text)))
            }
        }
    }

    /// A document of a stream: what becomes of it when it is edited.
    fn turn(
        &mut self,
        doc: &Document<'_>,
        name: Option<&[u8]>,
        before: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, StreamError> {
        let mut turn = Turn {
            doc,
            name,
            line_end: self.line_end,
            channels: &mut self.channels,
            edits: Edits::default(),
            claims: Claims::default(),
            before: Vec::new(),
        };
        dialect::see_to(&mut turn)?;
        let Turn { mut edits, claims, before: made, .. } = turn;
        before.extend(made);
        self.leaves.edit(doc, &claims, &mut edits);
        Ok((!edits.is_empty()).then(|| edits.apply(doc.bytes())))
    }

    /// A whole document. What is none is text.
    fn document(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(doc) = Document::parse(bytes) else {
            return self.leaves.redacted(bytes).unwrap_or_else(|| bytes.to_vec());
        };
        let mut edits = Edits::default();
        self.leaves.edit(&doc, &Claims::default(), &mut edits);
        edits.apply(bytes)
    }

    fn lines(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.held.len() + piece.len() > self.limits.event_len {
                return Err(StreamError::EventTooLong(self.limits.event_len));
            }
            if !piece.ends_with(b"\n") {
                self.held.extend_from_slice(piece);
            } else if self.held.is_empty() {
                self.line(piece, out)?;
            } else {
                let mut line = std::mem::take(&mut self.held);
                line.extend_from_slice(piece);
                self.line(&line, out)?;
            }
        }
        Ok(())
    }

    /// A line of documents, with its end.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let mut before = Vec::new();
        let edited = match Document::parse(line) {
            Some(doc) => self.turn(&doc, None, &mut before)?,
            None => self.leaves.redacted(line),
        };
        let mut made = lines_of(&before);
        made.extend(edited.unwrap_or_else(|| line.to_vec()));
        self.show(&made, out)
    }
}

/// The data of events, one a line; behind a line that has no end, with one before it.
fn lines_of(events: &[u8]) -> Vec<u8> {
    let lines = events.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data: "));
    let open = events.first().filter(|byte| **byte == b'\n').copied();
    open.into_iter().chain(lines.flat_map(|line| line.iter().copied().chain([b'\n']))).collect()
}

/// What many streams share: what is done with secrets, and limits. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Streams {
    guard: Guard,
    direction: Direction,
    redaction: Redaction,
    limits: StreamLimits,
}

impl Streams {
    /// Streams that go this way. What the policy of the guard hides or only reports is hidden; what it blocks ends the
    /// stream.
    #[must_use]
    pub fn new(guard: &Guard, direction: Direction) -> Streams {
        // Documents stay documents.
        let redaction = guard.redaction(direction).clone().with_format(TextFormat::Json);
        Streams { guard: guard.clone(), direction, redaction, limits: StreamLimits::default() }
    }

    /// Streams in which everything is hidden that this redaction hides.
    #[must_use]
    pub fn hiding(redaction: &Redaction) -> Streams {
        let hide = Some(Action::Redact);
        let policy = DirectionPolicy { action: hide, incomplete: Some(Action::Report), ..DirectionPolicy::default() };
        Streams::new(&Guard::with_policy(redaction, &Policy::uniform(&policy)), Direction::ToUser)
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: StreamLimits) -> Streams {
        self.limits = limits;
        self
    }

    /// Starts a stream.
    #[must_use]
    pub fn start(&self, framing: Framing) -> StreamGuard {
        StreamGuard::of(self, framing)
    }
}
