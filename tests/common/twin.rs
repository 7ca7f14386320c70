//! The naive twin of the engine: every rule's regex at every place of the whole text, every match judged, overlaps
//! resolved by sorting. Nothing is shared with the engine but the judges and the assignment grammar, and nothing here
//! is ever changed to make it faster at the price of being less plain.

use std::cmp::Reverse;
use std::ops::Range;

use keyscan::{
    DOUBTFUL, Encoding, Finding, Kind, Part, Position, Rule, RuleSet, SENSITIVE, Secret, Span, Verdict, testing,
};
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

pub(crate) struct Twin {
    rules: Vec<(Rule, Option<Regex>)>,
}

/// A match that was judged.
struct Match {
    rule: usize,
    matched: Range<usize>,
    secret: Range<usize>,
    confidence: f32,
    verdicts: Vec<Verdict>,
    layer: u8,
    candidates: Vec<usize>,
}

impl Twin {
    pub(crate) fn new(rules: &RuleSet) -> Twin {
        let regex = |source: &str| {
            let builder = Regex::builder().syntax(syntax::Config::new().unicode(false).utf8(false)).clone();
            let config = Regex::config().utf8_empty(false).nfa_size_limit(None);
            builder.clone().configure(config).build(source).expect("an admitted regex compiles")
        };
        Twin { rules: rules.rules().iter().map(|rule| (rule.clone(), rule.regex().map(regex))).collect() }
    }

    /// What `Scanner::scan` has to answer.
    pub(crate) fn scan(&self, text: &[u8]) -> Vec<Finding> {
        let findings: Vec<Finding> = self
            .related(text)
            .into_iter()
            .map(|found| {
                let (span, matched) = (to_span(&found.secret), to_span(&found.matched));
                let places = (place(text, span.start), place(text, span.end));
                finding(found, text, (span, matched), places, None)
            })
            .collect();
        let mut findings = self.joined(findings);
        findings.extend(self.scan_wide(text));
        findings.sort_by_key(|finding| (finding.span, finding.rule));
        findings
    }

    fn scan_wide(&self, text: &[u8]) -> Vec<Finding> {
        let wide_unit = wide_unit(text);
        let place = |offset| wide_unit.map_or_else(|| place(text, offset), |big| wide_place(text, offset, big));
        let mut findings = Vec::new();
        for (derived, offsets) in derive(text) {
            let to_unit = |range: &Range<usize>| {
                let (first, last) = (offsets[range.start], offsets[range.end - 1]);
                let (start, end) = if first % 2 == 0 { (first, last + 2) } else { (first - 1, last + 1) };
                to_span(&(start..end.min(text.len())))
            };
            let mut of_text = Vec::new();
            for found in self.related(&derived) {
                let (span, matched) = (to_unit(&found.secret), to_unit(&found.matched));
                let little = offsets[found.secret.start].is_multiple_of(2);
                let encoding = if little { Encoding::Utf16Le } else { Encoding::Utf16Be };
                let places = (place(span.start), place(span.end));
                of_text.push((found.secret.clone(), finding(found, &derived, (span, matched), places, Some(encoding))));
            }
            findings.extend(self.joined_in(of_text));
        }
        findings
    }

    /// The matches that are left when overlaps are resolved.
    fn resolved(&self, text: &[u8]) -> Vec<Match> {
        let mut matches: Vec<Match> = (0..self.rules.len()).flat_map(|rule| self.matches(rule, text)).collect();
        matches.sort_by_key(|m| {
            (m.layer, m.secret.start, Reverse(m.secret.end), Reverse((m.confidence * 1e6) as u32), m.rule)
        });
        let claims: Vec<(usize, Range<usize>)> = matches
            .iter()
            .filter(|m| m.confidence >= DOUBTFUL && m.layer < 3)
            .map(|m| (m.rule, m.secret.clone()))
            .collect();
        let mut kept: Vec<Match> = Vec::new();
        for mut found in matches {
            let same = claims.iter().filter(|(rule, secret)| *rule != found.rule && *secret == found.secret);
            found.candidates = same.map(|(rule, _)| *rule).collect();
            found.candidates.sort_unstable();
            found.candidates.dedup();
            let kind = |m: &Match| self.rules[m.rule].0.kind();
            let is_but_an_id = |m: &&mut Match| kind(m) == Kind::Generic && m.secret == found.secret;
            if kept.iter().all(|other| !to_span(&other.secret).overlaps(to_span(&found.secret))) {
                kept.push(found);
            } else if kind(&found) == Kind::Identifier
                && found.confidence >= DOUBTFUL
                && let Some(generic) = kept.iter_mut().find(is_but_an_id)
            {
                *generic = found;
            }
        }
        kept
    }

