//! Signals: which end a filter, and how soon.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use keyscan::redact::KnownSecrets;
use keyscan::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use super::{Job, known, say};
use crate::args::RedactArgs;

/// How long a filter has to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// What signals asked for.
#[derive(Default)]
pub(super) struct Asked {
    /// It is time to stop.
    pub(super) stop: AtomicBool,
    /// The status to end with; 0 where no signal came.
    pub(super) status: AtomicU8,
}

/// Listens, as a filter does. An interrupt is for whoever feeds it: it waits for the end of what comes, but not for
/// long.
pub(super) fn listen(job: &Job<'_>) -> Result<Arc<Asked>> {
    let asked = Arc::new(Asked::default());
    let failed = |error: io::Error| Error::config(format!("signals cannot be caught: {error}"));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1]).map_err(failed)?;
    let (shared, args, known) = (Arc::clone(&asked), job.args.clone(), job.known.clone());
    std::thread::spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP if args.has_known() => reload(&args, &known),
                SIGUSR1 => say(&format!("{} known secrets", known.len())),
                SIGINT => end(&shared, signal, GRACE),
                _ => end(&shared, signal, Duration::ZERO),
            }
        }
    });
    Ok(asked)
}

fn end(asked: &Arc<Asked>, signal: i32, patience: Duration) {
    let status = 128 + signal as u8;
    asked.status.store(status, Ordering::Relaxed);
    let asked = Arc::clone(asked);
    std::thread::spawn(move || {
        std::thread::sleep(patience);
        asked.stop.store(true, Ordering::Relaxed);
        // Whoever reads may have stalled.
        std::thread::sleep(GRACE + GRACE / 10);
        std::process::exit(i32::from(status));
    });
}

/// Takes the known secrets as they are now. The old ones stay hidden, also where the new ones cannot be had.
pub(super) fn reload(args: &RedactArgs, secrets: &KnownSecrets) {
    match known::load(args, secrets) {
        Ok(()) => say(&format!("reloaded: {} known secrets, old ones included", secrets.len())),
        Err(error) => say(&format!("not reloaded: {error}")),
    }
}

/// Ends as a program does whose reader has gone.
pub(super) fn die_of_pipe() -> ! {
    let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
    std::process::exit(128 + SIGPIPE)
}
