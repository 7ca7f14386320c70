//! From the text of an expression to its tree.

use super::{Expr, Field, Node, Op};
use crate::compat::filter::compile;

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 64;
/// The weakest operators first; those of one row bind alike.
const LEVELS: &[&[(&str, Op)]] = &[
    &[("||", Op::Or), ("or", Op::Or)],
    &[("&&", Op::And), ("and", Op::And)],
    &[
        ("==", Op::Equal),
        ("!=", Op::NotEqual),
        ("<=", Op::LessOrEqual),
        (">=", Op::GreaterOrEqual),
        ("<", Op::Less),
        (">", Op::Greater),
        ("in", Op::In),
        ("contains", Op::Contains),
        ("startsWith", Op::StartsWith),
        ("endsWith", Op::EndsWith),
    ],
    &[("+", Op::Add)],
];

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(word) => write!(f, "`{word}`"),
            Token::Text(_) => f.write_str("a string"),
            Token::Number(number) => write!(f, "`{number}`"),
            Token::Sign(sign) => write!(f, "`{sign}`"),
        }
    }
}

pub(super) fn parse(source: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, names: Vec::new(), notes: Vec::new() };
    let mut lets = Vec::new();
    while parser.takes_word("let") {
        let Some(Token::Word(name)) = parser.next() else { return Err("a name follows `let`".to_owned()) };
        parser.expect("=")?;
        let node = parser.expression()?;
        parser.expect(";")?;
        parser.names.push(name.clone());
        lets.push((name, node));
    }
    let result = parser.expression()?;
    match parser.next() {
        None => Ok(Expr { lets, result, notes: parser.notes }),
        Some(token) => Err(format!("{token} is not expected there")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    names: Vec<String>,
    notes: Vec<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is);
        is
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "the end".to_owned(), Token::to_string);
        Err(format!("`{sign}` is expected where {found} stands"))
    }

    fn expression(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} deep"));
        }
        let mut node = self.level(0)?;
        if self.takes("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            node = Node::If(Box::new(node), Box::new(yes), Box::new(no));
        }
        self.depth -= 1;
        Ok(node)
    }

    fn level(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        loop {
            let start = self.at;
            // `matches` and `not` before an operator are of the level of comparisons.
            let comparing = operators.iter().any(|(_, op)| *op == Op::In);
            let negated = comparing && self.takes_word("not");
            if comparing && self.takes_word("matches") {
                let Node::Text(source) = self.level(level + 1)? else {
                    return Err("`matches` is read with a string after it".to_owned());
                };
                left = negate(negated, Node::MatchesAny(Box::new(left), regexes(&[source])?));
                continue;
            }
            let found = operators.iter().find(|(name, _)| {
                let sign = name.starts_with(|c: char| !c.is_ascii_alphabetic());
                if sign { self.takes(name) } else { self.takes_word(name) }
            });
            let Some(&(_, op)) = found else {
                self.at = start;
                return Ok(left);
            };
            let right = self.level(level + 1)?;
            left = negate(negated, Node::Binary(op, Box::new(left), Box::new(right)));
        }
    }

    fn unary(&mut self) -> Result<Node, String> {
        if self.takes("!") || self.takes_word("not") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(format!("it is nested more than {MAX_DEPTH} deep"));
            }
            let inner = self.unary()?;
            self.depth -= 1;
            return Ok(Node::Not(Box::new(inner)));
        }
        let mut node = self.primary()?;
        while self.takes("??") {
            node = Node::OrElse(Box::new(node), Box::new(self.primary()?));
        }
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, String> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Node::Text(text.into_bytes())),
            Some(Token::Number(number)) => Ok(Node::Number(number)),
            Some(Token::Sign("(")) => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Sign("[")) => {
                let mut items = Vec::new();
                while !self.takes("]") {
                    items.push(self.expression()?);
                    if !self.takes(",") {
                        self.expect("]")?;
                        break;
                    }
                }
                Ok(Node::List(items))
            }
            Some(Token::Word(word)) => self.word(&word),
            Some(token) => Err(format!("{token} is not expected there")),
            None => Err("it ends too soon".to_owned()),
        }
    }

    fn word(&mut self, word: &str) -> Result<Node, String> {
        match word {
            "true" => Ok(Node::Bool(true)),
            "false" => Ok(Node::Bool(false)),
            "finding" | "attributes" => {
                self.expect("[")?;
                let Some(Token::Text(key)) = self.next() else {
                    return Err(format!("`{word}[...]` is read with a string in it"));
                };
                self.expect("]")?;
                field(word, &key).map(Node::Field)
            }
            _ if self.takes("(") => self.call(word),
            _ if self.names.iter().any(|name| name == word) => Ok(Node::Name(word.to_owned())),
            _ => Err(format!("`{word}` is not read")),
        }
    }

    fn call(&mut self, name: &str) -> Result<Node, String> {
        if name == "get" {
            return self.get();
        }
        let text = |parser: &mut Parser| parser.expression().map(Box::new);
        let node = match name.strip_prefix("filter.").unwrap_or(name) {
            "matchesAny" => {
                let subject = text(self)?;
                self.expect(",")?;
                Node::MatchesAny(subject, regexes(&self.strings(name)?)?)
            }
            "findMatch" => {
                let subject = text(self)?;
                self.expect(",")?;
                let Node::Text(source) = self.expression()? else {
                    return Err(format!("`{name}` is read with a string"));
                };
                let regex = regexes(&[source])?.remove(0);
                Node::FindMatch(subject, regex)
            }
            "containsAny" => {
                let subject = text(self)?;
                self.expect(",")?;
                let words = self.strings(name)?;
                Node::ContainsAny(subject, words.iter().map(|word| word.to_ascii_lowercase()).collect())
            }
            "entropy" => Node::Entropy(text(self)?),
            "failsTokenEfficiency" | "tokenRatio" => {
                let note = format!("for `{name}`, keyscan's own test of randomness stands in");
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
                let subject = text(self)?;
                if name.ends_with('o') { Node::TokenRatio(subject) } else { Node::FailsTokenEfficiency(subject) }
            }
            "len" => Node::Len(text(self)?),
            "lower" => Node::Lower(text(self)?),
            "upper" => Node::Upper(text(self)?),
            "trim" => Node::Trim(text(self)?),
            _ => return Err(format!("the function `{name}` is not read")),
        };
        self.takes(",");
        self.expect(")")?;
        Ok(node)
    }

    /// `get(attributes, "path", "")`, after its parenthesis.
    fn get(&mut self) -> Result<Node, String> {
        let Some(Token::Word(map)) = self.next() else {
            return Err("`get` asks for `attributes` or `finding`".to_owned());
        };
        self.expect(",")?;
        let Some(Token::Text(key)) = self.next() else { return Err("`get` is read with a string as key".to_owned()) };
        let field = Node::Field(field(&map, &key)?);
        let node = if self.takes(",") { Node::OrElse(Box::new(field), Box::new(self.expression()?)) } else { field };
        self.expect(")")?;
        Ok(node)
    }

    /// A list of strings that is written out.
    fn strings(&mut self, function: &str) -> Result<Vec<Vec<u8>>, String> {
        let wrong = || format!("`{function}` is read with a list of strings that is written out");
        let Node::List(items) = self.expression()? else { return Err(wrong()) };
        let text = |item| if let Node::Text(text) = item { Ok(text) } else { Err(wrong()) };
        items.into_iter().map(text).collect()
    }
}