    /// The matches that are left, and those that are believed because they follow another part of their credential.
    fn related(&self, text: &[u8]) -> Vec<Match> {
        let mut all = self.resolved(text);
        let beside: Vec<usize> = (0..self.rules.len()).filter(|&rule| self.rules[rule].0.beside().len() > 0).collect();
        let mut start = 0;
        while start < text.len() && !beside.is_empty() {
            let inside = all.iter().any(|m| m.secret.contains(&start));
            let found = beside.iter().filter(|_| !inside).find_map(|&rule| self.beside(rule, text, start, &all));
            all.extend(found);
            start += 1;
        }
        all.sort_by_key(|m| m.secret.start);
        all
    }

    /// A match of the rule that starts here and follows an anchor.
    fn beside(&self, index: usize, text: &[u8], start: usize, all: &[Match]) -> Option<Match> {
        let rule = &self.rules[index].0;
        let is_anchor = |m: &Match| rule.beside().any(|id| id == self.rules[m.rule].0.id());
        let is_own = |m: &Match| {
            let generic = self.rules[m.rule].0.kind() == Kind::Generic;
            m.rule == index || generic && self.fits(index, text, &m.secret)
        };
        let told = |m: &&Match| m.confidence >= DOUBTFUL && m.secret.end <= start && (is_anchor(m) || is_own(m));
        let last = all.iter().filter(told).max_by_key(|m| m.secret.end).filter(|m| is_anchor(m))?.secret.end;
        let (matched, secret) = self.stands(index, text, start)?;
        let lines = text[last..start].iter().filter(|byte| **byte == b'\n').count();
        let free = all.iter().all(|m| !to_span(&m.secret).overlaps(to_span(&secret)));
        if secret.end > last + 512 || lines > 5 || !free {
            return None;
        }
        let (confidence, verdicts) = testing::judge_beside(rule, text, start, secret.clone());
        let (layer, candidates) = (1, Vec::new());
        (confidence >= DOUBTFUL).then_some(Match {
            rule: index,
            matched,
            secret,
            confidence,
            verdicts,
            layer,
            candidates,
        })
    }

    /// Whether a secret has the format of the rule.
    fn fits(&self, index: usize, text: &[u8], secret: &Range<usize>) -> bool {
        self.stands(index, text, secret.start).is_some_and(|(_, own)| own == *secret)
    }

    /// The match of the rule's format at one place, among neighbours that it allows.
    fn stands(&self, index: usize, text: &[u8], start: usize) -> Option<(Range<usize>, Range<usize>)> {
        let (rule, regex) = &self.rules[index];
        let (before, after) = testing::neighbours(rule);
        let by_literal = rule.way_in().starts_with("one of \"");
        let escaped = || by_literal && escape_before(&text[..start]).is_some_and(|byte| before.contains(byte));
        let free = start == 0 || before.contains(text[start - 1]) || escaped();
        let (matched, secret) = match_at(rule, regex.as_ref(), text, start).filter(|_| free)?;
        (matched.end == text.len() || after.contains(text[matched.end])).then_some((matched, secret))
    }

    /// Findings in the unit as it stands with their parts.
    fn joined(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let place = |finding: &Finding| finding.span.start as usize..finding.span.end as usize;
        self.joined_in(findings.into_iter().map(|finding| (place(&finding), finding)).collect())
    }

