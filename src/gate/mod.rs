//! What becomes of a finding: reported, allowed by a comment in the text, or known to a baseline.
//!
//! The gate stands after the engine, so that what it lets pass is still found and hidden by those who redact. It
//! decides one finding at a time, from any thread, and remembers what it decided; what a run's exit status makes of
//! that is not its business.

mod allow;
mod baseline;
mod date;
mod severity;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use self::allow::allowed_by;
pub use self::baseline::{Baseline, BaselineEntry};
pub use self::date::Date;
pub use self::severity::severity;
use crate::engine::Surroundings;
use crate::finding::Located;
use crate::fingerprint::Fingerprint;
use crate::rule::{Rule, Severity};

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It is reported.
    Reported,
    /// This marker in the text allows it.
    Allowed(&'static str),
    /// A baseline lists it.
    Baselined,
    /// It is less severe than what is reported.
    Minor,
}

/// How many findings became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Findings that are reported.
    pub reported: u64,
    /// Findings that a comment in the text allows.
    pub allowed: u64,
    /// Findings that a baseline lists.
    pub baselined: u64,
    /// Findings less severe than what is reported.
    pub minor: u64,
}

/// Decides what becomes of findings. Shared by all threads of a scan.
#[derive(Debug)]
pub struct Gate {
    baselines: Vec<Listed>,
    today: Date,
    min_severity: Option<Severity>,
    comments: bool,
    reported: AtomicU64,
    allowed: AtomicU64,
    baselined: AtomicU64,
    minor: AtomicU64,
}

/// A baseline, and which of its entries a finding had.
#[derive(Debug)]
struct Listed {
    baseline: Baseline,
    seen: HashMap<Fingerprint, (bool, AtomicBool)>,
}

impl Gate {
    /// A gate with these baselines on this day, which honours comments and reports every severity.
    #[must_use]
    pub fn new(baselines: Vec<Baseline>, today: Date) -> Gate {
        let listed = |baseline: Baseline| {
            let seen = |entry: &BaselineEntry| (entry.fingerprint, (!entry.is_expired(today), AtomicBool::new(false)));
            let seen = baseline.entries().map(seen).collect();
            Listed { baseline, seen }
        };
        Gate {
            baselines: baselines.into_iter().map(listed).collect(),
            today,
            min_severity: None,
            comments: true,
            reported: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            baselined: AtomicU64::new(0),
            minor: AtomicU64::new(0),
        }
    }

    /// Reports only what is at least so severe.
    #[must_use]
    pub fn with_min_severity(mut self, least: Severity) -> Gate {
        self.min_severity = Some(least);
        self
    }

    /// Whether comments in the text allow findings. They do unless this says no.
    #[must_use]
    pub fn with_comments(mut self, honoured: bool) -> Gate {
        self.comments = honoured;
        self
    }

    /// Decides what becomes of a finding of this rule, and remembers it.
    pub fn decide(&self, located: &Located, rule: &Rule, around: Surroundings<'_>) -> Decision {
        // First, so that an entry counts as matched whatever else holds back its finding.
        let known = self.is_known(located, rule.id());
        let marker = || allowed_by(around, rule.id(), located.finding.decoded).filter(|_| self.comments);
        let severity = severity(&located.path, &located.finding, rule);
        let (decision, count) = if self.min_severity.is_some_and(|least| severity < least) {
            (Decision::Minor, &self.minor)
        } else if let Some(marker) = marker() {
            (Decision::Allowed(marker), &self.allowed)
        } else if known {
            (Decision::Baselined, &self.baselined)
        } else {
            (Decision::Reported, &self.reported)
        };
        count.fetch_add(1, Ordering::Relaxed);
        decision
    }

    /// Whether a baseline accepts the finding; marks the entries that name it, expired or not.
    fn is_known(&self, located: &Located, rule_id: &str) -> bool {
        let mut known = false;
        for Listed { baseline, seen } in &self.baselines {
            let Some(key) = baseline.key().filter(|_| !seen.is_empty()) else { continue };
            if let Some((holds, found)) = seen.get(&Fingerprint::new(key, rule_id, &located.finding.secret)) {
                found.store(true, Ordering::Relaxed);
                known |= holds;
            }
        }
        known
    }

    /// What was decided so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            reported: load(&self.reported),
            allowed: load(&self.allowed),
            baselined: load(&self.baselined),
            minor: load(&self.minor),
        }
    }

    /// The entries that no finding had: after a whole scan they can go. After a scan of a part they tell nothing.
    pub fn unused(&self) -> impl Iterator<Item = (&Baseline, &BaselineEntry)> {
        self.entries(false)
    }

    /// The entries whose secret was found and whose last day has passed: their findings are reported.
    pub fn expired(&self) -> impl Iterator<Item = (&Baseline, &BaselineEntry)> {
        self.entries(true).filter(|(_, entry)| entry.is_expired(self.today))
    }

    fn entries(&self, found: bool) -> impl Iterator<Item = (&Baseline, &BaselineEntry)> {
        self.baselines.iter().flat_map(move |Listed { baseline, seen }| {
            let was = |entry: &BaselineEntry| {
                seen.get(&entry.fingerprint).is_some_and(|(_, found)| found.load(Ordering::Relaxed))
            };
            baseline.entries().filter(move |entry| was(entry) == found).map(move |entry| (baseline, entry))
        })
    }

    /// Gives the baselines back, to accept findings in one.
    #[must_use]
    pub fn into_baselines(self) -> Vec<Baseline> {
        self.baselines.into_iter().map(|listed| listed.baseline).collect()
    }
}
