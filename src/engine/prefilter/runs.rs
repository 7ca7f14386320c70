//! Runs: values of one byte class, found by their length.

use super::Run;
use crate::byteset::ByteSet;

/// Runs that are looked for together: first a run of the union of their classes, as long as the shortest of them, then
/// within it the runs themselves.
#[derive(Debug, Clone)]
pub(super) struct RunGroup {
    union: Members,
    shortest: usize,
    longest: usize,
    classes: Vec<RunClass>,
}

/// The runs of one class.
#[derive(Debug, Clone)]
struct RunClass {
    class: ByteSet,
    members: Members,
    /// `(min_len, id)`, ascending.
    lens: Vec<(usize, u32)>,
}

impl RunGroup {
    /// All of `runs`, in groups; the first has the id `first_id`.
    pub(super) fn group(runs: &[Run], first_id: u32) -> Vec<RunGroup> {
        let mut groups: Vec<RunGroup> = Vec::new();
        for (id, run) in (first_id..).zip(runs) {
            debug_assert!(run.min_len > 0, "a run has a length");
            let min_len = run.min_len.max(1);
            match groups.iter_mut().find(|group| group.takes(&run.class, min_len)) {
                Some(group) => group.add(run.class, min_len, id),
                None => {
                    let mut group = RunGroup {
                        union: Members::of(&run.class),
                        shortest: min_len,
                        longest: min_len,
                        classes: Vec::new(),
                    };
                    group.add(run.class, min_len, id);
                    groups.push(group);
                }
            }
        }
        groups
    }

    fn takes(&self, _class: &ByteSet, _min_len: usize) -> bool {
        true
    }

    fn add(&mut self, class: ByteSet, min_len: usize, id: u32) {
        self.union.add(&class);
        self.shortest = self.shortest.min(min_len);
        self.longest = self.longest.max(min_len);
        let known = self.classes.iter().position(|known| known.class == class).unwrap_or_else(|| {
            self.classes.push(RunClass { class, members: Members::of(&class), lens: Vec::new() });
            self.classes.len() - 1
        });
        let lens = &mut self.classes[known].lens;
        lens.push((min_len, id));
        lens.sort_unstable();
    }

    /// The longest `min_len` in the group.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Reports every start of a run in `from..to`.
    pub(super) fn scan(&self, text: &[u8], from: usize, to: usize, found: &mut impl FnMut(u32, usize)) {
        // No run that starts before `to` needs more of the text to show that it is long enough.
        let text = &text[..text.len().min(to.saturating_add(self.longest - 1))];
        let mut at = from;
        while let Some(start) = self.union.find_run(text, at, self.shortest)
            && start < to
        {
            let end = self.union.run_end(text, start);
            for class in &self.classes {
                class.scan(&text[..end], start, to, found);
            }
            at = end;
        }
    }
}

impl RunClass {
    /// Reports the starts in `from..to` of runs that end where the text does or before.
    fn scan(&self, text: &[u8], from: usize, to: usize, found: &mut impl FnMut(u32, usize)) {
        let mut at = from;
        while let Some(start) = self.members.find_run(text, at, self.lens[0].0)
            && start < to
        {
            let end = self.members.run_end(text, start);
            if start == 0 || !self.members.contains(text[start - 1]) {
                for &(_, id) in self.lens.iter().take_while(|(min_len, _)| *min_len <= end - start) {
                    found(id, start);
                }
            }
            at = end;
        }
    }
}

/// A set of bytes as a table of all bytes.
#[derive(Debug, Clone)]
pub(super) struct Members(Box<[bool; 256]>);

impl Members {
    fn of(class: &ByteSet) -> Members {
        let mut members = Members(Box::new([false; 256]));
        members.add(class);
        members
    }

    fn add(&mut self, class: &ByteSet) {
        for byte in class.iter() {
            self.0[usize::from(byte)] = true;
        }
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// The first position at `from` or after it where `len` members follow one another.
    ///
    /// Of the `len` bytes the last is looked at first: where it is no member, none of the `len` positions is one, and
    /// most bytes are never looked at. No byte is looked at twice.
    fn find_run(&self, text: &[u8], from: usize, len: usize) -> Option<usize> {
        let mut start = from;
        // Bytes from `start` to here are members.
        let mut known = from;
        loop {
            let end = start.checked_add(len).filter(|&end| end <= text.len())?;
            match text[known..end].iter().rposition(|&byte| !self.contains(byte)) {
                None => return Some(start),
                Some(i) => start = known + i + 1,
            }
            known = end;
        }
    }

    /// Where the members that follow `start` end.
    fn run_end(&self, text: &[u8], start: usize) -> usize {
        text[start..].iter().position(|&byte| !self.contains(byte)).map_or(text.len(), |i| start + i)
    }
}
