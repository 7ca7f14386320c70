//! Hooks come and go. Git itself is asked where they are: its configuration has many places.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyscan::{Error, Result};

use super::script::{self, BEFORE, HANDED_ON};
use crate::args::{Hook, InstallArgs};
use crate::exit::Exit;
use crate::rules::broken;

/// Where the hooks of a repository are.
struct Place {
    folder: PathBuf,
    /// They are files of the working tree, which others share: lines are put into them.
    is_shared: bool,
    is_global: bool,
}

pub(super) fn install(args: &InstallArgs, out: &mut dyn Write) -> Result<Exit> {
    let hooks = if args.hooks.is_empty() { &[Hook::Commit] } else { &*args.hooks };
    let place = if args.global { global_place()? } else { local_place()? };
    fs::create_dir_all(&place.folder).map_err(|error| failed(&place.folder, &error))?;
    for &hook in hooks {
        let path = place.folder.join(hook.name());
        let text = read(&path)?;
        if place.is_shared && text.as_deref().is_none_or(script::is_shell) {
            write(&path, &script::with_block(&text.unwrap_or_default(), hook))?;
            say(out, &format!("{}: keyscan runs in it; all who share the file need `keyscan`", path.display()))?;
            continue;
        }
        let before = with_end(&path);
        if text.as_deref().is_some_and(|text| !script::is_ours(text)) || text.is_none() && exists(&path) {
            if exists(&before) {
                let why = format!("it is not ours, and {} is in the way of keeping it", before.display());
                return Err(Error::config(why).with_path(&path));
            }
            fs::rename(&path, &before).map_err(|error| failed(&path, &error))?;
        }
        let program = std::env::current_exe().map_err(|error| Error::config(error.to_string()))?;
        write(&path, &script::whole(hook, &program, place.is_global))?;
        let first = if exists(&before) { format!("; first runs {}", before.display()) } else { String::new() };
        say(out, &format!("{}: installed{first}", path.display()))?;
    }
    if place.is_global {
        install_global(&place.folder, out)?;
    }
    Ok(Exit::Clean)
}

/// Makes git use the folder in all repositories, and the folder run the hooks that they have.
fn install_global(folder: &Path, out: &mut dyn Write) -> Result<()> {
    let is_own = own_folder().is_ok_and(|own| own == folder);
    for name in HANDED_ON.iter().filter(|_| is_own) {
        let path = folder.join(name);
        if !exists(&path) {
            write(&path, &script::handing_on(name))?;
        }
    }
    if git(&["config", "--global", "--type=path", "core.hooksPath"])?.is_none() {
        let folder = folder.to_string_lossy();
        if git(&["config", "--global", "core.hooksPath", &folder])?.is_none() {
            return Err(Error::config("`git config --global core.hooksPath` cannot be set"));
        }
    }
    say(out, "core.hooksPath is set for all repositories of this user; their own hooks run first.")?;
    say(out, "Repositories that set core.hooksPath themselves, as husky does, need `keyscan hook install` in them.")
}

pub(super) fn uninstall(args: &InstallArgs, out: &mut dyn Write) -> Result<Exit> {
    let hooks = if args.hooks.is_empty() { &Hook::ALL[..] } else { &*args.hooks };
    let place = if args.global { global_place()? } else { local_place()? };
    for &hook in hooks {
        let path = place.folder.join(hook.name());
        let Some(text) = read(&path)? else { continue };
        if let Some(rest) = script::without_block(&text) {
            if rest.is_empty() {
                fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
            } else {
                write(&path, &rest)?;
            }
        } else if script::is_ours(&text) {
            let before = with_end(&path);
            if exists(&before) {
                fs::rename(&before, &path).map_err(|error| failed(&before, &error))?;
            } else {
                fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
            }
        } else {
            continue;
        }
        say(out, &format!("{}: uninstalled", path.display()))?;
    }
    if place.is_global {
        uninstall_global(&place.folder, out)?;
    }
    Ok(Exit::Clean)
}

/// Takes our folder away when nothing of ours is left in it but what hands on.
fn uninstall_global(folder: &Path, out: &mut dyn Write) -> Result<()> {
    if !own_folder().is_ok_and(|own| own == folder) {
        return Ok(());
    }
    let looks =
        |hook: &Hook| read(&folder.join(hook.name())).is_ok_and(|text| text.is_some_and(|t| t.contains("hook run")));
    if Hook::ALL.iter().any(looks) {
        return Hook::ALL
            .iter()
            .filter(|hook| !exists(&folder.join(hook.name())))
            .try_for_each(|hook| write(&folder.join(hook.name()), &script::handing_on(hook.name())));
    }
    for name in HANDED_ON {
        let path = folder.join(name);
        if read(&path)?.is_some_and(|text| script::is_ours(&text)) {
            fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
        }
    }
    // Not empty: someone else keeps hooks there.
    if fs::remove_dir(folder).is_ok() || !folder.exists() {
        let set = git(&["config", "--global", "--type=path", "core.hooksPath"])?;
        if set.is_some_and(|set| Path::new(&set) == folder) {
            git(&["config", "--global", "--unset", "core.hooksPath"])?;
            say(out, "core.hooksPath is not set any more.")?;
        }
    }
    Ok(())
}

