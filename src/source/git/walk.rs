//! A walk over all objects, along the deltas of the packs.
//!
//! The entries of a pack form a forest: whole objects, and below each the deltas that were made against it. A worker
//! goes down a tree of it depth first: it inflates an entry, makes the object from its base, shows it, and goes on with
//! the deltas against it, those with the least below them first. So only bases that are still needed are held, and on
//! any way down there are few of those: each has at least as much below the way not taken. Should they take too much
//! memory all the same, bases are let go and made again when their turn comes. Workers that have nothing left to do
//! are given the oldest tasks of others, which are the largest.
//!
//! Objects that are known already are passed over: of them only those are made that others were made from.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::inflate::Inflater;
use super::pack::{EntryKind, Pack, on_threads, shares};
use super::{MAX_OBJECT_LEN, ObjectError, ObjectKind, ObjectNumber, ObjectSet, Store, delta};
use crate::span::Copied;

/// Bases that wait for their deltas are let go when all of them hold more than this.
pub(crate) const MAX_HELD: u64 = 256 << 20;
/// A buffer that is larger is not kept for the next object.
const MAX_KEPT_BUFFER: usize = 16 << 20;
const MAX_KEPT_BUFFERS: usize = 8;
/// The base of an entry that has none.
const NONE: u32 = u32::MAX;

/// An object on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'o> {
    pub(crate) number: ObjectNumber,
    pub(crate) kind: ObjectKind,
    pub(crate) content: &'o [u8],
    /// The same object has been or will be shown under another number.
    pub(crate) is_copy: bool,
}

/// Who looks at the objects.
pub(crate) trait Visitor: Sync {
    /// What it remembers of an object for those that are made from it.
    type State: Send + Sync;
    /// What each thread has for itself.
    type Worker: Send;

    /// Makes what a thread needs.
    fn worker(&self) -> Self::Worker;

    /// Looks at an object. `base` is what it remembered of the object that this one was made from, and which parts
    /// were copied.
    fn visit(
        &self,
        worker: &mut Self::Worker,
        object: Object<'_>,
        base: Option<(&Self::State, &[Copied])>,
    ) -> Self::State;

    /// An object cannot be read.
    fn failed(&self, worker: &mut Self::Worker, number: ObjectNumber, error: ObjectError);
}

/// The entries of a pack that are walked, and what was made from what. Nothing for a pack without any.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    /// The entries below each entry, by the least weight first, one list after the other ...
    below: Vec<u32>,
    /// ... and where the list of each entry starts.
    starts: Vec<u32>,
    /// What an entry and all below it cost.
    weights: Vec<u64>,
    /// Entries without a base, or whose base is not known.
    roots: Vec<u32>,
    /// Entries that are below themselves.
    circular: Vec<u32>,
}

impl Forest {
    /// The forest of the entries that are not known, which `known` tells by position, and of those they are made from.
    fn of(pack: &Pack, threads: usize, known: impl Fn(u32) -> bool) -> Forest {
        if (0..pack.count()).all(&known) {
            return Forest::default();
        }
        pack.order(threads);
        let count = pack.slot_count();
        let (mut bases, mut weights) = (vec![NONE; count as usize], vec![0u64; count as usize]);
        let mut starts = vec![0u32; count as usize + 1];
        let mut slots: Vec<u32> = (0..count).filter(|slot| !known(pack.position(*slot))).collect();
        let mut is_in = vec![slots.len() == count as usize; count as usize];
        slots.iter().for_each(|slot| is_in[*slot as usize] = true);
        // Whether every base stands before its deltas, as all do that are named by their offset.
        let mut ascends = true;
        let mut next = 0;
        while next < slots.len() {
            let shares = shares((slots.len() - next) as u32, threads);
            let links = on_threads(&shares, |range| {
                let slots = &slots[next + range.start as usize..next + range.end as usize];
                slots.iter().map(|slot| link(pack, *slot)).collect::<Vec<_>>()
            });
            for (weight, base) in links.into_iter().flatten() {
                let slot = slots[next];
                next += 1;
                weights[slot as usize] = weight;
                if base == NONE {
                    continue;
                }
                ascends &= base < slot;
                bases[slot as usize] = base;
                starts[base as usize + 1] += 1;
                if !std::mem::replace(&mut is_in[base as usize], true) {
                    slots.push(base);
                }
            }
        }
        slots.sort_unstable();
        // Most deltas come after their bases.
        for slot in slots.iter().rev().map(|slot| *slot as usize).filter(|slot| bases[*slot] != NONE) {
            weights[bases[slot] as usize] = weights[bases[slot] as usize].saturating_add(weights[slot]);
        }
        for slot in 0..count as usize {
            starts[slot + 1] += starts[slot];
        }
        let (mut ends, mut below) = (starts.clone(), vec![0; starts[count as usize] as usize]);
        let mut roots = Vec::new();
        for &slot in &slots {
            match bases[slot as usize] {
                NONE => roots.push(slot),
                base => {
                    below[ends[base as usize] as usize] = slot;
                    ends[base as usize] += 1;
                }
            }
        }
        let mut forest = Forest { below, starts, weights, roots, circular: Vec::new() };
        for &slot in &slots {
            let list = forest.starts[slot as usize] as usize..forest.starts[slot as usize + 1] as usize;
            forest.below[list].sort_by_key(|below| forest.weights[*below as usize]);
        }
        if !ascends {
            forest.find_circular(&slots);
        }
        forest
    }

