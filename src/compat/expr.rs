//! The expressions with which Betterleaks filters findings: the part of them that looks at a path and a finding.
//!
//! An expression that is true lets its finding pass. What is not read here is refused when the expression is parsed,
//! with its name: nothing is guessed while findings are judged.

mod parse;

use regex::bytes::Regex;

use super::filter::{Subject, contains_any};
use crate::engine::validate::{foreign, is_random_text};

/// Characters a token: what random text has, and what words have, about.
const RANDOM_RATIO: f64 = 1.5;
const PLAIN_RATIO: f64 = 4.0;

/// A parsed expression.
#[derive(Debug, Clone)]
pub(super) struct Expr {
    /// Names and what they stand for, in order.
    lets: Vec<(String, Node)>,
    result: Node,
    notes: Vec<String>,
}

/// What of a finding an expression may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Secret,
    Match,
    Line,
    RuleId,
    Description,
    Path,
    Commit,
    /// An attribute that no scan of ours knows.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Contains,
    StartsWith,
    EndsWith,
    In,
}

#[derive(Debug, Clone)]
enum Node {
    Text(Vec<u8>),
    Number(f64),
    Bool(bool),
    List(Vec<Node>),
    Field(Field),
    Name(String),
    Not(Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    /// The first of these that is not empty.
    OrElse(Box<Node>, Box<Node>),
    MatchesAny(Box<Node>, Vec<Regex>),
    FindMatch(Box<Node>, Regex),
    ContainsAny(Box<Node>, Vec<Vec<u8>>),
    Entropy(Box<Node>),
    FailsTokenEfficiency(Box<Node>),
    TokenRatio(Box<Node>),
    Len(Box<Node>),
    Lower(Box<Node>),
    Upper(Box<Node>),
    Trim(Box<Node>),
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(Vec<u8>),
    Number(f64),
    Bool(bool),
    List(Vec<Value>),
}

impl Expr {
    /// Parses an expression.
    pub(super) fn parse(source: &str) -> Result<Expr, String> {
        parse::parse(source)
    }

    /// What of it is not as Betterleaks would compute it.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether it is true of a finding. One that cannot be computed is not.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        let mut scope = Scope { subject, names: Vec::with_capacity(self.lets.len()) };
        for (name, node) in &self.lets {
            let Some(value) = scope.value(node) else { return false };
            scope.names.push((name, value));
        }
        scope.value(&self.result) == Some(Value::Bool(true))
    }
}

struct Scope<'a> {
    subject: &'a Subject<'a>,
    names: Vec<(&'a str, Value)>,
}

impl Scope<'_> {
    fn value(&self, node: &Node) -> Option<Value> {
        Some(match node {
            Node::Text(text) => Value::Text(text.clone()),
            Node::Number(number) => Value::Number(*number),
            Node::Bool(value) => Value::Bool(*value),
            Node::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect::<Option<_>>()?),
            Node::Field(field) => Value::Text(self.field(*field).to_vec()),
            Node::Name(name) => self.names.iter().rev().find(|(known, _)| known == name)?.1.clone(),
            Node::Not(inner) => Value::Bool(!self.truth(inner)?),
            Node::Binary(Op::Or, a, b) => Value::Bool(self.truth(a)? || self.truth(b)?),
            Node::Binary(Op::And, a, b) => Value::Bool(self.truth(a)? && self.truth(b)?),
            Node::Binary(op, a, b) => binary(*op, self.value(a)?, self.value(b)?)?,
            Node::If(condition, yes, no) => self.value(if self.truth(condition)? { yes } else { no })?,
            Node::OrElse(first, second) => match self.value(first)? {
                Value::Text(text) if text.is_empty() => self.value(second)?,
                value => value,
            },
            Node::MatchesAny(text, regexes) => {
                let text = self.text(text)?;
                Value::Bool(regexes.iter().any(|regex| regex.is_match(&text)))
            }
            Node::FindMatch(text, regex) => {
                let text = self.text(text)?;
                Value::Text(regex.find(&text).map_or_else(Vec::new, |found| found.as_bytes().to_vec()))
            }
            Node::ContainsAny(text, words) => Value::Bool(contains_any(&self.text(text)?, words)),
            Node::Entropy(text) => Value::Number(foreign::byte_entropy(&self.text(text)?)),
            Node::FailsTokenEfficiency(text) => Value::Bool(!is_random_text(&self.text(text)?)),
            Node::TokenRatio(text) => {
                Value::Number(if is_random_text(&self.text(text)?) { RANDOM_RATIO } else { PLAIN_RATIO })
            }
            Node::Len(inner) => Value::Number(match self.value(inner)? {
                Value::Text(text) => text.len() as f64,
                Value::List(items) => items.len() as f64,
                _ => return None,
            }),
            Node::Lower(text) => Value::Text(self.text(text)?.to_ascii_lowercase()),
            Node::Upper(text) => Value::Text(self.text(text)?.to_ascii_uppercase()),
            Node::Trim(text) => Value::Text(self.text(text)?.trim_ascii().to_vec()),
        })
    }

    fn truth(&self, node: &Node) -> Option<bool> {
        if let Value::Bool(value) = self.value(node)? { Some(value) } else { None }
    }

    fn text(&self, node: &Node) -> Option<Vec<u8>> {
        if let Value::Text(text) = self.value(node)? { Some(text) } else { None }
    }

    fn field(&self, field: Field) -> &[u8] {
        match field {
            Field::Secret => self.subject.secret,
            Field::Match => self.subject.matched,
            Field::Line => self.subject.line,
            Field::RuleId => self.subject.rule.as_bytes(),
            Field::Description => self.subject.description.as_bytes(),
            Field::Path => self.subject.path.as_bytes(),
            Field::Commit => self.subject.commit.unwrap_or("").as_bytes(),
            Field::Unknown => b"",
        }
    }
}

