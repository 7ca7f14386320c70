//! Conditions of other tools that let a finding pass: allowlists and expressions.

use regex::bytes::{Regex, RegexBuilder};

use super::expr::Expr;
use super::go;

/// A compiled regex of another tool may take this many bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// What a condition is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The path as the other tool would name it; empty for streams.
    pub(super) path: &'a str,
    /// The commit, in a scan of history.
    pub(super) commit: Option<&'a str>,
    pub(super) rule: &'a str,
    pub(super) description: &'a str,
    pub(super) secret: &'a [u8],
    pub(super) matched: &'a [u8],
    /// The lines of the match, without the last line feed, as far as they are known.
    pub(super) line: &'a [u8],
}

/// One condition that lets findings pass.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Allowlist(Allowlist),
    Expr(Expr),
    /// Lets pass what is nothing but the name of a variable.
    References,
}

impl Filter {
    /// Whether it lets the finding pass. `folders`: paths of folders above count as well, because the other tool does
    /// not enter them.
    pub(super) fn passes(&self, subject: &Subject<'_>, folders: bool) -> bool {
        match self {
            Filter::Allowlist(list) => list.passes(subject, folders),
            Filter::Expr(expr) => expr.holds(subject),
            Filter::References => is_reference(subject.secret),
        }
    }
}

/// At which text the regexes of an allowlist look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum RegexTarget {
    #[default]
    Secret,
    Match,
    Line,
}

/// A list of what is no leak.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowlist {
    /// Whether all kinds of condition have to hold that it has, or one of them.
    pub(super) all: bool,
    /// In lower case.
    pub(super) commits: Vec<String>,
    pub(super) paths: Vec<Regex>,
    pub(super) target: RegexTarget,
    pub(super) regexes: Vec<Regex>,
    /// In lower case.
    pub(super) stopwords: Vec<Vec<u8>>,
}

impl Allowlist {
    fn passes(&self, subject: &Subject<'_>, folders: bool) -> bool {
        let commit = || {
            let is = |commit: &str| self.commits.iter().any(|known| known.eq_ignore_ascii_case(commit));
            subject.commit.is_some_and(is)
        };
        let path = || self.has_path(subject.path, folders);
        let regex = || {
            let text = match self.target {
                RegexTarget::Secret => subject.secret,
                RegexTarget::Match => subject.matched,
                RegexTarget::Line => subject.line,
            };
            self.regexes.iter().any(|regex| regex.is_match(text))
        };
        let stopword = || contains_any(subject.secret, &self.stopwords);
        if self.all {
            (self.commits.is_empty() || commit())
                && (self.paths.is_empty() || path())
                && (self.regexes.is_empty() || regex())
                && (self.stopwords.is_empty() || stopword())
        } else {
            commit() || path() || regex() || stopword()
        }
    }

    fn has_path(&self, path: &str, folders: bool) -> bool {
        if path.is_empty() || self.paths.is_empty() {
            return false;
        }
        let is = |path: &str| self.paths.iter().any(|regex| regex.is_match(path.as_bytes()));
        is(path) || (folders && path.match_indices('/').any(|(at, _)| at > 0 && is(&path[..at])))
    }
}

/// Whether a text is nothing but the name of a variable, as shells and templates write it: `${NAME}`, `{{ name }}`.
fn is_reference(text: &[u8]) -> bool {
    let inside = |open: &[u8], close: &[u8]| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let is_name = |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let plain: [(&[u8], &[u8]); 4] = [(b"${", b"}"), (b"$", b""), (b"%", b"%"), (b"@", b"@")];
    let templates: [(&[u8], &[u8]); 2] = [(b"{{", b"}}"), (b"${{", b"}}")];
    let of_template =
        |inner: &[u8]| is_name(inner.trim_ascii().split(|b| *b == b'.').collect::<Vec<_>>().concat().as_slice());
    plain.iter().any(|(open, close)| inside(open, close).is_some_and(is_name))
        || templates.iter().any(|(open, close)| inside(open, close).is_some_and(of_template))
}

/// Whether a text holds one of these words, which are in lower case, in any case.
pub(super) fn contains_any(text: &[u8], words: &[impl AsRef<[u8]>]) -> bool {
    if words.is_empty() {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    words.iter().any(|word| memchr::memmem::find(&lower, word.as_ref()).is_some())
}

/// Compiles a regex of a condition, written as Go writes it.
pub(super) fn compile(source: &str) -> Result<Regex, String> {
    let ours = go::translate(source)?;
    let built = RegexBuilder::new(&ours).unicode(false).size_limit(SIZE_LIMIT).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("compiled it takes more than {limit} bytes"),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject<'a>(path: &'a str, secret: &'a str, line: &'a str) -> Subject<'a> {
        let (secret, line) = (secret.as_bytes(), line.as_bytes());
        Subject { path, commit: None, rule: "r", description: "", secret, matched: line, line }
    }

    fn list(paths: &[&str], regexes: &[&str], stopwords: &[&str]) -> Allowlist {
        let compiled = |sources: &[&str]| sources.iter().map(|source| compile(source).unwrap()).collect();
        Allowlist {
            paths: compiled(paths),
            regexes: compiled(regexes),
            stopwords: stopwords.iter().map(|word| word.as_bytes().to_vec()).collect(),
            ..Allowlist::default()
        }
    }

    #[test]
    fn one_condition_or_all_of_them() {
        let mut allow = list(&["^tests/"], &["^fake"], &["demo"]);
        let pass = |allow: &Allowlist, path, secret| allow.passes(&subject(path, secret, ""), false);
        assert!(pass(&allow, "tests/a", "x") && pass(&allow, "a", "fake1") && pass(&allow, "a", "aDEMOb"));
        assert!(!pass(&allow, "src/tests/a", "xfake"));
        allow.all = true;
        assert!(pass(&allow, "tests/a", "fake-demo"));
        assert!(!pass(&allow, "tests/a", "fake") && !pass(&allow, "a", "fake-demo"));
    }

    #[test]
    fn folders_above_count_where_they_would_not_be_entered() {
        let allow = list(&["(^|/)vendor$"], &[], &[]);
        assert!(allow.passes(&subject("a/vendor/b/c", "", ""), true));
        assert!(!allow.passes(&subject("a/vendor/b/c", "", ""), false));
        assert!(!allow.passes(&subject("", "", ""), true));
    }

    #[test]
    fn regexes_look_where_they_are_told() {
        let mut allow = list(&[], &["^key"], &[]);
        assert!(!allow.passes(&subject("", "secret", "key = secret"), false));
        allow.target = RegexTarget::Line;
        assert!(allow.passes(&subject("", "secret", "key = secret"), false));
    }

    #[test]
    fn names_of_variables_are_no_secrets() {
        for text in ["${API_KEY}", "$token", "%PASSWORD%", "@secret@", "{{ secret_key }}", "${{ secrets.TOKEN }}"] {
            assert!(is_reference(text.as_bytes()), "{text}");
        }
        for text in ["$", "${}", "a${KEY}", "$a-b", "{{ a | b }}", "quartz", "%a", "{{}}"] {
            assert!(!is_reference(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn commits_count_where_there_is_one() {
        let allow = Allowlist { commits: vec!["abc".to_owned()], ..Allowlist::default() };
        let mut of = subject("a", "x", "x");
        assert!(!allow.passes(&of, false));
        of.commit = Some("ABC");
        assert!(allow.passes(&of, false));
    }
}
