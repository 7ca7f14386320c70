//! Many new objects, scanned along the deltas of their packs.

use super::brought::{Bringer, NewObject, SecretsOf, Thread};
use crate::engine::Scanned;
use crate::run::Outcome;
use crate::source::git::walk::{self, MAX_HELD, Object, Visitor};
use crate::source::git::{ObjectError, ObjectNumber, ObjectSet, Store};
use crate::span::Copied;

/// Fewer are sooner looked up one by one.
const MANY: usize = 100;
/// To look one up takes as long as to put so many entries of a pack in order, which is done with all of them.
const ENTRIES_EACH: usize = 256;

/// A walk over the new objects and those they were made from.
struct AlongDeltas<'b, 'a, 's> {
    bringer: &'b Bringer<'a>,
    /// The new objects, by number.
    wanted: Vec<(ObjectNumber, NewObject<'s>)>,
}

/// What a thread has found, and what it could not make.
struct Walker {
    thread: Thread,
    failed: Vec<ObjectNumber>,
}

impl Bringer<'_> {
    /// Scans those of these objects that are in packs, if they are many. Answers the rest.
    pub(super) fn scan_along_deltas<'s>(
        &self,
        objects: Vec<NewObject<'s>>,
        hits: &mut SecretsOf,
        outcome: &mut Outcome,
    ) -> Vec<NewObject<'s>> {
        let entries: usize = self.lookup.packs.iter().map(|pack| pack.count() as usize).sum();
        if objects.len() < MANY.max(entries / ENTRIES_EACH) {
            return objects;
        }
        let Some(store) = Store::of_packs(self.lookup.packs.clone()) else { return objects };
        let (mut wanted, mut rest) = (Vec::with_capacity(objects.len()), Vec::new());
        let mut known = ObjectSet::full(store.count());
        for object in objects {
            match store.find(object.id.as_bytes()) {
                Some(number) => {
                    known.remove(number);
                    wanted.push((number, object));
                }
                None => rest.push(object),
            }
        }
        wanted.sort_unstable_by_key(|(number, _)| *number);
        let scan = AlongDeltas { bringer: self, wanted };
        let forests = walk::forests(&store, &known, self.threads);
        // What they were made from is looked at too: of it they are the differences.
        let none = ObjectSet::default();
        let walkers = walk::walk(&store, &forests, &none, &scan, self.threads, MAX_HELD, self.run.interrupted);
        for Walker { thread, failed } in walkers {
            hits.extend(thread.hits);
            outcome.merge(thread.outcome);
            // Another copy may be whole.
            rest.extend(failed.iter().filter_map(|number| scan.wanted(*number)).copied());
        }
        rest
    }
}

impl<'s> AlongDeltas<'_, '_, 's> {
    fn wanted(&self, number: ObjectNumber) -> Option<&NewObject<'s>> {
        let at = self.wanted.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.wanted[at].1)
    }
}

impl Visitor for AlongDeltas<'_, '_, '_> {
    type State = Scanned;
    type Worker = Walker;

    fn worker(&self) -> Walker {
        Walker { thread: Thread::new(), failed: Vec::new() }
    }

    fn visit(&self, walker: &mut Walker, object: Object<'_>, base: Option<(&Scanned, &[Copied])>) -> Scanned {
        let (Bringer { run, .. }, content, thread) = (self.bringer, object.content, &mut walker.thread);
        let scanned = match base {
            Some((base, copies)) => run.scanner.scan_delta(base, content, copies, &mut thread.reader.scratch),
            None => run.scanner.scan_base(content, &mut thread.reader.scratch),
        };
        if let Some(new) = self.wanted(object.number) {
            let spots = scanned.spots().filter(|spot| spot.confidence >= run.min_confidence);
            let secrets = spots.map(|spot| self.bringer.key_of(spot.rule, spot.secret(content))).collect();
            self.bringer.examined(new, content, secrets, scanned.skipped_attempts(), thread);
        }
        scanned
    }

    fn failed(&self, walker: &mut Walker, number: ObjectNumber, _: ObjectError) {
        walker.failed.push(number);
    }
}