    /// Findings and where they stand in their text, with their parts: all pairs are looked at.
    fn joined_in(&self, mut all: Vec<(Range<usize>, Finding)>) -> Vec<Finding> {
        all.sort_by_key(|(place, _)| place.start);
        // Head, the rule whose part it has, the number of the part, and the part.
        let mut links: Vec<(usize, usize, usize, usize)> = Vec::new();
        let mut lists: Vec<Vec<&str>> = Vec::new();
        for part in self.rules.iter().flat_map(|(rule, _)| rule.parts()) {
            let mut list: Vec<&str> = part.rules().collect();
            list.sort_unstable();
            if !lists.contains(&list) {
                lists.push(list);
            }
        }
        let rule = |at: usize| &self.rules[all[at].1.rule].0;
        let believed = |at: &usize| all[*at].1.confidence >= DOUBTFUL;
        for list in &lists {
            let of_rule = |of: usize| {
                let number = self.rules[of].0.parts().iter().position(|part| part.rules().all(|id| list.contains(&id)));
                number.map(|number| (of, number))
            };
            // A generic finding may be of a format that is looked for beside others.
            let fits = |at: usize| {
                let (text, generic) = (all[at].1.secret.expose(), rule(at).kind() == Kind::Generic);
                (0..self.rules.len()).filter(move |&of| {
                    let (rule, regex) = &self.rules[of];
                    let whole = 0..text.len();
                    let matched = || match_at(rule, regex.as_ref(), text, 0);
                    generic && rule.beside().len() > 0 && matched() == Some((whole.clone(), whole))
                })
            };
            let rules_of = |at: usize| std::iter::once(all[at].1.rule).chain(fits(at));
            let number_of = |at: usize| {
                let (of, number) = rules_of(at).find_map(of_rule)?;
                let free = links.iter().all(|link| link.3 != at && (link.0 != at || link.1 == of));
                free.then_some((at, of, number))
            };
            let heads: Vec<(usize, usize, usize)> = (0..all.len()).filter(believed).filter_map(number_of).collect();
            let is_part = |at: &usize| rules_of(*at).any(|of| list.contains(&self.rules[of].0.id()));
            let is_free = |at: &usize| !links.iter().any(|link| link.0 == *at || link.3 == *at);
            let parts: Vec<usize> = (0..all.len()).filter(believed).filter(is_part).filter(is_free).collect();
            let pair = |head: usize, part: usize| {
                let (h, p) = (&all[head], &all[part]);
                let (first, second) = if h.0.start < p.0.start { (h, p) } else { (p, h) };
                let bytes = second.0.start.checked_sub(first.0.end)?;
                let lines = second.1.start.line - first.1.end.line;
                let usual = (p.0.start < h.0.start) == (rule(part).kind() == Kind::Identifier);
                (bytes <= 2048 && lines <= 12).then_some((1, -(lines as i64), -i64::from(!usual), -(bytes as i64)))
            };
            let matched = best(&heads, &parts, &|(head, ..), part| pair(head, part));
            let mut found: Vec<_> =
                matched.into_iter().map(|((head, of, number), part)| (head, of, number, part)).collect();
            for &(head, of, number) in &heads {
                if !found.iter().any(|link| link.0 == head) {
                    let public = parts.iter().filter(|part| rule(**part).kind() == Kind::Identifier);
                    let mut near: Vec<_> = public.filter_map(|&part| Some((pair(head, part)?, part))).collect();
                    near.sort_by_key(|&(worth, part)| (Reverse(worth), part));
                    found.extend(near.first().map(|&(_, part)| (head, of, number, part)));
                }
            }
            links.extend(found);
        }
        links.sort_unstable();
        let mut whole = Vec::new();
        for at in 0..all.len() {
            if rule(at).kind() == Kind::Identifier || links.iter().any(|link| link.3 == at) {
                continue;
            }
            let mut finding = all[at].1.clone();
            let own: Vec<_> = links.iter().filter(|link| link.0 == at).collect();
            let confidences = || own.iter().map(|link| all[link.3].1.confidence);
            let doubt = confidences().fold(1.0 - finding.confidence, |doubt, own| doubt * (1.0 - own));
            let surest = confidences().fold(finding.confidence, f32::max);
            if !own.is_empty() {
                finding.confidence = (1.0 - doubt).min(0.99).max(surest);
            }
            for &&(_, of, number, part) in &own {
                let is_public = rule(part).kind() == Kind::Identifier;
                let mut of_part = all[part].1.clone();
                if !is_public {
                    of_part.confidence = finding.confidence;
                }
                finding.parts.push(Part { of, number, is_public, finding: of_part });
            }
            whole.push(finding);
        }
        whole
    }

