//! Admission: a rule as written becomes a rule that the engine runs, or is refused with the reason.

use regex_syntax::hir::{Hir, HirKind};

use super::file;
use super::head::Head;
use super::literal;
use super::model::{Anchor, Kind, Pattern, Rule, Structure, WayIn, refused};
use super::parts;
use super::remedy::{self, Remedy};
use super::sample::Sample;
use super::schema::{ProviderSpec, RuleSpec};
use super::text::Text;
use crate::byteset::ByteSet;
use crate::error::Result;

/// No match is longer than this; longer secrets are found by their head.
pub(crate) const MAX_MATCH_LEN: usize = 64 * 1024;
/// Repetitions are unrolled; a regex that needs more states than this belongs into `max_len`. What is admitted can be
/// compiled: the engine has no limit of its own.
pub(crate) const MAX_STATES: usize = 16 * 1024;
/// A shorter run of one class is too common to be a way in.
const MIN_RUN_LEN: usize = 16;
/// Names of programs are seldom longer. A shorter run of what names are made of stands in every other line of code, and
/// has to look drawn at random where it is opaque.
const MAX_NAME_LEN: usize = 31;
const DEFAULT_DISTANCE: usize = 64;
/// A longer reach behind a match would make streams hold more than they need.
pub(crate) const MAX_DISTANCE: usize = 256;
/// The longest name, operator and value of the assignment grammar together.
pub(crate) const MAX_ASSIGNMENT_LEN: usize = 768;

/// Parses a regex over bytes: no Unicode classes, `.` without line feed, nothing but what is written.
pub(crate) fn parse(regex: &str) -> Result<Hir> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(regex)
        .map_err(|error| refused(format!("the regex does not parse: {error}")))
}

/// All bytes that may stand in a match of a regex; every byte where it cannot be read.
pub(crate) fn alphabet(regex: &str) -> ByteSet {
    parse(regex).map_or(ByteSet::ALL, |hir| literal::alphabet(&hir))
}

/// Admits one rule of a provider.
pub(super) fn admit(provider: &ProviderSpec, spec: &RuleSpec) -> Result<Rule> {
    admit_inner(provider, spec).map_err(|error| error.in_rule(&spec.id))
}

fn admit_inner(provider: &ProviderSpec, spec: &RuleSpec) -> Result<Rule> {
    check_id(provider, &spec.id)?;
    let (pattern, max_len, hir) = admit_pattern(spec)?;
    let distance = spec.distance.unwrap_or(DEFAULT_DISTANCE);
    if distance > MAX_DISTANCE {
        return Err(refused(format!("`distance` is {distance}, at most {MAX_DISTANCE} is possible")));
    }
    let anchors = hir.as_ref().and_then(|hir| rare_anchors(spec, hir, distance));
    let before = match (&spec.before, &hir) {
        // An opaque value starts where its alphabet starts: what stands before it in the same alphabet is part of it.
        (None, Some(hir)) if spec.kind == Kind::Contextual && anchors.is_none() => {
            let run = |min_len| literal::leading_run(hir, ByteSet::EMPTY, min_len);
            let class = run(MIN_RUN_LEN).or_else(|| run(0)).map_or(ByteSet::EMPTY, |(class, _)| class);
            class.union(ByteSet::ALPHANUMERIC).complement()
        }
        _ => neighbours(spec.before.as_deref(), "before")?,
    };
    let after = neighbours(spec.after.as_deref(), "after")?;
    check_words(&spec.keywords, "keywords")?;
    check_words(&spec.names, "names")?;
    check_kind(spec)?;
    let way_in = match (anchors, &hir) {
        (_, None) => names_anchors(&spec.names),
        (Some(anchors), _) => WayIn::Literals(anchors),
        (None, Some(hir)) => admit_way_in(spec, hir, before)?,
    };
    let confidence = spec.confidence.unwrap_or(match spec.kind {
        Kind::Distinctive | Kind::Structural | Kind::Identifier => 0.9,
        Kind::Contextual => 0.75,
        // The judge of assigned values says how sure it is.
        Kind::Generic => 1.0,
    });
    if !(0.0..=1.0).contains(&confidence) {
        return Err(refused("`confidence` is a number from 0 to 1"));
    }
    Ok(Rule {
        id: Text::from(&spec.id),
        provider: Text::from(&provider.provider),
        provider_name: Text::from(&provider.name),
        docs: provider.docs.as_ref().map(Text::from),
        description: Text::from(&spec.description),
        severity: spec.severity,
        kind: spec.kind,
        pattern,
        max_len,
        keywords: spec.keywords.iter().map(Text::from).collect(),
        distance,
        head: hir.as_ref().map_or_else(Head::default, Head::of),
        before,
        after,
        checksum: spec.checksum.as_deref().map(named_checksum).transpose()?,
        structure: spec.structure.as_deref().map(named_structure).transpose()?,
        min_entropy: spec.min_entropy.unwrap_or(0.0),
        confidence,
        placeholders: spec.placeholders.iter().map(Text::from).collect(),
        way_in,
        samples: templates(&spec.samples)?,
        near_misses: templates(&spec.near_misses)?,
        remedy: admit_remedy(provider, spec)?,
        parts: parts::admit(spec)?,
        beside: spec.beside.iter().map(Text::from).collect(),
        file: spec.file.as_ref().map(|file| file::admit(file).map(Box::new)).transpose()?,
        foreign: None,
    })
}

