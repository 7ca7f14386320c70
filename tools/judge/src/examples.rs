//! Candidates of the corpus, and what is made of them: examples to learn from.

use std::collections::HashSet;
use std::ops::Range;

use keyscan::{Kind, Rule, RuleSet, testing};

use crate::corpus::File;
use crate::names;
use crate::random::Random;
use crate::values::{self, Class};

/// How much of the text around a value is kept with it.
const BEFORE: usize = 256;
const AFTER: usize = 32;
/// So many candidates of one package at most.
const MAX_OF_PACKAGE: usize = 3000;

/// Files in which what is not quoted is code: a bare word there is a name.
const CODE: &[&str] = &[
    "py", "pyi", "js", "mjs", "cjs", "ts", "tsx", "jsx", "mts", "cts", "rs", "go", "java", "kt", "c", "h", "cc", "cpp", "hpp",
    "cs", "rb", "php", "swift", "scala", "vue", "map", "pxd", "pyx", "ejs",
];

/// Calls that leave what they are given what it is.
const CARRIERS: &[&str] = &[
    "String", "Some", "from", "bytes", "byte", "b64decode", "decode", "Buffer", "str", "string", "encode", "SecretString",
    "Secret", "new", "Value", "DecodeString", "fromhex", "to", "of", "Ok", "pack",
];

/// A place where a value is assigned to a telling name.
pub struct Candidate {
    pub before: Vec<u8>,
    pub value: Vec<u8>,
    pub after: Vec<u8>,
    /// Where in `before` the stem of the name stands.
    stem: usize,
    pub class: Option<Class>,
    /// Its name says that it is something else.
    pub promises_nothing: bool,
    is_literal: bool,
}

impl Candidate {
    fn with(&self, value: &[u8]) -> (Vec<u8>, usize, Range<usize>) {
        let start = self.before.len();
        let text = [&self.before, value, &self.after].concat();
        (text, self.stem, start..start + value.len())
    }

    /// Its features, when another value stands there; none where the grammar reads another value, or a veto falls.
    pub fn features_with(&self, value: &[u8]) -> Option<Vec<String>> {
        let (text, stem, range) = self.with(value);
        (testing::assigned(&text, stem)? == range && !testing::judge_vetoes(&text, stem, range.clone()))
            .then(|| testing::judge_features(&text, stem, &range))
    }

    pub fn features(&self) -> Option<Vec<String>> {
        self.features_with(&self.value)
    }

    /// Whether a value is written here, and none of them is a secret.
    pub fn is_place_for_others(&self) -> bool {
        self.is_literal && self.promises_nothing
    }

    /// Whether a person may write a secret here.
    pub fn is_place_for_secrets(&self) -> bool {
        self.is_literal && self.class.is_some()
    }

    /// Whether it is an argument behind another one: a number there is one of any kind.
    pub fn is_argument(&self) -> bool {
        let glue = &self.before[self.stem..];
        let end = glue.iter().rposition(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'"' | b'\'' | b'`'));
        end.is_some_and(|last| glue[last] == b',')
    }
}

pub struct Finder {
    stems: Vec<Vec<u8>>,
}

impl Finder {
    pub fn new() -> Finder {
        let rules = RuleSet::builtin();
        let is_assigned = |rule: &&Rule| rule.kind() == Kind::Generic;
        let stems = rules.rules().iter().filter(is_assigned).flat_map(|rule| testing::stems(rule)).map(<[u8]>::to_vec);
        Finder { stems: stems.collect() }
    }

