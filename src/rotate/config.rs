//! Secrets and their sources, as a file names them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::failure::SourceError;
use super::rotating::RotatingSecret;
use super::settings::RotateSettings;
use super::source::{
    AwsSecretsManager, CommandSource, DirSource, EnvFileSource, EnvSource, Fallback, Field, FileSource, HttpSettings,
    HttpSource, Protocol, PushSource, Source, VaultKv2,
};
use super::store::Secrets;
use super::tag::TagKey;
use crate::error::{Error, ErrorKind, Result};
use crate::redact::KnownSecrets;

/// A file of secrets: where each is kept, and how it is kept up to date. It holds no values.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretsConfig {
    /// The file of the key of tags, made if it is not there.
    pub tag_key: Option<PathBuf>,
    /// The audit log.
    pub audit_log: Option<PathBuf>,
    #[serde(default, rename = "secret")]
    secrets: BTreeMap<String, Entry>,
    /// The folder that paths are relative to.
    #[serde(skip)]
    folder: PathBuf,
}

/// A secret. One of the sources has to be there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    env: Option<String>,
    file: Option<PathBuf>,
    /// The variable where the file is not mounted.
    fallback_env: Option<String>,
    env_file: Option<PathBuf>,
    /// Of an `env-file`.
    variable: Option<String>,
    dir: Option<PathBuf>,
    /// Of a `dir`.
    files: Vec<String>,
    command: Option<Vec<String>>,
    /// Of a `command`: `raw`, `json`, `vector`, `aws-credential-process`, `exec-credential`.
    protocol: Option<String>,
    /// Variables that a `command` gets, too.
    pass_env: Vec<String>,
    aws_secret: Option<String>,
    region: Option<String>,
    stage: Option<String>,
    /// Of `aws-secret`: another address than that of the region.
    endpoint: Option<String>,
    vault: Option<Vault>,
    http: Option<Http>,
    push: bool,
    /// One field of a JSON document.
    field: Option<String>,
    #[serde(deserialize_with = "duration")]
    poll: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    incident_poll: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    overlap: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    retire_ttl: Option<Duration>,
    #[serde(deserialize_with = "duration")]
    timeout: Option<Duration>,
    /// A program is not ready without it. Default true, but for `push`.
    required: Option<bool>,
    allow_binary: bool,
    allow_unhidable: bool,
}

/// A field of a secret in Vault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Vault {
    address: String,
    #[serde(default = "secret_mount")]
    mount: String,
    path: String,
    field: String,
    namespace: Option<String>,
    token_file: PathBuf,
    ca_file: Option<PathBuf>,
}

/// An address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Http {
    url: String,
    token_file: Option<PathBuf>,
    token_header: Option<String>,
    version_field: Option<String>,
    ca_file: Option<PathBuf>,
}

fn secret_mount() -> String {
    "secret".to_owned()
}

/// `90s`, `5m`, `24h`, `250ms`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[digits..] {
        "ms" => Some(Duration::from_millis(1)),
        "s" => Some(Duration::from_secs(1)),
        "m" => Some(Duration::from_secs(60)),
        "h" => Some(Duration::from_secs(3600)),
        "d" => Some(Duration::from_secs(86_400)),
        _ => None,
    };
    let count = text[..digits].parse::<u32>().ok();
    let parsed = unit.zip(count).and_then(|(unit, count)| unit.checked_mul(count)).filter(|time| !time.is_zero());
    parsed.map(Some).ok_or_else(|| D::Error::custom("a time is a number and ms, s, m, h or d: \"90s\""))
}

impl SecretsConfig {
    /// Reads a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, has unknown keys, or a secret without a source, or with two.
    pub fn load(path: &Path) -> Result<SecretsConfig> {
        let text =
            fs::read_to_string(path).map_err(|error| Error::new(ErrorKind::Io, error.to_string()).in_file(path))?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        SecretsConfig::parse(&text, folder).map_err(|error| error.in_file(path))
    }

