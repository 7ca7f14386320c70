//! How much harm a finding can do, where its rule alone cannot say.

use crate::engine::DOUBTFUL;
use crate::finding::Finding;
use crate::rule::{Kind, Rule, Severity};

/// Folders of what is not run for anyone: tests, examples, documents, translations.
const FOLDERS: &[&str] = &[
    "__fixtures__",
    "__mocks__",
    "__snapshots__",
    "__tests__",
    "demo",
    "demos",
    "doc",
    "docs",
    "example",
    "examples",
    "fixture",
    "fixtures",
    "guides",
    "i18n",
    "l10n",
    "lang",
    "locale",
    "locales",
    "mock",
    "mocks",
    "sample",
    "samples",
    "spec",
    "specs",
    "test",
    "testdata",
    "testing",
    "tests",
    "translations",
];
const EXTENSIONS: &[&str] = &["adoc", "lock", "md", "po", "pot", "rst", "sum", "xlf"];

/// The severity of a finding of this rule in a unit of this name: that of the rule. What is found by its name alone is
/// one level less severe in tests, documents, translations and lists of versions; what is doubtful is of low severity.
#[must_use]
pub fn severity(path: &str, finding: &Finding, rule: &Rule) -> Severity {
    if rule.kind() != Kind::Generic {
        return rule.severity();
    }
    if finding.confidence < DOUBTFUL {
        return Severity::Low;
    }
    if is_aside(path) { less(rule.severity()) } else { rule.severity() }
}

fn less(severity: Severity) -> Severity {
    match severity {
        Severity::Critical => Severity::High,
        Severity::High => Severity::Medium,
        Severity::Medium | Severity::Low => Severity::Low,
    }
}

/// Whether a path is one of tests, documents, translations or lists of versions.
fn is_aside(path: &str) -> bool {
    let is = |list: &[&str], word: &str| list.iter().any(|other| other.eq_ignore_ascii_case(word));
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let mut parts = file.split('.');
    let stem = parts.next().unwrap_or_default().to_ascii_lowercase();
    let tests = |word: &str| matches!(word, "test" | "tests" | "spec");
    folders.split('/').any(|folder| is(FOLDERS, folder))
        || is(EXTENSIONS, file.rsplit_once('.').map_or("", |(_, extension)| extension))
        || stem.ends_with("-lock")
        || stem.split(['_', '-']).next().is_some_and(tests)
        || stem.rsplit(['_', '-']).next().is_some_and(tests)
        || parts.any(tests)
        || ["Test", "Tests", "Spec"].iter().any(|word| file.split('.').next().is_some_and(|stem| stem.ends_with(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_tests_and_documents() {
        for path in [
            "tests/a.py",
            "src/__tests__/a.ts",
            "a/Docs/b.c",
            "README.md",
            "src/login_test.go",
            "src/login.spec.ts",
            "test_login.py",
            "LoginTest.java",
            "package-lock.json",
            "go.sum",
            "Cargo.lock",
            "locale/de.json",
        ] {
            assert!(is_aside(path), "{path}");
        }
        for path in
            ["", "src/main.rs", "config/contest.yml", "latest/app.env", "attest.py", "src/protest/a.rb", "<stdin>"]
        {
            assert!(!is_aside(path), "{path}");
        }
    }
}
