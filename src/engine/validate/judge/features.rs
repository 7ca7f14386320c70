//! What the model sees of a value and of what stands before it.
//!
//! A feature is a kind and one or two atoms, short words without white space: `last password`, `size×bits 8 9`. Its
//! number is a hash of these, made without writing them down; only the trainer and explanations ask for the words.

use std::ops::Range;

use super::surprise;
use crate::engine::assign;
use crate::engine::wordset::WordSet;

/// No more of a value than this is looked at in detail.
pub(super) const MAX_SEEN: usize = 96;
/// How far before a name, on its line, words are looked at.
const MAX_BEFORE: usize = 64;
/// The words of a name that count, from its end.
const MAX_WORDS: usize = 4;
/// Longer words are no vocabulary.
const MAX_WORD: usize = 20;

/// A part of a feature: its text and the hash of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Atom<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) hash: u32,
}

impl<'t> Atom<'t> {
    pub(crate) const NONE: Atom<'static> = Atom { text: b"", hash: hash(b"") };

    pub(crate) fn new(text: &'t [u8]) -> Atom<'t> {
        Atom { text, hash: hash(text) }
    }
}

/// FNV-1a of a text.
pub(crate) const fn hash(text: &[u8]) -> u32 {
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < text.len() {
        hash = (hash ^ text[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// The number of a feature.
pub(crate) const fn number(kind: u32, first: u32, second: u32) -> u32 {
    let mixed = (kind ^ first.rotate_left(11)).wrapping_mul(0x9e37_79b1) ^ second.rotate_left(21);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca77);
    mixed ^ (mixed >> 13)
}

/// What takes features.
pub(crate) trait Sink {
    fn take(&mut self, kind: Kind, first: Atom<'_>, second: Atom<'_>);
}

macro_rules! kinds {
    ($($name:ident $text:literal,)*) => {
        /// The kinds of features.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($name,)* }

        impl Kind {
            /// Its name in the file of weights.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Kind::$name => $text,)* }
            }

            /// The hash of its name.
            pub(crate) const fn hash(self) -> u32 {
                match self { $(Kind::$name => const { hash($text.as_bytes()) },)* }
            }

            /// The kind of this name.
            #[cfg(test)]
            pub(crate) fn named(name: &str) -> Option<Kind> {
                match name { $($text => Some(Kind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    Word "word",
    Last "last",
    Pair "pair",
    Case "case",
    Operator "operator",
    Quote "quote",
    Follows "follows",
    Before "before",
    BeforeQuote "before-quote",
    Comment "comment",
    Wrapper "wrapper",
    Size "size",
    Classes "classes",
    Bits "bits",
    BitsSize "bits-size",
    BitsClasses "bits-classes",
    Distinct "distinct-size",
    Changes "changes-size",
    Digits "digits-size",
    Gram "gram",
    Form "form",
    FormQuote "form-quote",
    Holds "holds",
    Sign "sign",
    First "first-sign",
    Named "named",
    LastBits "last-bits",
    LastSize "last-size",
    LastClasses "last-classes",
    LastForm "last-form",
    QuoteBits "quote-bits",
    QuoteClasses "quote-classes",
    OperatorQuote "operator-quote",
    OperatorBits "operator-bits",
}

/// Words that stand in values which stand for secrets, or name them, in lower case.
static TELLING: WordSet = WordSet::new(&[
    b"pass", b"pwd", b"secret", b"token", b"key", b"auth", b"cred", b"test", b"example", b"sample", b"your", b"foo",
    b"bar", b"admin", b"user", b"name", b"value", b"none", b"null", b"true", b"false", b"default", b"string", b"enter",
    b"change", b"here", b"missing", b"invalid", b"dummy", b"fake", b"demo", b"mock", b"xxx", b"123", b"abc", b"login",
    b"email", b"type", b"field", b"error", b"my", b"some", b"config", b"http", b"api", b"id", b"new", b"get", b"the",
    b"env", b"is", b"data", b"local", b"path", b"file",
]);

/// Words that end names without a joint before them: `apitoken`.
const ENDS: &[&[u8]] =
    &[b"password", b"passwd", b"passphrase", b"secret", b"secrets", b"token", b"tokens", b"credentials", b"pass"];

/// Words that only end like one.
const OTHERS: &[&[u8]] = &[b"bypass", b"compass", b"encompass", b"overpass", b"surpass", b"trespass", b"underpass"];

/// Joints of names.
fn is_joint(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
}

/// The last words of a name, in lower case, the last one first.
struct Words {
    bytes: [[u8; MAX_WORD]; MAX_WORDS],
    lens: [usize; MAX_WORDS],
    count: usize,
}

impl Words {
    fn of(name: &[u8]) -> Words {
        let mut words = Words { bytes: [[0; MAX_WORD]; MAX_WORDS], lens: [0; MAX_WORDS], count: 0 };
        let mut end = name.len();
        while words.count < MAX_WORDS {
            // Numbers at the end of words say nothing.
            while end > 0 && !name[end - 1].is_ascii_alphabetic() {
                end -= 1;
            }
            if end == 0 {
                break;
            }
            let mut start = end - 1;
            while start > 0 && !is_joint(name[start - 1]) && !is_hump(name, start) && !name[start - 1].is_ascii_digit()
            {
                start -= 1;
            }
            let ends =
                |word: &&&[u8]| end - start > word.len() && name[end - word.len()..end].eq_ignore_ascii_case(word);
            let is_other = || OTHERS.iter().any(|word| name[start..end].eq_ignore_ascii_case(word));
            if let Some(word) = ENDS.iter().find(ends).filter(|_| !is_other()) {
                start = end - word.len();
            }
            let word = &name[start..end];
            let len = word.len().min(MAX_WORD);
            words.lens[words.count] = len;
            for (to, from) in words.bytes[words.count].iter_mut().zip(&word[word.len() - len..]) {
                *to = from.to_ascii_lowercase();
            }
            words.count += 1;
            end = start;
        }
        words
    }

    fn get(&self, number: usize) -> &[u8] {
        &self.bytes[number][..self.lens[number]]
    }
}

/// Whether a word of a name in mixed case starts at `name[at]`: `userToken`, `HTTPToken`.
fn is_hump(name: &[u8], at: usize) -> bool {
    let (before, here) = (name[at - 1], name[at]);
    here.is_ascii_uppercase()
        && (before.is_ascii_lowercase()
            || before.is_ascii_uppercase() && name.get(at + 1).is_some_and(u8::is_ascii_lowercase))
}

fn case_of(name: &[u8]) -> &'static [u8] {
    let has = |is: fn(&u8) -> bool| name.iter().any(is);
    match (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase), name.contains(&b'_'), name.contains(&b'-')) {
        (true, true, ..) => b"mixed",
        (false, true, ..) => b"capitals",
        (_, _, true, _) => b"snake",
        (_, _, _, true) => b"kebab",
        _ => b"plain",
    }
}

/// One of a few words for a number: what lies between two bounds is called by the lower one.
macro_rules! bins {
    ($value:expr, $($bound:literal)*) => {{
        let (value, mut name): (usize, &'static [u8]) = ($value, b"0");
        $(if value >= $bound { name = stringify!($bound).as_bytes(); })*
        name
    }};
}

/// Counts over the first [`MAX_SEEN`] bytes of a value.
struct Shape {
    len: usize,
    lower: usize,
    upper: usize,
    digits: usize,
    signs: usize,
    high: usize,
    distinct: usize,
    changes: usize,
    /// The signs in it, as bits from `!` on.
    kinds: u64,
    /// The sequences of four classes in it, as bits.
    grams: [u64; 4],
    /// Bits a letter.
    surprise: f32,
}

fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    }
}

impl Shape {
    fn of(value: &[u8]) -> Shape {
        let seen = &value[..value.len().min(MAX_SEEN)];
        let (mut counts, mut bytes, mut grams, mut gram) = ([0usize; 4], [0u64; 4], [0u64; 4], 0u8);
        let (mut changes, mut kinds, mut high) = (0, 0u64, 0);
        for (at, &byte) in seen.iter().enumerate() {
            let class = class(byte);
            counts[usize::from(class)] += 1;
            bytes[usize::from(byte >> 6)] |= 1 << (byte & 63);
            changes += usize::from(at > 0 && gram & 3 != class);
            gram = gram << 2 | class;
            if at >= 3 {
                grams[usize::from(gram >> 6)] |= 1 << (gram & 63);
            }
            if class == 3 {
                high += usize::from(byte >= 0x80);
                kinds |= 1u64.checked_shl(sign_bit(byte)).unwrap_or(0);
            }
        }
        Shape {
            len: value.len(),
            lower: counts[0],
            upper: counts[1],
            digits: counts[2],
            signs: counts[3],
            high,
            distinct: bytes.iter().map(|bits| bits.count_ones() as usize).sum(),
            changes,
            kinds,
            grams,
            surprise: surprise::of(seen),
        }
    }

    fn seen(&self) -> usize {
        self.len.min(MAX_SEEN)
    }

    /// Which classes of bytes stand in it.
    fn classes(&self) -> &'static [u8] {
        const NAMES: [&[u8]; 16] = [
            b"none", b"a", b"A", b"aA", b"0", b"a0", b"A0", b"aA0", b"-", b"a-", b"A-", b"aA-", b"0-", b"a0-", b"A0-",
            b"aA0-",
        ];
        let bit = |count: usize, bit: usize| if count > 0 { bit } else { 0 };
        NAMES[bit(self.lower, 1) | bit(self.upper, 2) | bit(self.digits, 4) | bit(self.signs, 8)]
    }
}

/// The number of a sign among those of ASCII, from `!` on, without letters and digits.
fn sign_bit(byte: u8) -> u32 {
    u32::from(match byte {
        b'!'..=b'/' => byte - b'!',
        b':'..=b'@' => byte - b':' + 15,
        b'['..=b'`' => byte - b'[' + 22,
        b'{'..=b'~' => byte - b'{' + 28,
        b' ' => 32,
        _ => 63,
    })
}

const SIGNS: &[u8; 32] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The forms that a value has.
struct Forms {
    forms: [Atom<'static>; MAX_FORMS],
    count: usize,
}

/// No value has more forms.
const MAX_FORMS: usize = 12;

impl Forms {
    fn of(value: &[u8], shape: &Shape) -> Forms {
        let mut forms = Forms { forms: [Atom::NONE; MAX_FORMS], count: 0 };
        each_form(value, shape, |form| {
            forms.forms[forms.count] = Atom::new(form);
            forms.count += 1;
        });
        forms
    }

    fn iter(&self) -> impl Iterator<Item = Atom<'static>> {
        self.forms[..self.count].iter().copied()
    }
}

fn each_form(value: &[u8], shape: &Shape, mut form: impl FnMut(&'static [u8])) {
    let all = |is: fn(u8) -> bool| value.iter().all(|byte| is(*byte));
    let seen = shape.seen();
    let letters = shape.lower + shape.upper;
    let (first, last) = (value[0], value[value.len() - 1]);
    if shape.signs == 0 && shape.digits > 0 && value.iter().all(u8::is_ascii_hexdigit) {
        form(if shape.digits == seen {
            b"digits"
        } else if shape.upper == 0 {
            b"hex"
        } else {
            b"HEX"
        });
    }
    if super::super::randomness::is_uuid(value) {
        form(b"uuid");
    }
    if shape.signs == 0 && shape.digits == 0 {
        let humps =
            value.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
        form(match (shape.upper, humps) {
            (0, _) => b"lower",
            (_, 0) if shape.lower == 0 => b"upper",
            (1, 0) if first.is_ascii_uppercase() => b"capital",
            (_, 1..) if humps + usize::from(first.is_ascii_uppercase()) == shape.upper && shape.upper * 3 < seen => {
                b"camel"
            }
            _ => b"letters",
        });
    }
    if shape.kinds != 0 {
        if all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            form(if shape.lower == 0 { b"CONSTANT" } else { b"snake" });
        } else if all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            form(if shape.upper == 0 { b"kebab" } else { b"Kebab" });
        } else if all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
            form(b"base64");
        } else if all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')) {
            form(if first.is_ascii_alphabetic() { b"dotted" } else { b"joined" });
        }
        let spaces = value.iter().filter(|byte| **byte == b' ').count();
        form(match spaces {
            0 => b"one-word",
            1 => b"two-words",
            2 => b"three-words",
            _ => b"words",
        });
        if value.contains(&b'/') && value.split(|byte| *byte == b'/').all(|part| part.len() < 16) {
            form(b"path");
        }
        if value
            .windows(2)
            .any(|pair| matches!(pair, b"::" | b"->" | b"()" | b"${" | b"{{" | b"%(" | b"<%" | b"%s" | b"#{"))
        {
            form(b"code");
        }
    }
    if shape.digits > 0 && letters > 0 {
        let head = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if head >= 3 && value[head..].iter().all(u8::is_ascii_digit) {
            form(b"word-number");
        } else if head >= 3 && value[head..].iter().all(|byte| !byte.is_ascii_alphabetic()) {
            form(b"word-tail");
        }
        if value[..head.max(1)].iter().all(u8::is_ascii_alphabetic) && shape.signs == 0 {
            form(b"identifier");
        }
    }
    if is_format(value) {
        form(b"format");
    }
    if last == b'=' {
        form(b"padded");
    }
    if matches!(last, b':' | b'.' | b'?' | b',') {
        form(b"ends-sentence");
    }
    if shape.high > 0 {
        form(b"not-ascii");
    }
}

/// Whether a number is put into it when it is printed: `key%06d`.
fn is_format(value: &[u8]) -> bool {
    let mut places = memchr::memchr_iter(b'%', value);
    places.any(|at| {
        let digits =
            value[at + 1..].iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'l' | b'z')).count();
        value.get(at + 1 + digits).is_some_and(|byte| b"dsuxXiv".contains(byte))
    })
}

