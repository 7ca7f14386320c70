//! Files that hold nothing but a secret: no word stands beside it, and only the name of the file tells what it is.

use std::ops::Range;

use regex_syntax::hir::HirKind;
use serde::{Deserialize, Serialize};

use super::check;
use super::literal;
use super::model::refused;
use super::text::Text;
use crate::byteset::ByteSet;
use crate::error::Result;

/// No file that holds a secret alone is longer, white space included.
pub(crate) const MAX_FILE_LEN: usize = 1024;
/// Fewer bytes may be anything.
const MIN_SECRET_LEN: u32 = 8;

/// Such a file as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSpec {
    /// How the paths of such files end: whole names, in which each `*` stands for anything within a name.
    pub paths: Vec<String>,
    /// What the file holds, but for white space at its ends: one class of bytes, and how many.
    pub content: String,
}

/// Files at certain paths whose whole content is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct SecretFile {
    paths: Vec<Text>,
    class: ByteSet,
    min_len: u32,
    max_len: u32,
}

pub(super) fn admit(spec: &FileSpec) -> Result<SecretFile> {
    let is_bad = |path: &String| path.split('/').any(|name| !name.bytes().any(|byte| byte.is_ascii_alphanumeric()));
    if spec.paths.is_empty() || spec.paths.iter().any(is_bad) {
        return Err(refused("`file.paths` are ends of paths, each name of which says something: `config/master.key`"));
    }
    let hir = check::parse(&spec.content)?;
    let repeated = match hir.kind() {
        HirKind::Repetition(repetition) => literal::class_of(&repetition.sub).map(|class| (class, repetition)),
        _ => None,
    };
    let bounded = repeated.and_then(|(class, repetition)| Some((class, repetition.min, repetition.max?)));
    match bounded {
        Some((class, min_len, max_len))
            if min_len >= MIN_SECRET_LEN && max_len as usize <= MAX_FILE_LEN && !class.contains(b'\n') =>
        {
            Ok(SecretFile { paths: spec.paths.iter().map(Text::from).collect(), class, min_len, max_len })
        }
        _ => Err(refused(format!(
            "`file.content` is one class of bytes, {MIN_SECRET_LEN} to {MAX_FILE_LEN} of it: `[0-9a-f]{{32}}`"
        ))),
    }
}

impl SecretFile {
    /// How the paths of such files end; `*` stands for anything within a name.
    #[must_use]
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &str> {
        self.paths.iter().map(|path| &**path)
    }

    /// Whether a file at this path is one. In the name of a member of an archive, `!` stands before its path there.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        self.paths.iter().any(|end| {
            let mut names = path.rsplit(['/', '!']);
            end.rsplit('/').all(|pattern| names.next().is_some_and(|name| matches(pattern, name)))
        })
    }

    /// Where in the content of a file the secret stands, if nothing else does.
    pub(crate) fn secret(&self, content: &[u8]) -> Option<Range<usize>> {
        if content.len() > MAX_FILE_LEN {
            return None;
        }
        let start = content.len() - content.trim_ascii_start().len();
        let secret = start..start + content.trim_ascii().len();
        let is_right = (self.min_len as usize..=self.max_len as usize).contains(&secret.len())
            && content[secret.clone()].iter().all(|byte| self.class.contains(*byte));
        is_right.then_some(secret)
    }
}

/// Whether a name is of a pattern, in which each star stands for a character or more.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let front = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(front) else { return false };
    let Some(back) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        // What is between two stars may stand anywhere; where it stands first, most is left for what follows.
        let mut after_one = rest.chars();
        let found = after_one.next().and_then(|_| after_one.as_str().split_once(piece));
        let Some((_, after)) = found else { return false };
        rest = after;
    }
    rest.len() > back.len() && rest.ends_with(back)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(paths: &[&str], content: &str) -> Result<SecretFile> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        admit(&FileSpec { paths, content: content.to_owned() })
    }

    #[test]
    fn paths_end_with_whole_names() {
        let file = file(&["master.key", "credentials/*.key"], "[0-9a-f]{32}").unwrap();
        for path in ["master.key", "a/config/master.key", "a.zip!config/master.key", "config/credentials/test.key"] {
            assert!(file.is_at(path), "{path}");
        }
        for path in
            ["webmaster.key", "master.key.bak", "master.key/a", "test.key", "credentials/.key", "credentials/a/b.key"]
        {
            assert!(!file.is_at(path), "{path}");
        }
    }

    #[test]
    fn stars_stand_for_anything_within_a_name() {
        for (pattern, of, not) in [
            (
                "*_key_*.pem",
                &["a_key_b.pem", "é_key_é.pem", "a_key__key_b.pem"][..],
                &["_key_b.pem", "a_key_.pem", "a_key"][..],
            ),
            ("a*b*c", &["axbxc", "abbcc", "axbbxc"], &["abc", "abbc", "abcc", "axbxcx", "axc"]),
            ("**.key", &["ab.key", "a..key"], &["a.key", ".key"]),
            ("key*", &["keys", "key.pem"], &["key", "monkey"]),
        ] {
            let file = file(&[pattern], "[0-9a-f]{32}").unwrap();
            of.iter().for_each(|name| assert!(file.is_at(&format!("folder/{name}")), "{pattern} {name}"));
            not.iter().for_each(|name| assert!(!file.is_at(&format!("folder/{name}")), "{pattern} {name}"));
        }
    }

    #[test]
    fn nothing_but_white_space_stands_around_the_secret() {
        let file = file(&["master.key"], "[0-9a-f]{12,16}").unwrap();
        let digits = "0123456789abcdef";
        assert_eq!(file.secret(digits.as_bytes()), Some(0..16));
        assert_eq!(file.secret(format!("\n{digits}\r\n\n").as_bytes()), Some(1..17));
        for text in
            [String::new(), digits[..11].to_owned(), format!("{digits}0"), format!("{digits} #"), "\n".repeat(12)]
        {
            assert_eq!(file.secret(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(file.secret((digits.to_owned() + &" ".repeat(MAX_FILE_LEN)).as_bytes()), None);
    }

    #[test]
    fn what_would_be_anything_is_refused() {
        for (paths, content) in [
            (&[][..], "[0-9a-f]{32}"),
            (&["*"], "[0-9a-f]{32}"),
            (&["config//a"], "[0-9a-f]{32}"),
            (&["a"], "[0-9a-f]{4}"),
            (&["a"], "[0-9a-f]+"),
            (&["a"], "[0-9a-f]{8,2000}"),
            (&["a"], "key=[0-9a-f]{32}"),
            (&["a"], "(?s:.){32}"),
        ] {
            assert!(file(paths, content).is_err(), "{paths:?} {content}");
        }
    }
}