    /// Reads the text of such a file, of which paths are relative to this folder.
    ///
    /// # Errors
    /// As for [`SecretsConfig::load`].
    pub fn parse(text: &str, folder: PathBuf) -> Result<SecretsConfig> {
        // The message of the parser has its place; what stands there may be a value that somebody wrote here by mistake.
        let parsed = toml::from_str::<SecretsConfig>(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            let message = error.message().split(['`', '"', '\'']).next().unwrap_or_default().trim();
            Error::new(ErrorKind::Syntax, format!("line {line}: {message}"))
        })?;
        let config = SecretsConfig { folder, ..parsed };
        for (name, entry) in &config.secrets {
            entry.check(name)?;
        }
        Ok(config)
    }

    /// The names of the secrets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }

    /// A path of the file.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Starts to keep the secrets up to date, hidden in this set. Those that have no value yet go on to be asked for;
    /// why they have none is what is answered besides.
    ///
    /// # Errors
    /// When the system has no threads.
    pub fn start(&self, known: &KnownSecrets, key: &TagKey) -> Result<(Secrets, Vec<(String, SourceError)>)> {
        let secrets = Secrets::new();
        let mut started = Vec::new();
        for (name, entry) in &self.secrets {
            let (settings, wait) = (entry.settings(), entry.settings().wait);
            let builder = RotatingSecret::builder(name, entry.source(name, &self.folder));
            let secret = builder.settings(settings).hide_in(known).tag_key(key.clone()).start_absent()?;
            secrets.add(secret.clone(), entry.required.unwrap_or(!entry.push));
            started.push((secret, wait));
        }
        // All were asked at once, and are waited for one after another.
        let failed = started.into_iter().filter(|(secret, _)| !secret.is_pushed()).filter_map(|(secret, wait)| {
            let error = secret.first_value(wait).err()?;
            Some((secret.name().to_owned(), error))
        });
        let failed = failed.collect();
        Ok((secrets, failed))
    }
}

impl Entry {
    fn check(&self, name: &str) -> Result<()> {
        let wrong = |what: &str| Err(Error::config(format!("secret {name}: {what}")));
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || name.len() > 128 || !name.chars().all(is_name) {
            return wrong("a name is made of letters, digits, `_`, `-` and `.`");
        }
        let sources = [
            self.env.is_some(),
            self.file.is_some(),
            self.env_file.is_some(),
            self.dir.is_some(),
            self.command.is_some(),
            self.aws_secret.is_some(),
            self.vault.is_some(),
            self.http.is_some(),
            self.push,
        ];
        if sources.iter().filter(|is_there| **is_there).count() != 1 {
            return wrong("it needs one of env, file, env-file, dir, command, aws-secret, vault, http, push");
        }
        match () {
            () if self.env_file.is_some() != self.variable.is_some() => wrong("env-file and variable go together"),
            () if self.dir.is_some() == self.files.is_empty() => wrong("dir and files go together"),
            () if self.files.len() > 1 && self.field.is_none() => wrong("of several files, field says which one"),
            () if self.fallback_env.is_some() && self.file.is_none() => wrong("fallback-env goes with file"),
            () if self.protocol.is_some() && self.command.is_none() => wrong("protocol goes with command"),
            () if self.command.as_ref().is_some_and(Vec::is_empty) => wrong("command is a program and its arguments"),
            () if self.protocol(name).is_none() => {
                wrong("protocol is raw, json, vector, aws-credential-process or exec-credential")
            }
            () => Ok(()),
        }
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        Some(match self.protocol.as_deref() {
            None | Some("raw") => Protocol::Raw,
            Some("json") => Protocol::Json,
            Some("vector") => Protocol::Vector { secret: name.to_owned() },
            Some("aws-credential-process") => Protocol::AwsCredentialProcess { field: None },
            Some("exec-credential") => Protocol::ExecCredential,
            Some(_) => return None,
        })
    }

    fn source(&self, name: &str, folder: &Path) -> Box<dyn Source> {
        let source: Box<dyn Source> = if let Some(variable) = &self.env {
            Box::new(EnvSource::new(variable))
        } else if let Some(path) = &self.file {
            let file = FileSource::new(folder.join(path));
            match &self.fallback_env {
                Some(variable) => Box::new(Fallback::new(file, EnvSource::new(variable))),
                None => Box::new(file),
            }
        } else if let (Some(path), Some(variable)) = (&self.env_file, &self.variable) {
            Box::new(EnvFileSource::new(folder.join(path), variable))
        } else if let Some(path) = &self.dir {
            Box::new(DirSource::new(folder.join(path), &self.files))
        } else if let Some(argv) = &self.command {
            let command = CommandSource::new(argv).variables(&self.pass_env);
            Box::new(command.protocol(self.protocol(name).unwrap_or_default()))
        } else if let Some(id) = &self.aws_secret {
            let mut source = AwsSecretsManager::new(id);
            source = self.region.iter().fold(source, AwsSecretsManager::region);
            source = self.stage.iter().fold(source, AwsSecretsManager::stage);
            Box::new(self.endpoint.iter().fold(source, AwsSecretsManager::endpoint))
        } else if let Some(vault) = &self.vault {
            let source = VaultKv2::new(&vault.address, &vault.mount, &vault.path, &vault.field);
            let source = source.settings(http_settings(vault.ca_file.as_ref(), folder));
            let source = source.token_file(folder.join(&vault.token_file));
            Box::new(vault.namespace.iter().fold(source, |source, namespace| source.namespace(namespace)))
        } else if let Some(http) = &self.http {
            let mut source = HttpSource::new(&http.url).settings(http_settings(http.ca_file.as_ref(), folder));
            source = http.token_file.iter().fold(source, |source, path| source.token_file(folder.join(path)));
            source = http.token_header.iter().fold(source, HttpSource::token_header);
            Box::new(http.version_field.iter().fold(source, |source, field| source.version_field(field)))
        } else {
            Box::new(PushSource)
        };
        match &self.field {
            Some(field) => Box::new(Field::new(source, field)),
            None => source,
        }
    }

