//! Private keys between `-----BEGIN ...-----` and `-----END ...-----`, and those of `PuTTY`, swallowed from their first line
//! on.
//!
//! A rule finds a block when all of it is there, and a block without an end never. A redactor can do neither: it would
//! have to hold a block back, and to release what was cut off. So blocks have a machine of their own. After a first line
//! it waits for a word that only a body has, sixteen characters of base64 or more; from then on everything is hidden up
//! to the last line, or as long as such words follow one another closely. Lines may be real ones, escaped, quoted or
//! prefixed: what stands between two words does not matter.

use memchr::memmem::Finder;

/// No shorter word is the line of a body.
const MIN_WORD: usize = 16;
/// The body starts at most so far behind the first line; farther behind headers.
const MAX_LEAD: u64 = 128;
const MAX_HEADERS: u64 = 1024;
/// No more stands between two words of a body: the prefix of a log line, the quotes of a source.
const MAX_GAP: u64 = 256;
/// The longest label.
const MAX_LABEL: usize = 48;

/// The frames of blocks: what their first lines begin with, and end with.
const FRAMES: [(&[u8], &[u8]); 2] = [(b"-----BEGIN ", b"-----"), (b"---- BEGIN ", b" ----")];
/// What the first line of a key of `PuTTY` begins with, before the version of its format ...
const PUTTY: &[u8] = b"PuTTY-User-Key-File-";
/// ... and what its last line begins with, before a digest.
const PUTTY_ENDS: [&[u8]; 2] = [b"Private-MAC: ", b"Private-Hash: "];

/// What a block holds, as far as its label tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum BlockKind {
    Key,
    EncryptedKey,
    PgpKey,
    Ssh2Key,
    PuttyKey,
}

impl BlockKind {
    pub(super) const ALL: [BlockKind; 5] =
        [BlockKind::Key, BlockKind::EncryptedKey, BlockKind::PgpKey, BlockKind::Ssh2Key, BlockKind::PuttyKey];

    /// The rule that finds such blocks when they are whole.
    pub(super) fn rule_id(self) -> &'static str {
        match self {
            BlockKind::Key => "private-key-pem",
            BlockKind::EncryptedKey => "private-key-pem-encrypted",
            BlockKind::PgpKey => "private-key-pgp",
            BlockKind::Ssh2Key => "private-key-ssh2",
            BlockKind::PuttyKey => "private-key-putty",
        }
    }

    fn of(label: &[u8]) -> Option<BlockKind> {
        let holds = |word: &[u8]| memchr::memmem::find(label, word).is_some();
        match () {
            () if !holds(b"PRIVATE KEY") => None,
            () if holds(b"SSH2") => Some(BlockKind::Ssh2Key),
            () if holds(b"PGP") => Some(BlockKind::PgpKey),
            () if holds(b"ENCRYPTED") => Some(BlockKind::EncryptedKey),
            () => Some(BlockKind::Key),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Looking for a first line.
    Idle,
    /// A first line stands at `start`, and ends at `from`.
    Begun { start: u64, from: u64, kind: BlockKind, word: usize },
    /// A body, whose last long word ends at `body_end`.
    Open { body_end: u64, word: usize },
}

/// What the machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Everything from here on is hidden.
    Opened(u64, BlockKind),
    /// The block ends here.
    Closed(u64),
}

/// Follows a text and says where blocks start and end.
#[derive(Debug)]
pub(super) struct Blocks {
    begin: Ahead,
    putty: Ahead,
    state: State,
    /// Everything before this was looked at.
    at: u64,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        Blocks { begin: Ahead::new(b"BEGIN "), putty: Ahead::new(PUTTY), state: State::Idle, at: 0 }
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows. At least 4 KiB
    /// before what is new have to be there, and everything from [`Blocks::pending_from`] on.
    pub(super) fn feed(&mut self, text: &[u8], base: u64, last: bool, mut sink: impl FnMut(Event)) {
        let end = base + text.len() as u64;
        loop {
            match self.state {
                State::Idle => {
                    match self.find(text, base) {
                        Begin::None => self.at = end,
                        Begin::Cut(at) => self.at = if last { end } else { base + at as u64 },
                        Begin::Whole { at, len, kind: Some(kind) } => {
                            let (start, from) = (base + at as u64, base + (at + len) as u64);
                            self.state = State::Begun { start, from, kind, word: 0 };
                            self.at = from;
                            continue;
                        }
                        Begin::Whole { at, len, kind: None } => {
                            self.at = base + (at + len) as u64;
                            continue;
                        }
                    }
                    return;
                }
                State::Begun { start, from, kind, word } => {
                    match self.lead(text, base, from, word) {
                        Lead::More(word) => {
                            self.state = State::Begun { start, from, kind, word };
                            if last {
                                // What has no body is not hidden.
                                self.state = State::Idle;
                            }
                            return;
                        }
                        Lead::Body => {
                            sink(Event::Opened(start, kind));
                            self.state = State::Open { body_end: self.at, word: MIN_WORD };
                        }
                        Lead::NoBody => {
                            self.state = State::Idle;
                            self.at = from;
                        }
                    }
                }
                State::Open { body_end, word } => match self.body(text, base, body_end, word) {
                    Body::More(body_end, word) => {
                        self.state = State::Open { body_end, word };
                        return;
                    }
                    Body::End(end) => {
                        sink(Event::Closed(end));
                        self.state = State::Idle;
                        self.at = end;
                    }
                },
            }
        }
    }