    /// The judged matches of one rule.
    fn matches(&self, index: usize, text: &[u8]) -> Vec<Match> {
        let (rule, regex) = &self.rules[index];
        let (before, after) = testing::neighbours(rule);
        let mut matches = Vec::new();
        let mut from = 0;
        let by_literal = rule.way_in().starts_with("one of \"");
        while let Some(start) = next_start(rule, regex.as_ref(), text, from) {
            from = start + 1;
            let stands_free = start == 0
                || before.contains(text[start - 1])
                || by_literal && escape_before(&text[..start]).is_some_and(|byte| before.contains(byte));
            if !stands_free {
                continue;
            }
            if rule.keywords().len() > 0 && !has_keyword(rule, text, start) {
                continue;
            }
            let Some((matched, secret)) = match_at(rule, regex.as_ref(), text, start) else { continue };
            if regex.is_some() && matched.end < text.len() && !after.contains(text[matched.end]) {
                continue;
            }
            let (confidence, verdicts) = testing::judge(rule, text, start, secret.clone());
            let believed = confidence >= DOUBTFUL;
            if believed {
                from = matched.end;
            }
            let told = match rule.kind() {
                Kind::Distinctive | Kind::Structural => true,
                Kind::Generic => confidence >= SENSITIVE,
                _ => believed,
            };
            if !told {
                continue;
            }
            let layer = match rule.kind() {
                Kind::Generic => {
                    if believed {
                        3
                    } else {
                        5
                    }
                }
                Kind::Identifier => 4,
                Kind::Contextual => 1,
                Kind::Distinctive | Kind::Structural => 2 * u8::from(!believed),
            };
            matches.push(Match { rule: index, matched, secret, confidence, verdicts, layer, candidates: Vec::new() });
        }
        matches
    }
}

type Worth = (i64, i64, i64, i64);
/// A way to match two lists, and what it is worth.
type Way<H, P> = (Worth, Vec<(H, P)>);

/// The best way to match two lists, none of whose pairs cross.
fn best<H: Copy, P: Copy>(heads: &[H], parts: &[P], worth: &dyn Fn(H, P) -> Option<Worth>) -> Vec<(H, P)> {
    let mut rows: Vec<Vec<Way<H, P>>> = vec![vec![((0, 0, 0, 0), Vec::new()); parts.len() + 1]];
    for (row, &head) in heads.iter().enumerate() {
        let mut next = vec![rows[row][0].clone()];
        for (column, &part) in parts.iter().enumerate() {
            let mut ways = vec![next[column].clone(), rows[row][column + 1].clone()];
            if let Some(own) = worth(head, part) {
                let ((a, b, c, d), mut pairs) = rows[row][column].clone();
                pairs.push((head, part));
                ways.insert(0, ((a + own.0, b + own.1, c + own.2, d + own.3), pairs));
            }
            // Of equal ways the last.
            next.push(ways.into_iter().max_by_key(|(worth, _)| *worth).expect("there are two ways or three"));
        }
        rows.push(next);
    }
    rows.pop().and_then(|mut row| row.pop()).map_or_else(Vec::new, |(_, pairs)| pairs)
}

/// The next place at which the rule's format may match.
fn next_start(rule: &Rule, regex: Option<&Regex>, text: &[u8], from: usize) -> Option<usize> {
    match regex {
        // Nothing that matches in a bounded window does not match in an unbounded one.
        Some(regex) => regex.search(&Input::new(text).range(from..)).map(|found| found.start()),
        None => (from..text.len()).find(|&start| {
            let stands = |stem: &&[u8]| text[start..].get(..stem.len()).is_some_and(|t| t.eq_ignore_ascii_case(stem));
            testing::stems(rule).iter().any(stands)
        }),
    }
}

/// The match of the rule's format at one place, and the secret in it.
fn match_at(rule: &Rule, regex: Option<&Regex>, text: &[u8], start: usize) -> Option<(Range<usize>, Range<usize>)> {
    let Some(regex) = regex else {
        let value = testing::assigned(text, start)?;
        return Some((start..value.end, value));
    };
    let mut captures = regex.create_captures();
    let window = start..text.len().min(start + rule.max_len());
    regex.search_captures(&Input::new(text).span(window).anchored(Anchored::Yes), &mut captures);
    let matched = captures.get_match()?.range();
    let secret = captures.get_group_by_name("secret").map_or(matched.clone(), |group| group.range());
    Some((matched, secret))
}

/// The byte that an escape at the end of the text stands for.
fn escape_before(text: &[u8]) -> Option<u8> {
    let ends = |what: &str| text.ends_with(what.as_bytes());
    if ends("\\n") || ends("\\r") || ends("\\t") {
        return Some(b'\n');
    }
    if let Some(rest) = text.strip_suffix(b"m") {
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        if digits <= 17 && rest[..rest.len() - digits].ends_with(b"\x1b[") {
            return Some(0x1b);
        }
    }
    (0..=255).find(|byte| {
        let spelt = [
            format!("{byte:02x}"),
            format!("{byte:02X}"),
            format!("{:x}{:X}", byte >> 4, byte & 15),
            format!("{:X}{:x}", byte >> 4, byte & 15),
        ];
        spelt.iter().any(|hex| ends(&format!("%{hex}")) || ends(&format!("\\x{hex}")) || ends(&format!("\\u00{hex}")))
    })
}

