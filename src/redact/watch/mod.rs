//! Watch-lists: secrets that a machine recognises and does not hold.
//!
//! A list has, for every form of every value, its length, a short hash of how it starts, and a keyed digest of all of
//! it. A redactor hashes wherever a form may start; where that hash is one of the list's, the digest decides.
//!
//! Whoever has the list can do the same with guesses. That costs no more than it costs a redactor to look at one place
//! of a text, which has to be little; a slow digest would change nothing, for it is reached by one guess in four
//! thousand million. So the list is as good as its values are hard to guess, and takes none that are not. What else is
//! told is kept little: there is one hash of each form, not one of each part of it, by which a value could be put together
//! piece by piece; it covers three quarters of the form, or 192 bytes; and it is a pseudo-random function, so that there is no
//! way to the values that fit but trying.

mod file;
mod follow;
mod guess;
mod siphash;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::siphash::SipHash;
use super::known::parts_and_forms;
use crate::fingerprint::Key;

pub(super) use self::follow::Follower;

/// Random bytes that make two lists of one value different.
const SALT_LEN: usize = 16;
const DIGEST_LEN: usize = 16;
/// How many bytes at its start the hash of a form covers: the most of these that it has.
const WIDTHS: [usize; 13] = [16, 20, 24, 28, 32, 40, 48, 64, 80, 96, 128, 160, 192];
/// The longest form.
const MAX_LEN: usize = 1024;
/// What is easier to guess is not taken, in bits. Machines that try 2^45 values a second need a thousand years.
const MIN_BITS: f32 = 80.0;

/// Why a value is not put in a watch-list. Says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unwatched {
    /// It has fewer than 16 bytes.
    Short,
    /// Who has the list could guess it.
    Guessable,
    /// It has more than 1,024 bytes, or white space in it, and no part that could stand for it.
    Unfit,
}

impl std::fmt::Display for Unwatched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unwatched::Short => "is too short for a watch-list: who has the list could try all values of its length",
            Unwatched::Guessable => {
                "could be guessed by whoever has the watch-list: it is not drawn at random, or from too few values"
            }
            Unwatched::Unfit => "has white space in it or more than 1,024 bytes, and no long random part",
        })
    }
}

/// Fingerprints of secrets, by which these are hidden without being there. Cheap to clone.
///
/// Made with [`WatchList::new`], written with [`WatchList::to_text`], read with [`WatchList::parse`], and used with
/// [`KnownSecrets::watch`](super::KnownSecrets::watch).
#[derive(Clone)]
pub struct WatchList(Arc<List>);

struct List {
    salt: [u8; SALT_LEN],
    /// Under which everything is hashed: made of the salt, and of the key where there is one.
    key: Key,
    is_keyed: bool,
    names: Vec<Arc<str>>,
    /// How many values there are.
    values: usize,
    classes: Vec<Class>,
}

/// The forms whose hashes cover equally much.
struct Class {
    width: usize,
    hash: SipHash,
    /// Which bytes stand in them: those of tokens, or all that are visible.
    members: Members,
    /// By hash and length.
    entries: Vec<Entry>,
    /// Bits by the highest bits of the hash.
    sieve: Vec<u64>,
    shift: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    start: u32,
    len: u32,
    digest: [u8; DIGEST_LEN],
    name: u32,
    value: u32,
}

/// Which bytes may stand in forms. How many kinds there are is all that the list tells of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Members {
    /// Letters, digits and `+ - . / = _ ~`.
    Token,
    /// All but ASCII's white space and control characters.
    Visible,
}

impl Members {
    const fn has(self, byte: u8) -> bool {
        match self {
            Members::Token => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'/' | b'=' | b'_' | b'~')
            }
            Members::Visible => byte > b' ' && byte != 0x7F,
        }
    }

    const fn table(self) -> [bool; 256] {
        let (mut table, mut byte) = ([false; 256], 0);
        while byte < 256 {
            table[byte] = self.has(byte as u8);
            byte += 1;
        }
        table
    }

    fn all(self) -> &'static [bool; 256] {
        static TOKEN: [bool; 256] = Members::Token.table();
        static VISIBLE: [bool; 256] = Members::Visible.table();
        match self {
            Members::Token => &TOKEN,
            Members::Visible => &VISIBLE,
        }
    }

    /// The kind of a form, if it may be one.
    fn of(form: &[u8]) -> Option<Members> {
        [Members::Token, Members::Visible].into_iter().find(|kind| form.iter().all(|byte| kind.has(*byte)))
    }
}

/// The width of the hash of a form of this length.
fn width_of(len: usize) -> Option<usize> {
    WIDTHS.into_iter().rfind(|width| *width <= len).filter(|_| len <= MAX_LEN)
}

impl std::fmt::Debug for WatchList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WatchList({})", self.len())
    }
}

