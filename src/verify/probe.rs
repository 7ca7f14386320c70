//! What is asked: a rule's recipe, filled in.

use std::fmt::{self, Write};

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::rule::{Rule, Verify};
use crate::secret::Secret;

const SECRET: &str = "{secret}";

/// Why nobody can be asked about a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unverifiable {
    /// Its rule knows no way to ask.
    NoRecipe,
    /// It has bytes that cannot be sent.
    Unsendable,
}

impl fmt::Display for Unverifiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unverifiable::NoRecipe => "its rule knows no way to ask whether it is alive",
            Unverifiable::Unsendable => "it has characters that cannot be sent",
        })
    }
}

/// A question about one secret.
#[derive(Clone)]
pub struct Probe {
    rule: String,
    provider: String,
    secret: Secret,
    recipe: Verify,
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
        Ok(Probe {
            rule: rule.id().to_owned(),
            provider: rule.provider_name().to_owned(),
            secret: secret.clone(),
            recipe,
        })
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
        self.recipe.alive()
    }

    pub(super) fn dead(&self) -> &[u16] {
        self.recipe.dead()
    }

    pub(super) fn contains(&self) -> Option<&str> {
        self.recipe.contains()
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

    pub(super) fn request(&self, base: Option<&str>) -> Request {
        let text = Zeroizing::new(String::from_utf8_lossy(self.secret.expose()).into_owned());
        let filled = |template: &str| Zeroizing::new(template.replace(SECRET, &text));
        let mut headers: Vec<(String, Zeroizing<String>)> =
            self.recipe.headers().map(|(name, value)| (name.to_owned(), filled(value))).collect();
        if let Some(basic) = self.recipe.basic() {
            let encoded = Zeroizing::new(BASE64.encode(filled(basic).as_bytes()));
            headers.push(("Authorization".to_owned(), Zeroizing::new(format!("Basic {}", *encoded))));
        }
        let encoded = percent(&text);
        let url = based(self.recipe.url(), base).replace(SECRET, &encoded);
        let body = match self.recipe.body() {
            // All characters of a secret stand for themselves in a string of JSON, but for these.
            Some(body) if body.trim_start().starts_with(['{', '[']) => {
                Zeroizing::new(body.replace(SECRET, &text.replace('\\', "\\\\").replace('"', "\\\"")))
            }
            Some(body) => Zeroizing::new(body.replace(SECRET, &encoded)),
            None => Zeroizing::default(),
        };
        Request { method: self.recipe.method().to_owned(), url: Zeroizing::new(url), headers, body }
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
        let request = asked.request(None);
        assert_eq!(*request.url, "https://t.example/bota%2Bb%2Fc:d/me?a=a%2Bb%2Fc:d");
        assert_eq!(asked.endpoint(None), "GET https://t.example/bot{secret}/me");
        assert_eq!(
            *asked.request(Some("http://127.0.0.1:9/x/")).url,
            "http://127.0.0.1:9/x/bota%2Bb%2Fc:d/me?a=a%2Bb%2Fc:d"
        );
        assert_eq!(
            (asked.host(None), asked.host(Some("http://127.0.0.1:9/x/"))),
            ("t.example".into(), "127.0.0.1:9".into())
        );
        let asked =
            probe("url = \"https://t.example/me\", basic = \"{secret}:\", headers = { X-Key = \"k {secret}\" }", "ab");
        let headers: Vec<(String, String)> =
            asked.request(None).headers.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        assert_eq!(headers, [("X-Key".into(), "k ab".into()), ("Authorization".into(), "Basic YWI6".into())]);
        let asked = probe("method = \"POST\", url = \"https://t.example/me\", body = '{\"k\":\"{secret}\"}'", "a\"b");
        assert_eq!(*asked.request(None).body, r#"{"k":"a\"b"}"#);
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
