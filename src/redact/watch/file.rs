//! Watch-lists as files: lines of text that can be sorted, compared and merged by nothing, since all of a list hangs on
//! its salt.

use std::fmt::Write;
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::{DIGEST_LEN, Entry, List, MAX_LEN, Members, SALT_LEN, WIDTHS, WatchList, list_key};
use crate::error::{Error, ErrorKind, Result};
use crate::fingerprint::Key;

const HEAD: &str = "keyscan watch-list 1";
/// No file is longer.
const MAX_FILE: usize = 256 << 20;
/// No name is longer.
const MAX_NAME: usize = 128;

/// A name as it can stand in a line.
pub(super) fn clean_name(name: &str) -> String {
    let name: String =
        name.chars().take(MAX_NAME).map(|c| if c.is_control() || c.is_whitespace() { '_' } else { c }).collect();
    if name.is_empty() { "secret".to_owned() } else { name }
}

impl WatchList {
    /// The list as it stands in files. Who has it can try guesses against it: see the documentation of redaction.
    #[must_use]
    pub fn to_text(&self) -> String {
        let list = &*self.0;
        let keyed = if list.is_keyed { " keyed" } else { "" };
        let check = HEXLOWER.encode(&check(&list.key));
        let count: usize = list.classes.iter().map(|class| class.entries.len()).sum();
        let mut text = format!("{HEAD} {} {check} {count}{keyed}\n", HEXLOWER.encode(&list.salt));
        text.push_str("# Lets machines hide secrets that they do not hold. Who has this file can try guesses: keep it as a configuration, not in public.\n");
        let all = list.classes.iter().flat_map(|class| class.entries.iter().map(|entry| (class.members, entry)));
        let mut lines: Vec<(&[u8; DIGEST_LEN], Members, &Entry)> =
            all.map(|(members, entry)| (&entry.digest, members, entry)).collect();
        // In an order that says nothing.
        lines.sort_unstable();
        for (_, members, entry) in lines {
            let kind = if members == Members::Token { 't' } else { 'v' };
            let (digest, name) = (HEXLOWER.encode(&entry.digest), &list.names[entry.name as usize]);
            let _ = writeln!(text, "{:08x} {digest} {kind}{} {} {name}", entry.start, entry.len, entry.value);
        }
        text
    }

    /// Reads a list; one that was made with a key needs the same one.
    ///
    /// # Errors
    /// When it is no list, is damaged, or was made with another key.
    pub fn parse(text: &[u8], key: Option<&Key>) -> Result<WatchList> {
        let bad = |line: usize| Error::new(ErrorKind::Syntax, format!("line {} is none of a watch-list", line + 1));
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_FILE).ok_or_else(|| bad(0))?;
        let mut lines = text.lines().enumerate();
        let head = lines.next().and_then(|(_, line)| line.strip_prefix(HEAD)).ok_or_else(|| bad(0))?;
        let mut words = head.split_ascii_whitespace();
        let salt: [u8; SALT_LEN] = words.next().and_then(hex).ok_or_else(|| bad(0))?;
        let expected: [u8; 8] = words.next().and_then(hex).ok_or_else(|| bad(0))?;
        let count: usize = words.next().and_then(|count| count.parse().ok()).ok_or_else(|| bad(0))?;
        let is_keyed = match words.next() {
            None => false,
            Some("keyed") => true,
            Some(_) => return Err(bad(0)),
        };
        if is_keyed && key.is_none() {
            return Err(Error::config("the watch-list was made with a key, which it needs"));
        }
        let list_key = list_key(key.filter(|_| is_keyed), &salt);
        if check(&list_key) != expected {
            return Err(Error::config("the watch-list was made with another key, or is damaged"));
        }
        let (mut names, mut forms) = (Vec::<Arc<str>>::new(), Vec::new());
        let mut numbers = std::collections::HashMap::<&str, u32>::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (members, mut entry, name) = entry(line).ok_or_else(|| bad(number))?;
            entry.name = *numbers.entry(name).or_insert_with(|| {
                names.push(name.into());
                names.len() as u32 - 1
            });
            forms.push((members, entry));
        }
        // Of a list that was cut off a part would look like all of it.
        if forms.len() != count {
            return Err(Error::config(format!("the watch-list has {} entries and should have {count}", forms.len())));
        }
        let list = List::new(salt, list_key, is_keyed, names, forms.into_iter());
        Ok(WatchList(Arc::new(list)))
    }
}

/// What tells the right key.
fn check(key: &Key) -> [u8; 8] {
    *key.mac(&[b"check"]).first_chunk().expect("a part of it")
}

fn entry(line: &str) -> Option<(Members, Entry, &str)> {
    let mut words = line.splitn(5, ' ');
    let start: [u8; 4] = hex(words.next()?)?;
    let digest = hex(words.next()?)?;
    let shape = words.next()?;
    let members = match shape.as_bytes().first()? {
        b't' => Members::Token,
        b'v' => Members::Visible,
        _ => return None,
    };
    let len: u32 = shape[1..].parse().ok().filter(|len| (WIDTHS[0]..=MAX_LEN).contains(&(*len as usize)))?;
    let value = words.next()?.parse().ok()?;
    let name = words.next().filter(|name| *name == clean_name(name))?;
    Some((members, Entry { start: u32::from_be_bytes(start), len, digest, name: 0, value }, name))
}

fn hex<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    (text.len() == 2 * LEN && HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Sample;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let value = Sample::parse("{base62:32}").unwrap().fill(5, None).text;
        let key = Key::from_bytes([3; 32]);
        for with in [None, Some(&key)] {
            let (list, refused) = WatchList::with_salt([("A B\n", &value[..]), ("SHORT", b"x")], with, [9; 16]);
            assert_eq!((list.len(), refused.len()), (1, 1));
            let text = list.to_text();
            let read = WatchList::parse(text.as_bytes(), with).unwrap();
            assert_eq!(read.to_text(), text);
            assert!(read.is_same(&list) && text.contains(" A_B_\n"));
            assert_eq!(WatchList::parse(text.as_bytes(), Some(&Key::from_bytes([4; 32]))).is_err(), with.is_some());
            assert_eq!(WatchList::parse(text.as_bytes(), None).is_err(), with.is_some());
            assert_eq!(format!("{list:?}"), "WatchList(1)");
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        let value = Sample::parse("{base62:32}").unwrap().fill(5, None).text;
        let text = WatchList::with_salt([("N", &value[..])], None, [9; 16]).0.to_text();
        let (head, entries) = text.split_at(text.match_indices('\n').nth(1).unwrap().0 + 1);
        let changed = |from: &str, to: &str| format!("{head}{}", entries.replacen(from, to, 1));
        for bad in [
            String::new(),
            "keyscan watch-list 2 00".to_owned(),
            changed(" t", " t9999"),
            changed(" t", " x"),
            changed(" N\n", "\n"),
            changed(" N\n", " N N\n"),
            text[..text.len() - 5].to_owned(),
            text[..=text.trim_end().rfind('\n').unwrap()].to_owned(),
            text.replacen("0909", "0908", 1),
        ] {
            assert!(WatchList::parse(bad.as_bytes(), None).is_err(), "{bad}");
        }
    }
}
