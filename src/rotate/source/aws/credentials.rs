//! Who asks AWS: credentials from where its own tools look for them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::unix_now;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::source::http::{Http, Reply, Request};
use crate::rotate::source::manager::encoded;
use crate::rotate::source::{FetchContext, json};
use crate::rotate::time;
use crate::secret::Secret;
use crate::sigv4::Signer;

/// Credentials are got anew so long before they end.
const MARGIN: Duration = Duration::from_secs(300);
/// The metadata service of an instance answers at once, or is not there.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
const METADATA: &str = "http://169.254.169.254";

/// Where credentials for AWS come from.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum AwsCredentials {
    /// As the tools of AWS look for them: variables, a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`), the shared
    /// credentials file, the endpoint of a container, the metadata service of an instance (version 2).
    #[default]
    Default,
    /// A profile of the shared credentials file.
    Profile(String),
    /// These.
    Static {
        /// The id of the access key.
        key_id: String,
        /// The secret access key.
        secret: Secret,
        /// The session's token, of temporary credentials.
        session: Option<Secret>,
    },
}

/// Credentials, got once and kept until shortly before they end.
#[derive(Debug)]
pub(super) struct Chain {
    wanted: AwsCredentials,
    kept: Mutex<Option<Found>>,
}

#[derive(Debug, Clone)]
struct Found {
    signer: Signer,
    /// Since 1970.
    expires: Option<Duration>,
}

impl Chain {
    pub(super) fn new(wanted: AwsCredentials) -> Chain {
        Chain { wanted, kept: Mutex::new(None) }
    }

    /// Whether asking again may give other credentials.
    pub(super) fn can_renew(&self) -> bool {
        !matches!(self.wanted, AwsCredentials::Static { .. })
    }

    pub(super) fn signer(
        &self,
        http: &Http,
        region: &str,
        context: &FetchContext<'_>,
        anew: bool,
    ) -> Result<Signer, SourceError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Duration::from_secs(unix_now());
        let is_good = |found: &&Found| found.expires.is_some_and(|expires| expires > now + MARGIN);
        if let Some(found) = kept.as_ref().filter(is_good)
            && !anew
        {
            return Ok(found.signer.clone());
        }
        let found = match &self.wanted {
            AwsCredentials::Static { key_id, secret, session } => {
                let signer = Signer { key_id: key_id.clone(), secret: secret.clone(), session: session.clone() };
                Found { signer, expires: None }
            }
            AwsCredentials::Profile(name) => profile(name)?.ok_or_else(|| {
                SourceError::new(FailureClass::NotFound, format!("the AWS profile {name} has no static credentials"))
            })?,
            AwsCredentials::Default => default_chain(http, region, context)?,
        };
        Ok(kept.insert(found).signer.clone())
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn secret_variable(name: &str) -> Option<Secret> {
    variable(name).map(Zeroizing::new).map(|value| Secret::new(value.as_bytes()))
}

fn default_chain(http: &Http, region: &str, context: &FetchContext<'_>) -> Result<Found, SourceError> {
    if let (Some(key_id), Some(secret)) = (variable("AWS_ACCESS_KEY_ID"), secret_variable("AWS_SECRET_ACCESS_KEY")) {
        let session = secret_variable("AWS_SESSION_TOKEN");
        return Ok(Found { signer: Signer { key_id, secret, session }, expires: None });
    }
    if let (Some(file), Some(role)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN")) {
        return web_identity(http, region, &file, &role, context);
    }
    let name = variable("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    if let Some(found) = profile(&name)? {
        return Ok(found);
    }
    if let Some(found) = container(http, context)? {
        return Ok(found);
    }
    if variable("AWS_EC2_METADATA_DISABLED").is_none_or(|value| !value.eq_ignore_ascii_case("true"))
        && let Some(found) = instance(http, context)?
    {
        return Ok(found);
    }
    Err(SourceError::new(FailureClass::NotFound, "no credentials for AWS were found"))
}

/// The static credentials of a profile.
fn profile(name: &str) -> Result<Option<Found>, SourceError> {
    let home = || variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
    let named = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let Some(path) = named.or_else(|| Some(home()?.join(".aws/credentials"))) else { return Ok(None) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(parse_profile(&Zeroizing::new(text), name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SourceError::io(&error, path.display())),
    }
}

fn parse_profile(text: &str, name: &str) -> Option<Found> {
    let mut of_profile = text.lines().map(str::trim).skip_while(|line| {
        let section = line.strip_prefix('[').and_then(|line| line.split(']').next());
        section.is_none_or(|section| section.trim() != name)
    });
    of_profile.next()?;
    let (mut key_id, mut secret, mut session) = (None, None, None);
    for line in of_profile.take_while(|line| !line.starts_with('[')) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let value = value.trim();
        match name.trim() {
            "aws_access_key_id" => key_id = Some(value.to_owned()),
            "aws_secret_access_key" => secret = Some(Secret::new(value.as_bytes())),
            "aws_session_token" => session = Some(Secret::new(value.as_bytes())),
            _ => {}
        }
    }
    Some(Found { signer: Signer { key_id: key_id?, secret: secret?, session }, expires: None })
}

/// A role taken with the token of a pod.
fn web_identity(
    http: &Http,
    region: &str,
    file: &str,
    role: &str,
    context: &FetchContext<'_>,
) -> Result<Found, SourceError> {
    let token = std::fs::read_to_string(file).map_err(|error| SourceError::io(&error, file))?;
    let token = Zeroizing::new(encoded(token.trim()).replace('/', "%2F"));
    let session = variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "keyscan".to_owned());
    let body = Zeroizing::new(format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
        encoded(role).replace('/', "%2F"),
        encoded(&session).replace('/', "%2F"),
        *token
    ));
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = variable("AWS_ENDPOINT_URL_STS").or_else(|| variable("AWS_ENDPOINT_URL"));
    let url = url.unwrap_or_else(|| format!("https://sts.{region}.{suffix}/"));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let request = Request { method: "POST", url: &url, headers: &headers, body: body.as_bytes() };
    let reply = http.send(&request, context)?.ok("AWS STS")?;
    let text = Zeroizing::new(String::from_utf8_lossy(&reply.body).into_owned());
    let element = |name: &str| {
        let from = text.find(&format!("<{name}>"))? + name.len() + 2;
        let len = text[from..].find(&format!("</{name}>"))?;
        Some(&text[from..from + len])
    };
    let missing = || SourceError::malformed("AWS STS answered without credentials");
    let signer = Signer {
        key_id: element("AccessKeyId").ok_or_else(missing)?.to_owned(),
        secret: Secret::new(element("SecretAccessKey").ok_or_else(missing)?.as_bytes()),
        session: Some(Secret::new(element("SessionToken").ok_or_else(missing)?.as_bytes())),
    };
    Ok(Found { signer, expires: element("Expiration").and_then(time::parse) })
}

