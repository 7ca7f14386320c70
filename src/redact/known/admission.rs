//! Which values are taken: what turns up in ordinary text would be hidden everywhere.

/// Shorter values are refused unless they are allowed.
const MIN_LEN: usize = 6;
/// The longest value.
const MAX_LEN: usize = 64 * 1024;

/// Values that turn up in every text, in lower case.
const COMMON: &[&str] = &[
    "access",
    "account",
    "admin",
    "administrator",
    "authorization",
    "bearer",
    "changeit",
    "changeme",
    "config",
    "content",
    "database",
    "debug",
    "default",
    "deploy",
    "develop",
    "development",
    "disabled",
    "docker",
    "enabled",
    "environment",
    "example",
    "false",
    "github",
    "gitlab",
    "guest",
    "history",
    "localhost",
    "manager",
    "master",
    "message",
    "network",
    "nobody",
    "number",
    "object",
    "oracle",
    "output",
    "passwd",
    "password",
    "platform",
    "please",
    "postgres",
    "private",
    "process",
    "production",
    "project",
    "public",
    "python",
    "release",
    "request",
    "resource",
    "response",
    "result",
    "secret",
    "server",
    "service",
    "session",
    "setting",
    "settings",
    "staging",
    "standard",
    "status",
    "string",
    "success",
    "system",
    "target",
    "testing",
    "token",
    "undefined",
    "unknown",
    "update",
    "username",
    "value",
    "version",
    "warning",
    "welcome",
];

/// Why a value was not taken. Says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is so short that it would turn up in ordinary text.
    Short,
    /// It is a word, a number or punctuation, as they turn up in ordinary text.
    Common,
    /// It is longer than 64 KiB.
    Long,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refused::Short => "is too short to be hidden without hiding ordinary text",
            Refused::Common => "is an ordinary word or number, and would be hidden everywhere",
            Refused::Long => "is longer than 64 KiB",
        })
    }
}

/// What a value has to be to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The least length, in bytes. Default 6; less than 3 counts as 3.
    pub min_len: usize,
    /// Take words and numbers, too. Default false.
    pub allow_common: bool,
}

impl Default for Admission {
    fn default() -> Admission {
        Admission { min_len: MIN_LEN, allow_common: false }
    }
}

/// Why a value is not taken, if it is not.
pub(super) fn refusal(value: &[u8], admission: Admission) -> Option<Refused> {
    let value = value.trim_ascii();
    let lower = value.to_ascii_lowercase();
    let is_common = || {
        let punctuation = value.iter().all(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii());
        let number =
            value.len() < 12 && value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':'));
        let repeated = value.iter().all(|byte| *byte == value[0]);
        punctuation || number || repeated || COMMON.iter().any(|word| lower == word.as_bytes())
    };
    match () {
        () if value.len() < admission.min_len.max(3) => Some(Refused::Short),
        () if value.len() > MAX_LEN => Some(Refused::Long),
        () if !admission.allow_common && is_common() => Some(Refused::Common),
        () => None,
    }
}
