//! What is in archives that are files of a repository.

use crate::run::Run;

/// Longer members are not held in memory.
#[cfg(feature = "archive")]
const MAX_MEMBER_LEN: u64 = 256 << 20;

/// What of an archive was not examined: its name, as it goes after that of the file, and why.
pub(super) type Unopened = Vec<(String, String)>;

/// The path of a member, given that of the file. What a compressed file holds is named after the file, whose path was not
/// known when it was opened.
#[cfg(feature = "archive")]
pub(super) fn member_path(path: &str, member: &str) -> String {
    match member.strip_prefix('!') {
        Some(rest) if rest.is_empty() || rest.starts_with('!') => {
            format!("{path}!{}{rest}", crate::source::archive::uncompressed_name(path))
        }
        _ => path.to_owned() + member,
    }
}

/// Shows each member of an archive with its name, as it goes after that of the file: `!folder/file`. Nothing is shown of
/// other files.
pub(super) fn each_member(run: &Run<'_>, content: &[u8], visit: &mut dyn FnMut(&str, &[u8])) -> Unopened {
    members(run, content, &|_| true, &mut |_, name, text| visit(name, text))
}

/// Shows those members of an archive that are wanted, which are told by their numbers, with number, name and content.
#[cfg(feature = "archive")]
pub(super) fn members(
    run: &Run<'_>,
    content: &[u8],
    is_wanted: &dyn Fn(u32) -> bool,
    visit: &mut dyn FnMut(u32, &str, &[u8]),
) -> Unopened {
    use std::io::{Cursor, Read};

    use crate::source::archive::{self, HEAD_LEN, Opening};

    struct Members<'v> {
        is_wanted: &'v dyn Fn(u32) -> bool,
        visit: &'v mut dyn FnMut(u32, &str, &[u8]),
        next: u32,
        text: Vec<u8>,
        unopened: Unopened,
    }

    impl archive::Visitor for Members<'_> {
        fn unit(&mut self, name: &str, reader: &mut dyn Read) {
            let number = self.next;
            self.next += 1;
            if !(self.is_wanted)(number) {
                return;
            }
            self.text.clear();
            let read = reader.take(MAX_MEMBER_LEN).read_to_end(&mut self.text);
            (self.visit)(number, name, &self.text);
            match read {
                Ok(len) if len as u64 == MAX_MEMBER_LEN => {
                    let reason = format!("what comes after its first {} MiB was not examined", MAX_MEMBER_LEN >> 20);
                    self.unopened(name, reason);
                }
                Ok(_) => {}
                Err(error) => self.unopened(name, format!("reading stopped after {} bytes: {error}", self.text.len())),
            }
        }

        fn unopened(&mut self, name: &str, reason: String) {
            self.unopened.push((name.to_owned(), reason));
        }
    }

    if run.max_archive_depth == 0 || !archive::is_archive(&content[..content.len().min(HEAD_LEN)]) {
        return Unopened::new();
    }
    let mut members = Members { is_wanted, visit, next: 0, text: Vec::new(), unopened: Unopened::new() };
    let opening = Opening { depth: run.max_archive_depth, interrupted: run.interrupted };
    archive::open("", Cursor::new(content), content.len() as u64, opening, &mut members);
    members.unopened
}

#[cfg(not(feature = "archive"))]
pub(super) fn member_path(path: &str, _: &str) -> String {
    path.to_owned()
}

/// Without the feature `archive`, none is opened.
#[cfg(not(feature = "archive"))]
pub(super) fn members(_: &Run<'_>, _: &[u8], _: &dyn Fn(u32) -> bool, _: &mut dyn FnMut(u32, &str, &[u8])) -> Unopened {
    Unopened::new()
}