    /// What is hidden is known up to this offset.
    pub(super) fn pending_from(&self) -> u64 {
        match self.state {
            State::Idle => self.at,
            State::Begun { start, .. } => start,
            // What follows the body may belong to it.
            State::Open { body_end, .. } => body_end,
        }
    }

    /// The first line of a block that starts where nothing was looked at yet, or behind.
    fn find(&mut self, text: &[u8], base: u64) -> Begin {
        let from = (self.at - base) as usize;
        let frame = find_frame(&mut self.begin, text, base, from);
        let putty = find_putty(&mut self.putty, text, base, from);
        if putty.start() < frame.start() { putty } else { frame }
    }

    /// Looks for the first word of a body.
    fn lead(&mut self, text: &[u8], base: u64, from: u64, mut word: usize) -> Lead {
        let first = (from - base) as usize;
        while let Some(&byte) = text.get((self.at - base) as usize) {
            self.at += 1;
            word = if is_base64(byte) { word + 1 } else { 0 };
            if word == MIN_WORD {
                return Lead::Body;
            }
            let seen = &text[first..(self.at - base) as usize];
            if byte == b'-' && (seen.ends_with(b"-----") || seen.ends_with(b"---- ")) {
                return Lead::NoBody;
            }
            let len = self.at - from;
            if len > MAX_HEADERS || (len > MAX_LEAD && !has_header(seen)) {
                return Lead::NoBody;
            }
        }
        Lead::More(word)
    }

    /// Follows a body.
    fn body(&mut self, text: &[u8], base: u64, mut body_end: u64, mut word: usize) -> Body {
        while let Some(&byte) = text.get((self.at - base) as usize) {
            self.at += 1;
            word = if is_base64(byte) { word + 1 } else { 0 };
            if word >= MIN_WORD {
                body_end = self.at;
                continue;
            }
            let gap = (body_end.max(base) - base) as usize;
            let since = &text[gap..(self.at - base) as usize];
            if since.len() == 1 && ends_putty(&text[..gap]) {
                return Body::End(body_end);
            }
            if byte == b'-' && ends_block(since) {
                return Body::End(self.at);
            }
            if self.at - body_end > MAX_GAP {
                return Body::End(body_end + last_line(since) as u64);
            }
        }
        Body::More(body_end, word)
    }
}

enum Lead {
    More(usize),
    Body,
    NoBody,
}

enum Body {
    More(u64, usize),
    End(u64),
}

enum Begin {
    None,
    /// The text ends in what may be a first line.
    Cut(usize),
    Whole {
        at: usize,
        len: usize,
        kind: Option<BlockKind>,
    },
}

impl Begin {
    /// Where it starts.
    fn start(&self) -> usize {
        match self {
            Begin::None => usize::MAX,
            Begin::Cut(at) | Begin::Whole { at, .. } => *at,
        }
    }
}

/// Finds a word, and remembers how far it has looked: there are others that are looked for in the same text.
#[derive(Debug)]
struct Ahead {
    finder: Finder<'static>,
    /// Before this offset the word does not start, but for `next`.
    seen_to: u64,
    next: Option<u64>,
}

impl Ahead {
    fn new(word: &'static [u8]) -> Ahead {
        Ahead { finder: Finder::new(word), seen_to: 0, next: None }
    }

    /// Where the word stands in `text[from..]`, whose first byte is at `base`.
    fn find(&mut self, text: &[u8], base: u64, from: usize) -> Option<usize> {
        let from = base + from as u64;
        if self.next.is_none_or(|next| next < from) && self.seen_to <= base + text.len() as u64 {
            let first = from.max(self.seen_to);
            let found = self.finder.find(&text[(first - base) as usize..]).map(|at| first + at as u64);
            let whole = (text.len() + 1).saturating_sub(self.finder.needle().len()) as u64;
            self.seen_to = found.map_or(first.max(base + whole), |at| at + 1);
            self.next = found;
        }
        self.next.map(|next| (next - base) as usize)
    }
}