/// What stands between a name and its value: the signs of the operator, the quote, the word of a wrapper.
struct Glue<'t> {
    operator: [u8; 6],
    operator_len: usize,
    quote: &'static [u8],
    wrapper: &'t [u8],
}

impl<'t> Glue<'t> {
    fn of(glue: &'t [u8]) -> Glue<'t> {
        let (mut operator, mut operator_len, mut wrapper) = ([0; 6], 0, &glue[..0]);
        // What is inside of a document is not between the name and the document.
        let signs = memchr::memchr(b'{', glue).unwrap_or(glue.len());
        let mut last_letter = false;
        let mut word_start = 0;
        for (at, &byte) in glue.iter().enumerate() {
            let letter = byte.is_ascii_alphanumeric() || byte == b'_';
            if letter && !last_letter {
                word_start = at;
            }
            if letter {
                wrapper = &glue[word_start..=at];
            }
            let sign = match byte {
                _ if letter => {
                    if last_letter {
                        0
                    } else {
                        b'w'
                    }
                }
                // Spaces around operators tell languages from settings.
                b' ' if operator_len > 0 && operator[operator_len - 1] == b'_' => 0,
                b' ' => b'_',
                b'\n' => b'/',
                _ => byte,
            };
            last_letter = letter;
            if at < signs
                && sign > b' '
                && sign < 0x7f
                && !matches!(sign, b'"' | b'\'' | b'`' | b'\\')
                && operator_len < operator.len()
            {
                operator[operator_len] = sign;
                operator_len += 1;
            }
        }
        let quote: &[u8] = match glue.last() {
            Some(b'"' | b'\'' | b'`') if glue[..glue.len() - 1].ends_with(b"\\") => b"escaped",
            Some(b'"') => b"double",
            Some(b'\'') => b"single",
            Some(b'`') => b"back",
            Some(b'{' | b'[') => b"list",
            _ => b"bare",
        };
        Glue { operator, operator_len, quote, wrapper: &wrapper[wrapper.len().saturating_sub(MAX_WORD)..] }
    }
}

/// Gives the features of a value to which the name around `text[stem]` leads.
pub(crate) fn features(text: &[u8], stem: usize, value: &Range<usize>, sink: &mut impl Sink) {
    let name = assign::name_at(text, stem);
    let name = name.start..name.end.min(value.start);
    let shape = Shape::of(&text[value.clone()]);
    let forms = Forms::of(&text[value.clone()], &shape);
    of_context(text, &name, value, &shape, &forms, sink);
    of_value(&text[value.clone()], &shape, &forms, sink);
}

fn of_context(
    text: &[u8],
    name: &Range<usize>,
    value: &Range<usize>,
    shape: &Shape,
    forms: &Forms,
    sink: &mut impl Sink,
) {
    let words = Words::of(&text[name.clone()]);
    let mut one = |kind: Kind, atom: Atom<'_>| sink.take(kind, atom, Atom::NONE);
    let last = if words.count > 0 { Atom::new(words.get(0)) } else { Atom::NONE };
    one(Kind::Last, last);
    for number in 1..words.count {
        one(Kind::Word, Atom::new(words.get(number)));
    }
    one(Kind::Case, Atom::new(case_of(&text[name.clone()])));
    let glue = Glue::of(&text[name.end..value.start]);
    let (operator, quote) = (Atom::new(&glue.operator[..glue.operator_len]), Atom::new(glue.quote));
    one(Kind::Operator, operator);
    one(Kind::Quote, quote);
    let mut wrapper = [0; MAX_WORD];
    for (to, from) in wrapper.iter_mut().zip(glue.wrapper) {
        *to = from.to_ascii_lowercase();
    }
    if !glue.wrapper.is_empty() {
        one(Kind::Wrapper, Atom::new(&wrapper[..glue.wrapper.len()]));
    }
    if glue.quote == b"bare" {
        let next: &[u8] = match text.get(value.end) {
            None | Some(b'\n' | b'\r') => b"end",
            Some(b' ' | b'\t') => b"space",
            Some(byte) if byte.is_ascii_graphic() => std::slice::from_ref(byte),
            Some(_) => b"other",
        };
        one(Kind::Follows, Atom::new(next));
    }
    let before = &text[name.start.saturating_sub(MAX_BEFORE)..name.start];
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let lead = line.trim_ascii_start();
    if lead.starts_with(b"#") || lead.starts_with(b"//") || lead.starts_with(b"*") || lead.starts_with(b"--") {
        one(Kind::Comment, Atom::new(b"line"));
    }
    let bare_end = line.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |at| at + 1);
    let start = line[..bare_end].iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    let mut word = [0; MAX_WORD];
    let previous = &line[start.max(bare_end.saturating_sub(MAX_WORD))..bare_end];
    for (to, from) in word.iter_mut().zip(previous) {
        *to = from.to_ascii_lowercase();
    }
    let previous = Atom::new(if previous.is_empty() { b"start" } else { &word[..previous.len()] });
    one(Kind::Before, previous);

