//! The forms that a value has: those of identifiers, of encodings, of texts.

use super::features::Atom;
use super::shape::{Shape, signs};
use crate::engine::validate::randomness;

/// The forms that a value has.
pub(super) struct Forms {
    forms: [Atom<'static>; MAX_FORMS],
    count: usize,
}

/// No value has more forms.
const MAX_FORMS: usize = 12;

/// What pairs of bytes that stand in code hold one of.
const OF_CODE: u64 = signs(b":>({%<");

macro_rules! form {
    ($name:literal) => {
        const { Atom::new($name) }
    };
}

impl Forms {
    pub(super) fn of(value: &[u8], shape: &Shape) -> Forms {
        let mut forms = Forms { forms: [Atom::NONE; MAX_FORMS], count: 0 };
        forms.of_encoding(value, shape);
        if shape.signs == 0 && shape.digits == 0 {
            forms.of_letters(value, shape);
        }
        if shape.kinds != 0 {
            forms.of_signs(value, shape);
        }
        if shape.digits > 0 && shape.lower + shape.upper > 0 {
            forms.of_numbers(value, shape);
        }
        forms.of_ends(value, shape);
        forms
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Atom<'static>> {
        self.forms[..self.count].iter().copied()
    }

    fn push(&mut self, form: Atom<'static>) {
        self.forms[self.count] = form;
        self.count += 1;
    }

    fn of_encoding(&mut self, value: &[u8], shape: &Shape) {
        if shape.signs == 0 && shape.digits > 0 && shape.beyond_hex == 0 {
            self.push(if shape.digits < shape.seen() {
                if shape.upper == 0 { form!(b"hex") } else { form!(b"HEX") }
            } else if is_time(value) {
                form!(b"time")
            } else {
                form!(b"digits")
            });
        }
        if value.len() == 36 && randomness::is_uuid(value) {
            self.push(form!(b"uuid"));
        }
    }

    fn of_letters(&mut self, value: &[u8], shape: &Shape) {
        let capital = value[0].is_ascii_uppercase();
        self.push(match (shape.upper, shape.humps) {
            (0, _) => form!(b"lower"),
            (_, 0) if shape.lower == 0 => form!(b"upper"),
            (1, 0) if capital => form!(b"capital"),
            (upper, 1..) if shape.humps + usize::from(capital) == upper && upper * 3 < shape.seen() => form!(b"camel"),
            _ => form!(b"letters"),
        });
    }

    fn of_signs(&mut self, value: &[u8], shape: &Shape) {
        if shape.has_no_signs_but(const { signs(b"_") }) {
            self.push(if shape.lower == 0 { form!(b"CONSTANT") } else { form!(b"snake") });
        } else if shape.has_no_signs_but(const { signs(b"-") }) {
            self.push(if shape.upper == 0 { form!(b"kebab") } else { form!(b"Kebab") });
        } else if shape.has_no_signs_but(const { signs(b"+/=") }) {
            self.push(form!(b"base64"));
        } else if shape.has_no_signs_but(const { signs(b"_-.") }) {
            self.push(if value[0].is_ascii_alphabetic() { form!(b"dotted") } else { form!(b"joined") });
        }
        self.push(match shape.spaces {
            0 => form!(b"one-word"),
            1 => form!(b"two-words"),
            2 => form!(b"three-words"),
            _ => form!(b"words"),
        });
        let slash = shape.kinds & const { signs(b"/") } != 0;
        if slash && value.split(|byte| *byte == b'/').all(|part| part.len() < 16) {
            self.push(form!(b"path"));
        }
        if shape.kinds & OF_CODE != 0 {
            let is_code =
                |pair: &[u8]| matches!(pair, b"::" | b"->" | b"()" | b"${" | b"{{" | b"%(" | b"<%" | b"%s" | b"#{");
            if value.windows(2).any(is_code) {
                self.push(form!(b"code"));
            }
        }
        if shape.kinds & const { signs(b"%") } != 0 && is_format(value) {
            self.push(form!(b"format"));
        }
    }

    /// Letters with digits behind them, or between them.
    fn of_numbers(&mut self, value: &[u8], shape: &Shape) {
        let head = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if head >= 3 && value[head..].iter().all(u8::is_ascii_digit) {
            self.push(form!(b"word-number"));
        } else if head >= 3 && value[head..].iter().all(|byte| !byte.is_ascii_alphabetic()) {
            self.push(form!(b"word-tail"));
        }
        if head > 0 && shape.signs == 0 {
            self.push(form!(b"identifier"));
        }
    }

    fn of_ends(&mut self, value: &[u8], shape: &Shape) {
        match value[value.len() - 1] {
            b'=' => self.push(form!(b"padded")),
            b':' | b'.' | b'?' | b',' => self.push(form!(b"ends-sentence")),
            _ => {}
        }
        if shape.high > 0 {
            self.push(form!(b"not-ascii"));
        }
    }
}

/// Whether digits are a time of these decades, in seconds or in milliseconds.
fn is_time(digits: &[u8]) -> bool {
    matches!(digits.len(), 10 | 13) && digits[0] == b'1'
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
