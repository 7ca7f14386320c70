//! Tar archives.

use std::io::{self, Read};

use super::{Walk, member_name};

/// The longest header that is read for the name of a member.
const MAX_EXTENSION_LEN: u64 = 64 << 10;

impl Walk<'_> {
    pub(super) fn tar(&mut self, name: &str, reader: &mut dyn Read, depth: u32) {
        if let Err(error) = self.tar_members(name, reader, depth) {
            self.visitor.unopened(name, format!("its members were examined up to here: {error}"));
        }
    }

    /// Raw entries: the library would read names of any length.
    fn tar_members(&mut self, name: &str, reader: &mut dyn Read, depth: u32) -> io::Result<()> {
        let mut archive = tar::Archive::new(reader);
        archive.set_ignore_zeros(true);
        let mut long_name = None;
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            let kind = entry.header().entry_type();
            if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
                let mut extension = Vec::new();
                entry.by_ref().take(MAX_EXTENSION_LEN).read_to_end(&mut extension)?;
                long_name = if kind.is_gnu_longname() { Some(extension) } else { pax_path(&extension).or(long_name) };
                continue;
            }
            let own = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            // Links and folders hold nothing; everything else may, whatever it is called.
            if entry.size() > 0 {
                let own = own.split(|byte| *byte == 0).next().unwrap_or_default();
                self.member(&member_name(name, own), &mut entry, depth);
            }
            if self.is_over() {
                break;
            }
        }
        Ok(())
    }
}

/// The name in extended headers, if there is one.
fn pax_path(extension: &[u8]) -> Option<Vec<u8>> {
    let records = tar::PaxExtensions::new(extension).map_while(Result::ok);
    records.filter(|record| record.key_bytes() == b"path").last().map(|record| record.value_bytes().to_vec())
}