pub(super) fn status(out: &mut dyn Write) -> Result<Exit> {
    let place = local_folder()?;
    for hook in Hook::ALL {
        let path = place.folder.join(hook.name());
        let text = read(&path)?.unwrap_or_default();
        let before = with_end(&path);
        let (name, shown) = (hook.name(), path.display());
        let state = if script::without_block(&text).is_some() {
            format!("installed, as lines of {shown}")
        } else if script::is_ours(&text) && text.contains("hook run") {
            let all = if is_own(&place.folder) { " for all repositories" } else { "" };
            let first = if exists(&before) { format!("; first runs {}", before.display()) } else { String::new() };
            format!("installed{all}: {shown}{first}")
        } else if exists(&before) {
            format!("not installed: something has taken the place of ours in {shown}; install it again")
        } else {
            "not installed".to_owned()
        };
        say(out, &format!("{name:<16} {state}"))?;
    }
    Ok(Exit::Clean)
}

fn is_own(folder: &Path) -> bool {
    own_folder().is_ok_and(|own| own == folder)
}

/// Where the hooks of the repository here are, for changing them.
fn local_place() -> Result<Place> {
    let place = local_folder()?;
    if place.is_global {
        let folder = place.folder.display();
        let why = format!(
            "core.hooksPath is set for all repositories, to {folder}: `--global` installs there, and \
             `git config core.hooksPath .git/hooks` makes this repository use its own"
        );
        return Err(Error::config(why));
    }
    Ok(place)
}

fn local_folder() -> Result<Place> {
    let none = || Error::config("this is no git repository, and no folder above it is one");
    let folder = git(&["rev-parse", "--git-path", "hooks"])?.ok_or_else(none)?;
    let common = git(&["rev-parse", "--git-common-dir"])?.ok_or_else(none)?;
    let absolute = |path: &str| {
        let path = Path::new(path);
        fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
    };
    let (mut folder, common) = (absolute(&folder), absolute(&common));
    let top = git(&["rev-parse", "--show-toplevel"])?.map(|top| absolute(&top));
    // husky keeps what it makes anew at each installation in `_`, and what people write beside it.
    if folder.ends_with(".husky/_") {
        folder.pop();
    }
    let is_inside = folder.starts_with(&common);
    let is_shared = !is_inside && top.is_some_and(|top| folder.starts_with(top));
    Ok(Place {
        is_global: !is_inside && !is_shared && git(&["config", "--local", "core.hooksPath"])?.is_none(),
        folder,
        is_shared,
    })
}

/// Where the hooks of all repositories are, or are to be.
fn global_place() -> Result<Place> {
    let folder = match git(&["config", "--global", "--type=path", "core.hooksPath"])? {
        Some(folder) => PathBuf::from(folder),
        None => own_folder()?,
    };
    if folder.is_relative() {
        let why = format!("core.hooksPath is {} for all repositories, a folder in each of them", folder.display());
        return Err(Error::config(why));
    }
    Ok(Place { folder, is_shared: false, is_global: true })
}

/// The folder of hooks that we make for all repositories.
fn own_folder() -> Result<PathBuf> {
    let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || path("HOME").or_else(|| path("USERPROFILE")).map(|home| home.join(".config"));
    let config = path("XDG_CONFIG_HOME").filter(|path| path.is_absolute()).or_else(home);
    Ok(config.ok_or_else(|| Error::config("there is no home folder"))?.join("keyscan/hooks"))
}

/// What git prints; `None` when it says no.
fn git(args: &[&str]) -> Result<Option<String>> {
    let output = Command::new("git").args(args).output();
    let output = output.map_err(|error| Error::config(format!("git cannot be run: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).trim_end_matches(['\n', '\r']).to_owned();
    Ok(output.status.success().then_some(text))
}

/// The text of a hook; `None` when there is none, or it is no text.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

/// Whether something is there, if only a link to nothing.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn with_end(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(BEFORE);
    PathBuf::from(name)
}

/// Writes a file that can be run, all of it or nothing.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = fs::write(&temporary, text)
        .and_then(|()| make_runnable(&temporary))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        failed(path, &error)
    })
}

#[cfg(unix)]
fn make_runnable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_runnable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::config(error.to_string()).with_path(path)
}

fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    writeln!(out, "{text}").map_err(broken)
}
