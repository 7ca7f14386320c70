//! Who asks for the secret by name.

use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use memchr::memmem;

use super::{Trace, TraceSettings, helm};
use crate::engine::{Scanner, Surroundings};
use crate::error::{Error, Result};
use crate::finding::Located;
use crate::rule::{Foreign, ForeignSpec, Needs, RuleSet, SecretPart, Severity};
use crate::run::{Progress, Run};
use crate::source::fs::WalkSettings;

/// A name has to be so long to say something by itself.
const MIN_NAME: usize = 6;
/// No longer name is looked for.
const MAX_NAME: usize = 96;
/// Names that everybody uses for something.
const COMMON: &[&str] = &[
    "access_key",
    "access_token",
    "accesskey",
    "accesstoken",
    "api_key",
    "api_token",
    "apikey",
    "apitoken",
    "auth_token",
    "authorization",
    "authtoken",
    "bearer",
    "client_secret",
    "clientsecret",
    "credential",
    "credentials",
    "password",
    "passwd",
    "private_key",
    "privatekey",
    "secret",
    "secret_key",
    "secretkey",
    "secrets",
    "string",
    "token",
    "x_api_key",
];
/// Between an operator and a value stands no more.
const MAX_BETWEEN: usize = 24;
/// Between a name and its operator stand a quote, a bracket, spaces.
const MAX_GAP: usize = 4;
/// So much text on each side of a name tells how it is used.
const MARGIN: usize = 160;

/// How a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// A program reads the variable of the environment: once, at start, as a rule.
    Environment,
    /// A manifest makes a variable of a pod from it.
    KubernetesVariable,
    /// It is mounted as a file.
    MountedFile,
    /// A CI system puts it in.
    CiVariable,
    /// A secret manager is asked for it.
    Manager,
    /// A template of a Helm chart takes it from the values.
    HelmValue,
    /// It is named in some other manner.
    Named,
}

impl Use {
    /// The name used in reports for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Use::Environment => "environment",
            Use::KubernetesVariable => "kubernetes-variable",
            Use::MountedFile => "mounted-file",
            Use::CiVariable => "ci-variable",
            Use::Manager => "manager",
            Use::HelmValue => "helm-value",
            Use::Named => "named",
        }
    }

    /// How such a use takes a new secret, and what would be better.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Use::Environment => "read at start: restart it to rotate, or read a mounted file that is watched",
            Use::KubernetesVariable => {
                "never updated in a running pod: restart the pods, or mount the Secret as a volume"
            }
            Use::MountedFile => "updated within a minute or two; make sure that the program watches the folder",
            Use::CiVariable => "taken anew by each run: update the variable",
            Use::Manager => "taken from the manager: update it there, and wait for the time to live",
            Use::HelmValue => {
                "put in when the chart is installed: change the value, upgrade the release, restart the pods"
            }
            Use::Named => "find out how it is read",
        }
    }
}

/// A place where a name of the secret is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// The name.
    pub name: String,
    /// How it is used.
    pub how: Use,
}

/// Whether a name says more than that something is secret.
pub(super) fn tells(name: &str) -> bool {
    let folded = name.to_ascii_lowercase().replace('-', "_");
    (MIN_NAME..=MAX_NAME).contains(&name.len()) && !COMMON.contains(&folded.as_str())
}