impl WatchList {
    /// Makes a list of values under their names, all their forms included, and answers which were not taken, by name.
    /// With a key, nobody without it can do anything with the list.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    #[cfg(feature = "keygen")]
    pub fn new<'v>(
        values: impl IntoIterator<Item = (&'v str, &'v [u8])>,
        key: Option<&Key>,
    ) -> crate::error::Result<(WatchList, Vec<(String, Unwatched)>)> {
        let random = Key::random()?.mac(&[b"salt"]);
        let salt = *random.first_chunk().expect("a salt is shorter than a digest");
        Ok(WatchList::with_salt(values, key, salt))
    }

    /// The same with this salt, which has to be random and for this list alone.
    #[must_use]
    pub fn with_salt<'v>(
        values: impl IntoIterator<Item = (&'v str, &'v [u8])>,
        key: Option<&Key>,
        salt: [u8; 16],
    ) -> (WatchList, Vec<(String, Unwatched)>) {
        let list_key = list_key(key, &salt);
        let (mut names, mut refused) = (Vec::<Arc<str>>::new(), Vec::new());
        let mut by_form: BTreeMap<([u8; DIGEST_LEN], u32), (Members, Entry)> = BTreeMap::new();
        let mut count = 0;
        for (name, value) in values {
            let name = file::clean_name(name);
            let number = names.iter().rposition(|known| **known == *name).unwrap_or(names.len());
            let before = by_form.len();
            if let Err(why) = watchable(value) {
                refused.push((name.clone(), why));
                continue;
            }
            for_each_form(value, |form, kind, width| {
                let entry = Entry {
                    start: start_hash(&list_key, width).hash(&form[..width]) as u32,
                    len: form.len() as u32,
                    digest: digest(&list_key, form),
                    name: number as u32,
                    value: count,
                };
                by_form.entry((entry.digest, entry.len)).or_insert((kind, entry));
            });
            if by_form.len() == before && !holds(&by_form, &list_key, value) {
                refused.push((name.clone(), Unwatched::Unfit));
                continue;
            }
            count += 1;
            if number == names.len() {
                names.push(name.into());
            }
        }
        let list = List::new(salt, list_key, key.is_some(), names, by_form.into_values());
        (WatchList(Arc::new(list)), refused)
    }

    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values == 0
    }

    /// Whether two are the same list, also when they were read one after the other.
    pub(super) fn is_same(&self, other: &WatchList) -> bool {
        let entries = |list: &WatchList| list.0.classes.iter().map(|class| class.entries.clone()).collect::<Vec<_>>();
        Arc::ptr_eq(&self.0, &other.0) || (self.0.salt == other.0.salt && entries(self) == entries(other))
    }
}

/// Whether a value that added no form is one that is there already.
fn holds(by_form: &BTreeMap<([u8; DIGEST_LEN], u32), (Members, Entry)>, key: &Key, value: &[u8]) -> bool {
    let mut is_there = false;
    for_each_form(value, |form, _, _| is_there |= by_form.contains_key(&(digest(key, form), form.len() as u32)));
    is_there
}

/// Whether a value can be taken as far as its own bytes tell.
fn watchable(value: &[u8]) -> Result<(), Unwatched> {
    let value = value.trim_ascii();
    match () {
        () if value.len() < WIDTHS[0] => Err(Unwatched::Short),
        () if guess::bits(value) < MIN_BITS => Err(Unwatched::Guessable),
        () => Ok(()),
    }
}

/// The forms of a value, and of each of its parts that is hard to guess, of which the start that is hashed is, too: with
/// the bytes that they are made of, and how long that start is.
fn for_each_form(value: &[u8], mut found: impl FnMut(&[u8], Members, usize)) {
    parts_and_forms(value, |part, forms| {
        let Some(of_part) = Members::of(part) else { return };
        let bits = guess::bits(part);
        for form in (0..forms.len()).map(|index| forms.get(index)) {
            let (Some(kind), Some(width)) = (Members::of(form), width_of(form.len())) else { continue };
            // Hex digits with signs between them would make every quote and bracket wait.
            let is_wanted = kind == Members::Token || of_part != Members::Token;
            if is_wanted && bits * width as f32 / form.len() as f32 >= MIN_BITS {
                found(form, kind, width);
            }
        }
    });
}

/// What everything in a list is hashed under.
fn list_key(key: Option<&Key>, salt: &[u8; SALT_LEN]) -> Key {
    let nobodys = Key::from_bytes([0; 32]);
    Key::from_bytes(key.unwrap_or(&nobodys).mac(&[b"keyscan watch-list", salt]))
}

fn start_hash(key: &Key, width: usize) -> SipHash {
    let hash = key.mac(&[b"start", &[width as u8]]);
    SipHash::new(*hash.first_chunk().expect("half of it"))
}

