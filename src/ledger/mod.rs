//! The ledger of rotations: a file that is committed, without a value in it, that says what was rotated, when the next
//! rotation is due, whether the old key is proven dead, and by which an old key is recognised when it returns.

mod file;
mod returned;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::fingerprint::{Fingerprint, Key};
use crate::gate::Date;
use crate::redact::WatchList;
use crate::secret::Secret;

pub use self::returned::{ReturnSettings, Returned};

/// How the file is called.
pub const LEDGER_FILE: &str = "keyscan-rotations.toml";
/// What a value is taken for that has the form of no rule.
const NO_RULE: &str = "secret";

/// A file of rotations.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    /// Of the fingerprints.
    key: Key,
    /// First to last.
    rotations: Vec<Rotation>,
}

/// A secret that took the place of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// What the secret is called: the variable or the entry of a manager that holds it.
    pub name: String,
    /// The rule that the old one has the form of.
    pub rule: Option<String>,
    /// The old one.
    pub old: Fingerprint,
    /// The old one, masked.
    pub masked: String,
    /// The new one, where it is known, as the rule sees it that it has the form of.
    pub new: Option<Fingerprint>,
    /// When it was rotated.
    pub rotated: Date,
    /// When the next rotation is due.
    pub due: Date,
    /// Why it was rotated.
    pub reason: Option<String>,
    /// Where the old one stood.
    pub places: Vec<String>,
    /// Why the old one is believed to be dead.
    pub dead: Option<Proof>,
    /// A watch-list by which the old one is recognised in all its forms.
    pub watch: Option<String>,
}

/// Why an old secret is believed to be dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The day.
    pub at: Date,
    /// What was asked and answered, or what somebody says.
    pub by: String,
}

/// What is written down when a secret was rotated.
#[derive(Debug)]
pub struct NewRotation<'a> {
    /// What the secret is called.
    pub name: &'a str,
    /// The rule that the old one has the form of.
    pub rule: Option<&'a str>,
    /// The value that was rotated out.
    pub old: &'a Secret,
    /// The value that took its place.
    pub new: Option<&'a Secret>,
    /// The rule that the new one has the form of.
    pub new_rule: Option<&'a str>,
    /// The day.
    pub today: Date,
    /// When the next rotation is due.
    pub due: Date,
    /// Why.
    pub reason: Option<&'a str>,
    /// Where the old one stood.
    pub places: Vec<String>,
}