/// The name to which the text assigns what follows it.
pub(super) fn assigned_name(before: &[u8]) -> Option<&str> {
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |at| at + 1)..];
    let ends = |byte: &u8| matches!(byte, b',' | b';' | b'{' | b'}');
    let operator = line.iter().rposition(|byte| matches!(byte, b'=' | b':'))?;
    // Quotes, the words of calls and schemes stand between the operator and the value.
    let between = &line[operator + 1..];
    if between.len() > MAX_BETWEEN || between.iter().any(ends) {
        return None;
    }
    // `name: &str = `
    let is_type = |text: &[u8]| text.len() <= MAX_BETWEEN && !text.iter().any(|byte| ends(byte) || *byte == b'"');
    let typed = line[..operator].iter().rposition(|byte| *byte == b':').filter(|&at| is_type(&line[at..operator]));
    let operator = if line[operator] == b'=' { typed.unwrap_or(operator) } else { operator };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let end = line[..operator].iter().rposition(is_name)? + 1;
    if operator - end > MAX_GAP || line[end..operator].iter().any(ends) {
        return None;
    }
    let start = line[..end].iter().rposition(|byte| !is_name(byte)).map_or(0, |at| at + 1);
    let name = std::str::from_utf8(&line[start..end]).ok()?.trim_matches('-');
    (name.len() <= MAX_NAME && name.bytes().any(|byte| byte.is_ascii_alphabetic())).then_some(name)
}

/// How a name is used that has this text around it.
fn how(path: &str, name: &str, before: &[u8], after: &[u8]) -> Use {
    let has = |texts: &[&str]| {
        texts.iter().any(|text| [before, after].iter().any(|side| memmem::find(side, text.as_bytes()).is_some()))
    };
    let line = &before[memchr::memrchr(b'\n', before).map_or(0, |at| at + 1)..];
    let line_has = |texts: &[&str]| texts.iter().any(|text| memmem::find(line, text.as_bytes()).is_some());
    if line_has(&["secrets.", "vars."]) && memmem::find(line, b"${{").is_some() {
        Use::CiVariable
    } else if helm::is_asked(line, name) {
        Use::HelmValue
    } else if line_has(&[
        "environ",
        "getenv",
        "Getenv",
        "process.env",
        "ENV[",
        "ENV.fetch",
        "env::var",
        "System.getenv",
        "import.meta.env",
        "GetEnvironmentVariable",
        "LookupEnv",
        "$_ENV",
        "Deno.env",
        "env(",
        "env!(",
        "config(",
    ]) {
        Use::Environment
    } else if has(&["secretKeyRef", "envFrom", "valueFrom"]) {
        Use::KubernetesVariable
    } else if has(&["volumeMounts", "mountPath", "/run/secrets", "/var/run/secrets", "secretName"]) {
        Use::MountedFile
    } else if has(&[
        "GetSecretValue",
        "get_secret_value",
        "SecretManager",
        "secretsmanager",
        "vault",
        "key_vault",
        "KeyVault",
    ]) {
        Use::Manager
    } else if super::kind_of(path, b"") == super::PlaceKind::Ci {
        Use::CiVariable
    } else if line.last() == Some(&b'$') || line.ends_with(b"${") {
        Use::Environment
    } else {
        Use::Named
    }
}

/// Adds to a trace where the names of its secret are used in the files.
pub(super) fn find(
    trace: &mut Trace,
    settings: &TraceSettings,
    progress: &Progress,
    interrupted: &AtomicBool,
) -> Result<()> {
    if trace.names.is_empty() || settings.paths.is_empty() || trace.interrupted {
        return Ok(());
    }
    let scanner = Scanner::new(rules(&trace.names)?).with_margin(MARGIN);
    let uses: Mutex<Vec<Reference>> = Mutex::default();
    let inspect = |located: &Located, around: Surroundings<'_>| {
        let name = String::from_utf8_lossy(located.finding.secret.expose()).into_owned();
        let how = how(&located.path, &name, around.before, around.after);
        let reference = Reference { path: located.path.clone(), line: located.finding.start.line, name, how };
        uses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(reference);
        false
    };
    // Who uses a name from within an archive was built; its source is what counts.
    let mut run = Run::new(&scanner, &inspect, progress, interrupted);
    (run.min_confidence, run.max_archive_depth) = (0.0, 0);
    // What a build made says nothing that its sources do not.
    let walk = WalkSettings { threads: settings.threads, ..WalkSettings::default() };
    for root in &settings.paths {
        let before = uses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
        trace.interrupted |= run.paths(std::slice::from_ref(root), &walk, None)?.interrupted;
        let is_main = settings.repository.as_ref() == Some(root) || root == Path::new(".") || !root.is_dir();
        if !is_main {
            let mut uses = uses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            uses[before..].iter_mut().for_each(|one| one.path = root.join(&one.path).to_string_lossy().into_owned());
        }
    }
    let mut uses = uses.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Where the secret itself stands is no reference to it.
    let holds = |one: &Reference| {
        let of_path = trace.places.iter().filter(|place| place.path == one.path);
        of_path.flat_map(|place| &place.spots).any(|spot| spot.line == one.line)
    };
    uses.retain(|one| !holds(one));
    uses.sort();
    uses.dedup_by(|b, a| (&a.path, a.line, &a.name) == (&b.path, b.line, &b.name));
    trace.references = uses;
    Ok(())
}

