//! Zip archives, and all that is one: packages of Java, Python and Android, office documents.

use std::io::{self, Cursor, Read, Seek};

use zip::result::ZipError;

use super::{MAX_HELD_LEN, Walk, member_name};

impl Walk<'_> {
    /// Answers false when it is none, which is told.
    pub(super) fn zip(&mut self, name: &str, file: impl Read + Seek, depth: u32) -> bool {
        let mut archive = match zip::ZipArchive::new(file) {
            Ok(archive) => archive,
            Err(error) => return self.unopened(name, describe(&error)),
        };
        for index in 0..archive.len() {
            if self.is_over() {
                break;
            }
            let own = archive
                .by_index_data(index)
                .map_or_else(|_| name.to_owned(), |member| member_name(name, member.name_raw()));
            match archive.by_index(index) {
                Ok(member) if member.is_dir() && member.size() == 0 => {}
                Ok(member) => self.member(&own, &mut self.unpacked(member), depth),
                Err(error) => self.visitor.unopened(&own, describe(&error)),
            }
        }
        if archive.has_duplicate_names() {
            let reason = "members have the same name; of those, only the last was examined";
            self.visitor.unopened(name, reason.to_owned());
        }
        self.settle(name);
        true
    }

    /// A zip archive in another archive.
    pub(super) fn inner_zip(&mut self, name: &str, reader: &mut dyn Read, depth: u32) -> bool {
        let mut held = Vec::new();
        match reader.take(MAX_HELD_LEN + 1).read_to_end(&mut held) {
            Ok(len) if len as u64 > MAX_HELD_LEN => {
                let reason = format!("it is in another archive, and longer than {} MiB", MAX_HELD_LEN >> 20);
                self.unopened(name, reason)
            }
            Ok(_) => self.zip(name, Cursor::new(held), depth),
            Err(error) => self.unopened(name, error.to_string()),
        }
    }
}

fn describe(error: &ZipError) -> String {
    match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        other => other.to_string(),
    }
}
