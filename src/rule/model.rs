//! The admitted rule and the rule set: plain types.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::Sample;
use super::file::SecretFile;
use super::head::Head;
use super::remedy::{Remedy, Verify};
use super::text::Text;
use crate::byteset::ByteSet;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind, Result};

/// The class of a rule: how its matches are found, and who wins where two overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The format forces a literal of three bytes or more.
    Distinctive,
    /// The format is a frame: a PEM block, a JWT, a URL with user info.
    Structural,
    /// An opaque value that is a secret only beside a telling word.
    Contextual,
    /// A random-looking value assigned to a telling name.
    Generic,
    /// A public value that names the owner of a credential: told as a part of one, and never alone.
    Identifier,
}

impl Kind {
    /// The name used in rule files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Distinctive => "distinctive",
            Kind::Structural => "structural",
            Kind::Contextual => "contextual",
            Kind::Generic => "generic",
            Kind::Identifier => "identifier",
        }
    }
}

/// How much harm the finder of a secret can do. Ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Little: a public or nearly public value, a webhook without data.
    Low,
    /// Limited: one service's data of small value, or a part of a credential.
    Medium,
    /// Much: data or money of one account.
    High,
    /// All: control of an account, its infrastructure or its users.
    Critical,
}

impl Severity {
    /// The name used in rule files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// A structure that valid secrets of a format have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Structure {
    /// A JSON Web Token: header and payload decode to JSON objects, the header names an algorithm.
    Jwt,
    /// A PEM or armoured block whose body decodes.
    Pem,
    /// An AWS access key id that embeds an account id.
    AwsAccount,
    /// Base64 of `user:password`.
    BasicAuth,
    /// Base64 of a JSON object.
    Base64Json,
    /// A Discord bot token: its first part is base64 of the bot's id.
    DiscordBot,
    /// A `NuGet` API key: base32 of a version and an id, and base32 of a password.
    Nuget,
    /// A `JFrog` reference token: base64 of `reftkn:`, a version, a time and the token.
    JfrogReference,
}

impl Structure {
    /// The name used in rule files and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Structure::Jwt => "jwt",
            Structure::Pem => "pem",
            Structure::AwsAccount => "aws-account",
            Structure::BasicAuth => "basic-auth",
            Structure::Base64Json => "base64-json",
            Structure::DiscordBot => "discord-bot",
            Structure::Nuget => "nuget",
            Structure::JfrogReference => "jfrog-reference",
        }
    }
}

/// How a rule's matches are recognised at one place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(crate) enum Pattern {
    /// A regex, anchored at the place.
    Regex { source: Text, secret_group: bool },
    /// A name that holds one of the stems, an operator, and a value: the value is the secret.
    Assignment,
}

/// A literal that every match of a rule contains.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(crate) struct Anchor {
    /// Three bytes or more; lower case when `ignore_case` is set.
    pub(crate) bytes: Vec<u8>,
    pub(crate) ignore_case: bool,
    /// The match starts at most this far before the literal ...
    pub(crate) max_before: usize,
    /// ... and at least this far.
    pub(crate) min_before: usize,
}

/// The proof that a rule need not be tried everywhere: something rare that stands in or before each of its matches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum WayIn {
    /// Every match contains one of these literals.
    Literals(Vec<Anchor>),
    /// Every match starts where a run of this class starts, and the run is at least so long. Where its first bytes do not
    /// look `drawn` at random, no match is believed.
    Run { class: ByteSet, min_len: usize, drawn: bool },
    /// Every match has one of the rule's keywords before it, within the rule's distance.
    Keywords,
    /// None: the regex runs over all text, or all text near the words of a rule of another tool.
    Everywhere,
}

/// How far from the start of a match a word may stand that a rule asks for, in bytes. The tools that ask look at pieces
/// of a file, none of which is longer.
pub(crate) const NEARBY: u64 = 128 * 1024;

/// What a rule of another tool asks of its matches, by the definitions of that tool, whose verdicts stand in for ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Foreign {
    /// Which part of a match is the secret.
    pub(crate) secret: SecretPart,
    /// What the secret's entropy has to reach.
    pub(crate) entropy: Option<EntropyBar>,
    /// Words, in lower case, of which one has to stand in any case near the start of a match; none: no condition.
    pub(crate) nearby: Vec<Vec<u8>>,
    /// What the text of the secret has to hold.
    pub(crate) needs: Needs,
}

