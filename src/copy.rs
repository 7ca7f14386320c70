//! Appending large pieces.

/// So much is copied at a time: less than what C libraries leave to one instruction (`rep movsb`), which on some
/// processors takes fifteen times as long when what it copies lies a few bytes ahead of where it goes, in their pages.
const PIECE_LEN: usize = 2048;

/// Appends `bytes` to `to`, whatever their places in memory, at the same pace.
pub(crate) fn append(to: &mut Vec<u8>, bytes: &[u8]) {
    to.reserve(bytes.len());
    bytes.chunks(PIECE_LEN).for_each(|piece| to.extend_from_slice(piece));
}
