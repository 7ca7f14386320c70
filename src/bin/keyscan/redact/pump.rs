//! From one descriptor through a redactor to another.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyscan::redact::{RedactStats, Redactor};
use keyscan::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::report::Report;
use crate::args::Reveal;

/// Bytes read at a time.
const CHUNK_LEN: usize = 64 * 1024;
/// How long nothing may come before it is looked whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long what still comes is passed on when it is time to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// A stream that is filtered.
pub(super) struct Pump<'a> {
    pub(super) redactor: Redactor,
    pub(super) name: &'a str,
    pub(super) report: &'a Report,
    /// Set when it is time to stop.
    pub(super) stop: &'a AtomicBool,
    pub(super) reveal: Option<Reveal>,
    /// The start of a line, where whole lines are written only.
    pub(super) line: Option<Vec<u8>>,
}

/// No more of a line is kept until it is whole.
const MAX_LINE: usize = 64 * 1024;

/// How a stream came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All of it was passed on.
    Complete,
    /// It was time to stop.
    Stopped,
    /// Nobody reads any more.
    Unread,
}

impl Pump<'_> {
    /// Passes everything on, and ends the text unless `more` of it comes from elsewhere.
    pub(super) fn run(&mut self, input: impl AsFd, output: impl AsFd, more: bool) -> Result<End> {
        let (input, output) = (input.as_fd(), output.as_fd());
        // Where this fails, pipes are smaller and calls are more.
        let _ = rustix::pipe::fcntl_setpipe_size(input, 1 << 20);
        let (mut chunk, mut out) = (vec![0; CHUNK_LEN], Vec::new());
        let mut end = End::Complete;
        let mut stop_at = None;
        loop {
            let held = self.redactor.held_len() > 0;
            if !self.wait(input, output, &mut stop_at, held)? {
                end = End::Stopped;
                break;
            }
            let len = match rustix::io::read(input, chunk.as_mut_slice()) {
                Ok(0) => break,
                Ok(len) => len,
                Err(Errno::INTR | Errno::AGAIN) => continue,
                // A terminal whose other side is closed.
                Err(Errno::IO) if rustix::pty::ptsname(input, Vec::new()).is_ok() => break,
                Err(error) => return Err(failed("reading failed", error)),
            };
            out.clear();
            if is_ready(input, Duration::ZERO) {
                self.redactor.push_more(&chunk[..len], &mut out);
            } else {
                self.redactor.push(&chunk[..len], &mut out);
            }
            if self.pass_on(output, &out, false)? {
                return Ok(End::Unread);
            }
        }
        if !more || end == End::Stopped {
            out.clear();
            self.redactor.finish(&mut out);
            if self.pass_on(output, &out, true)? {
                return Ok(End::Unread);
            }
        }
        Ok(end)
    }

    /// Waits for input; answers false when it is time to stop and nothing more comes.
    fn wait(
        &mut self,
        input: BorrowedFd<'_>,
        output: BorrowedFd<'_>,
        stop_at: &mut Option<Instant>,
        held: bool,
    ) -> Result<bool> {
        let mut reveal = self.reveal.filter(|reveal| held && reveal.bytes > 0);
        loop {
            if self.stop.load(Ordering::Relaxed) {
                let now = Instant::now();
                return Ok(now < *stop_at.get_or_insert(now + DRAIN) && is_ready(input, Duration::from_millis(10)));
            }
            if is_ready(input, reveal.map_or(PATIENCE, |reveal| reveal.after.min(PATIENCE * 10))) {
                return Ok(true);
            }
            if let Some(reveal) = reveal.take() {
                let mut out = Vec::new();
                self.redactor.reveal(reveal.bytes, &mut out);
                self.pass_on(output, &out, false)?;
            }
        }
    }

    /// Writes all of it, or all whole lines; answers true when nobody reads any more.
    fn pass_on(&mut self, output: BorrowedFd<'_>, bytes: &[u8], last: bool) -> Result<bool> {
        self.report.take(self.name, &mut self.redactor)?;
        let Some(mut line) = self.line.take() else { return self.write(output, bytes) };
        line.extend_from_slice(bytes);
        let whole = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
        let whole = if last || line.len() - whole > MAX_LINE { line.len() } else { whole };
        let unread = self.write(output, &line[..whole]);
        line.drain(..whole);
        self.line = Some(line);
        unread
    }

    fn write(&self, output: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<bool> {
        while !bytes.is_empty() {
            match rustix::io::write(output, bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(Errno::PIPE) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut fds = [PollFd::new(&output, PollFlags::OUT)];
                    let _ = rustix::event::poll(&mut fds, None);
                }
                Err(error) => return Err(failed("writing failed", error)),
            }
        }
        Ok(false)
    }

    pub(super) fn stats(&self) -> &RedactStats {
        self.redactor.stats()
    }
}

/// Whether something can be read, or will be in time.
fn is_ready(input: BorrowedFd<'_>, patience: Duration) -> bool {
    let mut fds = [PollFd::new(&input, PollFlags::IN)];
    let patience = Timespec::try_from(patience).ok();
    // What cannot be waited for is read at once.
    rustix::event::poll(&mut fds, patience.as_ref()).map_or_else(|error| error != Errno::INTR, |ready| ready > 0)
}

pub(super) fn failed(what: &str, error: Errno) -> Error {
    Error::config(format!("{what}: {}", io::Error::from(error)))
}