fn admit_remedy(provider: &ProviderSpec, spec: &RuleSpec) -> Result<Remedy> {
    Ok(Remedy {
        impact: spec.impact.as_ref().map(Text::from),
        revoke: remedy::admit_address(spec.revoke.as_ref().or(provider.revoke.as_ref()), "revoke")?,
        env: remedy::admit_env(&spec.env)?,
        verify: spec.verify.as_ref().map(|verify| remedy::admit_verify(verify).map(Box::new)).transpose()?,
    })
}

fn admit_pattern(spec: &RuleSpec) -> Result<(Pattern, usize, Option<Hir>)> {
    let Some(regex) = &spec.regex else {
        if spec.names.is_empty() {
            return Err(refused("a rule has a `regex`, or `names` to which values are assigned"));
        }
        return Ok((Pattern::Assignment, MAX_ASSIGNMENT_LEN, None));
    };
    let hir = parse(regex)?;
    let properties = hir.properties();
    if properties.minimum_len().unwrap_or(0) < 3 {
        return Err(refused("the regex matches texts of less than three bytes; say more of the format"));
    }
    let states = states(&hir);
    if states > MAX_STATES {
        return Err(refused(format!(
            "its repetitions unroll to {states} states, more than {MAX_STATES}; write them without an upper bound and \
             give `max_len`"
        )));
    }
    let max_len = match (properties.maximum_len(), spec.max_len) {
        (Some(own), given) => own.min(given.unwrap_or(own)),
        (None, Some(given)) => given,
        (None, None) => {
            return Err(refused("the regex has no longest match; bound its repetitions or give `max_len`"));
        }
    };
    if max_len > MAX_MATCH_LEN || max_len < properties.minimum_len().unwrap_or(0) {
        return Err(refused(format!(
            "the longest match is {max_len} bytes; it has to hold the shortest and be at most {MAX_MATCH_LEN}"
        )));
    }
    let secret_group = has_secret_group(&hir);
    if !secret_group && properties.explicit_captures_len() > 0 {
        return Err(refused("name the group that is the secret: (?<secret>...); write others as (?:...)"));
    }
    Ok((Pattern::Regex { source: Text::from(regex), secret_group }, max_len, Some(hir)))
}

/// The literals to find a rule's matches by, unless the words beside them are rarer: many a prefix is short.
fn rare_anchors(spec: &RuleSpec, hir: &Hir, distance: usize) -> Option<Vec<Anchor>> {
    let (anchors, cost) = literal::anchors(hir)?;
    let words = !spec.keywords.is_empty() && literal::cost_of_words(&spec.keywords, distance) < cost;
    (!words).then_some(anchors)
}