/// Whether one of the rule's keywords starts a word in the last bytes before `text[at]`, at most one line feed away.
fn has_keyword(rule: &Rule, text: &[u8], at: usize) -> bool {
    (at.saturating_sub(testing::distance(rule))..at).any(|start| {
        rule.keywords().any(|word| {
            let end = start + word.len();
            end <= at
                && text[start..end].eq_ignore_ascii_case(word.as_bytes())
                && text[end..at].iter().filter(|&&byte| byte == b'\n').count() <= 1
                && at_word_start(text, start)
        })
    })
}

/// Whether no letter stands before the letter at `start`, unless it is a capital after a small one.
fn at_word_start(text: &[u8], start: usize) -> bool {
    if start == 0 || !text[start].is_ascii_alphabetic() || !text[start - 1].is_ascii_alphabetic() {
        return true;
    }
    text[start - 1].is_ascii_lowercase() && text[start].is_ascii_uppercase()
}

/// The texts that the runs of ASCII in UTF-16 say, and where in `text` each of their bytes stands. Runs are of eight
/// characters or more; those with more than 1024 bytes between them belong to different texts.
fn derive(text: &[u8]) -> Vec<(Vec<u8>, Vec<usize>)> {
    let is_text = |at: usize| text.get(at).is_some_and(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
    let mut views: Vec<(Vec<u8>, Vec<usize>)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let mut run = Vec::new();
        if is_text(at) {
            run.push(at);
            while text.get(run[run.len() - 1] + 1) == Some(&0) && is_text(run[run.len() - 1] + 2) {
                run.push(run[run.len() - 1] + 2);
            }
        }
        if run.len() >= 8 {
            // A line feed after a run stands two bytes after its last character.
            let last = views.last().and_then(|(_, offsets)| offsets.last()).map(|&place| place - 2);
            if last.is_none_or(|last| at - last > 1024) {
                views.push(Default::default());
            }
            let (derived, offsets) = views.last_mut().expect("one was pushed");
            at = run[run.len() - 1];
            derived.extend(run.iter().map(|&place| text[place]));
            derived.push(b'\n');
            offsets.extend_from_slice(&run);
            offsets.push(at + 2);
        }
        at += 1;
    }
    views
}

/// Whether the unit is UTF-16 from its start, and if so, whether big endian.
fn wide_unit(text: &[u8]) -> Option<bool> {
    match *text {
        [0xFF, 0xFE, ..] => Some(false),
        [0xFE, 0xFF, ..] => Some(true),
        [0, 1..=0x7F, 0, 1..=0x7F, ..] => Some(true),
        [1..=0x7F, 0, 1..=0x7F, 0, ..] => Some(false),
        _ => None,
    }
}

/// The line and column at an offset.
fn place(text: &[u8], offset: u64) -> Position {
    let before = &text[..offset as usize];
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').filter(|&&byte| byte & 0xC0 != 0x80).count();
    Position { line, column: 1 + column as u64 }
}

/// The line and column at an offset in a unit of UTF-16.
fn wide_place(text: &[u8], offset: u64, big: bool) -> Position {
    let mut position = Position::START;
    for pair in text[..offset as usize].chunks_exact(2) {
        let unit = if big { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) };
        match unit {
            0x0A => position = Position { line: position.line + 1, column: 1 },
            0xFEFF | 0xDC00..=0xDFFF => {}
            _ => position.column += 1,
        }
    }
    position
}

fn to_span(range: &Range<usize>) -> Span {
    Span { start: range.start as u64, end: range.end as u64 }
}

fn finding(
    found: Match,
    text: &[u8],
    (span, matched): (Span, Span),
    (start, end): (Position, Position),
    decoded: Option<Encoding>,
) -> Finding {
    let Match { rule, secret, confidence, verdicts, candidates, .. } = found;
    Finding {
        rule,
        secret: Secret::new(&text[secret]),
        span,
        matched,
        start,
        end,
        confidence,
        verdicts,
        decoded,
        candidates,
        parts: Vec::new(),
    }
}
