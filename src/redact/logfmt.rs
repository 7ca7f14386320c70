//! Lines of `name=value` pairs: the values of secret names are hidden whatever they look like.

use super::json::is_secret_name;
use crate::span::Span;

/// No longer name means anything.
const MAX_NAME: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In what may become a name.
    Name,
    /// In what is none.
    Word,
    /// Behind the equals sign.
    Value,
    Bare(u64),
    Quoted {
        start: u64,
        is_escaped: bool,
    },
}

/// Follows a text and knows the values of secret names.
#[derive(Debug)]
pub(super) struct Logfmt {
    state: State,
    name: Vec<u8>,
    is_secret: bool,
    /// Everything before this was looked at.
    at: u64,
}

impl Logfmt {
    pub(super) fn new() -> Logfmt {
        Logfmt::resumed(0)
    }

    /// Goes on in the middle of a text, at this offset.
    pub(super) fn resumed(at: u64) -> Logfmt {
        Logfmt { state: if at == 0 { State::Name } else { State::Word }, name: Vec::new(), is_secret: false, at }
    }

    /// The value that is not whole yet starts here.
    pub(super) fn pending_from(&self) -> u64 {
        match self.state {
            State::Bare(start) | State::Quoted { start, .. } if self.is_secret => start,
            _ => u64::MAX,
        }
    }

    /// Looks at the next bytes, and gives the values of secret names once they are whole.
    pub(super) fn feed(&mut self, bytes: &[u8], mut secret: impl FnMut(Span)) {
        for &byte in bytes {
            self.step(byte, &mut secret);
            self.at += 1;
        }
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, mut secret: impl FnMut(Span)) {
        if let State::Bare(start) | State::Quoted { start, .. } = self.state {
            self.end(start, &mut secret);
        }
    }

    fn end(&mut self, start: u64, secret: &mut impl FnMut(Span)) {
        if self.is_secret && start < self.at {
            secret(Span { start, end: self.at });
        }
        self.is_secret = false;
    }

    fn step(&mut self, byte: u8, secret: &mut impl FnMut(Span)) {
        let is_space = byte.is_ascii_whitespace();
        self.state = match (self.state, byte) {
            (State::Quoted { start, .. }, b'\n') => {
                self.end(start, secret);
                self.restart()
            }
            (State::Quoted { start, is_escaped: false }, b'"') => {
                self.end(start, secret);
                State::Word
            }
            (State::Quoted { start, is_escaped }, byte) => {
                State::Quoted { start, is_escaped: byte == b'\\' && !is_escaped }
            }
            (State::Bare(start), _) if is_space => {
                self.end(start, secret);
                self.restart()
            }
            (state @ State::Bare(_), _) => state,
            (State::Name, b'=') => {
                self.is_secret = is_secret_name(&self.name);
                State::Value
            }
            (State::Value, b'"') => State::Quoted { start: self.at + 1, is_escaped: false },
            (State::Name | State::Word | State::Value, _) if is_space => self.restart(),
            (State::Value, _) => State::Bare(self.at),
            (State::Name, _) if self.name.len() < MAX_NAME => {
                self.name.push(byte);
                State::Name
            }
            (State::Name | State::Word, _) => State::Word,
        };
    }

    fn restart(&mut self) -> State {
        self.name.clear();
        self.is_secret = false;
        State::Name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_names_are_told() {
        let text =
            "level=info password=abc msg=\"password=x\" api_key=\"a \\\"b\" x password= token secret=\"cut\nsecret=z";
        for step in [1, 5, 1000] {
            let (mut logfmt, mut told) = (Logfmt::new(), Vec::new());
            let mut tell = |span: Span| told.push(&text[span.start as usize..span.end as usize]);
            text.as_bytes().chunks(step).for_each(|piece| logfmt.feed(piece, &mut tell));
            logfmt.finish(&mut tell);
            assert_eq!(told, ["abc", "a \\\"b", "cut", "z"]);
        }
    }
}
