//! Regexes as Go writes them, in our syntax.
//!
//! Both are of the RE2 family and mean the same where both parse; this takes care of the rest. Go reads `{`, `[` in a
//! class and doubled operators in a class as plain characters, knows `\Q...\E`, and works on characters where we work
//! on bytes: what can match a character beyond ASCII is spelled out, so that lengths count alike.
//!
//! What stays different: letters beyond ASCII have one case only, and bytes that are no UTF-8 are matched by nothing but
//! classes that name them.

use std::fmt::Write as _;

/// Every character beyond ASCII, in UTF-8.
const WIDE: &str = r"(?u-i:[\u{80}-\u{10FFFF}])";
/// Go's limit for counted repetitions.
const MAX_REPEAT: u32 = 1000;

/// The same regex in our syntax, or why there is none.
pub(crate) fn translate(source: &str) -> Result<String, String> {
    let mut translator =
        Translator { rest: source, out: String::with_capacity(source.len() * 2), dot_all: vec![false] };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'s> {
    rest: &'s str,
    out: String,
    /// Whether `.` matches line feeds, for each open group.
    dot_all: Vec<bool>,
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '.' => {
                    let ascii =
                        if self.dot_all.last() == Some(&true) { r"[\x00-\x7F]" } else { r"[\x00-\x09\x0B-\x7F]" };
                    let _ = write!(self.out, "(?:{ascii}|{WIDE})");
                }
                '(' => self.group()?,
                ')' => {
                    if self.dot_all.len() == 1 {
                        return Err("a parenthesis is closed that was not opened".to_owned());
                    }
                    self.dot_all.pop();
                    self.out.push(')');
                }
                '{' => match repetition(self.rest) {
                    Some((len, most)) if most <= MAX_REPEAT => {
                        self.out.push('{');
                        self.out.push_str(&self.rest[..len]);
                        self.rest = &self.rest[len..];
                    }
                    Some((_, most)) => return Err(format!("a repetition of {most} is more than {MAX_REPEAT}")),
                    None => self.out.push_str(r"\{"),
                },
                '}' => self.out.push_str(r"\}"),
                ']' => self.out.push_str(r"\]"),
                c => self.out.push(c),
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        let mut dot_all = *self.dot_all.last().unwrap_or(&false);
        let flags = self.rest.strip_prefix('?').filter(|rest| !rest.starts_with(['P', '<', '=', '!']));
        let Some(flags) = flags else {
            if self.rest.starts_with("?=")
                || self.rest.starts_with("?!")
                || self.rest.starts_with("?<=")
                || self.rest.starts_with("?<!")
            {
                return Err("look-around is no part of this syntax".to_owned());
            }
            self.dot_all.push(dot_all);
            self.out.push('(');
            return Ok(());
        };
        let end = flags.find([':', ')']).ok_or("a group is not closed")?;
        let mut on = true;
        for flag in flags[..end].chars() {
            match flag {
                '-' => on = false,
                's' => dot_all = on,
                'i' | 'm' | 'U' => {}
                other => return Err(format!("the flag `{other}` is not known")),
            }
        }
        let _ = write!(self.out, "(?{}", &flags[..=end]);
        match flags.as_bytes()[end] {
            b':' => self.dot_all.push(dot_all),
            _ => *self.dot_all.last_mut().expect("there is always the outermost") = dot_all,
        }
        self.rest = &flags[end + 1..];
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        match self.next().ok_or("it ends with a backslash")? {
            'Q' => {
                let (literal, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
                self.rest = rest;
                literal.chars().for_each(|c| push_literal(&mut self.out, c));
            }
            // An end without a start is nothing.
            'E' => {}
            'C' => self.out.push_str(r"(?s-u:.)"),
            c @ ('A' | 'z' | 'b' | 'B' | 'd' | 'w' | 's') => {
                self.out.push('\\');
                self.out.push(c);
            }
            c @ ('D' | 'W' | 'S') => {
                let _ = write!(self.out, r"(?:[\{c}&&[\x00-\x7F]]|{WIDE})");
            }
            c @ ('p' | 'P') => return Err(format!(r"classes of Unicode (`\{c}`) are not read")),
            c => {
                let literal = self.escaped_char(c)?;
                push_literal(&mut self.out, literal);
            }
        }
        Ok(())
    }

    /// The character that an escape stands for, in a class and out of it.
    fn escaped_char(&mut self, c: char) -> Result<char, String> {
        let not_one = |c: char| format!(r"`\{c}` is no escape");
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0C',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\x0B',
            'x' => {
                let hex = match self.rest.strip_prefix('{') {
                    Some(rest) => {
                        let (hex, rest) = rest.split_once('}').ok_or_else(|| not_one(c))?;
                        self.rest = rest;
                        hex
                    }
                    None => {
                        let hex = self.rest.get(..2).ok_or_else(|| not_one(c))?;
                        self.rest = &self.rest[2..];
                        hex
                    }
                };
                u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).ok_or_else(|| not_one(c))?
            }
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                if c != '0' && more == 0 {
                    return Err("references to groups are no part of this syntax".to_owned());
                }
                let digits = format!("{c}{}", &self.rest[..more]);
                self.rest = &self.rest[more..];
                u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32).ok_or_else(|| not_one(c))?
            }
            c if c.is_ascii_punctuation() => c,
            c => return Err(not_one(c)),
        })
    }

    /// A class, after its opening bracket. Its ASCII part stays a class; what it has beyond ASCII becomes another.
    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.starts_with('^');
        if negated {
            self.next();
        }
        let (mut ascii, mut wide) = (String::new(), String::new());
        let mut all_wide = false;
        let mut first = true;
        loop {
            let unclosed = "a class is not closed";
            if self.rest.starts_with("[:") {
                let end = self.rest.find(":]").ok_or(unclosed)?;
                ascii.push_str(&self.rest[..end + 2]);
                self.rest = &self.rest[end + 2..];
                first = false;
                continue;
            }
            let c = self.next().ok_or(unclosed)?;
            if c == ']' && !first {
                break;
            }
            first = false;
            let low = match c {
                '\\' => match self.next().ok_or(unclosed)? {
                    c @ ('d' | 'w' | 's' | 'D' | 'W' | 'S') => {
                        all_wide |= c.is_ascii_uppercase();
                        ascii.push('\\');
                        ascii.push(c);
                        continue;
                    }
                    c @ ('p' | 'P') => return Err(format!(r"classes of Unicode (`\{c}`) are not read")),
                    c => self.escaped_char(c)?,
                },
                c => c,
            };
            let mut high = low;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                high = match self.next().ok_or(unclosed)? {
                    '\\' => {
                        let c = self.next().ok_or(unclosed)?;
                        self.escaped_char(c)?
                    }
                    c => c,
                };
                if high < low {
                    return Err("a range of characters ends before it starts".to_owned());
                }
            }
            if low.is_ascii() {
                let end = (high as u32).min(0x7F);
                push_literal(&mut ascii, low);
                if end > low as u32 {
                    let _ = write!(ascii, r"-\x{end:02X}");
                }
            }
            if !high.is_ascii() {
                let start = (low as u32).max(0x80);
                let _ = write!(wide, r"\u{{{start:X}}}-\u{{{:X}}}", high as u32);
            }
        }
        self.push_class(negated, &ascii, &wide, all_wide);
        Ok(())
    }

    fn push_class(&mut self, negated: bool, ascii: &str, wide: &str, all_wide: bool) {
        let wide = match (negated, wide) {
            (false, _) if all_wide => WIDE.to_owned(),
            (true, _) if all_wide => String::new(),
            (false, "") => String::new(),
            (false, wide) => format!("(?u-i:[{wide}])"),
            (true, "") => WIDE.to_owned(),
            (true, wide) => format!(r"(?u-i:[[^{wide}]&&[\u{{80}}-\u{{10FFFF}}]])"),
        };
        let ascii = match (negated, ascii) {
            (false, "") => String::new(),
            (true, "") => r"[\x00-\x7F]".to_owned(),
            (false, ascii) if all_wide => format!(r"[[{ascii}]&&[\x00-\x7F]]"),
            (false, ascii) => format!("[{ascii}]"),
            (true, ascii) => format!(r"[[^{ascii}]&&[\x00-\x7F]]"),
        };
        match (ascii.as_str(), wide.as_str()) {
            (ascii, "") => self.out.push_str(ascii),
            ("", wide) => self.out.push_str(wide),
            (ascii, wide) => {
                let _ = write!(self.out, "(?:{ascii}|{wide})");
            }
        }
    }
}

fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() || c == '_' {
        out.push(c);
    } else {
        let _ = write!(out, r"\x{:02X}", c as u32);
    }
}

/// The length of the rest of a counted repetition after its `{`, and its greatest number.
fn repetition(rest: &str) -> Option<(usize, u32)> {
    let end = rest.find('}')?;
    let (least, most) = rest[..end].split_once(',').unwrap_or((&rest[..end], ""));
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.len() < 9 && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse::<u32>().ok() } else { None }
    };
    let least = number(least)?;
    let most = if most.is_empty() { least } else { number(most)? };
    Some((end + 1, least.max(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a Go regex matches a text first, as our engine sees it.
    fn found(regex: &str, text: &str) -> Option<(usize, usize)> {
        let regex = translate(regex).unwrap();
        let regex = regex::bytes::RegexBuilder::new(&regex).unicode(false).build().unwrap();
        regex.find(text.as_bytes()).map(|m| (m.start(), m.end()))
    }

    #[test]
    fn plain_characters_of_go_are_plain_here() {
        assert_eq!(found(r"<{[a-c]+}>", "x<{ab}>"), Some((1, 7)));
        assert_eq!(found(r"${a}", "${a}"), None);
        assert_eq!(found(r"a{,2}", "a{,2}"), Some((0, 5)));
        assert_eq!(found(r"[\w[]+", "a[b"), Some((0, 3)));
        assert_eq!(found(r"[a&&b]+", "&&"), Some((0, 2)));
        assert_eq!(found(r"[a~~-]+", "~-a"), Some((0, 3)));
        assert_eq!(found(r"[+--]+", "+,-"), Some((0, 3)));
        assert_eq!(found(r"[]a]+", "]a"), Some((0, 2)));
        assert_eq!(found(r"[^]a]+", "]ab"), Some((2, 3)));
        assert_eq!(found(r"\<a\>\/\-\_", "<a>/-_"), Some((0, 6)));
        assert_eq!(found(r"\Qa.b[\E+", "a.b[["), Some((0, 5)));
        assert_eq!(found(r"[[:digit:]x]{3}", "1x2"), Some((0, 3)));
        assert_eq!(found(r"\x60\x{41}\101", "`AA"), Some((0, 3)));
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(found("^.{3}$", "\u{e9}\u{20ac}x"), Some((0, 6)));
        assert_eq!(found(r#"^[^"]{2}$"#, "\u{e9}\u{e8}"), Some((0, 4)));
        assert_eq!(found(r"^\S{2}$", "\u{e9}\u{e8}"), Some((0, 4)));
        assert_eq!(found("^[^\u{e9}]$", "\u{e8}"), Some((0, 2)));
        assert_eq!(found("^[^\u{e9}]$", "\u{e9}"), None);
        assert_eq!(found("[\u{201c}a]+", "a\u{201c}"), Some((0, 4)));
        assert_eq!(found(r"[^\S]", "\u{e9} "), Some((2, 3)));
        assert_eq!(found(r"\bx", "\u{e9}x"), Some((2, 3)));
    }

    #[test]
    fn flags_have_their_scope() {
        assert_eq!(found("a.b", "a\nb"), None);
        assert_eq!(found("(?s)a.b", "a\nb"), Some((0, 3)));
        assert_eq!(found("(?s:a.)b.c", "a\nb\nc"), None);
        assert_eq!(found("(?i)x(?-i:A)", "XA"), Some((0, 2)));
        assert_eq!(found("(?i)x(?-i:A)", "Xa"), None);
        assert_eq!(found("(?i)[^a]", "Ab"), Some((1, 2)));
        assert_eq!(found("(?P<n>a)(?<m>b)", "ab"), Some((0, 2)));
        assert_eq!(found("(?U)a+", "aa"), Some((0, 1)));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for regex in [r"(?=a)", r"(a)\1", r"\y", "[a", "a)", "a{1001}", "(?x)a", r"\pL", "[z-a]", "a\\"] {
            assert!(translate(regex).is_err(), "{regex}");
        }
    }
}