    let (bits, size, classes) = (Atom::new(bits(shape)), Atom::new(size(shape)), Atom::new(shape.classes()));
    let rough = Atom::new(bits_and_size(shape));
    if words.count > 1 {
        sink.take(Kind::Pair, Atom::new(words.get(1)), last);
    }
    sink.take(Kind::BeforeQuote, previous, quote);
    sink.take(Kind::LastBits, last, rough);
    sink.take(Kind::LastSize, last, size);
    sink.take(Kind::LastClasses, last, classes);
    sink.take(Kind::QuoteBits, quote, rough);
    sink.take(Kind::QuoteClasses, quote, classes);
    sink.take(Kind::OperatorQuote, operator, quote);
    sink.take(Kind::OperatorBits, operator, bits);
    let text = &text[value.clone()];
    for form in forms.iter() {
        sink.take(Kind::LastForm, last, form);
        sink.take(Kind::FormQuote, form, quote);
    }
    let repeats =
        |word: &[u8]| word.len() >= 3 && text.windows(word.len()).any(|there| there.eq_ignore_ascii_case(word));
    if words.count > 0 && text.len() < MAX_SEEN && repeats(words.get(0)) {
        sink.take(Kind::Named, Atom::new(b"last"), quote);
    }
    if words.count > 1 && text.len() < MAX_SEEN && repeats(words.get(1)) {
        sink.take(Kind::Named, Atom::new(b"word"), quote);
    }
}

