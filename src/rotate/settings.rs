//! How a secret is kept up to date.

use std::time::Duration;

use crate::redact::Admission;

/// How often and how long. The defaults are those of the fields' descriptions.
#[derive(Debug, Clone)]
pub struct RotateSettings {
    /// The source is asked so often, give or take 10 %. Default 300 s; `None`: only when it is told to, or for values
    /// that expire. Files are looked at every 10 s besides.
    pub poll: Option<Duration>,
    /// The same while an incident is on. Default 60 s.
    pub incident_poll: Duration,
    /// How long the version before is kept for [`RotatingSecret::previous`](super::RotatingSecret::previous). Default
    /// 600 s.
    pub overlap: Duration,
    /// How long a version that went is hidden by redactors, from when the last lease of it ended. Default `None`: as long
    /// as the process runs, but for the oldest of more than 64.
    pub retire_ttl: Option<Duration>,
    /// A source that takes longer has failed. Default 10 s.
    pub fetch_timeout: Duration,
    /// Whoever waits for a refresh waits so long. Default 5 s.
    pub wait: Duration,
    /// Larger values are refused. Default 64 KiB, which is also the most that redactors take.
    pub max_len: usize,
    /// Take values that are not UTF-8 or have NUL bytes. Default false.
    pub allow_binary: bool,
    /// A value that expires is refreshed so long before. Default `None`: at 80 % of its life, or 60 s before its end or
    /// 5 % of its life before it, whichever is earliest. No more than a fifth of the life counts.
    pub refresh_margin: Option<Duration>,
    /// Which values redactors take. Default: 6 bytes and more that are no ordinary words.
    pub admission: Admission,
    /// Take values that redactors refuse. Default false: such a value is a failure of the source.
    pub allow_unhidable: bool,
    /// Have the system tell changes of files. Default true; without, they are looked for every 10 s.
    pub watch: bool,
}

impl Default for RotateSettings {
    fn default() -> RotateSettings {
        RotateSettings {
            poll: Some(Duration::from_secs(300)),
            incident_poll: Duration::from_secs(60),
            overlap: Duration::from_secs(600),
            retire_ttl: None,
            fetch_timeout: Duration::from_secs(10),
            wait: Duration::from_secs(5),
            max_len: 64 * 1024,
            allow_binary: false,
            refresh_margin: None,
            admission: Admission::default(),
            allow_unhidable: false,
            watch: true,
        }
    }
}