/// Which part of a match is the secret. What takes no part in a match is no part of it: then it is the whole match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "compat"), allow(dead_code, reason = "made from files of other tools"))]
pub(crate) enum SecretPart {
    /// The whole match, less line feeds at its ends.
    Whole,
    /// The first group that is not empty.
    FirstGroup,
    /// The group of this number.
    Group(usize),
}

/// A bar for Shannon entropy, in bits per byte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EntropyBar {
    pub(crate) bar: f64,
    /// Whether a secret of exactly this entropy passes.
    pub(crate) inclusive: bool,
}

/// The least numbers of characters of some kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) digits: usize,
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    pub(crate) special: usize,
    /// Which characters count as special; by default ASCII punctuation.
    pub(crate) special_set: Option<Vec<u8>>,
    /// Words, in lower case, that the secret must not hold in any case.
    pub(crate) without: Vec<Vec<u8>>,
}

/// Another part of the credential that the secrets of a rule are parts of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct RulePart {
    pub(crate) role: Text,
    pub(crate) rules: Vec<Text>,
}

impl RulePart {
    /// What it is to the credential, in a few words: `secret access key`.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The ids of the rules that find it.
    #[must_use]
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|id| &**id)
    }
}

/// An admitted rule.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Rule {
    pub(crate) id: Text,
    pub(crate) provider: Text,
    pub(crate) provider_name: Text,
    pub(crate) docs: Option<Text>,
    pub(crate) description: Text,
    pub(crate) severity: Severity,
    pub(crate) kind: Kind,
    pub(crate) pattern: Pattern,
    pub(crate) max_len: usize,
    pub(crate) keywords: Vec<Text>,
    pub(crate) distance: usize,
    /// How every match starts.
    pub(crate) head: Head,
    pub(crate) before: ByteSet,
    pub(crate) after: ByteSet,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) structure: Option<Structure>,
    pub(crate) min_entropy: f32,
    pub(crate) confidence: f32,
    pub(crate) placeholders: Vec<Text>,
    pub(crate) way_in: WayIn,
    pub(crate) samples: Vec<Text>,
    pub(crate) near_misses: Vec<Text>,
    pub(crate) remedy: Remedy,
    pub(crate) parts: Vec<RulePart>,
    pub(crate) beside: Vec<Text>,
    pub(crate) file: Option<Box<SecretFile>>,
    /// Set for rules that were written for another tool.
    #[serde(skip)]
    pub(crate) foreign: Option<Box<Foreign>>,
}

impl Rule {
    /// The rule's id, unique in its set.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the provider whose credentials it finds.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The provider's name as it writes it.
    #[must_use]
    pub fn provider_name(&self) -> &str {
        &self.provider_name
    }

    /// Where the provider documents its credentials.
    #[must_use]
    pub fn docs(&self) -> Option<&str> {
        self.docs.as_deref()
    }

    /// What the credential is.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// How much harm its finder can do.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Which class of rule it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The regex of the format; `None` for rules that follow the assignment grammar.
    #[must_use]
    pub fn regex(&self) -> Option<&str> {
        match &self.pattern {
            Pattern::Regex { source, .. } => Some(source),
            Pattern::Assignment => None,
        }
    }

    /// The longest match, in bytes.
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// Contextual rules: the words of which one has to stand before the match.
    #[must_use]
    pub fn keywords(&self) -> impl ExactSizeIterator<Item = &str> {
        self.keywords.iter().map(|word| &**word)
    }

    /// The checksum its secrets carry.
    #[must_use]
    pub fn checksum(&self) -> Option<Checksum> {
        self.checksum
    }

    /// The structure its secrets have.
    #[must_use]
    pub fn structure(&self) -> Option<Structure> {
        self.structure
    }

    /// Whether it was written for another tool, whose definitions then decide what is a secret. Its findings stand
    /// beside others: they may overlap those of other rules.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// The other parts of the credential, which its findings have as their parts where they stand beside them.
    #[must_use]
    pub fn parts(&self) -> &[RulePart] {
        &self.parts
    }

    /// The ids of the rules behind whose secrets a value of this format needs no keyword.
    #[must_use]
    pub fn beside(&self) -> impl ExactSizeIterator<Item = &str> {
        self.beside.iter().map(|id| &**id)
    }

