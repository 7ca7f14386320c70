//! What is asked: a rule's recipe, filled in.

use std::fmt::{self, Write};
use std::time::Duration;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::rule::{Rule, Verify};
use crate::secret::Secret;
use crate::sigv4::{self, Signer, ToSign};

const SECRET: &str = "{secret}";

/// Why nobody can be asked about a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unverifiable {
    /// Its rule knows no way to ask.
    NoRecipe,
    /// It has bytes that cannot be sent.
    Unsendable,
    /// Another part of its credential is needed, and not beside it.
    Incomplete,
}

impl fmt::Display for Unverifiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unverifiable::NoRecipe => "its rule knows no way to ask whether it is alive",
            Unverifiable::Unsendable => "it has characters that cannot be sent",
            Unverifiable::Incomplete => "another part of its credential is needed, and not beside it",
        })
    }
}

/// A question about one secret.
#[derive(Clone)]
pub struct Probe {
    rule: String,
    provider: String,
    secret: Secret,
    recipe: Recipe,
}

/// How a provider is asked.
#[derive(Clone)]
enum Recipe {
    /// As the rule says.
    Rule(Verify),
    /// Who am I, of the key with this id? Every key may ask that.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
    Aws { key_id: String, session: Option<Secret> },
}

const AWS_URL: &str = "https://sts.amazonaws.com/";
const AWS_BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const AWS_KEYS: [&str; 2] = ["aws-access-key-id", "aws-temporary-access-key-id"];

impl Recipe {
    fn method(&self) -> &str {
        match self {
            Recipe::Rule(verify) => verify.method(),
            Recipe::Aws { .. } => "POST",
        }
    }

    fn url(&self) -> &str {
        match self {
            Recipe::Rule(verify) => verify.url(),
            Recipe::Aws { .. } => AWS_URL,
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({}, {:?})", self.rule, self.secret)
    }
}

/// A request as it is sent. Everything in it may be secret.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: Zeroizing<String>,
    pub(super) headers: Vec<(String, Zeroizing<String>)>,
    pub(super) body: Zeroizing<String>,
}

impl Probe {
    /// The question that a rule knows about a secret of it.
    ///
    /// # Errors
    /// When it knows none, or the secret cannot be sent.
    pub fn new(rule: &Rule, secret: &Secret) -> std::result::Result<Probe, Unverifiable> {
        let recipe = rule.verify().ok_or(Unverifiable::NoRecipe)?.clone();
        // Every template is a line of a header or of an address.
        if secret.is_empty() || !secret.expose().iter().all(u8::is_ascii_graphic) {
            return Err(Unverifiable::Unsendable);
        }
        Ok(Probe::of(rule, secret, Recipe::Rule(recipe)))
    }

    fn of(rule: &Rule, secret: &Secret, recipe: Recipe) -> Probe {
        let (id, provider) = (rule.id().to_owned(), rule.provider_name().to_owned());
        Probe { rule: id, provider, secret: secret.clone(), recipe }
    }

