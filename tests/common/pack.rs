//! Packs that are made by hand.

/// Zlib without compression.
pub(crate) fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut chunks = data.chunks(0xFFFF).peekable();
    if data.is_empty() {
        out.extend([1, 0, 0, 0xFF, 0xFF]);
    }
    while let Some(chunk) = chunks.next() {
        let len = chunk.len() as u16;
        out.push(u8::from(chunks.peek().is_none()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(chunk);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A pack that is made by hand, with ids that are made up.
#[derive(Default)]
pub(crate) struct Pack {
    pub(crate) entries: Vec<([u8; 20], Vec<u8>)>,
}

pub(crate) const COMMIT: u8 = 1;
pub(crate) const TREE: u8 = 2;
pub(crate) const BLOB: u8 = 3;
pub(crate) const OFFSET_DELTA: u8 = 6;
pub(crate) const REF_DELTA: u8 = 7;

impl Pack {
    /// The id of the entry that comes next.
    pub(crate) fn next_id(&self) -> [u8; 20] {
        let mut id = [0; 20];
        // Spread over the fan-out, so that order by id is not that by offset.
        let number = self.entries.len() as u32;
        id[0] = (number as u8).wrapping_mul(151);
        id[1..5].copy_from_slice(&number.to_be_bytes());
        id
    }

    /// Adds an entry that claims a length, with what stands between its header and its data.
    pub(crate) fn raw(&mut self, kind: u8, len: u64, middle: &[u8], stream: &[u8]) -> [u8; 20] {
        let id = self.next_id();
        let mut bytes = vec![kind << 4 | (len & 0x0F) as u8];
        let mut rest = len >> 4;
        while rest > 0 {
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push((rest & 0x7F) as u8);
            rest >>= 7;
        }
        bytes.extend(middle);
        bytes.extend(stream);
        self.entries.push((id, bytes));
        id
    }

    pub(crate) fn object(&mut self, kind: u8, content: &[u8]) -> [u8; 20] {
        self.raw(kind, content.len() as u64, &[], &stored(content))
    }

    pub(crate) fn ref_delta(&mut self, base: &[u8], delta: &[u8]) -> [u8; 20] {
        self.raw(REF_DELTA, delta.len() as u64, base, &stored(delta))
    }

    /// A delta against what stands so many bytes before.
    pub(crate) fn offset_delta(&mut self, back: u64, delta: &[u8]) -> [u8; 20] {
        let (mut middle, mut rest) = (vec![(back & 0x7F) as u8], back >> 7);
        while rest > 0 {
            rest -= 1;
            middle.insert(0, 0x80 | (rest & 0x7F) as u8);
            rest >>= 7;
        }
        self.raw(OFFSET_DELTA, delta.len() as u64, &middle, &stored(delta))
    }

    /// The pack, and its index.
    pub(crate) fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let checksum = [7; 20];
        let mut pack = b"PACK\0\0\0\x02".to_vec();
        pack.extend((self.entries.len() as u32).to_be_bytes());
        self.entries.iter().for_each(|(_, bytes)| pack.extend(bytes));
        pack.extend(checksum);
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by_key(|entry| self.entries[*entry].0);
        let mut index = b"\xFFtOc\0\0\0\x02".to_vec();
        for byte in 0..=255u8 {
            let count = self.entries.iter().filter(|(id, _)| id[0] <= byte).count() as u32;
            index.extend(count.to_be_bytes());
        }
        order.iter().for_each(|entry| index.extend(self.entries[*entry].0));
        order.iter().for_each(|_| index.extend([0; 4]));
        let mut offsets = vec![12u32];
        for (_, bytes) in &self.entries {
            offsets.push(offsets[offsets.len() - 1] + bytes.len() as u32);
        }
        order.iter().for_each(|entry| index.extend(offsets[*entry].to_be_bytes()));
        index.extend(checksum);
        index.extend([0; 20]);
        (pack, index)
    }
}

/// A delta that copies all of a base of `len` bytes, which are fewer than 64 KiB, and appends some more.
pub(crate) fn append(len: usize, more: &[u8]) -> Vec<u8> {
    let number =
        |number: usize| vec![0x80 | (number & 0x7F) as u8, 0x80 | (number >> 7 & 0x7F) as u8, (number >> 14) as u8];
    let mut delta = [number(len), number(len + more.len())].concat();
    delta.extend([0x80 | 0x30, (len & 0xFF) as u8, (len >> 8) as u8, more.len() as u8]);
    delta.extend(more);
    delta
}

/// A made-up rule, whose secrets are in packs that are drawn.
pub(crate) const LETTERS_RULE: &str = r#"
provider = "testkey"
name = "Test key"
docs = "https://example.com/testkey"
[[rule]]
id = "testkey-letters"
description = "a made-up key"
severity = "low"
kind = "distinctive"
regex = 'TESTKEY-[a-j]{12}'
"#;

/// Makes a pack of any bytes: mostly of deltas that can be applied, and of secrets in what they make.
pub(crate) fn drawn(bytes: &[u8]) -> Pack {
    let mut draw = Draw { bytes, pack: Pack::default(), contents: Vec::new() };
    while let Some(choice) = draw.byte() {
        draw.entry(choice);
    }
    draw.pack
}

struct Draw<'b> {
    bytes: &'b [u8],
    pack: Pack,
    /// What each entry holds; `None` where it cannot be made.
    contents: Vec<Option<Vec<u8>>>,
}

impl Draw<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        let number = usize::from(self.byte().unwrap_or(0)) << 8 | usize::from(self.byte().unwrap_or(0));
        number % end.max(1)
    }

    fn text(&mut self) -> Vec<u8> {
        let len = usize::from(self.byte().unwrap_or(0));
        match self.byte() {
            Some(seed) if len >= 0xF0 => {
                let letter = |at: u8| b'a' + (seed.wrapping_mul(at + 1) >> 3) % 10;
                [&b"TESTKEY-"[..], &(0..12).map(letter).collect::<Vec<u8>>()].concat()
            }
            _ => {
                let (text, rest) = self.bytes.split_at(len.min(self.bytes.len()));
                self.bytes = rest;
                text.to_vec()
            }
        }
    }

    fn entry(&mut self, choice: u8) {
        let kind = choice & 7;
        let content = match (choice >> 3) % 16 {
            // Anything at all, that claims any length.
            0 => {
                let (len, middle) = (self.below(1 << 16) as u64, self.text());
                let stream = stored(&self.text());
                self.pack.raw(kind, len, &middle, &stream);
                None
            }
            1..=4 => {
                let content = self.text();
                self.pack.object([COMMIT, TREE, BLOB, BLOB][usize::from(kind % 4)], &content);
                Some(content)
            }
            way => self.delta(way % 2 == 0),
        };
        if self.pack.entries.len() > self.contents.len() {
            self.contents.push(content);
        }
    }

    fn delta(&mut self, by_id: bool) -> Option<Vec<u8>> {
        let count = self.contents.len();
        // Most are made against one of the last.
        let back = 1 + self.below(count.min(4));
        let base = count.checked_sub(back)?;
        let known = self.contents[base].clone();
        let (delta, content) = match &known {
            Some(content) => self.instructions(content),
            None => (self.text(), Vec::new()),
        };
        if by_id {
            let id = self.pack.entries[base].0;
            self.pack.ref_delta(&id, &delta);
        } else {
            let back: usize = self.pack.entries[base..].iter().map(|(_, bytes)| bytes.len()).sum();
            self.pack.offset_delta(back as u64, &delta);
        }
        known.map(|_| content)
    }

    fn instructions(&mut self, base: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut instructions, mut made) = (Vec::new(), Vec::new());
        for _ in 0..self.byte().unwrap_or(0) % 8 {
            if self.byte().unwrap_or(0).is_multiple_of(2) && !base.is_empty() {
                let from = self.below(base.len());
                let len = 1 + self.below(base.len() - from);
                instructions.extend([0xB3, from as u8, (from >> 8) as u8, len as u8, (len >> 8) as u8]);
                made.extend(&base[from..from + len]);
            } else {
                let mut text = self.text();
                text.truncate(127);
                if !text.is_empty() {
                    instructions.push(text.len() as u8);
                    instructions.extend(&text);
                    made.extend(text);
                }
            }
            // Larger ones take more than two bytes to copy from.
            made.truncate(60_000);
        }
        ([delta_len(base.len()), delta_len(made.len()), instructions].concat(), made)
    }
}

fn delta_len(mut len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while len > 0x7F {
        bytes.push(0x80 | (len & 0x7F) as u8);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes
}
