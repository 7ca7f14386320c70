//! `/v1/secrets/{name}/rotate`, `/v1/status`, `/v1/fingerprint`, `/v1/reload`.

use std::sync::atomic::Ordering;

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::request::{AdminRequest, AdminResponse, Hidden, Problem};
use super::{Admin, RELOAD_TIMEOUT};
use crate::rotate::audit::AuditEvent;
use crate::rotate::failure::{FailureClass, SourceError};
use crate::rotate::lease::Lease;
use crate::rotate::publish::Refreshed;
use crate::rotate::rotating::RotatingSecret;
use crate::rotate::state::State;
use crate::rotate::store::Secrets;
use crate::rotate::tag::Tag;
use crate::rotate::time;
use crate::secret::Secret;

/// What is done to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// Its source is asked anew.
    #[default]
    Reload,
    /// It gets this value.
    Set,
    /// It loses its value.
    Revoke,
}

/// What becomes of the version before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Retire {
    /// It is kept for its time.
    #[default]
    Overlap,
    /// It is not kept.
    Immediate,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    #[serde(default)]
    mode: Mode,
    value_b64: Option<Hidden>,
    reason: Option<String>,
    #[serde(default)]
    retire: Retire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fingerprint {
    value_b64: Hidden,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reload {
    names: Option<Vec<String>>,
    incident: Option<bool>,
    reason: Option<String>,
}

/// A rotation that was done.
pub(super) struct Done {
    pub(super) version: Option<u64>,
    pub(super) fingerprint: Option<Tag>,
    before: Option<(u64, Tag)>,
    pub(super) audited: bool,
}

impl Admin {
    /// `POST /v1/secrets/{name}/rotate`.
    pub(super) fn rotate(&self, request: &AdminRequest<'_>, name: &str) -> Result<AdminResponse, Problem> {
        let asked: Rotate = request.json(Some(Rotate::default()))?;
        let secret = self.secret(name)?;
        let expected = if_match(request)?;
        let value = asked.value_b64.as_ref().map(decoded).transpose()?;
        if value.is_some() != (asked.mode == Mode::Set) {
            return Err(Problem::new(400, "value_b64_goes_with_mode_set"));
        }
        self.0.idempotency.once(request, self.0.clock.monotonic(), || {
            let immediate = asked.retire == Retire::Immediate;
            let done = self.rotate_to(&secret, asked.mode, value, expected, asked.reason.as_deref(), immediate)?;
            let ttl = secret.retire_ttl().map_or_else(|| json!("process-exit"), |ttl| json!(ttl.as_secs()));
            let kept = secret.previous().is_some();
            let state = match asked.mode {
                Mode::Revoke => "revoked",
                _ if kept => "kept",
                _ => "retired",
            };
            let previous = done
                .before
                .map(|(version, tag)| json!({ "version": version, "fp": tag, "state": state, "redacted_until": ttl }));
            let mut body = json!({
                "name": name,
                "version": done.version,
                "fp": done.fingerprint,
                "state": secret.state(),
                "previous": previous,
                "redactors_ack": secret.redactors(),
                "activated_at": time::rfc3339(self.0.clock.wall()),
            });
            if !done.audited {
                body["audit"] = "failed".into();
            }
            let response = AdminResponse::json(200, &body);
            Ok(match done.version {
                Some(version) => response.header("etag", format!("\"{version}\"")),
                None => response,
            })
        })
    }

    /// Rotates a secret, and writes down how that went.
    pub(super) fn rotate_to(
        &self,
        secret: &RotatingSecret,
        mode: Mode,
        value: Option<Secret>,
        expected: Option<u64>,
        reason: Option<&str>,
        immediate: bool,
    ) -> Result<Done, Problem> {
        let _busy = self.begin(secret.name())?;
        let before = secret.get().ok().map(|lease| (lease.version(), lease.fingerprint()));
        let current = before.map_or(0, |(version, _)| version);
        if expected.is_some_and(|expected| expected != current) {
            return Err(Problem::with(412, &json!({ "error": "version_mismatch", "version": current })));
        }
        let result = match (mode, value) {
            (Mode::Set, Some(value)) => secret.set_if(value, expected).map(Some),
            (Mode::Revoke, _) => match secret.revoke() {
                Some(_) => Ok(None),
                None => Err(SourceError::new(FailureClass::NotFound, "there is no value")),
            },
            _ => secret.reload(RELOAD_TIMEOUT).map(Some),
        };
        let (event, outcome) = match (&result, mode) {
            (Ok(None), _) => ("revoke", "revoked"),
            (Ok(Some(Refreshed::Rotated(_))), _) => ("rotate", "rotated"),
            (Ok(Some(Refreshed::Unchanged)), _) => ("rotate", "unchanged"),
            (Err(error), Mode::Revoke) => ("revoke", error.class().as_str()),
            (Err(error), _) => ("rotate", error.class().as_str()),
        };
        let now = secret.get().ok();
        let audited = self.audit(&AuditEvent {
            event,
            name: Some(secret.name().to_owned()),
            outcome,
            version: now.as_ref().map(Lease::version),
            fingerprint: now.as_ref().map(Lease::fingerprint),
            // With the new value among what is hidden, should it stand there.
            reason: self.reason(reason),
            count: None,
        });
        match result {
            Ok(Some(Refreshed::Unchanged)) => {
                // Its source may have been read a moment before.
                let since = secret.rotations().pop().map(|record| record.at);
                Err(Problem::with(409, &json!({ "error": "unchanged", "version": current, "rotated_at": since })))
            }
            Ok(Some(Refreshed::Rotated(lease))) => {
                if immediate {
                    secret.drop_previous();
                }
                Ok(Done { version: Some(lease.version()), fingerprint: Some(lease.fingerprint()), before, audited })
            }
            Ok(None) => Ok(Done { version: None, fingerprint: None, before, audited }),
            Err(error) => Err(refusal(secret, mode, &error, current)),
        }
    }

    /// `GET /v1/status`.
    pub(super) fn status(&self) -> AdminResponse {
        let audit = self.0.audit.as_ref().map(|log| {
            let (seq, head) = log.head();
            json!({ "seq": seq, "head": head, "failures_total": self.0.audit_failures.load(Ordering::Relaxed) })
        });
        let body = json!({
            "secrets": self.0.secrets.statuses(),
            "incident": self.0.secrets.is_incident(),
            "redactor": { "needles": self.0.known.len() },
            "auth_failures_total": self.0.attempts.total(),
            "audit": audit,
        });
        AdminResponse::json(200, &body)
    }

    /// `POST /v1/fingerprint`: which versions have a value. It tells whether a guess is right, and so not often.
    pub(super) fn fingerprint(&self, request: &AdminRequest<'_>) -> Result<AdminResponse, Problem> {
        let asked: Fingerprint = request.json(None)?;
        let attempt = self.0.oracle.failed(self.0.clock.monotonic());
        if !attempt.is_allowed {
            return Err(Problem::too_many(attempt.retry_after));
        }
        let value = decoded(&asked.value_b64)?;
        let found = self.0.secrets.versions_of(value.expose());
        let outcome = if found.is_empty() { "no_match" } else { "match" };
        self.audit(&AuditEvent { event: "fingerprint", outcome, ..AuditEvent::default() });
        Ok(AdminResponse::json(200, &json!({ "match": found })))
    }

    /// `POST /v1/reload`: all secrets, or some; and incident mode.
    pub(super) fn reload_all(&self, request: &AdminRequest<'_>) -> Result<AdminResponse, Problem> {
        let asked: Reload = request.json(Some(Reload::default()))?;
        let secrets = match &asked.names {
            Some(names) => names.iter().map(|name| self.secret(name)).collect::<Result<Vec<_>, _>>()?,
            None => self.0.secrets.all(),
        };
        asked.incident.into_iter().for_each(|on| self.0.secrets.set_incident(on));
        let results = Secrets::reload(&secrets, RELOAD_TIMEOUT);
        let mut failed = false;
        let results: Vec<serde_json::Value> = results
            .iter()
            .map(|(secret, result)| {
                let (outcome, class) = match result {
                    Ok(Refreshed::Rotated(_)) => ("rotated", None),
                    Ok(Refreshed::Unchanged) => ("unchanged", None),
                    Err(error) => ("failed", Some(error.class())),
                };
                // What is set has nowhere to be read from.
                failed |= class.is_some() && !secret.is_pushed();
                json!({ "name": secret.name(), "outcome": outcome, "class": class, "version": secret.status().version })
            })
            .collect();
        self.audit(&AuditEvent {
            event: "reload",
            outcome: if failed { "failed" } else { "reloaded" },
            count: Some(results.len() as u64),
            reason: self.reason(asked.reason.as_deref()),
            ..AuditEvent::default()
        });
        let body = json!({ "incident": self.0.secrets.is_incident(), "results": results });
        Ok(AdminResponse::json(if failed { 503 } else { 200 }, &body))
    }
}

/// The version that a request is about, if it names one.
pub(super) fn if_match(request: &AdminRequest<'_>) -> Result<Option<u64>, Problem> {
    let Some(value) = request.one("if-match")? else { return Ok(None) };
    if value == b"*" {
        return Ok(None);
    }
    let number = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
    number.map(Some).ok_or_else(|| Problem::new(400, "bad_if_match"))
}

fn decoded(value: &Hidden) -> Result<Secret, Problem> {
    let bytes = BASE64.decode(value.0.as_bytes()).map(Zeroizing::new);
    bytes.map(|bytes| Secret::new(&bytes)).map_err(|_| Problem::new(422, "value_is_no_base64"))
}

fn refusal(secret: &RotatingSecret, mode: Mode, error: &SourceError, version: u64) -> Problem {
    let class = error.class();
    match (class, mode) {
        (FailureClass::Superseded, _) => {
            Problem::with(412, &json!({ "error": "version_mismatch", "version": secret.status().version }))
        }
        (FailureClass::Revoked, _) => Problem::with(409, &json!({ "error": "revoked", "version": version })),
        (_, Mode::Revoke) => Problem::with(409, &json!({ "error": "absent" })),
        (_, Mode::Set) => Problem::with(422, &json!({ "error": "bad_value", "class": class })),
        (FailureClass::Timeout, _) if secret.is_asking() => {
            Problem::with(202, &json!({ "name": secret.name(), "state": "pending", "version": version }))
        }
        _ => {
            let serving = match secret.state() {
                State::Absent | State::Loading | State::Expired | State::Revoked => "nothing",
                State::Ok | State::Refreshing | State::Stale => "last_good",
            };
            let body = json!({ "error": "source_failed", "class": class, "version": version, "serving": serving });
            Problem::with(503, &body)
        }
    }
}
