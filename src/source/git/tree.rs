//! Trees: the names and ids of what is in a folder.

/// What an entry of a tree or an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryMode {
    /// A file, or the target of a symbolic link.
    File,
    Folder,
    /// A commit of another repository.
    Commit,
}

impl EntryMode {
    /// What the bits that git keeps of a file's mode mean.
    pub(crate) fn of_bits(mode: u32) -> EntryMode {
        match mode & 0o170_000 {
            0o040_000 => EntryMode::Folder,
            0o160_000 => EntryMode::Commit,
            _ => EntryMode::File,
        }
    }

    fn of_octal(digits: &[u8]) -> EntryMode {
        let bits = digits.iter().fold(0u32, |bits, digit| bits << 3 | u32::from(digit & 7));
        EntryMode::of_bits(bits)
    }
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawEntry<'t> {
    pub(crate) mode: EntryMode,
    pub(crate) name: &'t [u8],
    /// As many bytes as ids of the repository have.
    pub(crate) id: &'t [u8],
    /// Where it ends in the tree.
    pub(crate) end: usize,
}

/// The entry at `content[at]`; `None` when there is no whole one.
pub(crate) fn entry(content: &[u8], at: usize, hash_len: usize) -> Option<RawEntry<'_>> {
    let rest = content.get(at..)?;
    let space = memchr::memchr(b' ', rest.get(..rest.len().min(8))?)?;
    let nul = space + memchr::memchr(0, &rest[space..])?;
    let id = rest.get(nul + 1..nul + 1 + hash_len)?;
    let mode = EntryMode::of_octal(&rest[..space]);
    Some(RawEntry { mode, name: &rest[space + 1..nul], id, end: at + nul + 1 + hash_len })
}

/// The entries of a tree, up to the first that is not whole.
pub(crate) fn entries(content: &[u8], hash_len: usize) -> impl Iterator<Item = RawEntry<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let entry = entry(content, at, hash_len)?;
        at = entry.end;
        Some(entry)
    })
}