fn admit_way_in(spec: &RuleSpec, hir: &Hir, before: ByteSet) -> Result<WayIn> {
    // A run starts where the byte before it is of another class: only there can a match start as well.
    if let Some((class, min_len)) = literal::leading_run(hir, before, MIN_RUN_LEN) {
        if spec.keywords.is_empty() || min_len > MAX_NAME_LEN || !spells_names(class) {
            return Ok(WayIn::Run { class, min_len, drawn: false });
        }
        // One search for all of them, which is possible where no byte of it stands before a value.
        let wider = ByteSet::ALPHANUMERIC;
        if wider.union(class) == wider && wider.intersection(before).is_empty() {
            return Ok(WayIn::Run { class: wider, min_len, drawn: true });
        }
    }
    if !spec.keywords.is_empty() {
        return Ok(WayIn::Keywords);
    }
    Err(refused(
        "no way in: every match must contain a literal of three bytes or more, or start with a run of 16 bytes or more \
         of one class that `before` excludes, or stand behind one of `keywords`",
    ))
}

/// Whether names can be written with these bytes.
fn spells_names(class: ByteSet) -> bool {
    let cases = [ByteSet::EMPTY.with_range(b'a', b'z'), ByteSet::EMPTY.with_range(b'A', b'Z')];
    cases.into_iter().any(|letters| letters.intersection(class) == letters)
}

fn check_id(provider: &ProviderSpec, id: &str) -> Result<()> {
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !plain(&provider.provider) || !plain(id) {
        return Err(refused("ids are lower case letters, digits and hyphens"));
    }
    match id.strip_prefix(provider.provider.as_str()) {
        Some(rest) if rest.is_empty() || rest.starts_with('-') => Ok(()),
        _ => Err(refused(format!("the id has to start with its provider: `{}-...`", provider.provider))),
    }
}

fn check_kind(spec: &RuleSpec) -> Result<()> {
    if spec.kind == Kind::Contextual && spec.keywords.is_empty() {
        return Err(refused("a contextual rule has `keywords`"));
    }
    if spec.kind == Kind::Identifier && spec.regex.is_none() {
        return Err(refused("an identifier has a `regex`"));
    }
    if spec.regex.is_some() && !spec.names.is_empty() {
        return Err(refused("a rule has a `regex` or `names`, not both"));
    }
    Ok(())
}

fn check_words(words: &[String], key: &str) -> Result<()> {
    let bad = |word: &String| word.len() < 3 || word.len() > 32 || word.bytes().any(|b| b.is_ascii_uppercase());
    match words.iter().find(|word| bad(word)) {
        None => Ok(()),
        Some(word) => Err(refused(format!("`{key}` are of 3 to 32 bytes, in lower case; `{word}` is not"))),
    }
}

/// The class of bytes that may stand beside a match; by default anything but letters and digits.
fn neighbours(class: Option<&str>, key: &str) -> Result<ByteSet> {
    match class {
        None => Ok(ByteSet::ALPHANUMERIC.complement()),
        Some("any") => Ok(ByteSet::ALL),
        Some(class) => literal::class_of(&parse(class)?)
            .ok_or_else(|| refused(format!("`{key}` is one class of bytes, such as [^0-9A-Za-z], or `any`"))),
    }
}

fn names_anchors(names: &[String]) -> WayIn {
    let anchor =
        |name: &String| Anchor { bytes: name.as_bytes().to_vec(), ignore_case: true, min_before: 0, max_before: 0 };
    WayIn::Literals(names.iter().map(anchor).collect())
}

fn named_checksum(name: &str) -> Result<crate::checksum::Checksum> {
    name.parse().map_err(|()| refused(format!("no checksum is called `{name}`")))
}

fn named_structure(name: &str) -> Result<Structure> {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};
    let deserializer: StrDeserializer<'_, Error> = name.into_deserializer();
    serde::Deserialize::deserialize(deserializer).map_err(|error| refused(error.to_string()))
}

fn templates(sources: &[String]) -> Result<Vec<Text>> {
    sources.iter().map(|source| Sample::parse(source).map(|_| Text::from(source))).collect()
}

fn has_secret_group(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(c) => c.name.as_deref() == Some("secret") || has_secret_group(&c.sub),
        HirKind::Repetition(r) => has_secret_group(&r.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_secret_group),
        _ => false,
    }
}

/// How many states a regex has when its repetitions are unrolled, or a few more.
pub(super) fn states(hir: &Hir) -> usize {
    let all = |parts: &[Hir]| parts.iter().map(states).fold(1, usize::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Repetition(repetition) => {
            let rounds = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1) as usize;
            states(&repetition.sub).saturating_add(1).saturating_mul(rounds)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
    }
}