/// The first line of a key of `PuTTY` that starts at `from` or behind.
fn find_putty(ahead: &mut Ahead, text: &[u8], base: u64, from: usize) -> Begin {
    let mut search = from;
    while let Some(at) = ahead.find(text, base, search) {
        let version = &text[at + PUTTY.len()..];
        match version {
            [] | [b'1'..=b'3'] | [b'1'..=b'3', b':'] => return Begin::Cut(at),
            [b'1'..=b'3', b':', b' ', ..] => {
                return Begin::Whole { at, len: PUTTY.len() + 3, kind: Some(BlockKind::PuttyKey) };
            }
            _ => search = at + 1,
        }
    }
    let tail = text.len().saturating_sub(PUTTY.len() - 1).max(from);
    (tail..text.len()).find(|&at| PUTTY.starts_with(&text[at..])).map_or(Begin::None, Begin::Cut)
}

/// Whether the text ends with the last line of a key of `PuTTY`.
fn ends_putty(text: &[u8]) -> bool {
    let digits = text.iter().rev().take(65).take_while(|byte| byte.is_ascii_hexdigit()).count();
    (40..=64).contains(&digits) && PUTTY_ENDS.iter().any(|end| text[..text.len() - digits].ends_with(end))
}

/// The first line of a framed block that starts at `from` or behind.
fn find_frame(ahead: &mut Ahead, text: &[u8], base: u64, from: usize) -> Begin {
    let mut search = from;
    while let Some(at) = ahead.find(text, base, search) {
        search = at + 1;
        for (open, close) in FRAMES {
            let Some(start) = (at + b"BEGIN ".len()).checked_sub(open.len()).filter(|start| *start >= from) else {
                continue;
            };
            if !text[start..].starts_with(open) {
                continue;
            }
            let rest = &text[start + open.len()..];
            let label = rest.iter().take(MAX_LABEL).take_while(|b| is_label(**b)).count();
            // The second frame closes with a space, which may be one of the label's.
            let after = label - usize::from(close[0] == b' ' && label > 0 && rest[label - 1] == b' ');
            let there = &rest[after..];
            if there.len() < close.len() && close.starts_with(there) {
                return Begin::Cut(start);
            }
            if there.starts_with(close) {
                let len = open.len() + after + close.len();
                return Begin::Whole { at: start, len, kind: BlockKind::of(&rest[..after]) };
            }
        }
    }
    // The longest end of the text that is the start of a first line.
    let tail = text.len().saturating_sub(FRAMES[0].0.len() - 1).max(from);
    let cut = (tail..text.len()).find(|&at| FRAMES.iter().any(|(open, _)| open.starts_with(&text[at..])));
    cut.map_or(Begin::None, Begin::Cut)
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether the lines after a first line are headers of PEM (RFC 1421), of `OpenPGP`, of SSH2 or of `PuTTY`.
fn has_header(seen: &[u8]) -> bool {
    let names: [&[u8]; 7] =
        [b"Proc-Type:", b"DEK-Info:", b"Version:", b"Comment:", b"Hash:", b"Subject:", b"Encryption:"];
    names.iter().any(|name| memchr::memmem::find(seen, name).is_some())
}

/// Whether what follows the last word of a body ends with a last line.
fn ends_block(since: &[u8]) -> bool {
    let ends = |open: &[u8], close: &[u8]| {
        let Some(at) = memchr::memmem::find(since, open) else { return false };
        let rest = &since[at + open.len()..];
        rest.len() > close.len() && rest.ends_with(close)
    };
    ends(b"-----END", b"-----") || ends(b"---- END", b"----")
}

/// How much of what follows the last long word of a body without a last line is its last line: one short word alone.
fn last_line(since: &[u8]) -> usize {
    let separates = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'"' | b'\'' | b'`');
    let mut at = since.iter().take_while(|byte| separates(**byte)).count();
    // The letter of an escaped line feed.
    while at > 0 && since[at - 1] == b'\\' && matches!(since.get(at), Some(b'n' | b'r')) {
        at += 1;
        at += since[at..].iter().take_while(|byte| separates(**byte)).count();
    }
    let len = since[at..].iter().take_while(|byte| is_base64(**byte)).count();
    let alone = since.get(at + len).is_none_or(|byte| separates(*byte));
    if at > 0 && len > 0 && alone { at + len } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hidden ranges.
    fn hidden(text: &[u8], step: usize) -> Vec<(u64, u64)> {
        let (mut blocks, mut ranges, mut open) = (Blocks::new(), Vec::new(), None);
        let mut fed = 0;
        loop {
            fed = (fed + step).min(text.len());
            blocks.feed(&text[..fed], 0, fed == text.len(), |event| match event {
                Event::Opened(start, _) => open = Some(start),
                Event::Closed(end) => ranges.extend(open.take().map(|start| (start, end))),
            });
            if fed == text.len() {
                ranges.extend(open.map(|start| (start, text.len() as u64)));
                return ranges;
            }
        }
    }

    fn frame(word: &str) -> String {
        format!("-----{word} RSA PRIVATE KEY-----")
    }

    fn body() -> String {
        let line = |seed: u8| (0..64u8).map(|i| char::from(b'A' + (i.wrapping_mul(7) ^ seed) % 26)).collect::<String>();
        format!("{}\n{}\n{}\nAbc=", line(1), line(2), line(3))
    }

    #[test]
    fn blocks_are_hidden_whole_however_their_lines_are_separated() {
        let key = format!("{}\n{}\n{}", frame("BEGIN"), body(), frame("END"));
        for separator in
            ["\n", "\r\n", "\r\r\n", " ", "\\n", "\n    ", "\n2026-01-31T10:20:30Z INFO worker[17]: ", "\" +\n  \""]
        {
            let text = format!("before {} after", key.replace('\n', separator));
            for step in [1, 5, 100, 10_000] {
                let expected = (7, text.len() as u64 - 6);
                assert_eq!(hidden(text.as_bytes(), step), [expected], "{separator:?} {step}");
            }
        }
    }

    #[test]
    fn what_was_cut_off_is_hidden_to_its_end() {
        let text = format!("{}\n{}", frame("BEGIN"), body());
        assert_eq!(hidden(text.as_bytes(), 3), [(0, text.len() as u64)]);
        let more = format!("{text}\nand then comes a text of many short words {}", "of no key at all ".repeat(30));
        for step in [1, 7, 1000] {
            assert_eq!(hidden(more.as_bytes(), step), [(0, text.len() as u64)]);
        }
    }

    #[test]
    fn keys_of_putty_are_hidden_from_their_first_line_to_their_digest() {
        let lines = format!("{}\n{}", "Ab1".repeat(21), "Cd2".repeat(15));
        let (head, digest) = ("PuTTY-User-Key-File-", "0123456789abcdef".repeat(4));
        let key = format!(
            "{head}3: ssh-ed25519\nEncryption: none\nComment: a key\nPublic-Lines: 2\n{lines}\nKey-Derivation: Argon2id\n\
             Argon2-Memory: 8192\nArgon2-Salt: 00112233445566778899aabbccddeeff\nPrivate-Lines: 2\n{lines}\nPrivate-MAC: {digest}"
        );
        for separator in ["\n", "\r\n", "\\n", "\n2026-01-31T10:20:30Z INFO worker[17]: "] {
            let text = format!("a BEGIN b {} after {head}2, {head}9: no", key.replace('\n', separator));
            let expected = (10, text.find(" after").unwrap() as u64);
            for step in [1, 5, 100, 10_000] {
                assert_eq!(hidden(text.as_bytes(), step), [expected], "{separator:?} {step}");
            }
        }
        // Cut off in its middle, and two of them.
        let cut = &key[..300];
        assert_eq!(hidden(cut.as_bytes(), 7), [(0, 300)]);
        let two = format!("{key}\n{key}\n");
        let end = key.len() as u64;
        assert_eq!(hidden(two.as_bytes(), 3), [(0, end), (end + 1, 2 * end + 1)]);
    }

    #[test]
    fn a_mention_is_not_hidden() {
        for text in [
            format!("{}3: ssh-rsa is what a file starts with", "PuTTY-User-Key-File-"),
            "PuTTY-User-Key-File-".repeat(50),
            "PuTTY-User-Key-File-2: ".repeat(50),
            format!("if line == \"{}\" {{ return Some(kind) }}", frame("BEGIN")),
            format!("{}\n{}", frame("BEGIN"), frame("END")),
            "-----BEGIN CERTIFICATE-----\nQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n".to_owned(),
            frame("BEGIN").repeat(50),
            "-----BEGIN ".repeat(50),
        ] {
            for step in [1, 9, 10_000] {
                assert_eq!(hidden(text.as_bytes(), step), [], "{text}");
            }
        }
    }
}
