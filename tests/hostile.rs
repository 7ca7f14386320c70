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

/// The least time of three.
fn time(scanner: &Scanner, text: &[u8]) -> Duration {
    let mut scratch = Scratch::new();
    let mut once = || {
        let start = Instant::now();
        let _coverage = scanner.scan_with(text, &mut scratch, |_, _| ());
        start.elapsed()
    };
    (0..3).map(|_| once()).min().expect("three were measured").max(LEAST)
}

/// What is wrong with the time that the text takes, when plain text takes `plain`.
fn too_slow(scanner: &Scanner, text: &[u8], plain: Duration, most: f64) -> Option<String> {
    let (half, whole) = (time(scanner, &text[..text.len() / 2]), time(scanner, text));
    // What takes hardly longer than plain text may double by chance; what is not linear takes far longer.
    let growth = whole.as_secs_f64() / half.max(2 * plain).as_secs_f64();
    let ratio = whole.as_secs_f64() / plain.as_secs_f64();
    (growth >= 2.5 || ratio >= most)
        .then(|| format!("{whole:?}, {ratio:.1} times plain text ({plain:?}), {growth:.1} times half of it"))
}

/// How many times the time of plain text is allowed: ten, where the code is optimised as it is for users. Without
/// that, what plain text hardly calls (a regex, a judge) is slowed down more than what it does call (vectors).
const MOST: f64 = if cfg!(debug_assertions) { 20.0 } else { 10.0 };

#[test]
fn time_is_linear_and_near_that_of_ordinary_text() {
    let rules = RuleSet::builtin();
    let scanner = Scanner::new(rules.clone());
    // The measure is ordinary text without vector instructions, which are fastest where nothing is to be found.
    let (_, portable) = testing::scanners(&rules).swap_remove(0);
    let plain = repeated(PLAIN.as_bytes(), LEN);
    let plain_time = time(&portable, &plain);
    let mut failures = Vec::new();
    for (name, unit) in units(&rules) {
        let text = repeated(&unit, LEN);
        // Where each line is a secret, each line is judged.
        let most = if name == ASSIGNED { 4.0 * MOST } else { MOST };
        // Whatever else the machine does at the time, it hardly does twice.
        if too_slow(&scanner, &text, plain_time, most).is_some()
            && let Some(what) = too_slow(&scanner, &text, time(&portable, &plain), most)
        {
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