fn binary(op: Op, a: Value, b: Value) -> Option<Value> {
    let holds = |whole: &[u8], part: &[u8]| memchr::memmem::find(whole, part).is_some();
    Some(match (op, a, b) {
        (Op::Equal, a, b) => Value::Bool(a == b),
        (Op::NotEqual, a, b) => Value::Bool(a != b),
        (Op::Less, Value::Number(a), Value::Number(b)) => Value::Bool(a < b),
        (Op::LessOrEqual, Value::Number(a), Value::Number(b)) => Value::Bool(a <= b),
        (Op::Greater, Value::Number(a), Value::Number(b)) => Value::Bool(a > b),
        (Op::GreaterOrEqual, Value::Number(a), Value::Number(b)) => Value::Bool(a >= b),
        (Op::Add, Value::Number(a), Value::Number(b)) => Value::Number(a + b),
        (Op::Add, Value::Text(a), Value::Text(b)) => Value::Text([a, b].concat()),
        (Op::Contains, Value::Text(a), Value::Text(b)) => Value::Bool(holds(&a, &b)),
        (Op::StartsWith, Value::Text(a), Value::Text(b)) => Value::Bool(a.starts_with(&b)),
        (Op::EndsWith, Value::Text(a), Value::Text(b)) => Value::Bool(a.ends_with(&b)),
        (Op::In, value, Value::List(items)) => Value::Bool(items.contains(&value)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(source: &str) -> bool {
        let expr = Expr::parse(source).unwrap_or_else(|why| panic!("{source}: {why}"));
        expr.holds(&Subject {
            path: "tests/fixtures/a.md",
            commit: None,
            rule: "acme-key",
            description: "Key",
            secret: b"MOCK-abcd",
            matched: b"key=MOCK-abcd",
            line: b"  key=MOCK-abcd # Example: x",
        })
    }

    #[test]
    fn findings_are_asked_about() {
        for source in [
            r#"finding["secret"] == "MOCK-abcd""#,
            r#"filter.matchesAny(get(attributes, "path", ""), [`^tests/`, `\.txt$`])"#,
            r#"filter.containsAny(finding["line"], ["example:"]) && finding["rule_id"] != 'x'"#,
            r#"(filter.entropy(finding["secret"]) <= 3.5) || false"#,
            r#"finding["secret"] contains "MOCK" and not (finding["match"] startsWith "MOCK")"#,
            r#"let s = lower(finding["secret"]); s endsWith "abcd" && len(s) == 9"#,
            r#"finding["rule_id"] in ["a", "acme-key"] ? true : false"#,
            r#"finding["rule_id"] not in ["a"]"#,
            r#"filter.findMatch(finding["match"], `[A-Z]+`) + "!" == "MOCK!""#,
            r#"(attributes["path"] ?? "none") matches "fixtures""#,
            r#"get(attributes, "git.author_name", "nobody") == "nobody" // a comment"#,
            r#"matchesAny(finding["secret"], ["^MOCK-[a-d]{4}$"])"#,
            "// a comment\n!false",
        ] {
            assert!(holds(source), "{source}");
        }
        for source in [
            r#"finding["secret"] == "mock-abcd""#,
            r#"filter.entropy(finding["secret"]) > 8"#,
            r#"get(attributes, "git.sha", "") in ["abc"]"#,
            r#"1 < "a""#,
        ] {
            assert!(!holds(source), "{source}");
        }
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        for (source, what) in [
            (r#"http.get("x").status == 200"#, "http.get"),
            (r#"finding["fragment_raw"] == """#, "fragment_raw"),
            (r#"any(finding["secret"], true)"#, "any"),
            (r#"filter.matchesAny(finding["secret"], finding["line"])"#, "list"),
            (r#"filter.matchesAny(finding["secret"], ["(?=a)"])"#, "(?=a)"),
            (r#"finding["secret"][0:3] == "abc""#, "["),
            ("a == 1", "`a`"),
            ("true true", "true"),
            ("(true", ")"),
            ("\"abc", "string"),
        ] {
            let error = Expr::parse(source).unwrap_err();
            assert!(error.contains(what), "{source}: {error}");
        }
        let deep = "(".repeat(100_000);
        assert!(Expr::parse(&deep).is_err());
    }
}
