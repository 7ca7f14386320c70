//! AWS Secrets Manager, over its HTTP API.

mod credentials;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use zeroize::Zeroizing;

pub use self::credentials::AwsCredentials;
use self::credentials::Chain;
use super::http::{Http, HttpSettings, Reply, Request};
use super::{FetchContext, Fetched, Source, json};
use crate::rotate::failure::{FailureClass, SourceError};
use crate::secret::Secret;
use crate::sigv4::{self, ToSign};

/// A server's clock that is further off than this is what signatures follow.
const SKEW: u64 = 30;

/// A secret of AWS Secrets Manager: `GetSecretValue`, its `SecretString` or `SecretBinary`, or a field of its JSON.
#[derive(Debug)]
pub struct AwsSecretsManager {
    id: String,
    field: Option<Vec<String>>,
    stage: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    http: Http,
    chain: Chain,
    /// Seconds that the server's clock is ahead of ours.
    skew: Mutex<i64>,
}

impl AwsSecretsManager {
    /// The secret of this name or ARN, in the region that the ARN names, or `AWS_REGION`.
    #[must_use]
    pub fn new(id: impl Into<String>) -> AwsSecretsManager {
        AwsSecretsManager {
            id: id.into(),
            field: None,
            stage: None,
            region: None,
            endpoint: None,
            http: Http::default(),
            chain: Chain::new(AwsCredentials::Default),
            skew: Mutex::new(0),
        }
    }

    /// This field of its JSON: a name, or a path such as `/db/password`.
    #[must_use]
    pub fn field(mut self, field: &str) -> AwsSecretsManager {
        self.field = Some(json::path(field));
        self
    }

    /// The version of this stage. Default `AWSCURRENT`.
    #[must_use]
    pub fn stage(mut self, stage: impl Into<String>) -> AwsSecretsManager {
        self.stage = Some(stage.into());
        self
    }

    /// In this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> AwsSecretsManager {
        self.region = Some(region.into());
        self
    }

    /// At this address: a VPC endpoint, or a stand-in for tests. Default: that of the region, or
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER` or `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> AwsSecretsManager {
        self.endpoint = Some(url.into());
        self
    }

    /// Signed by whom.
    #[must_use]
    pub fn credentials(mut self, credentials: AwsCredentials) -> AwsSecretsManager {
        self.chain = Chain::new(credentials);
        self
    }

    /// Talks to servers in this way.
    #[must_use]
    pub fn settings(mut self, settings: HttpSettings) -> AwsSecretsManager {
        self.http = Http::new(settings);
        self
    }

    fn region_name(&self) -> Result<String, SourceError> {
        // arn:aws:secretsmanager:REGION:...
        let of_arn = self.id.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).map(str::to_owned);
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = self.region.clone().or(of_arn);
        let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let is_region =
            |region: &String| region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        region
            .filter(is_region)
            .ok_or_else(|| SourceError::new(FailureClass::NotFound, "no region of AWS is named (AWS_REGION)"))
    }

    fn url(&self, region: &str) -> String {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = self.endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
        let named = named.or_else(|| variable("AWS_ENDPOINT_URL"));
        match named {
            Some(url) => url.trim_end_matches('/').to_owned() + "/",
            None => {
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://secretsmanager.{region}.{suffix}/")
            }
        }
    }

    /// One signed request.
    fn ask(&self, context: &FetchContext<'_>, anew: bool) -> Result<Reply, SourceError> {
        let region = self.region_name()?;
        let url = self.url(&region);
        let signer = self.chain.signer(&self.http, &region, context, anew)?;
        let stage = self.stage.as_deref().unwrap_or("AWSCURRENT");
        let body = serde_json::json!({ "SecretId": self.id, "VersionStage": stage }).to_string();
        let headers =
            [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "secretsmanager.GetSecretValue")];
        let host = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
        let now = unix_now().saturating_add_signed(*lock(&self.skew));
        let (now, body) = (Duration::from_secs(now), body.as_bytes());
        let to_sign = ToSign { host, region: &region, service: "secretsmanager", headers: &headers, body, now };
        let signed = sigv4::sign(&signer, &to_sign);
        let mut all: Vec<(&str, &str)> = headers.to_vec();
        all.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
        self.http.send(&Request { method: "POST", url: &url, headers: &all, body }, context)
    }

    /// Follows the server's clock, if ours is off.
    fn follow(&self, date: Option<Duration>) -> bool {
        let Some(date) = date else { return false };
        let now = unix_now();
        let ahead = date.as_secs().cast_signed() - now.cast_signed();
        let before = std::mem::replace(&mut *lock(&self.skew), ahead);
        (ahead - before).unsigned_abs() > SKEW
    }
}

impl Source for AwsSecretsManager {
    fn kind(&self) -> &'static str {
        "aws-secrets-manager"
    }

    fn fetch(&self, context: &FetchContext<'_>) -> Result<Fetched, SourceError> {
        let mut reply = self.ask(context, false)?;
        if reply.status != 200 {
            let name = exception(&reply);
            let again = match name.as_str() {
                "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidClientTokenId" => {
                    self.chain.can_renew()
                }
                "InvalidSignatureException" | "RequestTimeTooSkewed" | "RequestExpired" | "SignatureDoesNotMatch" => {
                    self.follow(reply.date)
                }
                _ => false,
            };
            if again {
                reply = self.ask(context, true)?;
            }
        }
        if reply.status != 200 {
            return Err(refusal(&reply));
        }
        let version = json::find(&reply.body, ["VersionId"])?.map(|text| text.to_string());
        let value: Zeroizing<Vec<u8>> = match json::find(&reply.body, ["SecretString"])? {
            Some(text) => Zeroizing::new(text.as_bytes().to_vec()),
            None => {
                let binary = json::find(&reply.body, ["SecretBinary"])?
                    .ok_or_else(|| SourceError::malformed("the answer has no SecretString and no SecretBinary"))?;
                let decoded = BASE64.decode(binary.as_bytes());
                Zeroizing::new(decoded.map_err(|_| SourceError::malformed("the SecretBinary is no base64"))?)
            }
        };
        let value = match &self.field {
            Some(field) => json::field(&value, field)?,
            None => Secret::new(&value),
        };
        Ok(Fetched { value, version, life: None })
    }
}

/// What AWS calls the failure; letters only.
fn exception(reply: &Reply) -> String {
    let name = json::find(&reply.body, ["__type"]).ok().flatten().unwrap_or_default();
    let name = name.rsplit(['#', '.']).next().unwrap_or_default();
    name.split(':').next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

fn refusal(reply: &Reply) -> SourceError {
    let name = exception(reply);
    let class = match (name.as_str(), reply.status) {
        // A secret that is marked for deletion is an invalid request.
        ("ResourceNotFoundException" | "InvalidRequestException", _) => FailureClass::NotFound,
        ("ThrottlingException" | "InternalServiceError" | "RequestLimitExceeded", _) | (_, 500..=599 | 429) => {
            FailureClass::Unreachable
        }
        (name, 400..=403)
            if [
                "AccessDenied",
                "Unrecognized",
                "InvalidClient",
                "Expired",
                "Signature",
                "Decryption",
                "TimeTooSkewed",
            ]
            .iter()
            .any(|part| name.contains(part)) =>
        {
            FailureClass::Denied
        }
        _ => FailureClass::Failed,
    };
    SourceError::new(class, format!("AWS Secrets Manager answered {} {name}", reply.status))
}

pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
