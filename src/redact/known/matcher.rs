//! Known secrets in a text that comes piece by piece.

use std::sync::Arc;

use super::forms::MIN_FREE_LEN;
use super::views::Views;
use super::{KnownSecrets, Needles};
use crate::redact::watch::Follower;
use crate::secret::Secret;

/// Places that are remembered because a needle may have begun there; where there are more, the text is looked through
/// again from the last of them on.
const MAX_PENDING: usize = 256;

/// A known secret that was found.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) name: Arc<str>,
    pub(crate) value: Arc<Secret>,
}

/// Finds the needles in a text that comes piece by piece.
pub(crate) struct Matcher {
    secrets: KnownSecrets,
    needles: Arc<Needles>,
    version: u64,
    /// All starts before this offset are known, but for those that are pending.
    seen_to: u64,
    /// Where needles may have begun, ascending.
    pending: Vec<u64>,
    views: Views,
    /// One for each watch-list.
    followers: Vec<Follower>,
}

impl Matcher {
    pub(crate) fn new(secrets: KnownSecrets) -> Matcher {
        Matcher {
            secrets,
            needles: Arc::default(),
            version: 0,
            seen_to: 0,
            pending: Vec::new(),
            views: Views::default(),
            followers: Vec::new(),
        }
    }

    /// Whether the set has changed since it was looked at.
    pub(crate) fn is_stale(&self) -> bool {
        self.version != self.secrets.version()
    }

    /// Takes the set as it is now; the text is looked through again from `from` on.
    pub(crate) fn renew(&mut self, from: u64) {
        self.version = self.secrets.version();
        self.needles = self.secrets.needles();
        self.seen_to = from;
        self.pending.clear();
        self.views.renew(from);
        self.followers = self.secrets.watched().into_iter().map(|list| Follower::new(list, from)).collect();
    }

    /// The version of the set that is looked for.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Whether a known secret stands in `text`, or could stand across one of its ends or around it. What is watched for
    /// is told only where it stands in it.
    pub(crate) fn touches(&self, text: &[u8]) -> bool {
        let is_watched = self.followers.iter().any(|follower| follower.stands_in(text));
        is_watched || self.needles.touches(text)
    }

    /// No needle that is not known yet starts before this offset.
    pub(crate) fn pending_from(&self) -> u64 {
        let plain = self.pending.first().copied().unwrap_or(self.seen_to);
        let watched = self.followers.iter().map(Follower::pending_from);
        watched.chain(self.views.pending_from()).fold(plain, u64::min)
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows.
    pub(crate) fn feed(&mut self, text: &[u8], base: u64, last: bool, mut sink: impl FnMut(Hit)) {
        let end = base + text.len() as u64;
        let Matcher { needles, pending, seen_to, views, followers, .. } = self;
        for follower in followers {
            follower.feed(text, base, last, |name, start, end| {
                let value = Secret::new(&text[(start - base) as usize..(end - base) as usize]);
                sink(Hit { start, end, name: Arc::clone(name), value: Arc::new(value) });
            });
        }
        if needles.is_empty() {
            *seen_to = end;
            return;
        }
        let mut found = |needle: usize, start: u64, end: u64| {
            let (name, value) = needles.value(needle);
            sink(Hit { start, end, name: Arc::clone(name), value: Arc::clone(value) });
        };
        views.feed(needles, text, base, last, &mut found);
        let mut look = |at: usize| {
            let mut here = needles.at_start(&text[at..]);
            if let Some((needle, len)) = here.find(|&(_, len)| stands_free(text, at, len, last)) {
                let start = base + at as u64;
                found(needle, start, start + len as u64);
            }
        };
        pending.iter().for_each(|at| look((at - base) as usize));
        let from = (*seen_to - base) as usize;
        needles.candidates(text, from, look);

        pending.retain(|at| needles.may_go_on(&text[(at - base) as usize..]));
        *seen_to = end;
        let first = from.max((text.len() + 1).saturating_sub(needles.max_len().max(MIN_FREE_LEN)));
        for at in first..text.len() {
            if needles.may_go_on(&text[at..]) {
                if pending.len() == MAX_PENDING {
                    *seen_to = base + at as u64;
                    break;
                }
                pending.push(base + at as u64);
            }
        }
    }

    /// The first place at which so much of a needle stands at the end of the text that it is hidden: a quarter, and four
    /// bytes.
    pub(crate) fn partial(&self, text: &[u8], base: u64) -> Option<Hit> {
        let from = (self.pending_from() - base) as usize;
        (from..text.len().saturating_sub(3)).find_map(|at| {
            let needle = self.needles.mostly(&text[at..])?;
            let (name, value) = self.needles.value(needle);
            let (start, end) = (base + at as u64, base + text.len() as u64);
            Some(Hit { start, end, name: format!("{name}:partial").into(), value: Arc::clone(value) })
        })
    }
}

/// Whether a needle of this length counts at `text[at]`: short ones are words.
fn stands_free(text: &[u8], at: usize, len: usize, last: bool) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let to = at + len;
    len >= MIN_FREE_LEN
        || !(is_word(at.checked_sub(1).and_then(|at| text.get(at)))
            || is_word(text.get(to))
            || (to == text.len() && !last))
}
