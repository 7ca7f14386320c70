//! The files that git runs.

use std::path::Path;

use crate::args::Hook;

/// Hooks with this in them are ours.
const MARK: &str = "keyscan-hook: made by `keyscan hook install`; `keyscan hook uninstall` takes it away";
const START: &str = "# >>> keyscan-hook: made by `keyscan hook install`";
const END: &str = "# <<< keyscan-hook";
/// The first line of a hook that is made for a block.
const SHEBANG: &str = "#!/bin/sh\n";
/// What stands behind the name of a hook that was there before.
pub(super) const BEFORE: &str = ".before-keyscan";

/// Hooks that a folder for all repositories has to hand on, for with it git runs none of theirs. Left out are those
/// whose mere presence changes what git does (`push-to-checkout`, `proc-receive`), and those that run all the time
/// (`reference-transaction`, `post-index-change`).
pub(super) const HANDED_ON: [&str; 17] = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-receive",
    "update",
    "post-receive",
    "post-rewrite",
    "sendemail-validate",
];

/// Whether a hook is one of ours, as a whole.
pub(super) fn is_ours(text: &str) -> bool {
    text.contains(MARK)
}

/// A whole hook, which runs the one that was there before. `global`: that of the repository.
pub(super) fn whole(hook: Hook, program: &Path, global: bool) -> String {
    let (name, program) = (hook.name(), quoted(program));
    let before = if global { format!("$(git rev-parse --git-common-dir)/hooks/{name}") } else { format!("$0{BEFORE}") };
    format!(
        "{SHEBANG}# {MARK}.\n\
         keyscan={program}\n\
         [ -x \"$keyscan\" ] || keyscan=keyscan\n\
         if ! command -v \"$keyscan\" >/dev/null 2>&1; then\n    \
             echo \"keyscan is not there any more, so nobody looks for secrets. Install it, or remove $0\" >&2\n    \
             exit 1\n\
         fi\n\
         exec \"$keyscan\" hook run {name} --previous \"{before}\" -- \"$@\"\n"
    )
}

/// A hook for all repositories that only runs that of the repository.
pub(super) fn handing_on(name: &str) -> String {
    format!(
        "{SHEBANG}# {MARK}.\n\
         hook=\"$(git rev-parse --git-common-dir)/hooks/{name}\"\n\
         [ -x \"$hook\" ] || exit 0\n\
         exec \"$hook\" \"$@\"\n"
    )
}

/// The lines that stand in a hook that others share: they name no path of this machine. What the hook reads from
/// standard input is there for the rest of it too.
fn block(hook: Hook) -> String {
    let name = hook.name();
    let lines = match hook {
        Hook::Commit | Hook::Merge => format!("keyscan hook run {name} -- \"$@\" || exit $?\n"),
        Hook::Push | Hook::Receive => format!(
            "keyscan_refs=$(cat)\n\
             printf '%s\\n' \"$keyscan_refs\" | keyscan hook run {name} -- \"$@\" || exit $?\n\
             exec <<keyscan_refs\n\
             $keyscan_refs\n\
             keyscan_refs\n"
        ),
    };
    format!("{START}\n{lines}{END}\n")
}

/// Whether lines can be put into a hook: it is a script of a shell.
pub(super) fn is_shell(text: &str) -> bool {
    match text.lines().next().and_then(|line| line.strip_prefix("#!")) {
        // Such files are run by a shell that reads them.
        None => !text.contains('\0'),
        Some(interpreter) => {
            let words = interpreter.split([' ', '/', '\t']);
            words.into_iter().any(|word| matches!(word, "sh" | "bash" | "dash" | "zsh" | "ksh"))
        }
    }
}

/// A hook with our lines in it, after those that start it.
pub(super) fn with_block(text: &str, hook: Hook) -> String {
    let text = without_block(text).unwrap_or_else(|| text.to_owned());
    let text = if text.is_empty() { SHEBANG.to_owned() } else { text };
    // Older versions of husky start the hook once more from a file that it reads at its top.
    let is_start = |line: &str| line.starts_with("#!") || line.contains("husky.sh");
    let lines = text.split_inclusive('\n');
    let mut at = 0;
    let after = lines.fold(0, |after, line| {
        at += line.len();
        if is_start(line) { at } else { after }
    });
    let newline = if after > 0 && !text[..after].ends_with('\n') { "\n" } else { "" };
    format!("{}{newline}{}{}", &text[..after], block(hook), &text[after..])
}

/// The hook without our lines; `None` when it has none. Nothing is left of a hook that was made for them.
pub(super) fn without_block(text: &str) -> Option<String> {
    let start = text.find(START)?;
    let end = start + text[start..].find(END)? + END.len();
    let rest = text[end..].strip_prefix('\n').unwrap_or(&text[end..]);
    let left = format!("{}{rest}", &text[..start]);
    Some(if left == SHEBANG { String::new() } else { left })
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    let path = if std::path::MAIN_SEPARATOR == '\\' { path.replace('\\', "/") } else { path.into_owned() };
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_and_go() {
        for text in [
            "",
            "#!/bin/sh\necho hi\n",
            "echo no shebang\n",
            "#!/bin/bash",
            "#!/bin/sh\n. \"$(dirname \"$0\")/_/husky.sh\"\n\nnpx lint-staged\n",
        ] {
            for hook in Hook::ALL {
                let with = with_block(text, hook);
                assert_eq!(with_block(&with, hook), with, "again changes nothing");
                assert!(with.contains(hook.name()));
                let without = without_block(&with).unwrap();
                assert_eq!(without.trim_end(), text.trim_end());
            }
        }
        assert_eq!(without_block("#!/bin/sh\n"), None);
        let husky = with_block("#!/bin/sh\n. _/husky.sh\n\nnpx x\n", Hook::Commit);
        assert!(husky.find("husky.sh") < husky.find(START) && husky.find(START) < husky.find("npx"));
    }

    #[test]
    fn scripts_of_a_shell_are_known() {
        for text in ["#!/bin/sh\n", "#!/usr/bin/env bash\nx", "#! /bin/dash -e\n", "npx lint-staged\n"] {
            assert!(is_shell(text), "{text}");
        }
        for text in ["#!/usr/bin/env python3\n", "#!/usr/bin/env node", "\u{7f}ELF\0\0"] {
            assert!(!is_shell(text), "{text}");
        }
    }

    #[test]
    fn paths_are_one_word() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