    fn find_circular(&mut self, slots: &[u32]) {
        let mut seen = vec![false; self.weights.len()];
        let mut stack = self.roots.clone();
        let mut left = slots.len();
        while let Some(slot) = stack.pop() {
            seen[slot as usize] = true;
            left -= 1;
            stack.extend_from_slice(self.below(slot));
        }
        if left > 0 {
            self.circular = slots.iter().copied().filter(|slot| !seen[*slot as usize]).collect();
        }
    }

    /// Whether nothing of the pack is walked.
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The entries that were made from this one.
    pub(crate) fn below(&self, slot: u32) -> &[u32] {
        &self.below[self.starts[slot as usize] as usize..self.starts[slot as usize + 1] as usize]
    }
}

/// What an entry costs, and its base.
fn link(pack: &Pack, slot: u32) -> (u64, u32) {
    let Ok(header) = pack.header(slot) else { return (0, NONE) };
    let base = pack.base(slot, &header).ok().flatten();
    (64 + header.stream.len() as u64, base.unwrap_or(NONE))
}

/// The forests of all packs of a store, without what is known.
pub(crate) fn forests(store: &Store, known: &ObjectSet, threads: usize) -> Vec<Forest> {
    let of = |(number, pack): (usize, &Arc<Pack>)| {
        let first = store.first(number);
        Forest::of(pack, threads, |position| known.contains(first + position))
    };
    store.packs.iter().enumerate().map(of).collect()
}

/// An object whose deltas are still to come.
struct Node<S> {
    content: Vec<u8>,
    state: Arc<Option<S>>,
}

enum Base<S> {
    None,
    Held(Arc<Node<S>>),
    /// It was let go.
    Gone(Arc<Option<S>>),
}

/// An entry to look at, and all below it.
struct Task<S> {
    pack: u32,
    slot: u32,
    kind: Option<ObjectKind>,
    base: Base<S>,
}

/// What the workers share.
struct Shared<'a, V: Visitor> {
    store: &'a Store,
    forests: &'a [Forest],
    known: &'a ObjectSet,
    visitor: &'a V,
    interrupted: &'a AtomicBool,
    roots: Vec<(u32, u32)>,
    next_root: AtomicUsize,
    next_loose: AtomicUsize,
    /// Tasks that were given away, and how many workers there are without one.
    offered: Mutex<(Vec<Task<V::State>>, usize)>,
    changed: Condvar,
    waiting: AtomicUsize,
    threads: usize,
    held: AtomicU64,
    max_held: u64,
}

/// Shows all objects of a store that are not known to a visitor, and gives back what its threads had. No more than
/// `max_held` bytes of bases are held for long, [`MAX_HELD`] as a rule.
pub(crate) fn walk<V: Visitor>(
    store: &Store,
    forests: &[Forest],
    known: &ObjectSet,
    visitor: &V,
    threads: usize,
    max_held: u64,
    interrupted: &AtomicBool,
) -> Vec<V::Worker> {
    let shared = Shared {
        store,
        forests,
        known,
        visitor,
        interrupted,
        roots: ordered_roots(store, forests, threads),
        next_root: AtomicUsize::new(0),
        next_loose: AtomicUsize::new(0),
        offered: Mutex::new((Vec::new(), 0)),
        changed: Condvar::new(),
        waiting: AtomicUsize::new(0),
        threads,
        held: AtomicU64::new(0),
        max_held,
    };
    let mut first = Walker::new(&shared);
    for (pack, forest) in forests.iter().enumerate().filter(|(_, forest)| !forest.is_empty()) {
        for &position in store.packs[pack].misplaced() {
            first.failed(store.first(pack) + position, ObjectError::Corrupt("its index does not place it"));
        }
        for &slot in &forest.circular {
            first.failed_slot(pack as u32, slot, ObjectError::Corrupt("its deltas go round in a circle"));
        }
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut walker = Walker::new(&shared);
                    walker.run();
                    walker.worker
                })
            })
            .collect();
        first.run();
        let mut workers = vec![first.worker];
        for other in others {
            match other.join() {
                Ok(worker) => workers.push(worker),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        workers
    })
}

