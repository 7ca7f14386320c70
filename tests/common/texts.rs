//! Texts that hold secrets, and much that looks like them: made from the templates of rules.

use keyscan::{Rule, RuleSet};

use super::Random;

/// Lines as they stand in source code, logs and settings.
const FILLER: &[&str] = &[
    "fn main() { let total = items.iter().map(|item| item.len()).sum::<usize>(); }\n",
    "    return self.client.post(url, headers={\"Accept\": \"application/json\"})\n",
    "2026-01-31T10:20:30Z INFO worker[17]: request finished status=200 took=13ms\n",
    "export PATH=\"$HOME/bin:$PATH\" # see docs\n",
    "commit 0123456789abcdef0123456789abcdef01234567\n",
    "api_key: ${API_KEY}\r\ntoken = os.environ[\"TOKEN\"]\r\n",
    "password = \"changeme\"; key = None\n",
    "<a href=\"https://example.com/login?token=\">log in</a>\n",
    "\u{e9}\u{20ac}\u{1f600} caf\u{e9} = na\u{ef}ve\n",
    "-----BEGIN CERTIFICATE-----\n",
    "eyJ",
    "\n\n",
    " = ",
    "\"",
    "key=",
    ": ",
    "sha256:",
    "\0\0",
    "\u{feff}",
];

/// What a text may be made of.
pub(crate) struct Texts<'r> {
    rules: &'r [Rule],
    keywords: Vec<&'r str>,
}

impl<'r> Texts<'r> {
    pub(crate) fn new(rules: &'r RuleSet) -> Texts<'r> {
        let rules = rules.rules();
        Texts { rules, keywords: rules.iter().flat_map(Rule::keywords).collect() }
    }

    /// A text of some pieces: filler, samples, near misses, glued, doubled, cut and laid over one another.
    pub(crate) fn make(&self, random: &mut Random, pieces: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..pieces {
            match random.below(12) {
                0..=3 => text.extend_from_slice(random.pick(FILLER).as_bytes()),
                4..=7 => {
                    let mut piece = self.template(random);
                    match random.below(6) {
                        0 => piece.truncate(random.below(piece.len() + 1)),
                        1 => drop(piece.drain(..random.below(piece.len() + 1))),
                        2 => piece.extend_from_within(..),
                        3 if !piece.is_empty() => {
                            let at = random.below(piece.len());
                            piece[at] = random.next() as u8;
                        }
                        _ => {}
                    }
                    text.extend_from_slice(&piece);
                    if !random.one_in(3) {
                        text.extend_from_slice(random.pick(&["\n", "\r\n", "\"", "'", ", ", "&", ";", " "]).as_bytes());
                    }
                }
                // Laid over what stands there.
                8 => {
                    let back = random.below(text.len().min(60) + 1);
                    text.truncate(text.len() - back);
                }
                9 if !self.keywords.is_empty() => text.extend_from_slice(random.pick(&self.keywords).as_bytes()),
                10 => {
                    let (class, len) = (*random.pick(&["0123456789abcdef", "abcXYZ019_-", "aA1+/="]), random.below(70));
                    text.extend((0..len).map(|_| *random.pick(class.as_bytes())));
                }
                _ => {
                    let from = text.len() - random.below(text.len().min(80) + 1);
                    text.extend_from_within(from..);
                }
            }
        }
        text
    }

    /// One filled template: mostly a sample, with its secret alone now and then.
    fn template(&self, random: &mut Random) -> Vec<u8> {
        let rule = random.pick(self.rules);
        let templates = if random.one_in(4) { rule.near_misses() } else { rule.samples() };
        if templates.is_empty() {
            return b"TESTKEY-".to_vec();
        }
        let filled = random.pick(&templates).fill(random.next(), rule.checksum());
        if random.one_in(4) { filled.text[filled.secret].to_vec() } else { filled.text }
    }
}
