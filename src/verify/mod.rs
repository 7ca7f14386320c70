//! Whether secrets are alive: each rule that knows how says how its provider is asked, and only who calls this asks.
//!
//! One request that changes nothing, to one host that the rule fixes; what is asked can be known before. What comes back
//! is a receipt: when, where, which status, and never the secret or the answer.

mod ask;
mod memory;
mod probe;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use self::ask::{Answer, Client};
pub use self::memory::VerdictCache;
pub use self::probe::{Probe, Unverifiable};
use crate::error::Result;
use crate::fingerprint::Fingerprint;

/// How providers are asked.
#[derive(Debug, Clone)]
pub struct VerifySettings {
    /// The only hosts that may be asked; all that rules name when empty.
    pub host_allow: Vec<String>,
    /// Ask this server in place of all others: `https://...`, or `http://...` on this machine.
    pub base_url: Option<String>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// So much time lies between two requests to a host.
    pub interval: Duration,
}

impl Default for VerifySettings {
    fn default() -> VerifySettings {
        VerifySettings {
            host_allow: Vec::new(),
            base_url: None,
            timeout: Duration::from_secs(10),
            interval: Duration::from_millis(200),
        }
    }
}

/// What became of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// Its provider takes it.
    Alive,
    /// Its provider refuses it.
    Dead,
    /// Nobody was asked, or the answer does not tell.
    Unknown,
}

impl Liveness {
    /// The name used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Liveness::Alive => "alive",
            Liveness::Dead => "dead",
            Liveness::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Liveness {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Liveness, ()> {
        [Liveness::Alive, Liveness::Dead, Liveness::Unknown].into_iter().find(|one| one.as_str() == text).ok_or(())
    }
}

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The rule of the secret.
    pub rule: String,
    /// What became of the secret.
    pub liveness: Liveness,
    /// Seconds since 1970 when it was asked.
    pub checked_at: u64,
    /// What was asked, `GET https://api.example.com/me`, with the secret left out.
    pub endpoint: String,
    /// The status of the answer; none where there was no answer.
    pub status: Option<u16>,
    /// Why it is unknown, in words.
    pub reason: Option<String>,
    /// Whether this was known from before.
    pub is_cached: bool,
}

/// Asks providers.
#[derive(Debug)]
pub struct Verifier {
    settings: VerifySettings,
    client: Client,
    /// When each host was asked last.
    asked: BTreeMap<String, Instant>,
}

impl Verifier {
    /// # Errors
    /// When the base URL is none, or would send secrets over an open line.
    pub fn new(settings: VerifySettings) -> Result<Verifier> {
        if let Some(base) = &settings.base_url {
            probe::check_base(base)?;
        }
        let client = Client::new(settings.timeout);
        Ok(Verifier { settings, client, asked: BTreeMap::new() })
    }

    /// The host that a probe would ask.
    #[must_use]
    pub fn host(&self, probe: &Probe) -> String {
        probe.host(self.settings.base_url.as_deref())
    }

    /// Whether this host may be asked.
    #[must_use]
    pub fn allows(&self, probe: &Probe) -> bool {
        let host = self.host(probe);
        let is = |allowed: &String| {
            let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
            allowed.eq_ignore_ascii_case(&host) || allowed.eq_ignore_ascii_case(name)
        };
        self.settings.host_allow.is_empty() || self.settings.host_allow.iter().any(is)
    }

    /// Asks, unless `cache` knows the answer. `now` is in seconds since 1970.
    pub fn verify(&mut self, probe: &Probe, known: Option<(&mut VerdictCache, Fingerprint)>, now: u64) -> Receipt {
        if let Some((cache, fingerprint)) = &known
            && let Some(receipt) = cache.recall(*fingerprint, &self.endpoint(probe), now)
        {
            return receipt;
        }
        let receipt = self.ask(probe, now);
        if let Some((cache, fingerprint)) = known {
            cache.keep(fingerprint, &receipt);
        }
        receipt
    }

    /// What a probe would ask, with the secret left out.
    #[must_use]
    pub fn endpoint(&self, probe: &Probe) -> String {
        probe.endpoint(self.settings.base_url.as_deref())
    }

    fn ask(&mut self, probe: &Probe, now: u64) -> Receipt {
        let mut receipt = Receipt {
            rule: probe.rule().to_owned(),
            liveness: Liveness::Unknown,
            checked_at: now,
            endpoint: self.endpoint(probe),
            status: None,
            reason: None,
            is_cached: false,
        };
        if !self.allows(probe) {
            receipt.reason = Some(format!("{} is not among the hosts that may be asked", self.host(probe)));
            return receipt;
        }
        self.wait(self.host(probe));
        match self.client.send(probe, self.settings.base_url.as_deref(), now) {
            Ok(answer) => judge(probe, &answer, &mut receipt),
            Err(reason) => receipt.reason = Some(reason),
        }
        receipt
    }

    /// Waits until the host may be asked again.
    fn wait(&mut self, host: String) {
        if let Some(last) = self.asked.get(&host) {
            std::thread::sleep(self.settings.interval.saturating_sub(last.elapsed()));
        }
        self.asked.insert(host, Instant::now());
    }
}

fn judge(probe: &Probe, answer: &Answer, receipt: &mut Receipt) {
    let Answer { status, body } = answer;
    receipt.status = Some(*status);
    let says = |text: &str| memchr::memmem::find(body, text.as_bytes()).is_some();
    receipt.liveness = if probe.alive().contains(status) {
        // Some providers answer all that is asked with the same status.
        if probe.contains().is_none_or(says) { Liveness::Alive } else { Liveness::Dead }
    } else if probe.dead().contains(status) {
        Liveness::Dead
    } else {
        let why = match status {
            429 => "asked too often; try again later",
            300..=399 => "the provider sends elsewhere, and a secret is not sent after",
            500..=599 => "the provider has trouble",
            _ => "the status does not tell",
        };
        receipt.reason = Some(format!("status {status}: {why}"));
        Liveness::Unknown
    };
}
