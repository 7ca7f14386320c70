//! Signatures of requests to AWS, version 4.

use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::gate::Date;
use crate::secret::Secret;

/// Who signs.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(crate) key_id: String,
    pub(crate) secret: Secret,
    pub(crate) session: Option<Secret>,
}

/// What is signed: a POST request to `/` without a query.
pub(crate) struct ToSign<'a> {
    pub(crate) host: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    /// Headers besides those that a signature always has; in lower case.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    /// Since 1970.
    pub(crate) now: Duration,
}

/// The headers to send besides those that were signed: `x-amz-date`, the session's token, and the signature.
pub(crate) fn sign(signer: &Signer, request: &ToSign<'_>) -> Vec<(&'static str, Zeroizing<String>)> {
    let at = stamp(request.now);
    let session = signer.session.as_ref().map(|session| String::from_utf8_lossy(session.expose()).into_owned());
    let session = session.map(Zeroizing::new);
    let mut headers: Vec<(&str, &str)> = request.headers.to_vec();
    headers.push(("host", request.host));
    headers.push(("x-amz-date", &at));
    headers.extend(session.as_ref().map(|session| ("x-amz-security-token", session.as_str())));
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = Zeroizing::new("POST\n/\n\n".to_owned());
    for (name, value) in &headers {
        canonical.extend([name, ":", value.trim(), "\n"]);
    }
    canonical.extend(["\n", names.as_str(), "\n", hex(request.body).as_str()]);
    let (day, region, service) = (&at[..8], request.region, request.service);
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(canonical.as_bytes()));
    let mut key = Zeroizing::new([b"AWS4", signer.secret.expose()].concat());
    for part in [day, region, service, "aws4_request", &to_sign] {
        key = Zeroizing::new(mac(&key, part.as_bytes()));
    }
    let signature = HEXLOWER.encode(&key);
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", signer.key_id);
    let mut added = vec![("authorization", Zeroizing::new(authorization))];
    added.extend(session.map(|session| ("x-amz-security-token", session)));
    added.push(("x-amz-date", Zeroizing::new(at)));
    added
}

/// `20260131T102030Z`
fn stamp(now: Duration) -> String {
    let seconds = now.as_secs();
    let day = Date::from_unix_seconds(seconds).to_string().replace('-', "");
    format!("{day}T{:02}{:02}{:02}Z", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_signatures_have_them() {
        assert_eq!(stamp(Duration::from_secs(1_767_225_599)), "20251231T235959Z");
    }

    #[test]
    fn signatures_are_those_of_botocore() {
        let mut signer = Signer { key_id: "test-id".to_owned(), secret: Secret::new(b"test-word"), session: None };
        let request = ToSign {
            host: "secretsmanager.eu-west-1.amazonaws.com",
            region: "eu-west-1",
            service: "secretsmanager",
            headers: &[
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "secretsmanager.GetSecretValue"),
            ],
            body: br#"{"SecretId":"a"}"#,
            now: Duration::from_secs(1_767_225_600),
        };
        let signature = |signer: &Signer| sign(signer, &request)[0].1.rsplit('=').next().unwrap().to_owned();
        assert_eq!(signature(&signer), "f771999bba072c7c5690b7e63840e7c442745b82554b77ba84754665c8520d33");
        signer.session = Some(Secret::new(b"test-session"));
        assert_eq!(signature(&signer), "91ad8718c868547a6bb1f036f0cf3995824ea7918bc7dea558e5b66960908a00");
        assert_eq!(sign(&signer, &request)[1].1.as_str(), "test-session");
    }
}