fn of_value(value: &[u8], shape: &Shape, forms: &Forms, sink: &mut impl Sink) {
    let (bits, size, classes) = (Atom::new(bits(shape)), Atom::new(size(shape)), Atom::new(shape.classes()));
    let few = Atom::new(few_sizes(shape));
    let mut one = |kind: Kind, atom: Atom<'_>| sink.take(kind, atom, Atom::NONE);
    one(Kind::Size, size);
    one(Kind::Classes, classes);
    one(Kind::Bits, bits);
    for (block, bits) in shape.grams.iter().enumerate() {
        let mut rest = *bits;
        while rest != 0 {
            let gram = block * 64 + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let letter = |shift: usize| b"aA0-"[gram >> shift & 3];
            one(Kind::Gram, Atom::new(&[letter(6), letter(4), letter(2), letter(0)]));
        }
    }
    let mut rest = shape.kinds & u64::from(u32::MAX);
    while rest != 0 {
        let number = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        one(Kind::Sign, Atom::new(&SIGNS[number..=number]));
    }
    if !value[0].is_ascii_alphanumeric() && value[0].is_ascii_graphic() {
        one(Kind::First, Atom::new(&value[..1]));
    }
    forms.iter().for_each(|form| one(Kind::Form, form));
    let mut seen = 0u32;
    for (_, word) in TELLING.places(&value[..value.len().min(MAX_SEEN)]).take(4) {
        let bit = 1 << (hash(word) & 31);
        if seen & bit == 0 {
            one(Kind::Holds, Atom::new(word));
        }
        seen |= bit;
    }
    let share = |part: usize| part * 10 / shape.seen().max(1);
    sink.take(Kind::BitsSize, bits, few);
    sink.take(Kind::BitsClasses, bits, classes);
    sink.take(Kind::Distinct, Atom::new(bins!(share(shape.distinct), 1 2 3 4 5 6 7 8 9 10)), few);
    sink.take(Kind::Changes, Atom::new(bins!(share(shape.changes), 1 2 3 4 5 6 7 8)), few);
    sink.take(Kind::Digits, Atom::new(bins!(share(shape.digits), 1 2 3 4 5 6 7 8 10)), few);
}

