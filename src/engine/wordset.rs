//! A few words looked for in short texts, of which there are many: a searcher would cost more to make than to use.

/// Up to 64 words, without regard to case.
pub(super) struct WordSet {
    words: &'static [&'static [u8]],
    /// For each byte the words that start with it, as bits, and those of which it is the second: most pairs of bytes
    /// start none, and two looks say so.
    starts: [u64; 256],
    seconds: [u64; 256],
    /// The same for those that end with it.
    ends: [u64; 256],
}

impl WordSet {
    /// The words are given in lower case, and none is a single byte.
    pub(super) const fn new(words: &'static [&'static [u8]]) -> WordSet {
        assert!(words.len() <= 64, "a word is a bit");
        let (mut starts, mut seconds, mut ends) = ([0; 256], [0; 256], [0; 256]);
        let mut word = 0;
        while word < words.len() {
            let (first, second, last) = (words[word][0], words[word][1], words[word][words[word].len() - 1]);
            starts[first as usize] |= 1 << word;
            starts[first.to_ascii_uppercase() as usize] |= 1 << word;
            seconds[second as usize] |= 1 << word;
            seconds[second.to_ascii_uppercase() as usize] |= 1 << word;
            ends[last as usize] |= 1 << word;
            ends[last.to_ascii_uppercase() as usize] |= 1 << word;
            word += 1;
        }
        WordSet { words, starts, seconds, ends }
    }

    /// Where the words stand in `text`, and which they are.
    #[inline]
    pub(super) fn places<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, &'static [u8])> + 't {
        let candidates = (0..text.len()).map(|at| (at, self.candidates(&text[at..]))).filter(|(_, words)| *words != 0);
        candidates.flat_map(move |(at, words)| {
            self.chosen(words).filter(move |word| is_there(&text[at..], word)).map(move |word| (at, word))
        })
    }

    /// The words with which `text` may start, as bits.
    #[inline]
    fn candidates(&self, text: &[u8]) -> u64 {
        match text {
            [first, second, ..] => self.starts[usize::from(*first)] & self.seconds[usize::from(*second)],
            _ => 0,
        }
    }

    /// The words with which `text` ends.
    #[inline]
    pub(super) fn at_end<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = &'static [u8]> + 't {
        let bits = text.last().map_or(0, |last| self.ends[usize::from(*last)]);
        self.chosen(bits).filter(|word| {
            let start = text.len().checked_sub(word.len());
            start.is_some_and(|start| text[start..].eq_ignore_ascii_case(word))
        })
    }

    fn chosen(&self, mut bits: u64) -> impl Iterator<Item = &'static [u8]> + use<> {
        let words = self.words;
        std::iter::from_fn(move || {
            let word = bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
            words.get(word as usize).copied()
        })
    }

    /// Whether one of the words stands in `text`.
    #[inline]
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| {
            let words = self.candidates(&text[at..]);
            words != 0 && self.chosen(words).any(|word| is_there(&text[at..], word))
        })
    }
}

fn is_there(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_where_they_stand() {
        static WORDS: WordSet = WordSet::new(&[b"pass", b"password", b"-x", b"key"]);
        let places = |text: &str| -> Vec<(usize, String)> {
            WORDS.places(text.as_bytes()).map(|(at, word)| (at, String::from_utf8_lossy(word).into_owned())).collect()
        };
        assert_eq!(places("myPassWord-X"), [(2, "pass".to_owned()), (2, "password".to_owned()), (10, "-x".to_owned())]);
        assert_eq!(places("pas ke"), []);
        let ends = |text: &str| WORDS.at_end(text.as_bytes()).map(<[u8]>::len).collect::<Vec<_>>();
        assert_eq!((ends("myPASSWORD"), ends("-x"), ends("x"), ends("")), (vec![8], vec![2], vec![], vec![]));
        assert!(WORDS.is_in(b"KEY") && !WORDS.is_in(b""));
    }
}
