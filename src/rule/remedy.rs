//! What to do about a secret that is real: what its finder can do with it, where it is revoked, how to learn whether it
//! is still alive, and where it usually lives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::refused;
use super::text::Text;
use crate::error::Result;

/// A recipe as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifySpec {
    /// `GET`, `HEAD` or `POST`.
    #[serde(default)]
    pub method: Option<String>,
    /// Where to ask; `{secret}` stands for the secret.
    pub url: String,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// User and password of HTTP Basic authentication, `{secret}:` or `user:{secret}`.
    #[serde(default)]
    pub basic: Option<String>,
    /// The body of the request.
    #[serde(default)]
    pub body: Option<String>,
    /// Statuses that only a live secret gets.
    pub alive: Vec<u16>,
    /// Statuses that say that it is revoked or was never one.
    #[serde(default)]
    pub dead: Vec<u16>,
    /// What the answer to a live secret holds, where the status does not tell.
    #[serde(default)]
    pub contains: Option<String>,
}

/// How to ask a provider whether a secret is alive: one request that changes nothing. Templates hold `{secret}` where
/// the secret goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Verify {
    method: Text,
    url: Text,
    headers: Vec<(Text, Text)>,
    basic: Option<Text>,
    body: Option<Text>,
    alive: Vec<u16>,
    dead: Vec<u16>,
    contains: Option<Text>,
}

/// What a rule says about the time after a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub(crate) struct Remedy {
    pub(crate) impact: Option<Text>,
    pub(crate) revoke: Option<Text>,
    pub(crate) env: Vec<Text>,
    pub(crate) verify: Option<Box<Verify>>,
}

impl Verify {
    /// The method: `GET`, `HEAD` or `POST`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The address, a template.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Names of headers and templates of their values, by name.
    #[must_use]
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// User and password of HTTP Basic authentication, a template.
    #[must_use]
    pub fn basic(&self) -> Option<&str> {
        self.basic.as_deref()
    }

    /// The body, a template.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// Statuses that only a live secret gets.
    #[must_use]
    pub fn alive(&self) -> &[u16] {
        &self.alive
    }

    /// Statuses that say that it is revoked or was never one.
    #[must_use]
    pub fn dead(&self) -> &[u16] {
        &self.dead
    }

    /// What the answer to a live secret holds, where the status does not tell.
    #[must_use]
    pub fn contains(&self) -> Option<&str> {
        self.contains.as_deref()
    }
}

const SECRET: &str = "{secret}";

pub(super) fn admit_verify(spec: &VerifySpec) -> Result<Verify> {
    let method = spec.method.as_deref().unwrap_or("GET");
    if !matches!(method, "GET" | "HEAD" | "POST") {
        return Err(refused("`verify.method` is GET, HEAD or POST"));
    }
    if !spec.url.starts_with("https://") {
        return Err(refused("`verify.url` starts with https://: a secret goes over no other line"));
    }
    if spec.url.split('/').nth(2).is_none_or(|host| host.contains('{')) {
        return Err(refused("the host of `verify.url` is fixed: a secret goes to its provider alone"));
    }
    let templates = [Some(&spec.url), spec.basic.as_ref(), spec.body.as_ref()];
    let mut templates = templates.into_iter().flatten().chain(spec.headers.values());
    if !templates.any(|template| template.contains(SECRET)) {
        return Err(refused("`verify` says nowhere where the secret goes: `{secret}`"));
    }
    let statuses = || spec.alive.iter().chain(&spec.dead);
    if spec.alive.is_empty() || statuses().any(|status| !(100..600).contains(status)) {
        return Err(refused("`verify.alive` and `verify.dead` are HTTP statuses, and `alive` has at least one"));
    }
    if spec.alive.iter().any(|status| spec.dead.contains(status)) {
        return Err(refused("a status is in `verify.alive` or in `verify.dead`, not in both"));
    }
    Ok(Verify {
        method: Text::from(&method.to_owned()),
        url: Text::from(&spec.url),
        headers: spec.headers.iter().map(|(name, value)| (Text::from(name), Text::from(value))).collect(),
        basic: spec.basic.as_ref().map(Text::from),
        body: spec.body.as_ref().map(Text::from),
        alive: spec.alive.clone(),
        dead: spec.dead.clone(),
        contains: spec.contains.as_ref().map(Text::from),
    })
}

/// Refuses an address that is none.
pub(super) fn admit_address(address: Option<&String>, key: &str) -> Result<Option<Text>> {
    match address {
        Some(address) if !address.starts_with("https://") => {
            Err(refused(format!("`{key}` is an address that starts with https://")))
        }
        address => Ok(address.map(Text::from)),
    }
}

/// Refuses names that no environment variable has.
pub(super) fn admit_env(names: &[String]) -> Result<Vec<Text>> {
    let plain = |name: &&String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    match names.iter().find(|name| !plain(name)) {
        Some(name) => Err(refused(format!("`env` are names of environment variables in capitals; `{name}` is not"))),
        None => Ok(names.iter().map(Text::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::RuleSet;

    fn admit(keys: &str) -> Result<RuleSet, String> {
        let rule = "id = \"test\"\ndescription = \"d\"\nseverity = \"low\"\nkind = \"distinctive\"\nregex = 'TESTKEY-[0-9]{8}'";
        let text = format!(
            "provider = \"test\"\nname = \"Test\"\nrevoke = \"https://t.example/keys\"\n[[rule]]\n{rule}\n{keys}"
        );
        RuleSet::from_toml(Path::new("test.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_says_what_to_do() {
        let rules = admit(
            "impact = \"Reads all mail.\"\nenv = [\"TEST_KEY\"]\nverify = { url = \"https://t.example/me\", \
             headers = { Authorization = \"Bearer {secret}\" }, alive = [200], dead = [401] }",
        );
        let rules = rules.unwrap();
        let rule = &rules.rules()[0];
        assert_eq!((rule.impact(), rule.revoke()), (Some("Reads all mail."), Some("https://t.example/keys")));
        assert_eq!(rule.env().collect::<Vec<_>>(), ["TEST_KEY"]);
        let verify = rule.verify().unwrap();
        assert_eq!((verify.method(), verify.url()), ("GET", "https://t.example/me"));
        assert_eq!(verify.headers().collect::<Vec<_>>(), [("Authorization", "Bearer {secret}")]);
        assert_eq!((verify.alive(), verify.dead()), (&[200][..], &[401][..]));
        assert_eq!((verify.basic(), verify.body(), verify.contains()), (None, None, None));
    }

    #[test]
    fn a_recipe_that_could_leak_is_refused() {
        for (keys, why) in [
            ("revoke = \"http://t.example\"", "https://"),
            ("env = [\"test key\"]", "environment"),
            ("verify = { url = \"http://t.example/{secret}\", alive = [200] }", "https://"),
            ("verify = { url = \"https://{secret}.example/\", alive = [200] }", "host"),
            ("verify = { url = \"https://t.example/\", alive = [200] }", "where the secret goes"),
            ("verify = { url = \"https://t.example/{secret}\", alive = [] }", "alive"),
            ("verify = { url = \"https://t.example/{secret}\", alive = [200], dead = [200] }", "not in both"),
            ("verify = { url = \"https://t.example/{secret}\", alive = [200], method = \"PUT\" }", "method"),
            ("verify = { url = \"https://t.example/{secret}\", alive = [200], retries = 3 }", "unknown field"),
        ] {
            let refusal = admit(keys).unwrap_err();
            assert!(refusal.contains(why), "{keys}: {refusal}");
        }
    }
}