    /// The files that hold nothing but a secret of this rule.
    #[must_use]
    pub fn file(&self) -> Option<&SecretFile> {
        self.file.as_deref()
    }

    /// Templates of texts in which exactly this rule finds exactly one secret.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        parse_templates(&self.samples)
    }

    /// Templates of texts in which nothing is found.
    #[must_use]
    pub fn near_misses(&self) -> Vec<Sample> {
        parse_templates(&self.near_misses)
    }

    /// What the finder of a secret can do with it, in a sentence.
    #[must_use]
    pub fn impact(&self) -> Option<&str> {
        self.remedy.impact.as_deref()
    }

    /// Where a secret is revoked.
    #[must_use]
    pub fn revoke(&self) -> Option<&str> {
        self.remedy.revoke.as_deref()
    }

    /// Environment variables that usually hold a secret.
    #[must_use]
    pub fn env(&self) -> impl ExactSizeIterator<Item = &str> {
        self.remedy.env.iter().map(|name| &**name)
    }

    /// How to ask the provider whether a secret is alive.
    #[must_use]
    pub fn verify(&self) -> Option<&Verify> {
        self.remedy.verify.as_deref()
    }

    /// In words: what is looked for before the rule is tried at a place.
    #[must_use]
    pub fn way_in(&self) -> String {
        match &self.way_in {
            WayIn::Literals(anchors) => {
                let list: Vec<String> = anchors
                    .iter()
                    .map(|a| {
                        let case = if a.ignore_case { " in any case" } else { "" };
                        format!("\"{}\"{case}", a.bytes.escape_ascii())
                    })
                    .collect();
                format!("one of {}", list.join(", "))
            }
            WayIn::Run { class, min_len, drawn } => {
                let unlike = if *drawn { " that does not start like a name" } else { "" };
                format!("a run of {min_len} bytes or more of {class:?}{unlike}")
            }
            WayIn::Keywords => format!("one of the keywords, at most {} bytes before", self.distance),
            WayIn::Everywhere => match self.foreign.as_deref().filter(|foreign| !foreign.nearby.is_empty()) {
                Some(foreign) => {
                    let words: Vec<_> = foreign.nearby.iter().map(|word| word.escape_ascii().to_string()).collect();
                    format!("none: all text near one of {}", words.join(", "))
                }
                None => "none: all text".to_owned(),
            },
        }
    }
}

/// The rules of a scan: admitted, with unique ids, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// A set of no rule.
    #[must_use]
    pub fn new() -> RuleSet {
        RuleSet::default()
    }

    /// The rules, by id.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn into_rules(self) -> Vec<Rule> {
        self.rules
    }

    /// The rule with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        let index = self.rules.binary_search_by(|rule| rule.id().cmp(id)).ok()?;
        Some(&self.rules[index])
    }

    /// Adds rules; a rule whose id is there already takes the place of the older one.
    pub fn extend(&mut self, rules: impl IntoIterator<Item = Rule>) {
        let added: Vec<Rule> = rules.into_iter().collect();
        let ids: HashSet<&str> = added.iter().map(Rule::id).collect();
        self.rules.retain(|rule| !ids.contains(rule.id()));
        self.rules.extend(added);
        self.rules.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// A set of rules whose ids are unique and ascend.
    #[cfg_attr(not(feature = "builtin-rules"), expect(dead_code, reason = "for the built-in rules"))]
    pub(super) fn of_sorted(rules: Vec<Rule>) -> RuleSet {
        debug_assert!(rules.is_sorted_by(|a, b| a.id < b.id), "the ids ascend");
        RuleSet { rules }
    }

    /// Keeps the rules for which `keep` answers true.
    pub fn retain(&mut self, keep: impl FnMut(&Rule) -> bool) {
        self.rules.retain(keep);
    }
}

/// Templates are kept as written, because few scans need them; admission has parsed them once.
fn parse_templates(sources: &[Text]) -> Vec<Sample> {
    sources.iter().filter_map(|source| Sample::parse(source).ok()).collect()
}

pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Rule, message)
}

/// Refuses rules of which two have the same id.
pub(crate) fn check_unique(rules: &[Rule]) -> Result<()> {
    let mut seen = HashSet::new();
    match rules.iter().find(|rule| !seen.insert(rule.id())) {
        None => Ok(()),
        Some(rule) => Err(refused("this id is used twice; ids are unique in a set").in_rule(&rule.id)),
    }
}