fn negate(negated: bool, node: Node) -> Node {
    if negated { Node::Not(Box::new(node)) } else { node }
}

fn field(map: &str, key: &str) -> Result<Field, String> {
    match (map, key) {
        ("finding", "secret") => Ok(Field::Secret),
        ("finding", "match") => Ok(Field::Match),
        ("finding", "line") => Ok(Field::Line),
        ("finding", "rule_id") => Ok(Field::RuleId),
        ("finding", "description") => Ok(Field::Description),
        ("attributes", "path") => Ok(Field::Path),
        ("attributes", "git.sha") => Ok(Field::Commit),
        // Where there is no such thing, the default that stands beside it is the answer there, too.
        ("attributes", _) => Ok(Field::Unknown),
        _ => Err(format!("`{map}[\"{key}\"]` is not read")),
    }
}

fn regexes(sources: &[Vec<u8>]) -> Result<Vec<regex::bytes::Regex>, String> {
    let one = |source: &Vec<u8>| {
        let source = String::from_utf8_lossy(source);
        compile(&source).map_err(|why| format!("the regex `{source}`: {why}"))
    };
    sources.iter().map(one).collect()
}

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    const SIGNS: &[&str] = &[
        "||", "&&", "==", "!=", "<=", ">=", "??", "?.", "<", ">", "!", "+", "(", ")", "[", "]", ",", ";", "=", "?",
        ":", // Not read, but what stands before them may say more.
        ".", "{", "}", "-", "*", "%", "|",
    ];
    let mut tokens = Vec::new();
    let mut rest = source;
    loop {
        rest = rest.trim_start();
        let Some(c) = rest.chars().next() else { return Ok(tokens) };
        if rest.starts_with("//") || rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map(|end| &rest[end + 2..]).ok_or("a comment does not end")?;
        } else if matches!(c, '"' | '\'' | '`') {
            let (text, len) = string(rest, c)?;
            tokens.push(Token::Text(text));
            rest = &rest[len..];
        } else if c.is_ascii_digit() {
            let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let number = rest[..len].parse().map_err(|_| format!("`{}` is no number", &rest[..len]))?;
            tokens.push(Token::Number(number));
            rest = &rest[len..];
        } else if c.is_ascii_alphabetic() || c == '_' {
            let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..len].to_owned()));
            rest = &rest[len..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            return Err(format!("`{c}` is not read"));
        }
    }
}

/// A string at the start of `rest`, and its length with quotes.
fn string(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((text, at + 1)),
            '\\' if quote != '`' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, c @ ('\\' | '"' | '\'' | '/' | '`'))) => text.push(c),
                Some((_, c)) => return Err(format!(r"the escape `\{c}` in a string is not read")),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err("a string does not end".to_owned())
}