/// The endpoint of a container: ECS, and pod identities of EKS.
fn container(http: &Http, context: &FetchContext<'_>) -> Result<Option<Found>, SourceError> {
    let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = relative.map(|path| format!("http://169.254.170.2{path}"));
    let Some(url) = url.or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else { return Ok(None) };
    let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(std::fs::read_to_string(&path).map_err(|error| SourceError::io(&error, path))?),
        None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let token = token.map(Zeroizing::new);
    let headers: Vec<(&str, &str)> = token.iter().map(|token| ("authorization", token.trim())).collect();
    let reply = http.send(&Request { method: "GET", url: &url, headers: &headers, body: &[] }, context)?;
    document(&reply.ok("the container's endpoint")?).map(Some)
}

/// The role of an instance, of its metadata service.
fn instance(http: &Http, context: &FetchContext<'_>) -> Result<Option<Found>, SourceError> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let left = context.remaining()?.min(METADATA_TIMEOUT);
    let short = FetchContext::new(left, context.is_fresh(), &stop);
    let service = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| METADATA.to_owned());
    let service = format!("{}/latest", service.trim_end_matches('/'));
    let url = format!("{service}/api/token");
    let headers = [("x-aws-ec2-metadata-token-ttl-seconds", "300")];
    let request = Request { method: "PUT", url: &url, headers: &headers, body: &[] };
    let Ok(Ok(token)) = http.send(&request, &short).map(|reply| reply.ok("the instance")) else { return Ok(None) };
    let token = Zeroizing::new(String::from_utf8_lossy(&token.body).into_owned());
    let headers = [("x-aws-ec2-metadata-token", token.trim())];
    let get = |url: &str| {
        let reply = http.send(&Request { method: "GET", url, headers: &headers, body: &[] }, context)?;
        reply.ok("the instance")
    };
    let roles = format!("{service}/meta-data/iam/security-credentials/");
    let role = get(&roles)?;
    let role = String::from_utf8_lossy(&role.body).trim().lines().next().map(encoded).unwrap_or_default();
    document(&get(&(roles + &role))?).map(Some)
}

/// Credentials as the endpoints of containers and instances give them.
fn document(reply: &Reply) -> Result<Found, SourceError> {
    let text = |name: &str| json::find(&reply.body, [name]);
    let need = |name: &str| {
        text(name)?.ok_or_else(|| SourceError::malformed(format!("the answer of the endpoint has no {name}")))
    };
    let signer = Signer {
        key_id: need("AccessKeyId")?.to_string(),
        secret: Secret::new(need("SecretAccessKey")?.as_bytes()),
        session: text("Token")?.map(|token| Secret::new(token.as_bytes())),
    };
    Ok(Found { signer, expires: text("Expiration")?.and_then(|text| time::parse(&text)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_as_they_are_written() {
        let text = "[default]\naws_access_key_id = one\naws_secret_access_key=word-1\n\n[ other ]\n# no\n\
                    aws_access_key_id=two\naws_secret_access_key = word=2\naws_session_token = session\n[third]\nregion=x\n";
        let found = |name| parse_profile(text, name).map(|found| found.signer);
        let default = found("default").unwrap();
        assert_eq!((default.key_id.as_str(), default.secret.expose()), ("one", &b"word-1"[..]));
        assert!(default.session.is_none());
        let other = found("other").unwrap();
        assert_eq!((other.key_id.as_str(), other.secret.expose()), ("two", &b"word=2"[..]));
        assert_eq!(other.session.unwrap().expose(), b"session");
        assert!(found("third").is_none() && found("fourth").is_none());
    }
}