    /// The questions about a finding: about each secret of it, or one about a credential whose parts are asked about
    /// together. With each rule, why nobody can be asked about a secret of it.
    pub fn of_finding<'r>(
        rules: &'r [Rule],
        finding: &Finding,
    ) -> Vec<std::result::Result<Probe, (&'r Rule, Unverifiable)>> {
        let rule = &rules[finding.rule];
        if AWS_KEYS.contains(&rule.id()) {
            return vec![Probe::of_aws(rules, finding).map_err(|why| (rule, why))];
        }
        let of = |secret: &Finding| {
            let rule = &rules[secret.rule];
            Probe::new(rule, &secret.secret).map_err(|why| (rule, why))
        };
        finding.secrets().map(of).collect()
    }

    fn of_aws(rules: &[Rule], finding: &Finding) -> std::result::Result<Probe, Unverifiable> {
        let part = |id: &str| {
            let found = finding.parts.iter().find(|part| rules[part.finding.rule].id() == id);
            found.map(|part| &part.finding.secret)
        };
        let secret = part("aws-secret-access-key").ok_or(Unverifiable::Incomplete)?;
        let session = part("aws-session-token").cloned();
        let rule = &rules[finding.rule];
        if session.is_none() && rule.id() == AWS_KEYS[1] {
            return Err(Unverifiable::Incomplete);
        }
        let is_text = |secret: &Secret| secret.expose().iter().all(u8::is_ascii_graphic);
        if ![Some(secret), Some(&finding.secret), session.as_ref()].into_iter().flatten().all(is_text) {
            return Err(Unverifiable::Unsendable);
        }
        let key_id = String::from_utf8_lossy(finding.secret.expose()).into_owned();
        Ok(Probe::of(rule, secret, Recipe::Aws { key_id, session }))
    }

    /// Whether both ask the same of the same secret.
    #[must_use]
    pub fn is_same(&self, other: &Probe) -> bool {
        self.rule == other.rule && self.secret == other.secret && self.endpoint(None) == other.endpoint(None)
    }

    /// The id of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The name of the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) fn alive(&self) -> &[u16] {
        match &self.recipe {
            Recipe::Rule(verify) => verify.alive(),
            Recipe::Aws { .. } => &[200],
        }
    }

    pub(super) fn dead(&self) -> &[u16] {
        match &self.recipe {
            Recipe::Rule(verify) => verify.dead(),
            // An id that is not known, a signature that does not fit, a session that is over.
            Recipe::Aws { .. } => &[403],
        }
    }

    pub(super) fn contains(&self) -> Option<&str> {
        match &self.recipe {
            Recipe::Rule(verify) => verify.contains(),
            Recipe::Aws { .. } => None,
        }
    }

    /// The host, with its port where it is named.
    pub(super) fn host(&self, base: Option<&str>) -> String {
        let url = base.unwrap_or(self.recipe.url());
        authority(url).to_owned()
    }

    pub(super) fn endpoint(&self, base: Option<&str>) -> String {
        let url = based(self.recipe.url(), base);
        // What stands in the query may be the secret alone, or say more than where was asked.
        format!("{} {}", self.recipe.method(), url.split('?').next().unwrap_or(&url))
    }

    /// The request, to be sent at this time since 1970.
    pub(super) fn request(&self, base: Option<&str>, now: Duration) -> Request {
        match &self.recipe {
            Recipe::Rule(verify) => self.filled(verify, base),
            Recipe::Aws { key_id, session } => self.signed(key_id, session.as_ref(), base, now),
        }
    }

    fn signed(&self, key_id: &str, session: Option<&Secret>, base: Option<&str>, now: Duration) -> Request {
        let content_type = ("content-type", "application/x-www-form-urlencoded");
        let signer = Signer { key_id: key_id.to_owned(), secret: self.secret.clone(), session: session.cloned() };
        let to_sign = ToSign {
            host: &self.host(base),
            region: "us-east-1",
            service: "sts",
            headers: &[content_type],
            body: AWS_BODY.as_bytes(),
            now,
        };
        let mut headers = vec![(content_type.0.to_owned(), Zeroizing::new(content_type.1.to_owned()))];
        headers.extend(sigv4::sign(&signer, &to_sign).into_iter().map(|(name, value)| (name.to_owned(), value)));
        let url = Zeroizing::new(based(AWS_URL, base));
        Request { method: "POST".to_owned(), url, headers, body: Zeroizing::new(AWS_BODY.to_owned()) }
    }

    fn filled(&self, recipe: &Verify, base: Option<&str>) -> Request {
        let text = Zeroizing::new(String::from_utf8_lossy(self.secret.expose()).into_owned());
        let filled = |template: &str| Zeroizing::new(template.replace(SECRET, &text));
        let mut headers: Vec<(String, Zeroizing<String>)> =
            recipe.headers().map(|(name, value)| (name.to_owned(), filled(value))).collect();
        if let Some(basic) = recipe.basic() {
            let encoded = Zeroizing::new(BASE64.encode(filled(basic).as_bytes()));
            headers.push(("Authorization".to_owned(), Zeroizing::new(format!("Basic {}", *encoded))));
        }
        let encoded = percent(&text);
        let url = based(recipe.url(), base).replace(SECRET, &encoded);
        let body = match recipe.body() {
            // All characters of a secret stand for themselves in a string of JSON, but for these.
            Some(body) if body.trim_start().starts_with(['{', '[']) => {
                Zeroizing::new(body.replace(SECRET, &text.replace('\\', "\\\\").replace('"', "\\\"")))
            }
            Some(body) => Zeroizing::new(body.replace(SECRET, &encoded)),
            None => Zeroizing::default(),
        };
        Request { method: recipe.method().to_owned(), url: Zeroizing::new(url), headers, body }
    }
}