fn size(shape: &Shape) -> &'static [u8] {
    bins!(shape.len, 4 5 6 7 8 9 10 12 14 16 17 20 21 24 25 28 32 33 36 37 40 41 44 48 64 65 100 200)
}

fn few_sizes(shape: &Shape) -> &'static [u8] {
    bins!(shape.len, 4 6 8 10 13 16 20 28 40)
}

fn bits(shape: &Shape) -> &'static [u8] {
    // In thirds of a bit.
    bins!((shape.surprise * 3.0) as usize, 6 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 24)
}

/// Rough bits and sizes in one word: the size picks the letter, the bits the number.
fn bits_and_size(shape: &Shape) -> &'static [u8] {
    const NAMES: [[&[u8]; 6]; 5] = [
        [b"4:0", b"4:3", b"4:4", b"4:5", b"4:6", b"4:7"],
        [b"6:0", b"6:3", b"6:4", b"6:5", b"6:6", b"6:7"],
        [b"8:0", b"8:3", b"8:4", b"8:5", b"8:6", b"8:7"],
        [b"12:0", b"12:3", b"12:4", b"12:5", b"12:6", b"12:7"],
        [b"20:0", b"20:3", b"20:4", b"20:5", b"20:6", b"20:7"],
    ];
    let size = match shape.len {
        0..=5 => 0,
        6..=7 => 1,
        8..=11 => 2,
        12..=19 => 3,
        _ => 4,
    };
    let bits = match shape.surprise {
        ..3.0 => 0,
        ..4.0 => 1,
        ..4.7 => 2,
        ..5.4 => 3,
        ..6.2 => 4,
        _ => 5,
    };
    NAMES[size][bits]
}
