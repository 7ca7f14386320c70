//! `/rotate-secret` and `/secret-status`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::Admin;
use super::request::{AdminRequest, AdminResponse, Hidden, Problem};
use super::v1::{self, Mode};
use crate::secret::Secret;

/// What `/rotate-secret` is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    secret_name: Option<String>,
    new_value: Option<Hidden>,
    reason: Option<String>,
}

impl Admin {
    /// `POST /rotate-secret {"secret_name":...,"new_value":...}`.
    pub(super) fn rotate_secret(&self, request: &AdminRequest<'_>) -> Result<AdminResponse, Problem> {
        let asked: Asked = request.json(None)?;
        let name = asked.secret_name.filter(|name| !name.is_empty());
        let value = asked.new_value.filter(|value| !value.0.trim().is_empty());
        let (Some(name), Some(value)) = (name, value) else {
            return Err(Problem::new(400, "secret_name_and_new_value_required"));
        };
        let secret = self.secret(&name)?;
        let expected = v1::if_match(request)?;
        let value = Secret::new(value.0.as_bytes());
        self.0.idempotency.once(request, self.0.clock.monotonic(), || {
            let done = self.rotate_to(&secret, Mode::Set, Some(value), expected, asked.reason.as_deref(), false)?;
            let record = secret.rotations().pop();
            let mut body = json!({
                "status": "rotated",
                "secret_name": name,
                "version": done.version,
                "hash": done.fingerprint,
                "rotated_at": record.map(|record| record.at),
            });
            if !done.audited {
                body["audit"] = "failed".into();
            }
            Ok(AdminResponse::json(200, &body))
        })
    }

    /// `GET /secret-status`: the secrets, and the last ten rotations.
    pub(super) fn secret_status(&self) -> AdminResponse {
        let secrets: BTreeMap<String, serde_json::Value> = self
            .0
            .secrets
            .all()
            .iter()
            .map(|secret| {
                let (status, last) = (secret.status(), secret.rotations().pop());
                let status = json!({
                    "state": status.state,
                    "version": status.version,
                    "hash": status.fingerprint,
                    "last_rotated": last.map(|record| record.at),
                });
                (secret.name().to_owned(), status)
            })
            .collect();
        AdminResponse::json(200, &json!({ "secrets": secrets, "rotations": self.0.secrets.rotations() }))
    }
}
