//! Where known secrets come from: variables, files, folders of files, `.env` files, commands, open files.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// No secret file is larger.
const MAX_FILE_LEN: u64 = 1 << 20;

/// A place that known secrets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// Environment variables whose names match one of the globs.
    Env(Vec<String>),
    /// A file that is one secret, without the line feed at its end.
    File(PathBuf),
    /// A folder whose files are one secret each, as Kubernetes mounts them.
    Dir(PathBuf),
    /// A file of `NAME=value` lines.
    Dotenv(PathBuf),
    /// The standard output of a command of the shell: `NAME=value` lines, or one secret a line.
    Cmd(String),
    /// An open file, read to its end: `NAME=value` lines, or one secret a line.
    Fd(u32),
}

/// A value, what it is called and where it came from.
pub struct Sourced {
    /// What it is called in markers.
    pub name: String,
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
    /// Where it came from, for messages.
    pub source: String,
}

impl std::fmt::Debug for Sourced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sourced({} from {}, {} bytes)", self.name, self.source, self.value.len())
    }
}

impl FromStr for SecretSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<SecretSource> {
        let bad = || {
            let kinds = "env:GLOB,..., file:PATH, dir:PATH, dotenv:PATH, cmd:COMMAND, fd:N";
            Error::config(format!("no source of secrets; there are {kinds}"))
        };
        let (kind, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or_else(bad)?;
        Ok(match kind {
            "env" => SecretSource::Env(rest.split(',').map(|glob| glob.trim().to_owned()).collect()),
            "file" => SecretSource::File(rest.into()),
            "dir" => SecretSource::Dir(rest.into()),
            "dotenv" => SecretSource::Dotenv(rest.into()),
            "cmd" => SecretSource::Cmd(rest.to_owned()),
            "fd" => SecretSource::Fd(rest.parse().map_err(|_| bad())?),
            _ => return Err(bad()),
        })
    }
}

impl SecretSource {
    /// Reads the secrets.
    ///
    /// # Errors
    /// When the source cannot be read, or has no secret: a filter that hides nothing would look like one that works.
    pub fn load(&self) -> Result<Vec<Sourced>> {
        let sourced = match self {
            SecretSource::Env(globs) => env(globs, std::env::vars_os()),
            SecretSource::File(path) => vec![file(path)?],
            SecretSource::Dir(path) => dir(path)?,
            SecretSource::Dotenv(path) => lines(&read(path)?, &path.display().to_string(), Lines::Named),
            SecretSource::Cmd(command) => lines(&output(command)?, "the command", Lines::Any),
            SecretSource::Fd(number) => lines(&read_fd(*number)?, &format!("descriptor {number}"), Lines::Any),
        };
        if sourced.is_empty() {
            return Err(Error::config(format!("no secrets come from {self}")));
        }
        Ok(sourced)
    }
}

impl std::fmt::Display for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SecretSource::Env(globs) => write!(f, "env:{}", globs.join(",")),
            SecretSource::File(path) => write!(f, "file:{}", path.display()),
            SecretSource::Dir(path) => write!(f, "dir:{}", path.display()),
            SecretSource::Dotenv(path) => write!(f, "dotenv:{}", path.display()),
            // A command line may hold what is secret.
            SecretSource::Cmd(_) => f.write_str("cmd:"),
            SecretSource::Fd(number) => write!(f, "fd:{number}"),
        }
    }
}

fn env(globs: &[String], variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<Sourced> {
    let wanted = |name: &str| globs.iter().any(|glob| matches(glob.as_bytes(), name.as_bytes()));
    let sourced = variables.filter_map(|(name, value)| {
        let name = name.to_str().filter(|name| wanted(name))?.to_owned();
        let value = Zeroizing::new(value.into_encoded_bytes());
        (!value.is_empty()).then(|| Sourced { source: format!("the variable {name}"), name, value })
    });
    let mut sourced: Vec<Sourced> = sourced.collect();
    sourced.sort_by(|a, b| a.name.cmp(&b.name));
    sourced
}

/// Whether a name matches a glob of `*` and `?`.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    match (glob, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|at| matches(rest, &name[at..])),
        ([b'?', rest @ ..], [_, name @ ..]) => matches(rest, name),
        ([byte, rest @ ..], [first, name @ ..]) => byte == first && matches(rest, name),
        _ => false,
    }
}

fn file(path: &Path) -> Result<Sourced> {
    let mut value = read(path)?;
    while value.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        value.pop();
    }
    let name = path.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Sourced { name, value, source: path.display().to_string() })
}

/// The files of a folder, not those of folders in it; hidden ones are how Kubernetes swaps versions.
fn dir(path: &Path) -> Result<Vec<Sourced>> {
    let failed = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // A mounted secret is a link to a file of the version that counts.
        if !is_hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    files.iter().map(|path| file(path)).collect()
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(path);
    read_all(fs::File::open(path).map_err(failed)?).map_err(|error| error.in_file(path))
}

fn read_all(reader: impl Read) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = reader.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_LEN {
        return Err(Error::config("more than 1 MiB is no secret"));
    }
    Ok(bytes)
}