impl Ledger {
    /// Reads the file, or begins one with this key where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn open(path: &Path, key: impl FnOnce() -> Result<Key>) -> Result<Ledger> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ledger::parse(path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Ledger { path: path.to_owned(), key: key()?, rotations: Vec::new() })
            }
            Err(error) => Err(Error::config(error.to_string()).with_path(path)),
        }
    }

    /// All rotations, first to last.
    #[must_use]
    pub fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// The last rotation of each secret, by name.
    #[must_use]
    pub fn last(&self) -> Vec<&Rotation> {
        let mut last: Vec<&Rotation> = Vec::new();
        for rotation in self.rotations.iter().rev() {
            if !last.iter().any(|known| known.name == rotation.name) {
                last.push(rotation);
            }
        }
        last.sort_by(|a, b| a.name.cmp(&b.name));
        last
    }

    /// Secrets whose next rotation was due before this day.
    pub fn overdue(&self, today: Date) -> impl Iterator<Item = &Rotation> {
        self.last().into_iter().filter(move |rotation| rotation.due < today)
    }

    /// Old secrets that were rotated out before this day and are not proven dead.
    pub fn unproven(&self, before: Date) -> impl Iterator<Item = &Rotation> {
        self.rotations.iter().filter(move |rotation| rotation.dead.is_none() && rotation.rotated < before)
    }

    /// Writes a rotation down. Why the old value cannot be recognised everywhere, in words, where it cannot.
    ///
    /// # Errors
    /// When the values are the same, or the new one was retired before.
    pub fn record(&mut self, rotation: NewRotation<'_>) -> Result<Option<String>> {
        let print = |rule: Option<&str>, secret| Fingerprint::new(&self.key, rule.unwrap_or(NO_RULE), secret);
        let old = print(rotation.rule, rotation.old);
        if rotation.new == Some(rotation.old) {
            return Err(Error::config("the new value is the old one: nothing was rotated"));
        }
        if rotation.new.is_some_and(|new| self.of_value(new).is_some()) {
            return Err(Error::config("the new value was rotated out before: it may be known to others"));
        }
        if self.rotations.iter().any(|known| known.old == old && known.name == rotation.name) {
            return Err(Error::config(format!("this rotation of {} is written down already", rotation.name)));
        }
        let new = rotation.new.map(|new| print(rotation.new_rule, new));
        let (list, refused) = WatchList::new([(rotation.name, rotation.old.expose())], None)?;
        let refused = refused.first().map(|(_, why)| why.to_string());
        self.rotations.push(Rotation {
            name: rotation.name.to_owned(),
            rule: rotation.rule.map(str::to_owned),
            old,
            masked: rotation.old.masked(),
            new,
            rotated: rotation.today,
            due: rotation.due,
            reason: rotation.reason.map(str::to_owned),
            places: rotation.places,
            dead: None,
            watch: (!list.is_empty()).then(|| list.to_text()),
        });
        Ok(refused)
    }

    /// The rotation that took this value out.
    #[must_use]
    pub fn of_value(&self, value: &Secret) -> Option<&Rotation> {
        let is_old = |rotation: &&Rotation| {
            rotation.old == Fingerprint::new(&self.key, rotation.rule.as_deref().unwrap_or(NO_RULE), value)
        };
        self.rotations.iter().rev().find(is_old)
    }

    /// Writes down that an old value is dead.
    ///
    /// # Errors
    /// When no rotation took it out.
    pub fn prove(&mut self, old: Fingerprint, proof: &Proof) -> Result<()> {
        let of_value = self.rotations.iter_mut().filter(|rotation| rotation.old == old);
        let mut count = 0;
        for rotation in of_value {
            rotation.dead = Some(proof.clone());
            count += 1;
        }
        if count == 0 {
            return Err(Error::config("no rotation took this value out; `keyscan rotate record` writes one down"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes())
    }

    fn new<'a>(name: &'a str, old: &'a Secret, new: Option<&'a Secret>) -> NewRotation<'a> {
        NewRotation {
            name,
            rule: Some("test-key"),
            old,
            new,
            new_rule: Some("test-key-2"),
            today: day("2026-01-01"),
            due: day("2026-04-01"),
            reason: Some("left in a \"log\"\n"),
            places: vec![".env".to_owned(), "a\\b".to_owned()],
        }
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_written_and_holds_no_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LEDGER_FILE);
        let mut ledger = Ledger::open(&path, || Ok(Key::from_bytes([7; 32]))).unwrap();
        let joined = |parts: [&str; 3]| secret(&parts.concat());
        let (one, two) = (joined(["hT7q-", "Zw3Rk9v", ".Lm2Xc8Np4Bd"]), joined(["Vb5y-", "Qs1Jf6g", ".Tr0Wn7Ek3Hu"]));
        assert_eq!(ledger.record(new("A_KEY", &one, Some(&two))).unwrap(), None);
        let proof = Proof { at: day("2026-01-03"), by: "GET https://t.example/me 401".to_owned() };
        ledger.prove(ledger.of_value(&one).unwrap().old, &proof).unwrap();
        // Each is told as its own rule finds it.
        assert_eq!(ledger.rotations()[0].new, Some(Fingerprint::new(&ledger.key, "test-key-2", &two)));
        ledger.write().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("Zw3Rk9v") && !text.contains("Qs1Jf6g"), "{text}");
        let read = Ledger::open(&path, || unreachable!()).unwrap();
        assert_eq!(read.rotations(), ledger.rotations());
    }

    #[test]
    fn what_is_due_and_what_is_unproven_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("x.toml"), || Ok(Key::from_bytes([7; 32]))).unwrap();
        let (one, two, three) = (secret("rosebud-one"), secret("rosebud-two"), secret("rosebud-three"));
        let refused = ledger.record(new("A_KEY", &one, Some(&two))).unwrap();
        assert!(refused.is_some(), "a value that can be guessed is in no watch-list");
        let due = |ledger: &Ledger, at: &str| ledger.overdue(day(at)).map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!((due(&ledger, "2026-04-01"), due(&ledger, "2026-04-02")), (vec![], vec!["A_KEY".to_owned()]));
        let later =
            NewRotation { today: day("2026-03-01"), due: day("2026-06-01"), ..new("A_KEY", &two, Some(&three)) };
        ledger.record(later).unwrap();
        assert_eq!(due(&ledger, "2026-04-02"), Vec::<String>::new());
        assert_eq!((ledger.unproven(day("2026-01-01")).count(), ledger.unproven(day("2026-03-02")).count()), (0, 2));
        // What went out does not come back, and nothing is written down twice.
        let back = ledger.record(new("A_KEY", &three, Some(&one))).unwrap_err();
        assert!(back.message().contains("before"), "{back}");
        assert!(ledger.record(new("A_KEY", &three, Some(&three))).is_err());
        assert!(ledger.record(new("A_KEY", &one, None)).is_err());
    }

    #[test]
    fn a_damaged_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "key = \"00\"", "key = 1\n", "[[rotation]]\nname = \"x\"\n"] {
            let path = folder.path().join("x.toml");
            std::fs::write(&path, text).unwrap();
            assert!(Ledger::open(&path, || unreachable!()).is_err(), "{text}");
        }
    }
}
