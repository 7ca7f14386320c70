//! How a value comes into use: every set of known secrets has it before any reader can, and keeps it when readers have it
//! no more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::failure::{FailureClass, SourceError};
use super::lease::{Held, Instant2, Lease};
use super::schedule::{LONGEST_LIFE, SHORTEST_LIFE};
use super::settings::RotateSettings;
use super::source::{Fetched, Life};
use super::state::{Origin, RotationRecord};
use super::tag::{Tag, TagKey};
use super::time;
use crate::redact::KnownSecrets;
use crate::secret::Secret;

/// Versions whose tags are remembered.
const MAX_TAGS: usize = 64;
/// Rotations that are remembered.
const MAX_RECORDS: usize = 10;
/// A clock may be off by so much.
const SKEW: Duration = Duration::from_secs(30);

/// What readers see.
#[derive(Clone, Default)]
pub(super) struct Published {
    pub(super) current: Option<Arc<Held>>,
    /// The version before, and until when it is kept.
    pub(super) previous: Option<(Arc<Held>, Duration)>,
    pub(super) revoked: bool,
    /// Counts what readers may want to know of.
    pub(super) changes: u64,
}

/// What was in use before, and where values are hidden.
#[derive(Default)]
pub(super) struct History {
    pub(super) known: Vec<KnownSecrets>,
    versions: u64,
    /// What the source gave last. A value that was set stands until the source gives another than this.
    source: Option<Tag>,
    revoked: VecDeque<Tag>,
    pub(super) tags: VecDeque<(u64, Tag)>,
    pub(super) records: VecDeque<RotationRecord>,
    /// What readers get no more. As long as a lease of it lives, a value is not out of use.
    leaving: Vec<Arc<Held>>,
    /// Values that are hidden for some time still, and since when they are out of use.
    retired: VecDeque<(Secret, Duration)>,
}

/// What came of a value.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// It is in use.
    Rotated(Lease),
    /// It is the one that was in use already, or the source still has the one that it had.
    Unchanged,
}

/// A value on its way into use.
pub(super) struct Offer<'a> {
    pub(super) fetched: Fetched,
    pub(super) origin: Origin,
    /// It may end a revocation.
    pub(super) revives: bool,
    pub(super) name: &'a Arc<str>,
    pub(super) settings: &'a RotateSettings,
    pub(super) key: &'a TagKey,
    pub(super) now: Instant2,
}

impl History {
    /// Of a secret that is hidden in these sets.
    pub(super) fn hidden_in(known: Vec<KnownSecrets>) -> History {
        History { known, ..History::default() }
    }

    /// Takes a value into use. `publish` swaps what readers see.
    pub(super) fn take(
        &mut self,
        offer: Offer<'_>,
        published: &std::sync::RwLock<Published>,
    ) -> Result<Refreshed, SourceError> {
        let Offer {
            fetched: Fetched { value, version: source_version, life },
            origin,
            revives,
            name,
            settings,
            key,
            now,
        } = offer;
        check(value.expose(), settings)?;
        let expires = life.map(|life| end(life, now)).transpose()?;
        let tag = key.tag(name, value.expose());
        if self.revoked.contains(&tag) {
            return Err(SourceError::new(FailureClass::Revoked, "the value is one that was revoked"));
        }
        let Published { current, revoked, .. } = super::read(published).clone();
        if revoked && !revives {
            return Err(SourceError::new(
                FailureClass::Revoked,
                "the secret was revoked, and waits for a value to be set",
            ));
        }
        if let Some(current) = &current {
            let stands = origin == Origin::Source && self.source == Some(tag);
            if current.tag == tag || stands {
                if origin == Origin::Source {
                    self.source = Some(tag);
                }
                if current.tag == tag && expires.is_some() && current.expires != expires {
                    let renewed = Held {
                        value: current.value.clone(),
                        expires,
                        source_version,
                        name: Arc::clone(name),
                        ..**current
                    };
                    self.leaving.extend(super::write(published).current.replace(Arc::new(renewed)));
                }
                return Ok(Refreshed::Unchanged);
            }
        }
        for known in &self.known {
            let mut refused = known.add_all([(&**name, value.expose())], settings.admission);
            if let Some((_, why)) = refused.pop()
                && !settings.allow_unhidable
            {
                return Err(SourceError::new(FailureClass::Unhidable, format!("the value {why}")));
            }
        }
        // What comes back into use is not on its way out any more.
        self.retired.retain(|(retired, _)| *retired != value);
        self.versions += 1;
        if origin == Origin::Source {
            self.source = Some(tag);
        }
        let held =
            Held { name: Arc::clone(name), value, version: self.versions, tag, source_version, since: now, expires };
        let held = Arc::new(held);
        let gone = {
            let mut published = super::write(published);
            let before = published.current.replace(Arc::clone(&held));
            let kept = before.map(|before| (before, now.monotonic.saturating_add(settings.overlap)));
            published.revoked = false;
            published.changes += 1;
            std::mem::replace(&mut published.previous, kept).map(|(gone, _)| gone)
        };
        self.leaving.extend(gone);
        let previous = current.as_ref().map(|current| current.tag);
        drop(current);
        self.let_go(settings, now.monotonic, published);
        self.remember(RotationRecord {
            name: name.to_string(),
            version: held.version,
            fingerprint: Some(tag),
            previous,
            at: time::rfc3339(now.wall),
            origin,
        });
        self.tags.push_back((held.version, tag));
        if self.tags.len() > MAX_TAGS {
            self.tags.pop_front();
        }
        Ok(Refreshed::Rotated(Lease(held)))
    }