/// Rules that find these names as words.
fn rules(names: &[String]) -> Result<RuleSet> {
    let mut rules = RuleSet::new();
    for (number, names) in names.chunks(64).enumerate() {
        let mut regex = String::from(r"\b(?:");
        for (at, name) in names.iter().enumerate() {
            regex.push_str(if at == 0 { "" } else { "|" });
            for byte in name.bytes() {
                if byte.is_ascii_alphanumeric() || byte == b'_' {
                    regex.push(char::from(byte));
                } else {
                    let _ = write!(regex, "\\x{byte:02X}");
                }
            }
        }
        regex.push_str(r")\b");
        let spec = ForeignSpec {
            id: format!("traced-name-{number}"),
            description: "A name of the secret that is traced".to_owned(),
            tool: ("keyscan", "keyscan"),
            severity: Severity::Low,
            confidence: 1.0,
            regex,
            foreign: Foreign { secret: SecretPart::Whole, entropy: None, nearby: Vec::new(), needs: Needs::default() },
        };
        let (rule, _) = spec.admit().map_err(|_| Error::config("a name of the secret cannot be looked for"))?;
        rules.extend([rule]);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_before_the_operator() {
        for (before, name) in [
            ("STRIPE_KEY=", Some("STRIPE_KEY")),
            ("export STRIPE_KEY=\"", Some("STRIPE_KEY")),
            ("x\n  stripeKey: '", Some("stripeKey")),
            ("{\"other\": 1, \"stripe-key\": \"", Some("stripe-key")),
            ("let stripe_key: &str = \"", Some("stripe_key")),
            ("stripe_key := os.Get(\"", Some("stripe_key")),
            ("Authorization: Bearer ", Some("Authorization")),
            ("no name here ", None),
            ("a = 1, ", None),
        ] {
            assert_eq!(assigned_name(before.as_bytes()), name, "{before}");
        }
    }

    #[test]
    fn uses_are_told_apart() {
        for (path, before, after, expected) in [
            ("a.py", "key = os.environ[\"", "\"]", Use::Environment),
            ("a.js", "const key = process.env.", ";", Use::Environment),
            ("run.sh", "curl -u $", " x", Use::Environment),
            (".github/workflows/a.yml", "  KEY: ${{ secrets.", " }}", Use::CiVariable),
            ("d.yaml", "- name: ", "\n  valueFrom:\n    secretKeyRef:", Use::KubernetesVariable),
            ("d.yaml", "secretName: x\n items:\n - key: ", "\n path: key", Use::MountedFile),
            ("templates/d.yaml", "a: {{ .Values.", " | quote }}", Use::HelmValue),
            ("a.go", "client.GetSecretValue(\"", "\")", Use::Manager),
            ("notes.md", "set ", " first", Use::Named),
        ] {
            assert_eq!(how(path, "KEY_OF_IT", before.as_bytes(), after.as_bytes()), expected, "{path}: {before}");
        }
    }

    #[test]
    fn common_names_tell_nothing() {
        assert!(!tells("API_KEY") && !tells("token") && !tells("key"));
        assert!(tells("STRIPE_SECRET_KEY") && tells("stripeKey"));
    }
}
