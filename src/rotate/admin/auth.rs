//! Who may use the endpoint.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::redact::KnownSecrets;
use crate::rotate::failure::SourceError;
use crate::rotate::lock;
use crate::rotate::rotating::RotatingSecret;
use crate::rotate::settings::RotateSettings;
use crate::rotate::source::{FetchContext, Fetched, FileSource, Refreshes, Source};

/// Tokens that are shorter could be guessed.
const MIN_TOKEN_LEN: usize = 16;
/// So many tokens may be valid at once.
const MAX_TOKENS: usize = 4;

/// The tokens of the endpoint: the lines of a file, each of 16 bytes or more, up to four. The file is read again when it
/// changes. To rotate the token, write the new one beside the old one, and take the old one out when all have the new one.
#[derive(Debug, Clone)]
pub struct AdminTokens(RotatingSecret);

/// A file of tokens.
#[derive(Debug)]
struct TokenFile(FileSource);

impl Source for TokenFile {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let fetched = self.0.fetch(context)?;
        let lengths: Vec<usize> = tokens(fetched.value.expose()).map(<[u8]>::len).collect();
        if lengths.len() > MAX_TOKENS {
            return Err(SourceError::malformed(format!("there are more than {MAX_TOKENS} admin tokens")));
        }
        if lengths.iter().any(|len| *len < MIN_TOKEN_LEN) {
            return Err(SourceError::malformed(format!("an admin token is shorter than {MIN_TOKEN_LEN} bytes")));
        }
        Ok(fetched)
    }

    fn refreshes(&self) -> Refreshes {
        self.0.refreshes()
    }

    fn watched(&self) -> Vec<std::path::PathBuf> {
        self.0.watched()
    }
}

/// The tokens of a file.
fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

impl AdminTokens {
    /// The tokens of a file, which are hidden in this set.
    ///
    /// # Errors
    /// When the file cannot be read, or has no token that is long enough. A file that goes bad later changes nothing.
    pub fn of_file(path: &Path, known: &KnownSecrets) -> Result<AdminTokens, SourceError> {
        let settings = RotateSettings { overlap: Duration::ZERO, allow_unhidable: true, ..RotateSettings::default() };
        let hide = |value: &[u8], known: &KnownSecrets| {
            // Of 16 bytes and more, none is refused but for a word.
            tokens(value).for_each(|token| _ = known.add("admin-token", token));
        };
        let of_callback = known.clone();
        let builder = RotatingSecret::builder("admin-token", TokenFile(FileSource::new(path))).settings(settings);
        let builder = builder.on_rotation(move |rotation| hide(rotation.lease.expose(), &of_callback));
        let secret = builder.hide_in(known).start()?;
        Ok(AdminTokens(secret))
    }

    /// Whether a token is one of them. Takes the same time whichever it is like.
    pub(super) fn accepts(&self, presented: &[u8]) -> bool {
        let Ok(lease) = self.0.get() else { return false };
        let presented = Sha256::digest(presented);
        let mut found = Choice::from(0);
        for token in tokens(lease.expose()) {
            found |= Sha256::digest(token).ct_eq(&presented);
        }
        found.into()
    }
}

/// Counts what may happen so often in a window of time.
#[derive(Debug)]
pub(super) struct Attempts {
    most: u64,
    window: Duration,
    state: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    since: Duration,
    count: u64,
    total: u64,
}

/// What became of an attempt.
pub(super) struct Attempt {
    pub(super) is_allowed: bool,
    /// When the window ends.
    pub(super) retry_after: Duration,
    /// How many were too many in the window before, when a new one begins.
    pub(super) suppressed: Option<u64>,
}

impl Attempts {
    pub(super) fn new(most: u64, window: Duration) -> Attempts {
        Attempts { most, window, state: Mutex::default() }
    }

    /// Another one.
    pub(super) fn failed(&self, now: Duration) -> Attempt {
        let mut state = lock(&self.state);
        let mut suppressed = None;
        if state.count > 0 && now.saturating_sub(state.since) >= self.window {
            suppressed = state.count.checked_sub(self.most).filter(|count| *count > 0);
            state.count = 0;
        }
        if state.count == 0 {
            state.since = now;
        }
        state.count += 1;
        state.total += 1;
        let retry_after = (state.since + self.window).saturating_sub(now);
        Attempt { is_allowed: state.count <= self.most, retry_after, suppressed }
    }

    /// How many there were.
    pub(super) fn total(&self) -> u64 {
        lock(&self.state).total
    }
}