fn output(command: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.arg(if cfg!(windows) { "/C" } else { "-c" }).arg(command).stdin(Stdio::null()).stderr(Stdio::inherit());
    let failed = |what: String| Error::new(ErrorKind::Io, format!("the command of secrets {what}"));
    let mut child = shell.stdout(Stdio::piped()).spawn().map_err(|error| failed(format!("did not start: {error}")))?;
    let bytes = child.stdout.take().map_or_else(|| Ok(Zeroizing::default()), read_all);
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    bytes
}

#[cfg(unix)]
fn read_fd(number: u32) -> Result<Zeroizing<Vec<u8>>> {
    read(Path::new(&format!("/dev/fd/{number}")))
}

#[cfg(not(unix))]
fn read_fd(_: u32) -> Result<Zeroizing<Vec<u8>>> {
    Err(Error::config("there are no descriptors on this system"))
}

/// What stands in lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// `NAME=value`.
    Named,
    /// That, or values.
    Any,
}

/// The values of `NAME=value` lines, with comments, `export` and quotes as in `.env` files.
fn lines(text: &[u8], source: &str, kind: Lines) -> Vec<Sourced> {
    let mut sourced = Vec::new();
    let mut rest = text;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (line, after) = split_line(rest);
        rest = after;
        let bare = line.trim_ascii();
        if bare.is_empty() || bare.starts_with(b"#") {
            continue;
        }
        let assigned = bare.strip_prefix(b"export ").unwrap_or(bare);
        let name_len =
            assigned.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')).count();
        let (name, value) = (&assigned[..name_len], assigned[name_len..].trim_ascii_start());
        match value.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) {
            Some(value) if name_len > 0 && (kind == Lines::Named || !name.contains(&b'-')) => {
                let name = String::from_utf8_lossy(name).into_owned();
                let value = match value.first() {
                    Some(quote @ (b'"' | b'\'' | b'`')) => {
                        // A quoted value may go on over lines.
                        let at = value.as_ptr().addr() - text.as_ptr().addr() + 1;
                        let (value, len) = quoted(&text[at..], *quote);
                        rest = split_line(&text[at + len..]).1;
                        value
                    }
                    _ => {
                        let comment = memchr::memmem::find(value, b" #").unwrap_or(value.len());
                        Zeroizing::new(value[..comment].trim_ascii_end().to_vec())
                    }
                };
                if !value.is_empty() {
                    sourced.push(Sourced { source: format!("{name} in {source}"), name, value });
                }
            }
            _ if kind == Lines::Any => {
                let (name, source) = (format!("secret-{number}"), format!("line {number} of {source}"));
                sourced.push(Sourced { name, value: Zeroizing::new(bare.to_vec()), source });
            }
            _ => {}
        }
    }
    sourced
}

/// The values of a `.env` file and their names.
#[cfg(feature = "rotate")]
pub(crate) fn dotenv(text: &[u8]) -> Vec<(String, Zeroizing<Vec<u8>>)> {
    lines(text, "", Lines::Named).into_iter().map(|sourced| (sourced.name, sourced.value)).collect()
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

/// What stands up to the closing quote, and how long that is in the text. Double quotes have escapes.
fn quoted(text: &[u8], quote: u8) -> (Zeroizing<Vec<u8>>, usize) {
    let (mut value, mut at) = (Zeroizing::new(Vec::new()), 0);
    while at < text.len() && text[at] != quote {
        let escaped = (quote == b'"' && text[at] == b'\\').then(|| text.get(at + 1)).flatten();
        match escaped {
            Some(byte) => {
                value.push(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    byte => *byte,
                });
                at += 2;
            }
            None => {
                value.push(text[at]);
                at += 1;
            }
        }
    }
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, kind: Lines) -> Vec<(String, String)> {
        let sourced = lines(text.as_bytes(), "test", kind);
        sourced.into_iter().map(|s| (s.name, String::from_utf8(s.value.to_vec()).unwrap())).collect()
    }

    #[test]
    fn env_files_have_comments_quotes_and_lines() {
        let text = "# comment\nA=quartz # comment\nexport B = \"qu\\\"ar\\ntz\" # c\r\nC='a\nb'\nD=\nE=\"open";
        let expected = [("A", "quartz"), ("B", "qu\"ar\ntz"), ("C", "a\nb"), ("E", "open")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(named(text, Lines::Named), expected);
        let both = named("quartz-0123\nA=quartz\n", Lines::Any);
        assert_eq!(both, [("secret-1".to_owned(), "quartz-0123".to_owned()), ("A".to_owned(), "quartz".to_owned())]);
    }

    #[test]
    fn globs_choose_variables() {
        let variables = ["A_TOKEN", "B_KEY", "HOME", "TOKEN_B", "C_TOKEN"].map(|name| (name.into(), "value".into()));
        let globs = ["*_TOKEN".to_owned(), "?_KEY".to_owned()];
        let names: Vec<String> = env(&globs, variables.into_iter()).into_iter().map(|s| s.name).collect();
        assert_eq!(names, ["A_TOKEN", "B_KEY", "C_TOKEN"]);
    }

    #[test]
    fn sources_are_told_by_their_kinds() {
        assert_eq!("fd:3".parse::<SecretSource>().unwrap(), SecretSource::Fd(3));
        assert_eq!("dir:/run/secrets".parse::<SecretSource>().unwrap(), SecretSource::Dir("/run/secrets".into()));
        for bad in ["", "env", "env:", "fd:x", "vault:x", "value"] {
            assert!(bad.parse::<SecretSource>().is_err(), "{bad}");
        }
    }
}