    /// The candidates of a text, each value once.
    pub fn find(&self, text: &[u8], extension: &str, mut take: impl FnMut(Candidate)) {
        let lower = text.to_ascii_lowercase();
        let mut starts: Vec<usize> =
            self.stems.iter().flat_map(|stem| memchr::memmem::find_iter(&lower, stem)).collect();
        starts.sort_unstable();
        let mut seen = HashSet::new();
        for start in starts {
            let Some(value) = testing::assigned(text, start) else { continue };
            if !seen.insert(value.start) {
                continue;
            }
            let from = start.saturating_sub(BEFORE);
            let name_start = text[from..start].iter().rposition(|byte| !is_name(*byte)).map_or(from, |at| from + at + 1);
            let name_end = start + text[start..].iter().take_while(|byte| is_name(**byte)).count();
            let glue = &text[name_end.min(value.start)..value.start];
            let quoted = glue.last().is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`'));
            let called = glue.iter().rposition(|byte| *byte == b'(').is_some_and(|at| {
                let end = glue[..at].iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
                let word: Vec<u8> =
                    glue[..end].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).copied().collect();
                let word: String = word.iter().rev().map(|byte| char::from(*byte)).collect();
                !word.is_empty() && !CARRIERS.contains(&word.as_str())
            });
            take(Candidate {
                before: text[from..value.start].to_vec(),
                value: text[value.clone()].to_vec(),
                after: text[value.end..text.len().min(value.end + AFTER)].to_vec(),
                stem: start - from,
                class: names::class(&text[name_start..name_end.min(value.start)]),
                promises_nothing: names::promises_nothing(&text[name_start..name_end.min(value.start)]),
                is_literal: (quoted || !CODE.contains(&extension)) && !called,
            });
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The candidates of a package: no more than a share, and of those that are written alike one.
pub fn of_package(finder: &Finder, files: &[File], random: &mut Random, seen: &mut HashSet<Vec<u8>>) -> Vec<Candidate> {
    let mut all = Vec::new();
    for file in files {
        finder.find(&file.text, &file.extension, |candidate| {
            let line = candidate.before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if seen.insert([&candidate.before[line..], &candidate.value].concat()) {
                all.push(candidate);
            }
        });
    }
    random.shuffle(&mut all);
    all.truncate(MAX_OF_PACKAGE);
    all
}

/// Whether a value looks drawn or chosen, so that under a name that promises a secret it may be one: no counter-example.
/// Looser than any judge may be.
pub fn may_be_secret(value: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let signs = value.iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
    let spaces = value.contains(&b' ');
    let changes = value.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let code = value.windows(2).any(|pair| matches!(pair, b"${" | b"{{" | b"::" | b"()" | b"->" | b"%s"))
        || matches!(value[0], b'$' | b'%' | b'<' | b'{' | b'[' | b'(' | b'&' | b'/');
    let is_path = value.contains(&b'/') && !value.ends_with(b"=") && digits * 8 < value.len();
    if spaces || code || is_path {
        return false;
    }
    let joints = value.iter().filter(|byte| matches!(byte, b'_' | b'-' | b'.' | b':')).count();
    let numbered = digits > 0 && letters > 0 && (changes >= 2 || digits >= 3 || signs > joints);
    let number = digits == value.len() && digits >= 5;
    numbered || number || signs > joints && letters > 0
}

/// A text in which a value is assigned to a made-up name.
pub fn made_up(random: &mut Random, class: Class) -> Option<Candidate> {
    let name = names::make(random, class);
    let syntax = random.pick(names::SYNTAXES);
    let (before, after) = syntax.split_once('V')?;
    let mut before = before.replace('N', &name);
    if random.chance(50) {
        before.insert_str(0, random.pick(&["\n", "# settings\n", "host: localhost\n", "user=app\n", "{\n", "  port: 8080,\n"]));
    }
    let after = after.replace('N', &name);
    let place = before.rfind(&name)?;
    let lower = name.to_lowercase();
    let stems = ["secret", "token", "pass", "pwd", "_pw", "cred", "key", "auth"];
    let stem = place + stems.iter().filter_map(|stem| lower.rfind(stem)).max()?;
    Some(Candidate {
        before: before.into_bytes(),
        value: Vec::new(),
        after: after.into_bytes(),
        stem,
        class: Some(class),
        promises_nothing: false,
        is_literal: true,
    })
}

/// A class as often as names of it are written.
pub fn any_class(random: &mut Random) -> Class {
    random.pick(&[Class::Password, Class::Password, Class::Token, Class::Token, Class::Token, Class::Key])
}

/// A generated secret for a candidate's place: its features, where the grammar reads it whole.
pub fn positive(random: &mut Random, candidate: &Candidate, words: &[Vec<u8>]) -> Option<Vec<String>> {
    let class = candidate.class?;
    (0..3).find_map(|_| {
        let value = values::secret(random, class, words);
        let is_number = value.iter().all(u8::is_ascii_digit);
        if is_number && candidate.is_argument() { None } else { candidate.features_with(&value) }
    })
}

/// What looks drawn in a candidate's place and is no secret: its features.
pub fn other(random: &mut Random, candidate: &Candidate, words: &[Vec<u8>]) -> Option<Vec<String>> {
    match candidate.class? {
        // What people choose may be anything; but numbers behind a comma are numbers.
        Class::Password if candidate.is_argument() => candidate.features_with(&values::number(random)),
        Class::Password => None,
        class => candidate.features_with(&values::other(random, class, words)),
    }
}
