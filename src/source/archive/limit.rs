//! How much a file may unpack to.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};

/// Every file may unpack to this ...
const LEAST: u64 = 4 << 30;
/// ... and to so many bytes for each of its own.
const RATIO: u64 = 256;

/// Counts what all decoders of one file make together.
#[derive(Debug)]
pub(super) struct Budget {
    packed: Cell<u64>,
    unpacked: Cell<u64>,
}

impl Budget {
    /// Of a file of this length.
    pub(super) fn of(len: u64) -> Budget {
        Budget { packed: Cell::new(len), unpacked: Cell::new(0) }
    }

    /// Of a stream, which may unpack to more the longer it is.
    pub(super) fn of_stream() -> Budget {
        Budget::of(0)
    }

    fn most(&self) -> u64 {
        LEAST.saturating_add(self.packed.get().saturating_mul(RATIO))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.unpacked.get() > self.most()
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it unpacks to more than {} GiB; the rest was not examined", self.most() >> 30)
    }
}

/// A reader that counts, and that ends when the user interrupts.
pub(super) struct Guarded<'a, R> {
    reader: R,
    budget: &'a Budget,
    interrupted: &'a AtomicBool,
    is_input: bool,
}

impl<'a, R> Guarded<'a, R> {
    /// Around what is packed, of which it is not known how long it is.
    pub(super) fn input(reader: R, budget: &'a Budget, interrupted: &'a AtomicBool) -> Guarded<'a, R> {
        Guarded { reader, budget, interrupted, is_input: true }
    }

    /// Around what a decoder makes.
    pub(super) fn output(reader: R, budget: &'a Budget, interrupted: &'a AtomicBool) -> Guarded<'a, R> {
        Guarded { reader, budget, interrupted, is_input: false }
    }
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(io::Error::other("interrupted"));
            }
            match self.reader.read(buffer) {
                // Decoders lose their place when they are told.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(len) => {
                    let count = if self.is_input { &self.budget.packed } else { &self.budget.unpacked };
                    count.set(count.get().saturating_add(len as u64));
                    return if self.budget.is_spent() {
                        Err(io::Error::other(self.budget.to_string()))
                    } else {
                        Ok(len)
                    };
                }
                failed => return failed,
            }
        }
    }
}

impl<R: Seek> Seek for Guarded<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_has_a_bound() {
        let (budget, running) = (Budget::of(1 << 20), AtomicBool::new(false));
        let mut endless = Guarded::output(io::repeat(0), &budget, &running);
        let mut buffer = vec![0; 1 << 26];
        let read = std::iter::from_fn(|| endless.read(&mut buffer).ok()).map(|len| len as u64).sum::<u64>();
        assert!(budget.is_spent());
        assert_eq!(read, LEAST + (256 << 20));
        let error = endless.read(&mut buffer).unwrap_err();
        assert_eq!(error.to_string(), "it unpacks to more than 4 GiB; the rest was not examined");
        running.store(true, Ordering::Relaxed);
        assert_eq!(endless.read(&mut buffer).unwrap_err().to_string(), "interrupted");
    }
}
