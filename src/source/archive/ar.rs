//! Archives of `ar`, which packages of Debian are: a line, then headers of 60 bytes, each before its file.

use std::io::{self, Read};

use super::{Walk, member_name};

const MAGIC_LEN: usize = 8;
const HEADER_LEN: usize = 60;

impl Walk<'_> {
    pub(super) fn ar(&mut self, name: &str, reader: &mut dyn Read, depth: u32) {
        if let Err(error) = self.ar_members(name, reader, depth) {
            self.visitor.unopened(name, format!("its members were examined up to here: {error}"));
        }
    }

    fn ar_members(&mut self, name: &str, reader: &mut dyn Read, depth: u32) -> io::Result<()> {
        reader.read_exact(&mut [0; MAGIC_LEN])?;
        let mut header = Vec::new();
        while !self.is_over() {
            header.clear();
            reader.take(HEADER_LEN as u64).read_to_end(&mut header)?;
            if header.is_empty() {
                break;
            }
            let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a header is malformed");
            let ends_well = header.len() == HEADER_LEN && header.ends_with(b"`\n");
            let digits = header.get(48..58).filter(|_| ends_well).ok_or_else(malformed)?;
            let digits = std::str::from_utf8(digits.trim_ascii()).map_err(|_| malformed())?;
            let len: u64 = digits.parse().map_err(|_| malformed())?;
            let own = header[..16].trim_ascii_end();
            // Tables of symbols and of names are members like others: there may be anything in them.
            let own = own.strip_suffix(b"/").filter(|own| !own.is_empty()).unwrap_or(own);
            let mut member = reader.take(len);
            self.member(&member_name(name, own), &mut member, depth);
            let left = member.limit();
            if io::copy(&mut member, &mut io::sink())? < left {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // Members start at even offsets.
            reader.take(len % 2).read_to_end(&mut header)?;
        }
        Ok(())
    }
}