/// All roots: those with much below them first, so that no thread is left with one at the end; then as they stand in
/// the packs.
fn ordered_roots(store: &Store, forests: &[Forest], threads: usize) -> Vec<(u32, u32)> {
    let weight = |&(pack, slot): &(u32, u32)| forests[pack as usize].weights[slot as usize];
    let all = (0..store.packs.len() as u32)
        .flat_map(|pack| forests[pack as usize].roots.iter().map(move |&slot| (pack, slot)));
    let total: u64 = all.clone().map(|root| weight(&root)).sum();
    let heavy = total / (threads as u64 * 64) + 1;
    let (mut large, small): (Vec<_>, Vec<_>) = all.partition(|root| weight(root) >= heavy);
    large.sort_by_key(|root| std::cmp::Reverse(weight(root)));
    large.extend(small);
    large
}

/// Lets those that wait go when a worker stops, for whatever reason: nobody may wait for it.
struct Leaving<'a, V: Visitor>(&'a Shared<'a, V>);

impl<V: Visitor> Drop for Leaving<'_, V> {
    fn drop(&mut self) {
        self.0.offered.lock().unwrap_or_else(PoisonError::into_inner).1 = self.0.threads;
        self.0.changed.notify_all();
    }
}

struct Walker<'a, V: Visitor> {
    shared: &'a Shared<'a, V>,
    worker: V::Worker,
    inflater: Inflater,
    tasks: VecDeque<Task<V::State>>,
    delta: Vec<u8>,
    copies: Vec<Copied>,
    buffers: Vec<Vec<u8>>,
}

