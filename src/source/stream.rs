//! A unit that is read piece by piece: standard input, a pipe, a large file.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

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
