//! Rules as they are written: the shape of `patterns/<provider>.toml`. Unknown keys are refused.

use serde::Deserialize;

use super::file::FileSpec;
use super::model::{Kind, Severity};
use super::remedy::VerifySpec;

/// One file of rules: a provider and its credential formats.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderSpec {
    /// The provider's id: lower case, digits and hyphens; the name of the file without `.toml`.
    pub provider: String,
    /// The provider's name as it writes it.
    pub name: String,
    /// Where the provider documents its credentials.
    #[serde(default)]
    pub docs: Option<String>,
    /// Where the provider's credentials are revoked; a rule may say otherwise.
    #[serde(default)]
    pub revoke: Option<String>,
    /// The rules.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleSpec>,
}

/// A rule as written. `docs/writing-rules.md` explains each key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSpec {
    /// Unique in the rule set; starts with the provider's id and a hyphen, or is that id.
    pub id: String,
    /// What the credential is, in a few words, without "detects" or "found".
    pub description: String,
    /// How much harm its finder can do.
    pub severity: Severity,
    /// Which of the four classes of rule it is.
    pub kind: Kind,
    /// The format, as a regex over bytes; the secret is the group `secret`, or else the whole match.
    #[serde(default)]
    pub regex: Option<String>,
    /// Generic rules: stems of names to which a secret is assigned, in lower case.
    #[serde(default)]
    pub names: Vec<String>,
    /// Contextual rules: words, in lower case, one of which stands before the match.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Contextual rules: how many bytes may lie between the start of the keyword and the match.
    #[serde(default)]
    pub distance: Option<usize>,
    /// The class of bytes of which one has to stand right before the match, unless the unit starts there.
    #[serde(default)]
    pub before: Option<String>,
    /// The class of bytes of which one has to stand right after the match, unless the unit ends there.
    #[serde(default)]
    pub after: Option<String>,
    /// The longest match in bytes; needed where the regex has no longest match of its own.
    #[serde(default)]
    pub max_len: Option<usize>,
    /// The checksum that valid secrets carry.
    #[serde(default)]
    pub checksum: Option<String>,
    /// The structure that valid secrets have.
    #[serde(default)]
    pub(super) structure: Option<String>,
    /// The least Shannon entropy of the secret, in bits per byte.
    #[serde(default)]
    pub min_entropy: Option<f32>,
    /// How sure a match is to be a secret when nothing more is known, from 0 to 1.
    #[serde(default)]
    pub confidence: Option<f32>,
    /// Published or conventional values, in lower case: a secret that contains one is a placeholder.
    #[serde(default)]
    pub placeholders: Vec<String>,
    /// Templates of texts in which exactly this rule finds exactly one secret.
    #[serde(default)]
    pub samples: Vec<String>,
    /// Templates of texts in which nothing is found.
    #[serde(default)]
    pub near_misses: Vec<String>,
    /// What its finder can do with it, in a sentence.
    #[serde(default)]
    pub impact: Option<String>,
    /// Where it is revoked.
    #[serde(default)]
    pub revoke: Option<String>,
    /// Environment variables that usually hold it.
    #[serde(default)]
    pub env: Vec<String>,
    /// How to ask the provider whether it is alive.
    #[serde(default)]
    pub verify: Option<VerifySpec>,
    /// The other parts of the credential that this one is a part of.
    #[serde(default, rename = "part")]
    pub parts: Vec<PartSpec>,
    /// Rules of the same file behind whose secrets a value of this format needs no keyword.
    #[serde(default)]
    pub beside: Vec<String>,
    /// Files that hold nothing but the secret.
    #[serde(default)]
    pub file: Option<FileSpec>,
    /// Facts a maintainer should know; not shown to users.
    #[serde(default, rename = "notes")]
    pub _notes: Option<String>,
}

/// Another part of a credential as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartSpec {
    /// What it is to the credential: `secret access key`.
    pub role: String,
    /// The rules of the same file that find it.
    pub rules: Vec<String>,
}
