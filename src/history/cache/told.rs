//! What was told of a repository last, for as long as nothing in it changes.
//!
//! Which commit brought what follows from the objects and the refs alone. Where these are what they were, down to the
//! order of the packs, so is the answer, and objects have the numbers they had. What is read again each time, such as
//! files of the repository itself, is no part of it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Digest256;
use super::format::{Reader, Writer, opened, sealed};
use crate::engine::Scratch;
use crate::history::HistorySettings;
use crate::history::scan::{ObjectScan, Part, SecretPlace, Spot};
use crate::history::told::{Report, Told, Within};
use crate::run::Unexamined;
use crate::source::git::repository::Repository;
use crate::source::git::{ObjectNumber, Store};

/// Stands for all that decides what is told of a repository, but for rules.
pub(in crate::history) struct State(Digest256);

impl State {
    /// The state of a repository; `None` where only a part of it is asked for.
    pub(in crate::history) fn of(repository: &Repository, store: &Store, settings: &HistorySettings) -> Option<State> {
        let HistorySettings { range, branches, since, until, author, max_depth, all_occurrences, .. } = settings;
        if range.is_some() || !branches.is_empty() || author.is_some() || max_depth.is_some() {
            return None;
        }
        if since.is_some() || until.is_some() {
            return None;
        }
        let mut hashed = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hashed.update((bytes.len() as u64).to_le_bytes());
            hashed.update(bytes);
        };
        add(&[u8::from(*all_occurrences), u8::from(repository.is_partial), u8::from(repository.branch.is_some())]);
        add(repository.branch.as_deref().unwrap_or_default().as_bytes());
        add(&(repository.refs.len() as u64).to_le_bytes());
        for (name, id) in &repository.refs {
            add(name.as_bytes());
            add(id.as_bytes());
        }
        add(&(repository.shallow.len() as u64).to_le_bytes());
        repository.shallow.iter().for_each(|id| add(id.as_bytes()));
        add(&(store.packs.len() as u64).to_le_bytes());
        store.packs.iter().flat_map(|pack| pack.sums()).for_each(&mut add);
        for id in store.loose_numbers().filter_map(|number| store.id(number)) {
            add(id.as_bytes());
        }
        Some(State(hashed.finalize().into()))
    }

    /// The same, for one set of rules.
    pub(super) fn under(&self, settings: &Digest256) -> Digest256 {
        Sha256::new().chain_update(settings).chain_update(self.0).finalize().into()
    }
}

/// The bytes of what is told; `None` where that may not be remembered.
pub(super) fn encode(
    report: &Report,
    state: &Digest256,
    repository: &Repository,
    scan: &ObjectScan<'_>,
) -> Option<Vec<u8>> {
    let mut scratch = Scratch::new();
    let mut holds_secret = |text: &str| !scan.secrets(text.as_bytes(), &mut scratch).0.is_empty();
    let is_clean = |unit: &Unexamined| !holds_secret(&unit.path) && !holds_secret(&unit.reason);
    if !report.is_lasting || report.is_part || !report.unexamined.iter().all(is_clean) {
        return None;
    }
    // Names of refs are not looked into, and so not written down.
    let refs: Vec<&String> = repository.refs.keys().collect();
    write(report, &refs).map(|content| sealed(&content, state))
}

/// The content of a file; `None` where something in it has no place there.
fn write(report: &Report, refs: &[&String]) -> Option<Vec<u8>> {
    let refs: HashMap<&str, u32> = refs.iter().map(|name| name.as_str()).zip(0..).collect();
    let mut out = Writer(Vec::new());
    let mut is_known = true;
    out.list(&report.unexamined, |out, unit| {
        out.bytes(unit.path.as_bytes());
        out.bytes(unit.reason.as_bytes());
    });
    out.list(&report.told, |out, told| {
        let Some(spot) = told.within.spot() else {
            is_known = false;
            return;
        };
        out.u32(told.object);
        out.u32(told.rule as u32);
        out.u32(u32::from(matches!(told.within, Within::File(_))));
        out.u32(PARTS.iter().position(|part| *part == spot.part).unwrap_or_default() as u32);
        out.u32(spot.member);
        out.u64(spot.place.start);
        out.u32(spot.place.len);
        out.u32(u32::from(spot.place.is_decoded));
        out.bytes(told.path.as_bytes());
        out.list(told.commit.as_slice(), |out, commit| out.u32(*commit));
        out.u32(u32::from(told.in_head));
        out.u64(told.versions);
        out.u64(told.ref_count);
        out.list(&told.refs, |out, name| match refs.get(name.as_str()) {
            Some(number) => out.u32(*number),
            None => is_known = false,
        });
    });
    is_known.then_some(out.0)
}