    /// Takes the value from readers. Redactors go on to hide it.
    pub(super) fn revoke(
        &mut self,
        name: &str,
        settings: &RotateSettings,
        now: Instant2,
        published: &std::sync::RwLock<Published>,
    ) -> Option<u64> {
        let (current, previous) = {
            let mut published = super::write(published);
            published.revoked = true;
            published.changes += 1;
            (published.current.take(), published.previous.take())
        };
        let previous = previous.map(|(held, _)| held);
        for held in previous.iter().chain(&current) {
            self.revoked.push_back(held.tag);
            if self.revoked.len() > MAX_TAGS {
                self.revoked.pop_front();
            }
        }
        let record = current.as_ref().map(|current| RotationRecord {
            name: name.to_owned(),
            version: current.version,
            fingerprint: None,
            previous: Some(current.tag),
            at: time::rfc3339(now.wall),
            origin: Origin::Revoked,
        });
        self.leaving.extend(previous.into_iter().chain(current));
        self.let_go(settings, now.monotonic, published);
        let record = record?;
        let version = record.version;
        self.remember(record);
        Some(version)
    }

    /// Hides in this set all that is in use, and all that comes.
    pub(super) fn attach(&mut self, known: &KnownSecrets, settings: &RotateSettings, published: &Published) -> bool {
        let leased = self.leaving.iter().filter(|held| Arc::strong_count(held) > 1);
        let held = published.current.iter().chain(published.previous.iter().map(|(held, _)| held)).chain(leased);
        let values = held.map(|held| (&*held.name, held.value.expose()));
        let hidden = known.add_all(values, settings.admission).is_empty();
        self.known.push(known.clone());
        hidden
    }

    /// What readers get no more leaves as soon as its leases have ended.
    pub(super) fn leave(&mut self, held: Arc<Held>) {
        self.leaving.push(held);
    }

    /// A version that nobody has any more is hidden for some time, or for good.
    pub(super) fn let_go(
        &mut self,
        settings: &RotateSettings,
        now: Duration,
        published: &std::sync::RwLock<Published>,
    ) {
        if self.leaving.is_empty() {
            return;
        }
        // Nobody can take a lease of what only this list has.
        let (gone, leased): (Vec<_>, Vec<_>) = self.leaving.drain(..).partition(|held| Arc::strong_count(held) == 1);
        self.leaving = leased;
        for held in gone {
            if !self.is_in_use(held.tag, &super::read(published)) {
                self.retire(&held, settings, now);
            }
        }
    }

    /// Whether readers have this value, be it as a version that came back.
    fn is_in_use(&self, tag: Tag, published: &Published) -> bool {
        let previous = published.previous.iter().map(|(held, _)| held);
        published.current.iter().chain(previous).chain(&self.leaving).any(|held| held.tag == tag)
    }

    fn retire(&mut self, held: &Held, settings: &RotateSettings, now: Duration) {
        self.known.iter().for_each(|known| known.retire_value(&held.name, held.value.expose()));
        if settings.retire_ttl.is_some() {
            self.retired.retain(|(retired, _)| *retired != held.value);
            self.retired.push_back((held.value.clone(), now));
        }
    }

    /// Forgets what has been out of use for long enough.
    pub(super) fn forget_old(&mut self, name: &str, settings: &RotateSettings, now: Duration) {
        let Some(ttl) = settings.retire_ttl else { return };
        while self.retired.front().is_some_and(|(_, since)| now.saturating_sub(*since) >= ttl) {
            if let Some((value, _)) = self.retired.pop_front() {
                // What came back into use is not retired, and stays.
                self.known.iter().for_each(|known| known.forget_value(name, value.expose()));
            }
        }
    }

    fn remember(&mut self, record: RotationRecord) {
        self.records.push_back(record);
        if self.records.len() > MAX_RECORDS {
            self.records.pop_front();
        }
    }
}

/// Refuses what cannot be a secret.
fn check(value: &[u8], settings: &RotateSettings) -> Result<(), SourceError> {
    if value.trim_ascii().is_empty() {
        return Err(SourceError::new(FailureClass::Empty, "the value is empty"));
    }
    if value.len() > settings.max_len {
        let limit = settings.max_len;
        return Err(SourceError::new(FailureClass::TooLarge, format!("the value is longer than {limit} bytes")));
    }
    if !settings.allow_binary && (value.contains(&0) || std::str::from_utf8(value).is_err()) {
        return Err(SourceError::malformed("the value is no text (allow_binary takes it)"));
    }
    Ok(())
}

/// When a life ends, on both clocks.
fn end(life: Life, now: Instant2) -> Result<Instant2, SourceError> {
    let left = match life {
        Life::For(left) => left,
        Life::Until(end) if end + SKEW <= now.wall => {
            return Err(SourceError::new(FailureClass::Rejected, "the value had come to its end already"));
        }
        Life::Until(end) => end.saturating_sub(now.wall),
    };
    let left = left.clamp(SHORTEST_LIFE, LONGEST_LIFE);
    Ok(Instant2 { monotonic: now.monotonic + left, wall: now.wall + left })
}
