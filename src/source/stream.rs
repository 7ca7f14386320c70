//! A unit that is read piece by piece: standard input, a pipe, a large file.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes read at a time: enough to make calls rare, little enough to stay in the second-level cache.
pub(crate) const CHUNK_LEN: usize = 256 * 1024;

/// How a stream came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything was read.
    Complete,
    /// Reading failed.
    Failed(io::Error),
    /// The user interrupted.
    Interrupted,
}

/// Reads to the end, giving each piece to `feed` as soon as it is there. `buffer` is reused from call to call.
pub(crate) fn read_pieces(
    mut reader: impl Read,
    buffer: &mut Vec<u8>,
    interrupted: &AtomicBool,
    mut feed: impl FnMut(&[u8]),
) -> End {
    buffer.resize(CHUNK_LEN, 0);
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return End::Interrupted;
        }
        match reader.read(buffer) {
            Ok(0) => return End::Complete,
            Ok(len) => feed(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return End::Failed(error),
        }
    }
}

/// A reader that never blocks for long, so that whoever reads from it can be interrupted: another thread does the
/// reading, a few pieces ahead.
#[derive(Debug)]
pub struct Interruptible {
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// The piece that is being handed out, and how much of it has gone.
    piece: (Vec<u8>, usize),
}

impl Interruptible {
    /// How long a read waits before it fails with [`io::ErrorKind::Interrupted`].
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Reads `reader` on a thread of its own.
    pub fn new(mut reader: impl Read + Send + 'static) -> Interruptible {
        let (sender, pieces) = sync_channel(2);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; CHUNK_LEN];
                let read = match reader.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let done = !matches!(read, Ok(len) if len > 0);
                let sent = sender.send(read.map(|len| {
                    piece.truncate(len);
                    piece
                }));
                if done || sent.is_err() {
                    return;
                }
            }
        });
        Interruptible { pieces, piece: (Vec::new(), 0) }
    }
}

impl Read for Interruptible {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.1 == self.piece.0.len() {
            self.piece = match self.pieces.recv_timeout(Self::PATIENCE) {
                Ok(piece) => (piece?, 0),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::Interrupted.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
        }
        let len = (&self.piece.0[self.piece.1..]).read(buffer)?;
        self.piece.1 += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruptible_reader_gives_the_same_bytes() {
        let text: Vec<u8> = (0..CHUNK_LEN * 3 + 17).map(|i| (i % 251) as u8).collect();
        let mut read: Vec<u8> = Vec::new();
        let mut reader = Interruptible::new(io::Cursor::new(text.clone()));
        let end =
            read_pieces(&mut reader, &mut Vec::new(), &AtomicBool::new(false), |piece| read.extend_from_slice(piece));
        assert!(matches!(end, End::Complete));
        assert_eq!(read, text);
    }

    #[test]
    fn reading_ends_when_it_is_interrupted_though_nothing_comes() {
        struct Silent;
        impl Read for Silent {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                std::thread::sleep(Duration::from_secs(3600));
                Ok(0)
            }
        }
        let interrupted = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reading =
                scope.spawn(|| read_pieces(Interruptible::new(Silent), &mut Vec::new(), &interrupted, |_| ()));
            interrupted.store(true, Ordering::Relaxed);
            assert!(matches!(reading.join().unwrap(), End::Interrupted));
        });
    }
}
