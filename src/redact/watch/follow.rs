//! A watch-list in a text that comes piece by piece.

use std::sync::Arc;

use super::{Class, Entry, WatchList, digest};

/// Follows a text and finds what a list watches for.
///
/// Which bytes a value starts with is not known, and so whatever may be the start of one waits: of the visible bytes at
/// the end of the text so many as a hash covers, less one; and more only where the hash is one of the list's.
pub(in crate::redact) struct Follower {
    list: WatchList,
    /// For each class of the list: where forms start before this offset is decided.
    decided: Vec<u64>,
}

impl Follower {
    /// Starts at this offset.
    pub(in crate::redact) fn new(list: WatchList, from: u64) -> Follower {
        Follower { decided: vec![from; list.0.classes.len()], list }
    }

    /// Whether a form stands in `text`.
    pub(in crate::redact) fn stands_in(&self, text: &[u8]) -> bool {
        let mut any = false;
        Follower::new(self.list.clone(), 0).feed(text, 0, true, |_, _, _| any = true);
        any
    }

    /// No form that was not found starts before this offset.
    pub(in crate::redact) fn pending_from(&self) -> u64 {
        self.decided.iter().copied().min().unwrap_or(u64::MAX)
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows. Gives the name of
    /// each form that is found, where it starts and where it ends; some more than once.
    pub(in crate::redact) fn feed(
        &mut self,
        text: &[u8],
        base: u64,
        last: bool,
        mut found: impl FnMut(&Arc<str>, u64, u64),
    ) {
        let list = &*self.list.0;
        for (class, decided) in list.classes.iter().zip(&mut self.decided) {
            let from = (*decided - base) as usize;
            let to = class.scan(text, from, last, |at, entry| {
                if digest(&list.key, &text[at..at + entry.len as usize]) == entry.digest {
                    let start = base + at as u64;
                    found(&list.names[entry.name as usize], start, start + u64::from(entry.len));
                }
            });
            *decided = base + to as u64;
        }
    }
}

impl Class {
    /// Calls `found` where a form may stand in `text[from..]`, and answers up to where that is decided.
    fn scan(&self, text: &[u8], from: usize, last: bool, mut found: impl FnMut(usize, &Entry)) -> usize {
        let members = self.members.all();
        let is_other = |byte: &u8| !members[usize::from(*byte)];
        // All bytes of `text[at..good]` are of forms.
        let (mut at, mut good) = (from, from);
        while let Some(start) = text.get(at..at + self.width) {
            // From the end on: what is no byte of a form leaves out all places before it.
            let seen = good - at;
            if let Some(other) = start[seen..].iter().rposition(is_other) {
                at += seen + other + 1;
                good = at;
                continue;
            }
            good = at + self.width;
            for entry in self.starting(self.hash.hash(start) as u32) {
                let to = at + entry.len as usize;
                match text.get(good..to) {
                    Some(rest) if !rest.iter().any(is_other) => found(at, entry),
                    None if !last && !text[good..].iter().any(is_other) => return at,
                    _ => {}
                }
            }
            at += 1;
        }
        if last {
            return text.len();
        }
        text[at..].iter().rposition(is_other).map_or(at, |other| at + other + 1)
    }
}
