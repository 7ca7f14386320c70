//! Reported secrets in the objects that hold them: made again, scanned in full, and told with their commits.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::HistorySettings;
use super::commits::parts;
use super::members::{member_path, members};
use super::scan::{Part, SecretKey, SecretPlace, Spot};
use super::telling::commit_info;
use super::told::{Told, Within};
use crate::engine::{DOUBTFUL, Scratch, Surroundings};
use crate::error::Result;
use crate::finding::{CommitInfo, Finding, Located, Origin};
use crate::run::{Outcome, Run, Unexamined};
use crate::source::fs::PathGlobs;
use crate::source::git::inflate::Inflater;
use crate::source::git::{ObjectNumber, Store};

/// So many objects a thread takes at a time.
const BLOCK: usize = 8;

/// What locating needs to know.
pub(super) struct Locator<'a> {
    pub(super) run: Run<'a>,
    pub(super) store: &'a Store,
    pub(super) hasher: &'a RandomState,
}

/// A secret with all that is told besides.
struct Wanted {
    told: Told,
    origin: Origin,
}

/// What is looked for in an object: the secrets, which are known or read again as soon as their text is there.
type Sought<'w> = Vec<(Option<SecretKey>, &'w Wanted)>;

impl Locator<'_> {
    /// Adds the findings of what is told to the outcome.
    pub(super) fn locate(
        &self,
        told: Vec<Told>,
        settings: &HistorySettings,
        threads: usize,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let mut objects = self.objects(told, settings, threads)?;
        // Neighbours have bases in common. What takes long comes first, so that no thread is left with it at the end.
        let is_archive = |list: &[Wanted]| list.iter().any(|wanted| part(&wanted.told) == Some(Part::Member));
        objects.sort_by_cached_key(|(object, list)| (!is_archive(list), self.store.lies_at(*object)));
        let (archives, files) = objects.split_at(objects.partition_point(|(_, list)| is_archive(list)));
        let blocks: Vec<_> = archives.chunks(1).chain(files.chunks(BLOCK)).collect();
        for thread in share_out(&blocks, threads, |thread, block| {
            block.iter().for_each(|(object, list)| self.object(*object, list, thread));
        }) {
            outcome.merge(thread.outcome);
        }
        Ok(())
    }

    /// What is to be reported, by object.
    fn objects(
        &self,
        mut told: Vec<Told>,
        settings: &HistorySettings,
        threads: usize,
    ) -> Result<Vec<(ObjectNumber, Vec<Wanted>)>> {
        let root = Path::new("");
        let only = PathGlobs::new(root, &settings.paths)?;
        let exclude = PathGlobs::new(root, &settings.exclude)?;
        told.retain(|told| {
            let is_file = !matches!(told.within, Within::Object(_));
            let is_wanted = settings.paths.is_empty() || is_file && only.matches(&told.path);
            is_wanted && !(is_file && exclude.matches(&told.path))
        });
        let infos = self.commit_infos(&told, threads);
        let author = settings.author.as_deref().map(str::to_lowercase);
        let mut by_object: BTreeMap<ObjectNumber, Vec<Wanted>> = BTreeMap::new();
        for mut told in told {
            let commit = told.commit.and_then(|commit| infos.get(&commit)).cloned();
            if let Some(author) = &author {
                let is_by =
                    |info: &CommitInfo| format!("{} <{}>", info.author, info.email).to_lowercase().contains(author);
                if !commit.as_ref().is_some_and(is_by) {
                    continue;
                }
            }
            let object = self.store.id(told.object).map(|id| id.to_string()).unwrap_or_default();
            let (in_head, versions, ref_count) = (told.in_head, told.versions, told.ref_count);
            let refs = std::mem::take(&mut told.refs);
            let origin = Origin { object, commit, in_head, refs, ref_count, versions };
            by_object.entry(told.object).or_default().push(Wanted { told, origin });
        }
        Ok(by_object.into_iter().collect())
    }

    /// What the commits say of themselves.
    fn commit_infos(&self, told: &[Told], threads: usize) -> HashMap<ObjectNumber, CommitInfo> {
        let mut commits: Vec<ObjectNumber> = told.iter().filter_map(|told| told.commit).collect();
        commits.sort_unstable();
        commits.dedup();
        commits.sort_by_cached_key(|commit| self.store.lies_at(*commit));
        let blocks: Vec<_> = commits.chunks(BLOCK).collect();
        let threads = share_out(&blocks, threads, |thread, block| {
            for &commit in *block {
                let info = self.commit_info(commit, thread);
                thread.infos.extend(info.map(|info| (commit, info)));
            }
        });
        threads.into_iter().flat_map(|thread| thread.infos).collect()
    }

    fn commit_info(&self, commit: ObjectNumber, thread: &mut Thread) -> Option<CommitInfo> {
        self.store.read(commit, &mut thread.inflater, &mut thread.content).ok()?;
        let id = self.store.id(commit)?.to_string();
        Some(commit_info(self.run.scanner, id, &thread.content, &mut thread.scratch))
    }

    /// Scans an object in full, and keeps the findings that are wanted.
    fn object(&self, object: ObjectNumber, list: &[Wanted], thread: &mut Thread) {
        let Thread { inflater, content, scratch, outcome, .. } = thread;
        for of in [Part::Content, Part::Header, Part::Message] {
            let is_of = |wanted: &&Wanted| match part(&wanted.told) {
                Some(Part::Member) => of == Part::Content,
                part => part == Some(of),
            };
            let mut sought: Sought<'_> = list.iter().filter(is_of).map(|wanted| (wanted.told.secret, wanted)).collect();
            if sought.is_empty() {
                continue;
            }
            if let Err(error) = self.store.read(object, inflater, content) {
                let path = sought[0].1.told.path.clone();
                outcome.unexamined.push(Unexamined { path, reason: error.to_string() });
                continue;
            }
            let text = match of {
                Part::Header => parts(content).header,
                Part::Message => parts(content).message,
                Part::Content | Part::Member => &content[..],
            };
            if sought.iter().any(|(_, wanted)| part(&wanted.told) != Some(Part::Member)) {
                self.text((of, 0, ""), text, &mut sought, scratch, outcome);
            }
            if of == Part::Content && !sought.is_empty() {
                self.members(content, &mut sought, scratch, outcome);
            }
            not_found(&sought, outcome);
        }
        for wanted in list {
            let Within::Name(name) = &wanted.told.within else { continue };
            let mut sought = vec![(wanted.told.secret, wanted)];
            self.text((Part::Content, 0, ""), name, &mut sought, scratch, outcome);
            not_found(&sought, outcome);
        }
    }

    /// Scans the members of an archive that hold what is sought.
    fn members(&self, content: &[u8], sought: &mut Sought<'_>, scratch: &mut Scratch, outcome: &mut Outcome) {
        let mut numbers: Vec<u32> =
            sought.iter().filter_map(|(_, wanted)| Some(wanted.told.within.spot()?.member)).collect();
        numbers.sort_unstable();
        let is_wanted = |number: u32| numbers.binary_search(&number).is_ok();
        // What is not examined of them was told when they were scanned.
        let _unopened = members(&self.run, content, &is_wanted, &mut |number, name, text| {
            self.text((Part::Member, number, name), text, sought, scratch, outcome);
        });
    }

    /// Tells what is sought of what a text holds, which is a part of an object, or the member of that number and name.
    fn text(
        &self,
        (part, number, member): (Part, u32, &str),
        text: &[u8],
        sought: &mut Sought<'_>,
        scratch: &mut Scratch,
        outcome: &mut Outcome,
    ) {
        for (secret, wanted) in sought.iter_mut().filter(|(secret, _)| secret.is_none()) {
            let here = wanted.told.within.spot().filter(|spot| (spot.part, spot.member) == (part, number));
            *secret = here.and_then(|spot| self.read_again(wanted.told.rule, spot.place, text, scratch));
        }
        let mut tell = |wanted: &Wanted, finding: &Finding, around: Surroundings<'_>| {
            let origin = Some(Box::new(wanted.origin.clone()));
            let path = member_path(&wanted.told.path, member);
            let located = Located { path, finding: finding.clone(), origin };
            self.run.inspect_located(located, around, &mut |located| outcome.findings.push(located));
        };
        let mut is_found = false;
        let mut keep = |finding: Finding, around: Surroundings<'_>| {
            // The first of its kind in the text.
            let whole = taken(sought, self.key(&finding));
            whole.iter().for_each(|wanted| tell(wanted, &finding, around));
            // Parts that came with it are told with it, the others, which came before or later, by themselves.
            for (part, around) in around.of_secret_parts(&finding) {
                let mut apart = taken(sought, self.key(part));
                apart.retain(|wanted| {
                    let came = |wanted: &Wanted| (wanted.told.path.clone(), wanted.told.commit);
                    !whole.iter().any(|whole| came(whole) == came(wanted))
                });
                apart.iter().for_each(|wanted| tell(wanted, part, around));
            }
        };
        let _coverage = self.run.scanner.scan_with(text, scratch, |finding, around| {
            is_found |= finding.confidence >= DOUBTFUL;
            if finding.confidence >= self.run.min_confidence {
                keep(finding, around);
            }
        });
        if !is_found {
            self.run.scanner.alone(text, None, &mut |finding, around| {
                // At other paths it is none.
                let file = self.run.scanner.rules()[finding.rule].file();
                for wanted in taken(sought, self.key(&finding)) {
                    if file.is_some_and(|file| file.is_at(&member_path(&wanted.told.path, member))) {
                        tell(wanted, &finding, around);
                    }
                }
            });
        }
    }

    fn key(&self, finding: &Finding) -> SecretKey {
        SecretKey::new(finding.rule, self.hasher.hash_one(finding.secret.expose()))
    }

    /// The secret of a rule that stands at a place of a text.
    fn read_again(&self, rule: usize, place: SecretPlace, text: &[u8], scratch: &mut Scratch) -> Option<SecretKey> {
        if !place.is_decoded {
            let start = usize::try_from(place.start).ok()?;
            let secret = text.get(start..)?.get(..place.len as usize)?;
            return Some(SecretKey::new(rule, self.hasher.hash_one(secret)));
        }
        let mut found = None;
        let _coverage = self.run.scanner.scan_with(text, scratch, |finding, _| {
            let mut secrets = finding.secrets().filter(|secret| secret.rule == rule);
            let secret = secrets.find(|secret| SecretPlace::of(secret) == place);
            found = found.or(secret.map(|secret| self.key(secret)));
        });
        found
    }
}