/// What was told in this state, if these bytes say so; an error when they are damaged.
pub(super) fn decode(
    bytes: &[u8],
    state: &Digest256,
    repository: &Repository,
    scan: &ObjectScan<'_>,
) -> Result<Option<Report>, ()> {
    let (of, content) = opened(bytes).ok_or(())?;
    if of != state {
        return Ok(None);
    }
    let refs: Vec<&String> = repository.refs.keys().collect();
    let report = read(content, &refs).ok_or(())?;
    let rules = scan.run.scanner.rules().len();
    let is_there = |number: ObjectNumber| number < scan.store.count();
    let is_known = |told: &Told| is_there(told.object) && told.commit.is_none_or(is_there) && told.rule < rules;
    if report.told.iter().all(is_known) { Ok(Some(report)) } else { Err(()) }
}

const PARTS: [Part; 4] = [Part::Content, Part::Header, Part::Message, Part::Member];

fn read(content: &[u8], refs: &[&String]) -> Option<Report> {
    let mut from = Reader(content);
    let unexamined = from.list(8, |from| Some(Unexamined { path: text(from)?, reason: text(from)? }))?;
    let told = from.list(60, |from| {
        let (object, rule, is_file) = (from.u32()?, from.u32()? as usize, from.u32()? == 1);
        let (part, member) = (*PARTS.get(from.u32()? as usize)?, from.u32()?);
        let place = SecretPlace { start: from.u64()?, len: from.u32()?, is_decoded: from.u32()? == 1 };
        let spot = Spot { part, member, place };
        Some(Told {
            object,
            rule,
            secret: None,
            within: if is_file { Within::File(spot) } else { Within::Object(spot) },
            path: text(from)?,
            commit: from.list(4, Reader::u32)?.first().copied(),
            in_head: from.u32()? == 1,
            versions: from.u64()?,
            ref_count: from.u64()?,
            refs: from.list(4, |from| refs.get(from.u32()? as usize).map(|name| (*name).clone()))?,
        })
    })?;
    from.0.is_empty().then_some(Report { told, unexamined, is_part: false, is_lasting: true })
}

fn text(from: &mut Reader<'_>) -> Option<String> {
    String::from_utf8(from.bytes()?.to_vec()).ok()
}

/// For the test suites: what is read of the content of a file can be written, and is then read as it was.
pub(super) fn probe(content: &[u8]) {
    let names = ["HEAD".to_owned(), "refs/heads/main".to_owned()];
    let refs: Vec<&String> = names.iter().collect();
    let Some(report) = read(content, &refs) else { return };
    let written = write(&report, &refs).and_then(|content| read(&content, &refs));
    assert!(written.is_some_and(|again| (again.told, again.unexamined) == (report.told, report.unexamined)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        let place = SecretPlace { start: 1 << 33, len: 40, is_decoded: true };
        let told = |within: Within, commit: Option<ObjectNumber>| Told {
            object: 3,
            rule: 7,
            secret: None,
            within,
            path: "a/é".to_owned(),
            commit,
            in_head: commit.is_some(),
            versions: 1 << 34,
            ref_count: 2,
            refs: vec!["refs/heads/b".to_owned(), "HEAD".to_owned()],
        };
        let spots = PARTS.map(|part| Spot { part, member: 9, place });
        let unexamined = vec![Unexamined { path: "x".to_owned(), reason: "y z".to_owned() }];
        Report {
            told: vec![
                told(Within::File(spots[0]), Some(1)),
                told(Within::Object(spots[1]), None),
                told(Within::Object(spots[2]), Some(1)),
                told(Within::File(spots[3]), Some(1)),
            ],
            unexamined,
            is_part: false,
            is_lasting: true,
        }
    }

    fn refs() -> [String; 2] {
        ["HEAD".to_owned(), "refs/heads/b".to_owned()]
    }

    #[test]
    fn what_is_written_is_read() {
        let refs = refs();
        let names: Vec<&String> = refs.iter().collect();
        let content = write(&sample(), &names).unwrap();
        let report = read(&content, &names).unwrap();
        assert_eq!((report.told, report.unexamined), (sample().told, sample().unexamined));
        assert!(!report.is_part && report.is_lasting);
        assert!(write(&sample(), &names[..1]).is_none(), "it names a ref that is not there");
        let mut named = sample();
        named.told[0].within = Within::Name(b"name".as_slice().into());
        assert!(write(&named, &names).is_none(), "names that hold secrets are not written down");
    }

    /// Somebody may make the checksum fit.
    #[test]
    fn what_does_not_fit_together_is_refused() {
        let refs = refs();
        let names: Vec<&String> = refs.iter().collect();
        let content = write(&sample(), &names).unwrap();
        assert!(read(&content, &names[..1]).is_none());
        assert!((0..content.len()).all(|len| read(&content[..len], &names).is_none()));
        for at in 0..content.len() {
            for value in [0, 1, 2, 0x7F, 0xFF] {
                let mut other = content.clone();
                other[at] = value;
                if let Some(report) = read(&other, &names) {
                    assert!(report.told.len() <= 4, "{at}");
                }
            }
        }
    }
}
