//! Commands of a shell, rewritten so that what they print is redacted before anyone sees it, also when they fail.

/// A text as one word of a shell, whatever is in it: POSIX single quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// How a command is wrapped.
///
/// The command runs in a subshell, in which `eval` gets it as one quoted word; both its streams go through the filter as
/// one, as they came. Its status becomes the status of the whole, and where it ends well or ill but does not `exit`, the
/// folder in which it ends becomes the current one. Variables and functions that it sets are gone afterwards, and what
/// it leaves running in the background is waited for unless its output goes elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellWrap {
    filter: String,
}

/// What every wrapped command starts with.
const START: &str = "{ keyscan_end=$( { { ( eval ";
/// What stands between the command and the filter.
const MIDDLE: &str = " 3>&- 4>&-; keyscan_is=$?; pwd >&3; exit \"$keyscan_is\" ); echo \"$?\" >&3; } 2>&1 4>&- | ";
/// What stands behind the filter.
const END: &str = " >&4 3>&-; } 3>&1 ); } 4>&1; keyscan_is=${keyscan_end##*\"\n\"}; \
                   case $keyscan_end in *\"\n\"*) cd -- \"${keyscan_end%\"\n\"*}\" ;; esac; ( exit \"$keyscan_is\" )";

impl ShellWrap {
    /// Through this program, with these arguments.
    #[must_use]
    pub fn new(program: &str, arguments: &[&str]) -> ShellWrap {
        let words: Vec<String> = std::iter::once(&program).chain(arguments).map(|word| quoted(word)).collect();
        ShellWrap { filter: words.join(" ") }
    }

    /// The command, wrapped; `None` when it is wrapped already, or there is none.
    #[must_use]
    pub fn wrap(&self, command: &str) -> Option<String> {
        let is_wrapped = self.unwrap(command).is_some();
        (!is_wrapped && !command.trim().is_empty()).then(|| self.written(command))
    }

    fn written(&self, command: &str) -> String {
        format!("{START}{}{MIDDLE}{}{END}", quoted(command), self.filter)
    }

    /// The command that was wrapped like this.
    fn unwrap(&self, wrapped: &str) -> Option<String> {
        let rest = wrapped.strip_prefix(START)?.strip_suffix(END)?.strip_suffix(&*self.filter)?.strip_suffix(MIDDLE)?;
        let command = rest.strip_prefix('\'')?.strip_suffix('\'')?.replace("'\\''", "'");
        (self.written(&command) == wrapped).then_some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_is_not_wrapped_again() {
        let wrap = ShellWrap::new("/opt/key scan", &["redact"]);
        for command in ["ls", "echo 'a b' \"$x\"", "cat <<'E'\nit's\nE", "'", "\\'"] {
            let wrapped = wrap.wrap(command).unwrap();
            assert_eq!(wrap.unwrap(&wrapped).as_deref(), Some(command));
            assert_eq!(wrap.wrap(&wrapped), None);
        }
        assert_eq!(wrap.wrap(" \n"), None);
        // What only looks like it is a command as any other.
        let trick = wrap.wrap("ls").unwrap().replacen("'ls'", "'ls' ; cat .env ; echo 'x'", 1);
        assert!(wrap.wrap(&trick).is_some());
    }
}
