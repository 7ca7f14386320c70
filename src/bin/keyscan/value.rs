//! One secret, from wherever the user keeps it, but never from the command line, which everybody on the machine can read.

use std::io::{self, IsTerminal, Read, Write};

use keyscan::redact::SecretSource;
use keyscan::{Error, Result};
use zeroize::Zeroizing;

use crate::args::SecretArgs;

/// No secret is longer.
const MAX_LEN: u64 = 64 * 1024;

/// Whether the end of a line belongs to what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// It ends the secret.
    Stripped,
    /// It is told.
    Kept,
}

/// Reads the secret.
pub(crate) fn read(args: &SecretArgs, ends: Ends) -> Result<Zeroizing<Vec<u8>>> {
    let value = match &args.from {
        None => from_stdin()?,
        Some(SecretSource::File(path)) if ends == Ends::Kept => {
            let file = std::fs::File::open(path).map_err(|error| Error::config(error.to_string()).with_path(path))?;
            bounded(file).map_err(|error| error.with_path(path))?
        }
        Some(source) => {
            let mut sourced = source.load()?;
            if sourced.len() > 1 {
                let names: Vec<&str> = sourced.iter().map(|one| one.name.as_str()).collect();
                let why = format!("{source} has {} secrets, and one is wanted: {}", names.len(), names.join(", "));
                return Err(Error::config(why));
            }
            sourced.pop().map(|one| one.value).unwrap_or_default()
        }
    };
    let end = match ends {
        Ends::Stripped => value.trim_ascii_end().len(),
        Ends::Kept => value.len(),
    };
    if value[..end].trim_ascii().is_empty() {
        return Err(Error::config("there is no secret: what was read is empty"));
    }
    Ok(Zeroizing::new(value[..end].to_vec()))
}

fn from_stdin() -> Result<Zeroizing<Vec<u8>>> {
    if !io::stdin().is_terminal() {
        return bounded(io::stdin().lock());
    }
    // Standard output may be a report.
    let _ = write!(io::stderr(), "Secret (it is not shown): ");
    let _ = io::stderr().flush();
    let quiet = Quiet::enter();
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().read_line(&mut line);
    drop(quiet);
    let _ = writeln!(io::stderr());
    read.map_err(|error| Error::config(format!("the secret cannot be read: {error}")))?;
    Ok(Zeroizing::new(line.as_bytes().to_vec()))
}

fn bounded(reader: impl Read) -> Result<Zeroizing<Vec<u8>>> {
    let mut value = Zeroizing::new(Vec::with_capacity(4096));
    let read = reader.take(MAX_LEN + 1).read_to_end(&mut value);
    read.map_err(|error| Error::config(format!("the secret cannot be read: {error}")))?;
    if value.len() as u64 > MAX_LEN {
        return Err(Error::config(format!("what was read is longer than {MAX_LEN} bytes: it is no secret")));
    }
    Ok(value)
}

/// A terminal that does not show what is typed, until this is dropped.
#[cfg(unix)]
struct Quiet(rustix::termios::Termios);

#[cfg(unix)]
impl Quiet {
    fn enter() -> Option<Quiet> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &quiet).ok()?;
        Some(Quiet(before))
    }
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(rustix::stdio::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

#[cfg(not(unix))]
struct Quiet;

#[cfg(not(unix))]
impl Quiet {
    fn enter() -> Option<Quiet> {
        None
    }
}
