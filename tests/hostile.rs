//! Text that is made to be slow to scan is scanned in linear time and little memory.

mod common;

use std::time::{Duration, Instant};

use keyscan::{RuleSet, Scanner, Scratch, testing};

use common::Random;

const LEN: usize = 8 << 20;
/// Times below this say more about the machine than about the text.
const LEAST: Duration = Duration::from_millis(20);

const ASSIGNED: &str = "values assigned to keywords";

/// Ordinary text: this repository's own.
const PLAIN: &str = concat!(
    include_str!("../src/engine/session.rs"),
    include_str!("../src/engine/pass.rs"),
    include_str!("../src/rule/check.rs"),
    include_str!("../docs/writing-rules.md"),
);

/// What each hostile text repeats.
fn units(rules: &RuleSet) -> Vec<(String, Vec<u8>)> {
    let mut units: Vec<(String, Vec<u8>)> = [
        "x",
        "-----BEGIN ",
        "sk-ant-",
        "sk-ant-api03-",
        "eyJ",
        "eyJ.",
        "token=",
        "token=\"",
        "password: ",
        "ghp_",
        "AKIA",
        "https://user:",
        "postgres://a:",
        "key key ",
        "\0",
        "a\0",
        "\0a",
        "'",
        "\n",
        "AAAA",
        "-",
        "_",
        "secret_",
    ]
    .iter()
    .map(|&unit| (format!("{unit:?}"), unit.as_bytes().to_vec()))
    .collect();
    // Put together here, so that no file holds the frame of a key.
    let frame = |word: &str| format!("-----{word} RSA PRIVATE KEY-----");
    units.push(("the head of a PEM block".to_owned(), frame("BEGIN").into_bytes()));
    units.push(("heads of PEM blocks in lines".to_owned(), format!("{}\n", frame("BEGIN")).into_bytes()));
    let mut random = Random(1);
    let mut noise = |alphabet: &[u8], len: usize| -> Vec<u8> { (0..len).map(|_| *random.pick(alphabet)).collect() };
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    units.push(("base64".to_owned(), noise(base64, 1 << 20)));
    units.push(("hex".to_owned(), noise(b"0123456789abcdef", 1 << 20)));
    units.push((
        "an unclosed PEM block".to_owned(),
        [frame("BEGIN").into_bytes(), b"\n".to_vec(), noise(base64, 3000)].concat(),
    ));
    let keywords: Vec<&str> = rules.rules().iter().flat_map(keyscan::Rule::keywords).collect();
    units.push(("one keyword".to_owned(), format!("{} ", keywords[0]).into_bytes()));
    units.push(("all keywords".to_owned(), keywords.join(" ").into_bytes()));
    let value = String::from_utf8(noise(b"0123456789abcdef", 40)).expect("it is ASCII");
    let assigned: String = keywords.iter().map(|word| format!("{word}={value}\n")).collect();
    units.push((ASSIGNED.to_owned(), assigned.into_bytes()));
    units
}

fn repeated(unit: &[u8], len: usize) -> Vec<u8> {
    unit.iter().copied().cycle().take(len).collect()
}

/// How often a text is measured before it counts as slow. Other work on the machine only ever adds time, so the least
/// of many times is the text's own.
const ROUNDS: usize = 12;

/// How many times the time of plain text is allowed: ten, where the code is optimised as it is for users. Without
/// that, what plain text hardly calls (a regex, a judge) is slowed down more than what it does call (vectors).
const MOST: f64 = if cfg!(debug_assertions) { 30.0 } else { 10.0 };

/// The least times that a text took, and how they are taken.
struct Timed<'a> {
    scanner: &'a Scanner,
    text: &'a [u8],
    least: Duration,
}

impl<'a> Timed<'a> {
    fn new(scanner: &'a Scanner, text: &'a [u8]) -> Self {
        Self { scanner, text, least: Duration::MAX }
    }

    /// The seconds of the fastest scan so far, after one more.
    fn again(&mut self, scratch: &mut Scratch) -> f64 {
        let start = Instant::now();
        let _coverage = self.scanner.scan_with(self.text, scratch, |_, _| ());
        self.least = self.least.min(start.elapsed());
        self.least.max(LEAST).as_secs_f64()
    }
}

/// What is wrong with the time that the text takes, beside plain text.
fn too_slow(scanner: &Scanner, text: &[u8], plain: &mut Timed<'_>, most: f64) -> Option<String> {
    let (mut half, mut whole) = (Timed::new(scanner, &text[..text.len() / 2]), Timed::new(scanner, text));
    let mut scratch = Scratch::new();
    let mut what = None;
    for _ in 0..ROUNDS {
        let (plain, half, whole) = (plain.again(&mut scratch), half.again(&mut scratch), whole.again(&mut scratch));
        // What takes hardly longer than plain text may double by chance; what is not linear takes far longer.
        let (growth, ratio) = (whole / half.max(2.0 * plain), whole / plain);
        if growth < 2.5 && ratio < most {
            return None;
        }
        what = Some(format!("{whole:.3} s, {ratio:.1} times plain text ({plain:.3} s), {growth:.1} times half of it"));
    }
    what
}

#[test]
fn time_is_linear_and_near_that_of_ordinary_text() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    // The measure is ordinary text without vector instructions, which are fastest where nothing is to be found.
    let (_, portable) = testing::scanners(&rules).swap_remove(0);
    let text = repeated(PLAIN.as_bytes(), LEN);
    let mut plain = Timed::new(&portable, &text);
    let mut failures = Vec::new();
    for (name, unit) in units(&rules) {
        // Where each line is a secret, each line is judged.
        let most = if name == ASSIGNED { 4.0 * MOST } else { MOST };
        if let Some(what) = too_slow(&scanner, &repeated(&unit, LEN), &mut plain, most) {
            failures.push(format!("{name}: {what}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_session_holds_little_of_it() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    for (name, unit) in units(&rules) {
        let piece = repeated(&unit, 64 * 1024);
        let mut scratch = Scratch::new();
        let mut session = scanner.session(&mut scratch);
        for _ in 0..LEN / piece.len() {
            session.feed(&piece, |_, _| ());
            let held = testing::held_len(&session);
            assert!(held < 512 * 1024, "{name}: {held} bytes are held");
        }
        let _coverage = session.finish(|_, _| ());
    }
}