fn digest(key: &Key, form: &[u8]) -> [u8; DIGEST_LEN] {
    *key.mac(&[b"form", form]).first_chunk().expect("half of it")
}

impl List {
    fn new(
        salt: [u8; SALT_LEN],
        key: Key,
        is_keyed: bool,
        names: Vec<Arc<str>>,
        forms: impl Iterator<Item = (Members, Entry)>,
    ) -> List {
        let mut by_width: BTreeMap<usize, (Members, Vec<Entry>)> = BTreeMap::new();
        let mut values: Vec<u32> = Vec::new();
        for (kind, entry) in forms {
            let Some(width) = width_of(entry.len as usize) else { continue };
            let class = by_width.entry(width).or_insert((Members::Token, Vec::new()));
            class.0 = class.0.max(kind);
            class.1.push(entry);
            values.push(entry.value);
        }
        values.sort_unstable();
        values.dedup();
        let classes = by_width.into_iter();
        let classes = classes.map(|(width, (members, entries))| Class::new(&key, width, members, entries)).collect();
        List { salt, key, is_keyed, names, values: values.len(), classes }
    }
}

impl Class {
    fn new(key: &Key, width: usize, members: Members, mut entries: Vec<Entry>) -> Class {
        entries.sort_unstable();
        // Sixteen bits for each, so that few other places are taken for one.
        let bits = (16 * entries.len()).next_power_of_two().ilog2().clamp(12, 26);
        let shift = u32::BITS - bits;
        let mut sieve = vec![0u64; 1 << (bits - 6)];
        for entry in &entries {
            let bit = entry.start >> shift;
            sieve[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        Class { width, hash: start_hash(key, width), members, entries, sieve, shift }
    }

    /// The forms that may start with what has this hash.
    #[inline]
    fn starting(&self, start: u32) -> &[Entry] {
        let bit = start >> self.shift;
        if self.sieve[(bit >> 6) as usize] >> (bit & 63) & 1 == 0 {
            return &[];
        }
        let from = self.entries.partition_point(|entry| entry.start < start);
        let len = self.entries[from..].iter().take_while(|entry| entry.start == start).count();
        &self.entries[from..from + len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Sample;

    fn value(template: &str, seed: u64) -> String {
        String::from_utf8(Sample::parse(template).unwrap().fill(seed, None).text).unwrap()
    }

    fn refusal(value: &str) -> Option<Unwatched> {
        let (list, refused) = WatchList::with_salt([("NAME", value.as_bytes())], None, [1; 16]);
        assert_eq!(list.is_empty(), !refused.is_empty());
        refused.first().map(|(name, why)| {
            assert_eq!(name, "NAME");
            *why
        })
    }

    #[test]
    fn what_the_list_would_give_away_is_refused() {
        for (value, why) in [
            ("hunter2hunter2", Unwatched::Short),
            ("correct-horse-battery-staple", Unwatched::Guessable),
            ("Summer2024!Summer2024!Summer2024!", Unwatched::Guessable),
            ("1234567890123456789012345678901234567890", Unwatched::Guessable),
            (concat!("postgres://admin:", "hunter2", "@db.example.com:5432/production"), Unwatched::Guessable),
        ] {
            assert_eq!(refusal(value), Some(why), "{value}");
        }
        for template in ["{base62:24}", "{hex:32}", "{uuid}", "{base62:40}"] {
            assert_eq!(refusal(&value(template, 3)), None, "{template}");
        }
        let random = value("{base62:900}", 3);
        assert_eq!(refusal(&format!("{} {}", &random[..30], &random[30..60])), Some(Unwatched::Unfit));
        assert_eq!(refusal(&random.repeat(2)), Some(Unwatched::Unfit));
    }

    /// Every hash is of so much that who knows it still has to guess the rest of eighty bits.
    #[test]
    fn starts_are_never_of_little() {
        let weak = value("{base62:24}", 9);
        let address =
            format!("https://user:{weak}@host.example/path-to-what-is-there/and-on/and-on/and-on/and-on?q={weak}");
        for_each_form(address.as_bytes(), |form, _, width| {
            assert!(4 * width >= 3 * form.len().min(256), "{width} of {}", form.len());
        });
    }

    #[test]
    fn two_lists_of_one_value_have_nothing_in_common() {
        let value = value("{base62:24}", 4);
        let text = |salt: u8| WatchList::with_salt([("N", value.as_bytes())], None, [salt; 16]).0.to_text();
        let (one, other) = (text(1), text(2));
        let words = |text: &str| -> Vec<String> {
            text.split_ascii_whitespace().filter(|word| word.len() >= 8).map(str::to_owned).collect()
        };
        let both: Vec<String> = words(&one).into_iter().filter(|word| words(&other).contains(word)).collect();
        assert!(both.iter().all(|word| word.bytes().any(|b| !b.is_ascii_hexdigit())), "{both:?}");
        assert!(!one.contains(&value));
    }
}
