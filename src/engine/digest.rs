//! What stands for all that decides what a scanner finds: its rules, and the data and the code that judge.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Scanner;
use super::validate::DATA;
use crate::rule::Rule;

/// The sources that this was built from, and the files of rules.
const BUILD: &str = env!("KEYSCAN_SOURCES");

impl Scanner {
    /// Two scanners with the same digest find the same in the same text. It changes with each rule, with the weights of
    /// the judge and with the code; what was remembered of another scanner's findings is not to be believed then.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        digest(BUILD, self.rules(), &DATA)
    }
}

fn digest(build: &str, rules: &[Rule], data: &[&[u8]]) -> [u8; 32] {
    struct Hashed(Sha256);
    impl std::fmt::Write for Hashed {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hashed = Hashed(Sha256::new());
    // To write to it cannot fail.
    let _ = write!(hashed, "{build}\n{rules:?}\n");
    for bytes in data {
        hashed.0.update((bytes.len() as u64).to_le_bytes());
        hashed.0.update(bytes);
    }
    hashed.0.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSet;

    const RULES: &str = "provider = \"testkey\"\nname = \"Test key\"\n[[rule]]\nid = \"testkey-a\"\ndescription = \"A key\"\n\
                         severity = \"low\"\nkind = \"distinctive\"\nregex = 'TESTKEY[0-9]{4}'\n";

    fn rules(text: &str) -> Vec<Rule> {
        RuleSet::from_toml("rules.toml".as_ref(), text).unwrap().rules().to_vec()
    }

    #[test]
    fn a_change_of_anything_that_decides_changes_it() {
        let first = digest("build", &rules(RULES), &DATA);
        assert_eq!(first, digest("build", &rules(RULES), &DATA));
        assert_ne!(first, digest("other", &rules(RULES), &DATA), "the code");
        assert_ne!(first, digest("build", &rules(&RULES.replace("{4}", "{5}")), &DATA), "a rule");
        for (number, bytes) in DATA.iter().enumerate() {
            let mut changed = bytes.to_vec();
            let last = changed.len() - 2;
            changed[last] ^= 1;
            let mut data = DATA;
            data[number] = &changed;
            assert_ne!(first, digest("build", &rules(RULES), &data), "file {number} of the judge's");
        }
        // What leaves one file and comes into the next is a change.
        assert_ne!(digest("", &[], &[b"ab", b"c"]), digest("", &[], &[b"a", b"bc"]));
    }

    #[test]
    fn the_judges_files_are_those_of_the_repository() {
        for (bytes, name) in DATA.iter().zip(["judge.txt", "trigrams.txt", "published.txt"]) {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("patterns").join(name);
            assert!(std::fs::read(&path).unwrap() == *bytes, "{name}");
        }
    }
}
