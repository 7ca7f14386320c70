//! The shape of a value: counts over its bytes, in one pass, and the words for them.

use super::features::Atom;
use super::surprise::Meter;

/// One of a few words for a number below `$end`, or for the largest such: what lies between two bounds is called by the
/// lower one.
macro_rules! bins {
    ($value:expr, $end:literal, $($bound:literal)*) => {{
        static NAMES: [Atom<'static>; $end] = {
            let mut names = [Atom::new(b"0"); $end];
            $({
                let (name, mut at) = (Atom::new(stringify!($bound).as_bytes()), $bound);
                while at < $end {
                    names[at] = name;
                    at += 1;
                }
            })*
            names
        };
        NAMES[Ord::min($value, $end - 1)]
    }};
}

/// No more of a value than this is looked at in detail.
pub(super) const MAX_SEEN: usize = 96;

/// Counts over the first [`MAX_SEEN`] bytes of a value.
pub(super) struct Shape {
    pub(super) len: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) signs: usize,
    pub(super) high: usize,
    pub(super) spaces: usize,
    /// Letters that are no hexadecimal digits.
    pub(super) beyond_hex: usize,
    /// Capitals behind small letters.
    pub(super) humps: usize,
    distinct: usize,
    changes: usize,
    /// The signs in it, as bits from `!` on.
    pub(super) kinds: u64,
    /// The sequences of four classes in it, as bits.
    grams: [u64; 4],
    /// Bits a letter.
    surprise: f32,
}

/// What the class of a byte is: small letter, capital, digit, sign.
static CLASS: [u8; 256] = {
    let (mut table, mut byte) = ([3; 256], 0);
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => 0,
            b'A'..=b'Z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        };
        byte += 1;
    }
    table
};

impl Shape {
    pub(super) fn of(value: &[u8]) -> Shape {
        let seen = &value[..value.len().min(MAX_SEEN)];
        let (mut counts, mut bytes, mut grams, mut gram) = ([0u8; 4], [0u64; 4], [0u64; 4], 0u8);
        let (mut changes, mut kinds, mut high, mut spaces, mut beyond_hex, mut humps) = (0, 0u64, 0, 0, 0, 0);
        let mut meter = Meter::new();
        for (at, &byte) in seen.iter().enumerate() {
            let class = CLASS[usize::from(byte)];
            counts[usize::from(class)] += 1;
            bytes[usize::from(byte >> 6)] |= 1 << (byte & 63);
            changes += usize::from(at > 0 && gram & 3 != class);
            humps += usize::from(at > 0 && gram & 3 == 0 && class == 1);
            gram = gram << 2 | class;
            if at >= 3 {
                grams[usize::from(gram >> 6)] |= 1 << (gram & 63);
            }
            if class == 3 {
                high += usize::from(byte >= 0x80);
                spaces += usize::from(byte == b' ');
                kinds |= 1 << sign_bit(byte);
            } else {
                beyond_hex += usize::from(byte & 0x5f > b'F');
            }
            meter.add(byte);
        }
        let [lower, upper, digits, signs] = counts.map(usize::from);
        Shape {
            len: value.len(),
            lower,
            upper,
            digits,
            signs,
            high,
            spaces,
            beyond_hex,
            humps,
            distinct: bytes.iter().map(|bits| bits.count_ones() as usize).sum(),
            changes,
            kinds,
            grams,
            surprise: meter.mean(),
        }
    }

    pub(super) fn seen(&self) -> usize {
        self.len.min(MAX_SEEN)
    }

    /// Whether no signs stand in it but these.
    pub(super) fn has_no_signs_but(&self, signs: u64) -> bool {
        self.kinds & !signs == 0
    }