    fn settings(&self) -> RotateSettings {
        let default = RotateSettings::default();
        let fetch_timeout = self.timeout.unwrap_or(default.fetch_timeout);
        RotateSettings {
            poll: self.poll.or(default.poll),
            incident_poll: self.incident_poll.unwrap_or(default.incident_poll),
            overlap: self.overlap.unwrap_or(default.overlap),
            retire_ttl: self.retire_ttl,
            fetch_timeout,
            wait: default.wait.min(fetch_timeout),
            allow_binary: self.allow_binary,
            allow_unhidable: self.allow_unhidable,
            ..default
        }
    }
}

fn http_settings(ca_file: Option<&PathBuf>, folder: &Path) -> HttpSettings {
    HttpSettings { ca_file: ca_file.map(|path| folder.join(path)), allow_plain: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Key;

    #[test]
    fn secrets_come_from_where_the_file_says() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("one"), "quartz-0001").unwrap();
        fs::write(folder.path().join("two.env"), "B=quartz-0002\n").unwrap();
        let text = "audit-log = 'audit'\n[secret.A]\nfile = 'one'\npoll = '90s'\n\
                    [secret.B]\nenv-file = 'two.env'\nvariable = 'B'\n\
                    [secret.C]\npush = true\n[secret.D]\nfile = 'none'\nrequired = false\n\
                    [secret.E]\ncommand = ['echo', '{\"k\":\"quartz-0005\"}']\nfield = 'k'\n";
        let path = folder.path().join("secrets.toml");
        fs::write(&path, text).unwrap();
        let config = SecretsConfig::load(&path).unwrap();
        assert_eq!(config.names().collect::<String>(), "ABCDE");
        assert_eq!(config.path(Path::new("audit")), folder.path().join("audit"));
        let known = KnownSecrets::new();
        let (secrets, failed) = config.start(&known, &TagKey::new(1, Key::from_bytes([7; 32]))).unwrap();
        assert_eq!(failed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["D"]);
        assert!(secrets.is_ready() && known.len() == 3);
        let value = |name: &str| secrets.get(name).unwrap().get().unwrap().expose().to_vec();
        assert_eq!(
            (value("A"), value("B"), value("E")),
            (b"quartz-0001".to_vec(), b"quartz-0002".to_vec(), b"quartz-0005".to_vec())
        );
        assert_eq!(config.secrets["A"].settings().poll, Some(Duration::from_secs(90)));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_stands_there() {
        for (text, says) in [
            ("[secret.A]\n", "needs one of"),
            ("[secret.A]\nfile = 'a'\npush = true\n", "needs one of"),
            ("[secret.'a b']\npush = true\n", "a name is made of"),
            ("[secret.A]\nenv-file = 'a'\n", "go together"),
            ("[secret.A]\ndir = 'a'\n", "go together"),
            ("[secret.A]\ndir = 'a'\nfiles = ['b', 'c']\n", "which one"),
            ("[secret.A]\nfile = 'a'\npoll = '5'\n", "line 3"),
            ("[secret.A]\nfile = 'a'\npoll = '0s'\n", "line 3"),
            ("[secret.A]\ncommand = []\n", "a program"),
            ("[secret.A]\ncommand = ['a']\nprotocol = 'x'\n", "protocol is"),
            ("[secret.A]\nvalue = 'quartz-0001'\n", "line 2"),
            ("[secret.A]\nfile = quartz-0001\n", "line 2"),
            ("[secret.A]\npush = 'quartz-0001'\n", "line 2"),
            ("[secret.A]\ncommand = 'quartz-0001'\n", "line 2"),
            ("secret = 'quartz-0001'\n", "line 1"), // keyscan:allow generic-secret
            ("quartz-0001\n", "line 1"),
        ] {
            let error = SecretsConfig::parse(text, PathBuf::new()).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("quartz"), "{text}: {error}");
        }
    }
}