/// An address, or the same path at another server.
fn based(url: &str, base: Option<&str>) -> String {
    let Some(base) = base else { return url.to_owned() };
    let path = url.splitn(4, '/').nth(3).unwrap_or("");
    format!("{}/{path}", base.trim_end_matches('/'))
}

fn authority(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or("")
}

fn percent(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(3 * text.len()));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Refuses a server that secrets cannot be sent to.
pub(super) fn check_base(base: &str) -> Result<()> {
    let host = authority(base);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let is_here = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()) || name == "localhost";
    let is_sound = !host.is_empty() && !host.contains('@') && !base.contains(['?', '#', '{']);
    if is_sound && (base.starts_with("https://") || (base.starts_with("http://") && is_here)) {
        return Ok(());
    }
    Err(Error::config("a base URL is https://HOST[:PORT][/PATH], or http:// on this machine"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleSet;
    use std::path::Path;

    fn probe(keys: &str, secret: &str) -> Probe {
        let text = format!(
            "provider = \"test\"\nname = \"Test\"\n[[rule]]\nid = \"test-key\"\ndescription = \"d\"\nseverity = \"low\"\n\
             kind = \"distinctive\"\nregex = 'TESTKEY-[0-9a-z+/\"]{{8}}'\nverify = {{ alive = [200], {keys} }}"
        );
        let rules = RuleSet::from_toml(Path::new("test.toml"), &text).unwrap();
        Probe::new(&rules.rules()[0], &Secret::new(secret.as_bytes())).unwrap()
    }

    #[test]
    fn recipes_are_filled_in_where_they_say() {
        let asked = probe("url = \"https://t.example/bot{secret}/me?a={secret}\"", "a+b/c:d");
        let request = asked.request(None, Duration::ZERO);
        assert_eq!(*request.url, "https://t.example/bota%2Bb%2Fc:d/me?a=a%2Bb%2Fc:d");
        assert_eq!(asked.endpoint(None), "GET https://t.example/bot{secret}/me");
        assert_eq!(
            *asked.request(Some("http://127.0.0.1:9/x/"), Duration::ZERO).url,
            "http://127.0.0.1:9/x/bota%2Bb%2Fc:d/me?a=a%2Bb%2Fc:d"
        );
        assert_eq!(
            (asked.host(None), asked.host(Some("http://127.0.0.1:9/x/"))),
            ("t.example".into(), "127.0.0.1:9".into())
        );
        let asked =
            probe("url = \"https://t.example/me\", basic = \"{secret}:\", headers = { X-Key = \"k {secret}\" }", "ab");
        let headers: Vec<(String, String)> = asked
            .request(None, Duration::ZERO)
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect();
        assert_eq!(headers, [("X-Key".into(), "k ab".into()), ("Authorization".into(), "Basic YWI6".into())]);
        let asked = probe("method = \"POST\", url = \"https://t.example/me\", body = '{\"k\":\"{secret}\"}'", "a\"b");
        assert_eq!(*asked.request(None, Duration::ZERO).body, r#"{"k":"a\"b"}"#);
    }

    #[test]
    fn secrets_go_nowhere_in_the_open() {
        for base in ["https://proxy.example", "https://proxy.example:8443/x", "http://127.0.0.1:80", "http://localhost"]
        {
            check_base(base).unwrap();
        }
        for base in ["http://proxy.example", "ftp://x", "https://", "https://me@host", "http://127.0.0.1.example", ""] {
            assert!(check_base(base).is_err(), "{base}");
        }
    }

    #[test]
    fn what_would_break_a_header_is_not_sent() {
        let asked = probe("url = \"https://t.example/{secret}\"", "ab");
        let shown = format!("{asked:?}");
        assert!(!shown.contains("ab)") && shown.contains("test-key"));
        let rules = RuleSet::from_toml(
            Path::new("test.toml"),
            "provider = \"test\"\nname = \"T\"\n[[rule]]\nid = \"test-key\"\ndescription = \"d\"\nseverity = \"low\"\n\
             kind = \"distinctive\"\nregex = 'TESTKEY-[0-9]{8}'",
        );
        let rules = rules.unwrap();
        assert_eq!(Probe::new(&rules.rules()[0], &Secret::new(b"ab")).unwrap_err(), Unverifiable::NoRecipe);
    }
}
