//! Known secrets from where they are, and watch-lists of them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use keyscan::redact::{Admission, KnownSecrets, Sourced, WatchList};
use keyscan::{Error, Key, Result};

use super::say;
use crate::args::HidingArgs;
use crate::exit::Exit;

/// Loads the known secrets, in place of those that were loaded before: these stay hidden, but are retired.
pub(crate) fn load(args: &HidingArgs, known: &KnownSecrets) -> Result<()> {
    let sourced = sourced(args)?;
    let lists = args.watch_list.iter().map(|path| read(path, args)).collect::<Result<Vec<WatchList>>>()?;
    sourced.iter().for_each(|secret| known.retire(&secret.name));
    let admission = Admission { min_len: args.min_len, allow_common: args.allow_common };
    let refused =
        known.add_all(sourced.iter().map(|secret| (secret.name.as_str(), secret.value.as_slice())), admission);
    for (name, why) in refused {
        say(&format!("{} {why}; it is not hidden", source_of(&sourced, &name)));
    }
    known.retire_watched();
    lists.into_iter().for_each(|list| known.watch(list));
    if args.has_known() && known.is_empty() {
        return Err(Error::config("none of the known secrets can be hidden"));
    }
    Ok(())
}

fn sourced(args: &HidingArgs) -> Result<Vec<Sourced>> {
    let mut sourced = Vec::new();
    for source in &args.secrets_from {
        sourced.extend(source.load()?);
    }
    Ok(sourced)
}

/// Where a secret came from.
fn source_of<'s>(sourced: &'s [Sourced], name: &'s str) -> &'s str {
    sourced.iter().find(|secret| secret.name == name).map_or(name, |secret| &secret.source)
}

/// Writes a watch-list of all known secrets.
pub(super) fn write_watch_list(args: &HidingArgs, path: &Path, is_quiet: bool) -> Result<Exit> {
    let sourced = sourced(args)?;
    let values = sourced.iter().map(|secret| (secret.name.as_str(), secret.value.as_slice()));
    let (list, refused) = WatchList::new(values, named_key(args)?.as_ref())?;
    for (name, why) in &refused {
        say(&format!("{} {why}; it is not in the list", source_of(&sourced, name)));
    }
    if list.is_empty() {
        return Err(Error::config("none of the known secrets can be in a watch-list"));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(list.to_text().as_bytes()));
    written.map_err(|error| Error::config(error.to_string()).with_path(path))?;
    if !is_quiet {
        say(&format!("{} of {} secrets are in {}", list.len(), sourced.len(), path.display()));
    }
    Ok(Exit::Clean)
}

fn read(path: &Path, args: &HidingArgs) -> Result<WatchList> {
    let text = std::fs::read(path).map_err(|error| Error::config(error.to_string()).with_path(path))?;
    WatchList::parse(&text, named_key(args)?.as_ref()).map_err(|error| error.with_path(path))
}

/// The key that was named.
pub(super) fn named_key(args: &HidingArgs) -> Result<Option<Key>> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|e| Error::config(e.to_string()).with_path(path))?;
        text.trim().parse().map_err(|error: Error| error.with_path(path))
    };
    args.key.as_ref().map(read).transpose()
}