/// In which part of its object it stands; `None` for what is in a name.
fn part(told: &Told) -> Option<Part> {
    told.within.spot().map(|Spot { part, .. }| part)
}

fn not_found(sought: &Sought<'_>, outcome: &mut Outcome) {
    for (_, wanted) in sought {
        let reason = "a secret that was found in it was not found again".to_owned();
        outcome.unexamined.push(Unexamined { path: wanted.told.path.clone(), reason });
    }
}

/// Takes out what is told of a secret.
fn taken<'w>(sought: &mut Sought<'w>, secret: SecretKey) -> Vec<&'w Wanted> {
    let (taken, rest) = sought.drain(..).partition(|(sought, _)| *sought == Some(secret));
    *sought = rest;
    let taken: Sought<'w> = taken;
    taken.into_iter().map(|(_, wanted)| wanted).collect()
}

/// What a thread has for itself.
struct Thread {
    inflater: Inflater,
    content: Vec<u8>,
    scratch: Scratch,
    infos: Vec<(ObjectNumber, CommitInfo)>,
    outcome: Outcome,
}

impl Thread {
    fn new() -> Thread {
        Thread {
            inflater: Inflater::new(),
            content: Vec::new(),
            scratch: Scratch::new(),
            infos: Vec::new(),
            outcome: Outcome::default(),
        }
    }
}

/// Shows each of these to a thread that has nothing else to do, and answers what the threads have then.
fn share_out<T: Sync>(items: &[T], threads: usize, work: impl Fn(&mut Thread, &T) + Sync) -> Vec<Thread> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut thread = Thread::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(&mut thread, item);
        }
        thread
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        let mut all = vec![run()];
        for other in others {
            match other.join() {
                Ok(thread) => all.push(thread),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}