    /// Which classes of bytes stand in it.
    pub(super) fn classes(&self) -> Atom<'static> {
        static NAMES: [Atom<'static>; 16] = Atom::all([
            b"none", b"a", b"A", b"aA", b"0", b"a0", b"A0", b"aA0", b"-", b"a-", b"A-", b"aA-", b"0-", b"a0-", b"A0-",
            b"aA0-",
        ]);
        let bit = |count: usize, bit: usize| if count > 0 { bit } else { 0 };
        NAMES[bit(self.lower, 1) | bit(self.upper, 2) | bit(self.digits, 4) | bit(self.signs, 8)]
    }

    /// The numbers of the sequences of four classes in it: places in [`GRAMS`].
    pub(super) fn each_gram(&self, mut take: impl FnMut(usize)) {
        for (block, bits) in self.grams.iter().enumerate() {
            let mut rest = *bits;
            while rest != 0 {
                take(block * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }

    /// The signs of ASCII in it.
    pub(super) fn each_sign(&self, mut take: impl FnMut(Atom<'static>)) {
        let mut rest = self.kinds & u64::from(u32::MAX);
        while rest != 0 {
            take(SIGN_ATOMS[rest.trailing_zeros() as usize]);
            rest &= rest - 1;
        }
    }

    pub(super) fn size(&self) -> Atom<'static> {
        bins!(self.len, 201, 4 5 6 7 8 9 10 12 14 16 17 20 21 24 25 28 32 33 36 37 40 41 44 48 64 65 100 200)
    }

    pub(super) fn few_sizes(&self) -> Atom<'static> {
        bins!(self.len, 41, 4 6 8 10 13 16 20 28 40)
    }

    /// How little it reads like words, in thirds of a bit.
    pub(super) fn bits(&self) -> Atom<'static> {
        bins!((self.surprise * 3.0) as usize, 25, 6 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 24)
    }

    pub(super) fn distinct(&self) -> Atom<'static> {
        bins!(self.share(self.distinct), 11, 1 2 3 4 5 6 7 8 9 10)
    }

    pub(super) fn changes(&self) -> Atom<'static> {
        bins!(self.share(self.changes), 11, 1 2 3 4 5 6 7 8)
    }

    pub(super) fn share_of_digits(&self) -> Atom<'static> {
        bins!(self.share(self.digits), 11, 1 2 3 4 5 6 7 8 10)
    }

    /// In tenths.
    fn share(&self, part: usize) -> usize {
        part * 10 / self.seen().max(1)
    }

    /// Rough bits and sizes in one word: the size and, behind the colon, the bits.
    pub(super) fn bits_and_size(&self) -> Atom<'static> {
        static NAMES: [[Atom<'static>; 6]; 5] = [
            Atom::all([b"4:0", b"4:3", b"4:4", b"4:5", b"4:6", b"4:7"]),
            Atom::all([b"6:0", b"6:3", b"6:4", b"6:5", b"6:6", b"6:7"]),
            Atom::all([b"8:0", b"8:3", b"8:4", b"8:5", b"8:6", b"8:7"]),
            Atom::all([b"12:0", b"12:3", b"12:4", b"12:5", b"12:6", b"12:7"]),
            Atom::all([b"20:0", b"20:3", b"20:4", b"20:5", b"20:6", b"20:7"]),
        ];
        let size = match self.len {
            0..=5 => 0,
            6..=7 => 1,
            8..=11 => 2,
            12..=19 => 3,
            _ => 4,
        };
        let bits = match self.surprise {
            ..3.0 => 0,
            ..4.0 => 1,
            ..4.7 => 2,
            ..5.4 => 3,
            ..6.2 => 4,
            _ => 5,
        };
        NAMES[size][bits]
    }
}

/// Sequences of four classes: two bits a class, the last one lowest.
pub(super) static GRAMS: [Atom<'static>; 256] = {
    static TEXTS: [[u8; 4]; 256] = {
        let (mut texts, mut gram) = ([[0; 4]; 256], 0);
        while gram < 256 {
            let mut at = 0;
            while at < 4 {
                texts[gram][at] = b"aA0-"[gram >> (6 - 2 * at) & 3];
                at += 1;
            }
            gram += 1;
        }
        texts
    };
    let (mut atoms, mut gram) = ([Atom::NONE; 256], 0);
    while gram < 256 {
        atoms[gram] = Atom::new(&TEXTS[gram]);
        gram += 1;
    }
    atoms
};

const SIGNS: &[u8; 32] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

static SIGN_ATOMS: [Atom<'static>; 32] = {
    let (mut atoms, mut at) = ([Atom::NONE; 32], 0);
    while at < 32 {
        atoms[at] = Atom::new(SIGNS.split_at(at + 1).0.split_at(at).1);
        at += 1;
    }
    atoms
};

/// The number of a sign among those of ASCII, from `!` on, without letters and digits; then the space, and all others.
const fn sign_bit(byte: u8) -> u32 {
    (match byte {
        b'!'..=b'/' => byte - b'!',
        b':'..=b'@' => byte - b':' + 15,
        b'['..=b'`' => byte - b'[' + 22,
        b'{'..=b'~' => byte - b'{' + 28,
        b' ' => 32,
        _ => 63,
    }) as u32
}

/// The bits of signs.
pub(super) const fn signs(signs: &[u8]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < signs.len() {
        bits |= 1 << sign_bit(signs[at]);
        at += 1;
    }
    bits
}
