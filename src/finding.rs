//! What the engine found.

use crate::secret::Secret;
use crate::span::{Position, Span};

/// What a validator said about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verdict {
    /// The checksum in it is right.
    ChecksumValid,
    /// The checksum in it is wrong: a made-up or damaged value.
    ChecksumInvalid,
    /// It has the structure of its format.
    StructureValid,
    /// It lacks the structure of its format.
    StructureInvalid,
    /// A published, conventional or repetitive value.
    Placeholder,
    /// Made of runs along the alphabet, the digits or the keyboard.
    Typed,
    /// A password, but one of those that everybody takes first.
    Weak,
    /// Its entropy is below the least of its rule.
    LowEntropy,
    /// It looks random.
    Random,
    /// It looks like words, a number or a sequence.
    NotRandom,
    /// A telling word stands before it.
    Context,
    /// It follows another part of its credential.
    Beside,
    /// Nothing assigns or passes it, or what stands before it names a hash.
    NotAssigned,
}

impl Verdict {
    /// What it means, in words that end "because it ...".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::ChecksumValid => "has a valid checksum",
            Verdict::ChecksumInvalid => "has an invalid checksum",
            Verdict::StructureValid => "has the structure of its format",
            Verdict::StructureInvalid => "lacks the structure of its format",
            Verdict::Placeholder => "looks like a placeholder",
            Verdict::Typed => "looks typed by hand",
            Verdict::Weak => "is among the first passwords that anyone would try",
            Verdict::LowEntropy => "has too little entropy",
            Verdict::Random => "looks random",
            Verdict::NotRandom => "does not look random",
            Verdict::Context => "stands beside a telling word",
            Verdict::Beside => "stands beside another part of the credential",
            Verdict::NotAssigned => "is not assigned or passed to anything",
        }
    }

    /// The name of the offline check that it passed, as reports give it.
    #[must_use]
    pub fn passed_check(self) -> Option<&'static str> {
        match self {
            Verdict::ChecksumValid => Some("checksum"),
            Verdict::StructureValid => Some("structure"),
            _ => None,
        }
    }
}

/// How the text in which a secret was found had been encoded in the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}

impl Encoding {
    /// The name used in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
        }
    }
}

/// A secret, and where it stands in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The index of the rule in the rules of the scanner.
    pub rule: usize,
    /// The secret, decoded.
    pub secret: Secret,
    /// Where the (encoded) secret stands.
    pub span: Span,
    /// Where the whole match stands: the secret and what told it.
    pub matched: Span,
    /// The line and column of the first byte of the secret.
    pub start: Position,
    /// The line and column after its last byte.
    pub end: Position,
    /// How sure it is to be a secret, from 0 to 1.
    pub confidence: f32,
    /// What the validators said.
    pub verdicts: Vec<Verdict>,
    /// How it had been encoded; `None` when it stands there as it is.
    pub decoded: Option<Encoding>,
    /// Other rules that believe the same bytes to be theirs, ascending: formats of several providers may be alike.
    pub candidates: Vec<usize>,
    /// The other parts of the credential that stand beside it, in the order of [`Rule::parts`](crate::Rule::parts).
    pub parts: Vec<Part>,
}

/// A part of a credential that is told with another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The index of the rule whose part it is: that of the whole, or, where the whole was found by a generic rule, that
    /// of the format which it has.
    pub of: usize,
    /// Which of the [`Rule::parts`](crate::Rule::parts) of that rule it is.
    pub number: usize,
    /// Whether it is no secret: it names the owner of the credential.
    pub is_public: bool,
    /// The part as it would be found alone; it has no parts of its own.
    pub finding: Finding,
}

impl Finding {
    /// All secrets of the finding: its own, and those among its parts.
    pub fn secrets(&self) -> impl Iterator<Item = &Finding> {
        std::iter::once(self).chain(self.parts.iter().filter(|part| !part.is_public).map(|part| &part.finding))
    }
}

/// A finding and the unit it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// The unit: a path relative to the scanned root, separated by `/`, or `<stdin>`.
    pub path: String,
    /// What was found there.
    pub finding: Finding,
    /// Where it comes from, when it was found in the history of a repository.
    pub origin: Option<Box<Origin>>,
}

impl Located {
    /// Each secret of the finding as a finding of its own.
    pub fn apart(&self) -> impl Iterator<Item = Located> {
        self.finding.secrets().map(|secret| Located {
            path: self.path.clone(),
            finding: Finding { parts: Vec::new(), ..secret.clone() },
            origin: self.origin.clone(),
        })
    }
}

/// How a secret came into a repository. Texts have secrets in them masked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The id of the object that holds it.
    pub object: String,
    /// The commit that brought it to its path; `None` when no commit leads to the object.
    pub commit: Option<CommitInfo>,
    /// Whether the secret stands at this path in HEAD.
    pub in_head: bool,
    /// Refs that reach the commit: branches first, at most [`Origin::MAX_REFS`].
    pub refs: Vec<String>,
    /// How many refs reach the commit.
    pub ref_count: u64,
    /// How many versions of the path hold it.
    pub versions: u64,
}

impl Origin {
    /// So many refs are named; a repository may have tens of thousands.
    pub const MAX_REFS: usize = 10;
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitInfo {
    /// Its id.
    pub id: String,
    /// The author's name.
    pub author: String,
    /// The author's address.
    pub email: String,
    /// When it was written: `2026-01-31T10:20:30+01:00`.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
}
