//! What a file is, by its first bytes.

/// So many first bytes tell what it is.
pub(crate) const HEAD_LEN: usize = 512;

/// A format that holds files, or one file compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Zip,
    Tar,
    Ar,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    SevenZip,
    Rar,
}

/// Whether it is one, by its first bytes; [`HEAD_LEN`] are enough.
pub(crate) fn is_archive(head: &[u8]) -> bool {
    Kind::of(head).is_some()
}

impl Kind {
    /// By the magic numbers of the formats' descriptions. Those that text may start with count only with what follows
    /// them.
    pub(super) fn of(head: &[u8]) -> Option<Kind> {
        let kind = match head {
            // The only method there is, and no flags but those that are defined: RFC 1952, 2.3.
            [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Kind::Gzip,
            // A member, or the end of an archive without any: APPNOTE.TXT, 4.3.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
            // The size of blocks, then the first block or the end.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Kind::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Kind::Xz,
            // RFC 8878, 3.1.1.
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Zstd,
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Kind::SevenZip,
            [b'R', b'a', b'r', b'!', 0x1a, 7, 0 | 1, ..] => Kind::Rar,
            _ if head.starts_with(b"!<arch>\n") => Kind::Ar,
            _ if is_tar(head) => Kind::Tar,
            _ => return None,
        };
        Some(kind)
    }

    /// Whether its members stand in it as they are.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Kind::Tar | Kind::Ar)
    }
}

/// Whether it starts with a header whose checksum is right: POSIX.1-2017, pax, "ustar Interchange Format".
fn is_tar(head: &[u8]) -> bool {
    const SUM: std::ops::Range<usize> = 148..156;
    let Some(header) = head.get(..512) else { return false };
    let digits = header[SUM].trim_ascii_start();
    let end = digits.iter().position(|digit| !matches!(digit, b'0'..=b'7')).unwrap_or(digits.len());
    let is_named = header[0] != 0 || header[257..].starts_with(b"ustar");
    // Nearly all files end here, and the rest is a sum over many bytes.
    if end == 0 || !is_named {
        return false;
    }
    let told = digits[..end].iter().fold(0u32, |sum, digit| sum << 3 | u32::from(digit - b'0'));
    let sum: u32 =
        header.iter().enumerate().map(|(i, byte)| u32::from(if SUM.contains(&i) { b' ' } else { *byte })).sum();
    told == sum
}

/// The name of what a compressed file holds: its own without the extension that says so.
pub(crate) fn uncompressed_name(name: &str) -> &str {
    const EXTENSIONS: [&str; 8] = [".gz", ".gzip", ".z", ".bz2", ".bz", ".xz", ".zst", ".zstd"];
    let last = name.rsplit(['/', '!']).next().unwrap_or(name);
    let stem = EXTENSIONS.iter().find_map(|extension| {
        let at = last.len().checked_sub(extension.len())?;
        (last.is_char_boundary(at) && last[at..].eq_ignore_ascii_case(extension)).then(|| &last[..at])
    });
    stem.filter(|stem| !stem.is_empty()).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_archive() {
        for text in ["", "PK", "PKCS", "BZh9 is not enough", "!<arch>", "Rar!", "7z is a program", "\u{1f}"] {
            assert_eq!(Kind::of(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Kind::of(&[0; HEAD_LEN]), None);
        assert_eq!(Kind::of(&[b'0'; HEAD_LEN]), None);
        assert_eq!(Kind::of(&[0x1f, 0x8b, 8, 0xff, 0]), None);
    }

    #[test]
    fn names_lose_what_says_that_they_are_compressed() {
        for (name, inner) in [
            ("a/app.log.gz", "app.log"),
            ("x.tar!b/c.XZ", "c"),
            ("dump", "dump"),
            (".gz", ".gz"),
            ("a/é.zst", "é"),
            ("é", "é"),
        ] {
            assert_eq!(uncompressed_name(name), inner);
        }
    }
}
