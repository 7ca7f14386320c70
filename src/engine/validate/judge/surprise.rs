//! How many bits the letters of a value cost under a model of ordinary names and words.

pub(crate) const SYMBOLS: usize = 28;
const CELLS: usize = SYMBOLS * SYMBOLS * SYMBOLS;

/// What a step of the table is worth, in bits.
pub(crate) const STEP: f32 = 0.75;

/// Surprise of a symbol after two others, in steps, two to a byte.
pub(crate) const TRIGRAMS: &[u8] = include_bytes!("../../../../patterns/trigrams.txt");
static TABLE: [u8; CELLS / 2] = parse(TRIGRAMS);

#[allow(long_running_const_eval, reason = "a table of 22 thousand cells")]
const fn parse(text: &[u8]) -> [u8; CELLS / 2] {
    let mut table = [0; CELLS / 2];
    let (mut at, mut cell, mut comment) = (0, 0, false);
    while at < text.len() {
        let step = match text[at] {
            b'#' => {
                comment = true;
                16
            }
            b'\n' => {
                comment = false;
                16
            }
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'a'..=b'f' => letter - b'a' + 10,
            _ => 16,
        };
        if step < 16 && !comment {
            table[cell / 2] |= step << (4 * (cell % 2));
            cell += 1;
        }
        at += 1;
    }
    assert!(cell == CELLS, "patterns/trigrams.txt is a table of 28 by 28 by 28");
    table
}

/// The symbol of a byte: a letter in either case, a digit, anything else.
pub(crate) const fn symbol(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => (byte - b'a') as usize,
        b'A'..=b'Z' => (byte - b'A') as usize,
        b'0'..=b'9' => 26,
        _ => JOINT,
    }
}

/// The symbol of what is no letter and no digit.
pub(super) const JOINT: usize = SYMBOLS - 1;

static SYMBOL: [u8; 256] = {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        table[byte] = symbol(byte as u8) as u8;
        byte += 1;
    }
    table
};

/// What the bytes of a value cost, the first two after what stands before a word.
pub(super) struct Meter {
    first: usize,
    second: usize,
    steps: u32,
    count: u32,
}

impl Meter {
    #[inline]
    pub(super) fn new() -> Meter {
        Meter { first: JOINT, second: JOINT, steps: 0, count: 0 }
    }

    #[inline]
    pub(super) fn add(&mut self, byte: u8) {
        self.add_symbol(usize::from(SYMBOL[usize::from(byte)]));
    }

    #[inline]
    pub(super) fn add_symbol(&mut self, third: usize) {
        let cell = (self.first * SYMBOLS + self.second) * SYMBOLS + third;
        self.steps += u32::from(TABLE[cell / 2] >> (4 * (cell % 2)) & 15);
        (self.first, self.second) = (self.second, third);
        self.count += 1;
    }

    /// Mean bits of the bytes so far.
    pub(super) fn mean(&self) -> f32 {
        self.steps as f32 * STEP / self.count.max(1) as f32
    }
}

/// Mean bits of the bytes of `value`.
pub(crate) fn of(value: &[u8]) -> f32 {
    let mut meter = Meter::new();
    value.iter().for_each(|byte| meter.add(*byte));
    meter.mean()
}
