//! What the model sees of a value and of what stands before it.
//!
//! A feature is a kind and one or two atoms, short words without white space: `last password`, `size×bits 8 9`. Its
//! number is a hash of these, made without writing them down; only the trainer and explanations ask for the words.

use std::ops::Range;

use super::forms::Forms;
use super::shape::{GRAMS, MAX_SEEN, Shape};
use super::words::{MAX_WORD, Word, Words, case_of};
use crate::engine::wordset::WordSet;

/// How far before a name, on its line, words are looked at.
const MAX_BEFORE: usize = 64;

/// A part of a feature: its text and the hash of that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Atom<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) hash: u32,
}

impl<'t> Atom<'t> {
    pub(crate) const NONE: Atom<'static> = Atom { text: b"", hash: hash(b"") };

    pub(crate) const fn new(text: &'t [u8]) -> Atom<'t> {
        Atom { text, hash: hash(text) }
    }

    /// The atoms of these texts.
    pub(super) const fn all<const N: usize>(texts: [&'t [u8]; N]) -> [Atom<'t>; N] {
        let (mut atoms, mut at) = ([Atom { text: b"", hash: 0 }; N], 0);
        while at < N {
            atoms[at] = Atom::new(texts[at]);
            at += 1;
        }
        atoms
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

    /// Takes the sequence of classes of this number, of which a value has many.
    fn gram(&mut self, gram: usize) {
        self.take(Kind::Gram, GRAMS[gram], Atom::NONE);
    }
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
    Tail "tail",
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

/// What stands between a name and its value: the signs of the operator, the quote, the word of a wrapper.
struct Glue<'t> {
    operator: [u8; 6],
    operator_len: usize,
    quote: Atom<'static>,
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
        let quote = match glue.last() {
            Some(b'"' | b'\'' | b'`') if glue[..glue.len() - 1].ends_with(b"\\") => const { Atom::new(b"escaped") },
            Some(b'"') => const { Atom::new(b"double") },
            Some(b'\'') => const { Atom::new(b"single") },
            Some(b'`') => const { Atom::new(b"back") },
            Some(b'{' | b'[') => const { Atom::new(b"list") },
            _ => const { Atom::new(b"bare") },
        };
        Glue { operator, operator_len, quote, wrapper }
    }
}

/// Gives the features of a value to which a name leads.
pub(crate) fn features(text: &[u8], name: &Range<usize>, value: &Range<usize>, sink: &mut impl Sink) {
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
    let last = words.last();
    one(Kind::Last, last);
    words.iter().skip(1).for_each(|word| one(Kind::Word, word.atom()));
    if !words.tail.text().is_empty() {
        one(Kind::Tail, words.tail.atom());
    }
    one(Kind::Case, case_of(&text[name.clone()]));
    let glue = Glue::of(&text[name.end..value.start]);
    let (operator, quote) = (Atom::new(&glue.operator[..glue.operator_len]), glue.quote);
    one(Kind::Operator, operator);
    one(Kind::Quote, quote);
    if !glue.wrapper.is_empty() {
        one(Kind::Wrapper, Word::of(glue.wrapper).atom());
    }
    if quote.text == b"bare" {
        one(Kind::Follows, follows(text.get(value.end)));
    }
    let line = before(text, name.start);
    let lead = line.trim_ascii_start();
    if lead.starts_with(b"#") || lead.starts_with(b"//") || lead.starts_with(b"*") || lead.starts_with(b"--") {
        one(Kind::Comment, const { Atom::new(b"line") });
    }
    let previous = last_word(line);
    let previous = if previous.text().is_empty() { const { Atom::new(b"start") } } else { previous.atom() };
    one(Kind::Before, previous);

    let (role, rough, classes) = (words.role(), shape.bits_and_size(), shape.classes());
    sink.take(Kind::Pair, words.before(), last);
    sink.take(Kind::BeforeQuote, previous, quote);
    sink.take(Kind::LastBits, role, rough);
    sink.take(Kind::LastSize, role, shape.size());
    sink.take(Kind::LastClasses, role, classes);
    sink.take(Kind::QuoteBits, quote, rough);
    sink.take(Kind::QuoteClasses, quote, classes);
    sink.take(Kind::OperatorQuote, operator, quote);
    sink.take(Kind::OperatorBits, operator, shape.bits());
    for form in forms.iter() {
        sink.take(Kind::LastForm, role, form);
        sink.take(Kind::FormQuote, form, quote);
    }
    let text = &text[value.clone()];
    if text.len() < MAX_SEEN {
        for (word, which) in [(last, const { Atom::new(b"last") }), (words.before(), const { Atom::new(b"word") })] {
            if repeats(text, word.text) {
                sink.take(Kind::Named, which, quote);
            }
        }
    }
}

/// What stands right behind a bare value.
fn follows(next: Option<&u8>) -> Atom<'_> {
    match next {
        None | Some(b'\n' | b'\r') => const { Atom::new(b"end") },
        Some(b' ' | b'\t') => const { Atom::new(b"space") },
        Some(byte) if byte.is_ascii_graphic() => Atom::new(std::slice::from_ref(byte)),
        Some(_) => const { Atom::new(b"other") },
    }
}

/// What stands on its line before a name that starts at `start`.
fn before(text: &[u8], start: usize) -> &[u8] {
    let before = &text[start.saturating_sub(MAX_BEFORE)..start];
    memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..])
}

/// The last word of a text.
fn last_word(text: &[u8]) -> Word {
    let end = text.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |at| at + 1);
    let len = text[..end].iter().rev().take(MAX_WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
    if len == 0 { Word::NONE } else { Word::of(&text[end - len..end]) }
}

/// Whether a value holds a word of its name, which is in lower case.
fn repeats(value: &[u8], word: &[u8]) -> bool {
    word.len() >= 3
        && value.len() >= word.len()
        && (0..=value.len() - word.len())
            .any(|at| value[at] | 0x20 == word[0] && value[at..at + word.len()].eq_ignore_ascii_case(word))
}

fn of_value(value: &[u8], shape: &Shape, forms: &Forms, sink: &mut impl Sink) {
    let (bits, classes, few) = (shape.bits(), shape.classes(), shape.few_sizes());
    for (kind, atom) in [(Kind::Size, shape.size()), (Kind::Classes, classes), (Kind::Bits, bits)] {
        sink.take(kind, atom, Atom::NONE);
    }
    shape.each_gram(|gram| sink.gram(gram));
    let mut one = |kind: Kind, atom: Atom<'_>| sink.take(kind, atom, Atom::NONE);
    shape.each_sign(|sign| one(Kind::Sign, sign));
    if !value[0].is_ascii_alphanumeric() && value[0].is_ascii_graphic() {
        one(Kind::First, Atom::new(&value[..1]));
    }
    forms.iter().for_each(|form| one(Kind::Form, form));
    let mut seen = 0u32;
    for (_, word) in TELLING.places(&value[..value.len().min(MAX_SEEN)]).take(4) {
        let atom = Atom::new(word);
        let bit = 1 << (atom.hash & 31);
        if seen & bit == 0 {
            one(Kind::Holds, atom);
        }
        seen |= bit;
    }
    sink.take(Kind::BitsSize, bits, few);
    sink.take(Kind::BitsClasses, bits, classes);
    sink.take(Kind::Distinct, shape.distinct(), few);
    sink.take(Kind::Changes, shape.changes(), few);
    sink.take(Kind::Digits, shape.share_of_digits(), few);
}
