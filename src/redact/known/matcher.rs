//! Known secrets in a text that comes piece by piece.

use std::sync::Arc;

use super::forms::MIN_FREE_LEN;
use super::grams::GRAM_LEN;
use super::views::Views;
use super::wrap::{self, Waits, Wraps, reach};
use super::{KnownSecrets, Needles};
use crate::redact::watch::Follower;
use crate::secret::Secret;

/// Places that are remembered because a needle may have begun there; where there are more, the text is looked through
/// again from the last of them on.
const MAX_PENDING: usize = 256;
/// So much is looked at before a carriage return.
const MAX_REDRAWN: usize = 512;

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
    /// The first of the bytes that wait because of these.
    pending_from: Option<u64>,
    views: Views,
    wraps: Wraps,
    /// Whether the starts of secrets are hidden where the text breaks off.
    hides_parts: bool,
    /// Carriage returns before this offset were looked at, and the start that waits for what follows one.
    returns: (u64, Option<u64>),
    /// One for each watch-list.
    followers: Vec<Follower>,
}

impl Matcher {
    /// Looks for these; `hides_parts` says that the starts of secrets are hidden where the text breaks off.
    pub(crate) fn new(secrets: KnownSecrets, hides_parts: bool) -> Matcher {
        Matcher {
            secrets,
            needles: Arc::default(),
            version: 0,
            seen_to: 0,
            pending: Vec::new(),
            pending_from: None,
            views: Views::default(),
            wraps: Wraps::default(),
            hides_parts,
            returns: (0, None),
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
        self.pending_from = None;
        self.views.renew(from);
        self.wraps.renew(from);
        self.returns = (from, None);
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
        let plain = self.pending_from.map_or(self.seen_to, |from| from.min(self.seen_to));
        let watched = self.followers.iter().map(Follower::pending_from);
        watched.chain(self.views.pending_from()).chain(self.returns.1).fold(plain, u64::min)
    }

    /// Looks at what is new in `text`, whose first byte is at `base`; `last` says that nothing follows.
    pub(crate) fn feed(&mut self, text: &[u8], base: u64, last: bool, mut sink: impl FnMut(Hit)) {
        let end = base + text.len() as u64;
        let Matcher { needles, pending, seen_to, views, wraps, followers, .. } = self;
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
        let wrapped = |wraps: &mut Wraps, at: usize, found: &mut dyn FnMut(usize, u64, u64)| {
            if let Some((needle, from, to)) = wraps.look(needles, text, at) {
                found(needle, base + from as u64, base + to as u64);
            }
        };
        wraps.feed(needles, text, base, last, |wraps, at| wrapped(wraps, at, &mut found));
        let reach = reach(needles.max_len());
        let mut look = |at: usize| {
            let mut here = needles.at_start(&text[at..]);
            if let Some((needle, len)) = here.find(|&(_, len)| stands_free(text, at, len, last)) {
                let start = base + at as u64;
                found(needle, start, start + len as u64);
            }
            if memchr::memchr(b'\n', &text[at..text.len().min(at + reach)]).is_some() {
                wrapped(wraps, at, &mut found);
            }
        };
        pending.iter().for_each(|at| look((at - base) as usize));
        let from = (*seen_to - base) as usize;
        needles.candidates(text, from, look);

        *seen_to = end;
        self.wait(text, base, from);
        if self.hides_parts {
            self.redrawn(text, base, last, sink);
        }
    }

    /// Hides the starts of secrets where a line is begun anew: prompts and progress bars write what is there so far, and
    /// then more of it.
    fn redrawn(&mut self, text: &[u8], base: u64, last: bool, mut sink: impl FnMut(Hit)) {
        let from = (self.returns.0.max(base) - base) as usize;
        self.returns = (base + text.len() as u64, None);
        for cr in memchr::memchr_iter(b'\r', &text[from..]).map(|at| at + from) {
            let next = text.get(cr + 1);
            if matches!(next, Some(b'\n' | b'\r')) {
                continue;
            }
            let first = cr.saturating_sub(MAX_REDRAWN);
            let Some(hit) = self.part(&text[..cr], base, first) else { continue };
            if next.is_none() && !last {
                // It may be the end of a line.
                self.returns = (base + cr as u64, Some(hit.start));
            } else {
                sink(hit);
            }
        }
    }

    /// Remembers where needles may have begun at the end of `text`, of which what starts at `from` is new.
    fn wait(&mut self, text: &[u8], base: u64, from: usize) {
        let Matcher { needles, pending, pending_from, seen_to, wraps, .. } = self;
        let most = needles.max_len().max(MIN_FREE_LEN);
        let mut far = text.len().saturating_sub(reach(most));
        let last_feed = memchr::memrchr(b'\n', &text[far..]).map(|at| at + far);
        if last_feed.is_none() {
            far = (text.len() + 1).saturating_sub(most);
        }
        let ends_line = text.last().is_some_and(|byte| *byte != b'\n' && wrap::ends_line(*byte));
        // Where the next line may end.
        let mut line_end = 0;
        let mut waits = |at: usize| {
            let tail = &text[at..];
            // The end of the text may be in the end of a line, too.
            let may_wrap = last_feed.is_some_and(|feed| at < feed) || ends_line && tail.len() <= most;
            if !needles.may_start(tail) {
                if line_end < at {
                    line_end = tail.iter().position(|byte| wrap::ends_line(*byte)).map_or(text.len(), |len| at + len);
                }
                // What starts a needle is in one line.
                if !may_wrap || line_end - at >= GRAM_LEN {
                    return Waits::Not;
                }
            } else if needles.may_go_on(tail) {
                return Waits::From(at);
            }
            if may_wrap { wraps.goes_on(needles, text, at) } else { Waits::Not }
        };
        *pending_from = None;
        let mut hold = |waits: &Waits| {
            if let Waits::From(from) = waits {
                let from = base + *from as u64;
                *pending_from = Some(pending_from.map_or(from, |first| first.min(from)));
            }
            !matches!(waits, Waits::Not)
        };
        pending.retain(|at| hold(&waits((at - base) as usize)));
        let mut full_from = None;
        for at in wrap::open_from(needles, text, from.max(far))..text.len() {
            let waits = waits(at);
            if pending.len() == MAX_PENDING && !matches!(waits, Waits::Not) {
                full_from = Some(base + at as u64);
                break;
            }
            if hold(&waits) {
                pending.push(base + at as u64);
            }
        }
        if let Some(full_from) = full_from {
            *seen_to = full_from;
            wraps.look_again_from(full_from);
        }
    }

    /// The first place at which so much of a needle stands at the end of the text that it is hidden: a quarter, and four
    /// bytes.
    pub(crate) fn partial(&self, text: &[u8], base: u64) -> Option<Hit> {
        self.part(text, base, (self.pending_from() - base) as usize)
    }

    /// The first place in `text[from..]` at which so much of a needle stands at the end of the text.
    fn part(&self, text: &[u8], base: u64, from: usize) -> Option<Hit> {
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