impl<'a, V: Visitor> Walker<'a, V> {
    fn new(shared: &'a Shared<'a, V>) -> Walker<'a, V> {
        Walker {
            shared,
            worker: shared.visitor.worker(),
            inflater: Inflater::new(),
            tasks: VecDeque::new(),
            delta: Vec::new(),
            copies: Vec::new(),
            buffers: Vec::new(),
        }
    }

    fn run(&mut self) {
        let leaving = Leaving(self.shared);
        while !self.shared.interrupted.load(Ordering::Relaxed) {
            let Some(task) = self.next_task() else { break };
            self.task(task);
            if self.shared.waiting.load(Ordering::Relaxed) > 0 && self.tasks.len() > 1 {
                self.offer();
            }
        }
        drop(leaving);
        if !self.shared.interrupted.load(Ordering::Relaxed) {
            self.loose();
        }
    }

    fn next_task(&mut self) -> Option<Task<V::State>> {
        if let Some(task) = self.tasks.pop_back() {
            return Some(task);
        }
        let shared = self.shared;
        if let Some(&(pack, slot)) = shared.roots.get(shared.next_root.fetch_add(1, Ordering::Relaxed)) {
            return Some(Task { pack, slot, kind: None, base: Base::None });
        }
        let mut offered = shared.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.1 += 1;
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        let task = loop {
            if let Some(task) = offered.0.pop() {
                break Some(task);
            }
            if offered.1 >= shared.threads {
                break None;
            }
            offered = shared.changed.wait(offered).unwrap_or_else(PoisonError::into_inner);
        };
        shared.waiting.fetch_sub(1, Ordering::Relaxed);
        if task.is_some() {
            offered.1 -= 1;
        }
        task
    }

    /// Gives the older half of the tasks away.
    fn offer(&mut self) {
        let mut offered = self.shared.offered.lock().unwrap_or_else(PoisonError::into_inner);
        let half = self.tasks.len() / 2;
        offered.0.extend(self.tasks.drain(..half));
        drop(offered);
        self.shared.changed.notify_all();
    }

    fn task(&mut self, task: Task<V::State>) {
        let Task { pack, slot, kind, base } = task;
        let mut content = self.buffers.pop().unwrap_or_default();
        match self.make(pack, slot, kind, &base, &mut content) {
            Ok(kind) => self.show(pack, slot, kind, base, content),
            Err(error) => {
                self.recycle(content);
                self.release(base);
                self.failed_slot(pack, slot, error);
                let mut below = self.shared.forests[pack as usize].below(slot).to_vec();
                while let Some(slot) = below.pop() {
                    self.failed_slot(
                        pack,
                        slot,
                        ObjectError::Corrupt("what its delta was made against cannot be read"),
                    );
                    below.extend_from_slice(self.shared.forests[pack as usize].below(slot));
                }
            }
        }
    }

    /// Makes an object, and finds what was copied from its base.
    fn make(
        &mut self,
        pack: u32,
        slot: u32,
        kind: Option<ObjectKind>,
        base: &Base<V::State>,
        content: &mut Vec<u8>,
    ) -> Result<ObjectKind, ObjectError> {
        let pack = &self.shared.store.packs[pack as usize];
        let header = pack.header(slot)?;
        match (header.kind, kind) {
            (EntryKind::Whole(kind), _) => {
                self.inflater.exactly(header.stream, header.len, content)?;
                Ok(kind)
            }
            (_, Some(kind)) => {
                self.inflater.exactly(header.stream, header.len, &mut self.delta)?;
                let (delta, copies) = (&self.delta, &mut self.copies);
                match base {
                    Base::Held(node) => delta::apply(delta, &node.content, MAX_OBJECT_LEN, content, copies)?,
                    _ => {
                        let mut anew = Vec::new();
                        let base = pack.base(slot, &header)?.unwrap_or(slot);
                        pack.read(pack.position(base), &mut self.inflater, &mut anew)?;
                        delta::apply(delta, &anew, MAX_OBJECT_LEN, content, copies)?;
                    }
                }
                Ok(kind)
            }
            (_, None) => match pack.base(slot, &header) {
                Err(error) => Err(error),
                Ok(_) => Err(ObjectError::Corrupt("its entry is malformed")),
            },
        }
    }

    fn show(&mut self, pack: u32, slot: u32, kind: ObjectKind, base: Base<V::State>, content: Vec<u8>) {
        let shared = self.shared;
        let position = shared.store.packs[pack as usize].position(slot);
        let number = shared.store.first(pack as usize) + position;
        let object = Object { number, kind, content: &content, is_copy: shared.store.is_copy(pack as usize, position) };
        let before = match &base {
            Base::None => None,
            Base::Held(node) => node.state.as_ref().as_ref(),
            Base::Gone(state) => state.as_ref().as_ref(),
        };
        let before = before.map(|state| (state, &*self.copies));
        let is_new = !shared.known.contains(number);
        let state = is_new.then(|| shared.visitor.visit(&mut self.worker, object, before));
        self.release(base);
        let below = shared.forests[pack as usize].below(slot);
        let Some((last, others)) = below.split_last() else { return self.recycle(content) };
        let state = Arc::new(state);
        let len = content.len() as u64;
        let crowded = shared.held.fetch_add(len, Ordering::Relaxed) + len > shared.max_held;
        let node = Arc::new(Node { content, state: Arc::clone(&state) });
        let task = |slot: u32, base: Base<V::State>| Task { pack, slot, kind: Some(kind), base };
        // What is pushed last comes first: the one with the least below it.
        for (index, &slot) in [last].into_iter().chain(others.iter().rev()).enumerate() {
            let next = index == others.len();
            let base = if crowded && !next { Base::Gone(Arc::clone(&state)) } else { Base::Held(Arc::clone(&node)) };
            self.tasks.push_back(task(slot, base));
        }
        self.release(Base::Held(node));
    }

    /// Lets a base go; the last to do so gets its buffer.
    fn release(&mut self, base: Base<V::State>) {
        if let Base::Held(node) = base
            && let Some(node) = Arc::into_inner(node)
        {
            self.shared.held.fetch_sub(node.content.len() as u64, Ordering::Relaxed);
            self.recycle(node.content);
        }
    }

    fn recycle(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_KEPT_BUFFER && self.buffers.len() < MAX_KEPT_BUFFERS {
            self.buffers.push(buffer);
        }
    }

    fn loose(&mut self) {
        let shared = self.shared;
        let numbers = shared.store.loose_numbers();
        let mut content = Vec::new();
        loop {
            let number = numbers.start as usize + shared.next_loose.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end as usize || shared.interrupted.load(Ordering::Relaxed) {
                return;
            }
            let number = number as ObjectNumber;
            if shared.known.contains(number) {
                continue;
            }
            match shared.store.read(number, &mut self.inflater, &mut content) {
                Ok(kind) => {
                    let object = Object { number, kind, content: &content, is_copy: false };
                    shared.visitor.visit(&mut self.worker, object, None);
                }
                Err(error) => self.failed(number, error),
            }
        }
    }

    fn failed(&mut self, number: ObjectNumber, error: ObjectError) {
        self.shared.visitor.failed(&mut self.worker, number, error);
    }

    fn failed_slot(&mut self, pack: u32, slot: u32, error: ObjectError) {
        let store = self.shared.store;
        self.failed(store.first(pack as usize) + store.packs[pack as usize].position(slot), error);
    }
}
