//! What a long scan shows on a terminal while it runs.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use keyscan::Progress;

use crate::args::When;

/// A scan that is over sooner shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Runs `work` while a line on standard error says how far it has come.
pub(crate) fn show<T>(when: When, progress: &Progress, work: impl FnOnce() -> T) -> T {
    let wanted = match when {
        When::Auto => std::io::stderr().is_terminal(),
        When::Always => true,
        When::Never => false,
    };
    if !wanted {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(progress, &done));
        let result = work();
        done.store(true, Ordering::Release);
        watcher.thread().unpark();
        result
    })
}

fn watch(progress: &Progress, done: &AtomicBool) {
    let is_done = || done.load(Ordering::Acquire);
    std::thread::park_timeout(PATIENCE);
    if is_done() {
        return;
    }
    let line = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        line.set_style(style);
    }
    while !is_done() {
        let (units, bytes, findings) = progress.so_far();
        line.set_message(format!("{} files, {}, {} found", HumanCount(units), HumanBytes(bytes), HumanCount(findings)));
        line.tick();
        std::thread::park_timeout(TICK);
    }
    line.finish_and_clear();
}
