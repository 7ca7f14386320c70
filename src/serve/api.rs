//! `POST /v1/scan`, `/v1/redact` and `/v1/guard`: a text, or several, in JSON; or a body of any other kind as it is.

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Request, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::{Refusal, json};
use super::body::{self, Timed, Whole};
use super::metrics::Endpoint;
use super::{Inner, Sidecar};
use crate::engine::Coverage;
use crate::finding::{Finding, Located};
use crate::guard::{Action, AuditEntry, Checked, Decision, Direction, Framing, GuardedBody, Streams};
use crate::report::{Format, Options, Report};
use crate::run::{Outcome, Unexamined};

pub(super) fn router(sidecar: &Sidecar) -> Router {
    Router::new()
        .route("/v1/scan", post(scan))
        .route("/v1/redact", post(redact))
        .route("/v1/guard", post(guard))
        .with_state(sidecar.clone())
}

/// What may stand behind the path.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// What the body is, where its media type does not say it.
    format: Option<Form>,
    direction: Option<Way>,
    /// How a text that is scanned is called.
    path: Option<String>,
}

fn asked(uri: &Uri) -> Result<Asked, Refusal> {
    let message =
        "behind the path there may be format=text|json|lines|events, direction=to-model|to-user|to-tool, path=NAME";
    Query::try_from_uri(uri).map(|Query(asked)| asked).map_err(|_| Refusal::bad_request(message))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Text,
    Json,
    Lines,
    Events,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Way {
    #[serde(rename = "to-model")]
    Model,
    #[default]
    #[serde(rename = "to-user")]
    User,
    #[serde(rename = "to-tool")]
    Tool,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Direction {
        match way {
            Way::Model => Direction::ToModel,
            Way::User => Direction::ToUser,
            Way::Tool => Direction::ToTool,
        }
    }
}

/// A body in JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    text: Option<String>,
    texts: Option<Vec<String>>,
    /// A document, which stays one.
    document: Option<Box<RawValue>>,
    direction: Option<Way>,
    path: Option<String>,
}

/// What a body is.
enum Kind {
    /// A question in JSON.
    Question,
    /// Itself what is to be looked at.
    Stream(Framing),
}

fn kind(headers: &HeaderMap, asked: &Asked) -> Result<Kind, Refusal> {
    let is_plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        let message = "compressed bodies are not looked into; send it as it is";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", message));
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let framing = Framing::of_media_type(media_type);
    Ok(match (asked.format, framing) {
        (Some(Form::Text), _) => Kind::Stream(Framing::Text),
        (Some(Form::Json), _) => Kind::Stream(Framing::Json),
        (Some(Form::Lines), _) => Kind::Stream(Framing::Lines),
        (Some(Form::Events), _) => Kind::Stream(Framing::Events),
        (None, Some(Framing::Json)) => Kind::Question,
        (None, framing) => Kind::Stream(framing.unwrap_or(Framing::Text)),
    })
}

fn asking(whole: &Whole) -> Result<Asking, Refusal> {
    // What serde says of an error may have the text in it.
    let wrong = |error: serde_json::Error| {
        let place = format!("at line {}, column {}", error.line(), error.column());
        Refusal::bad_request(format!(
            "the body is no question {place}; send {{\"text\": \"...\"}}, {{\"texts\": [...]}} or {{\"document\": ...}}, \
             or another content-type than application/json"
        ))
    };
    let asking: Asking = serde_json::from_slice(&whole.bytes).map_err(wrong)?;
    let given = [asking.text.is_some(), asking.texts.is_some(), asking.document.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(Refusal::bad_request("send one of `text`, `texts` and `document`"));
    }
    Ok(asking)
}

/// Answers, and counts.
async fn counted(
    sidecar: &Sidecar,
    endpoint: Endpoint,
    answer: impl Future<Output = Result<Response<Body>, Refusal>>,
) -> Response<Body> {
    let start = Instant::now();
    let response = answer.await.unwrap_or_else(IntoResponse::into_response);
    sidecar.metrics().answered(endpoint, response.status().as_u16(), start.elapsed());
    response
}

/// The body of a stream through a guard.
fn stream(sidecar: &Sidecar, body: Body, streams: &Streams, framing: Framing) -> Response<Body> {
    let state = sidecar.clone();
    let timed = Timed::new(body, sidecar.0.limits.idle);
    let guarded = GuardedBody::new(timed, streams, framing).at_end(move |guard, error| {
        state.metrics().hidden(&guard.stats());
        if error.is_some() {
            state.metrics().withheld();
        }
    });
    let mut response = Response::new(Body::new(guarded));
    let media_type = match framing {
        Framing::Events => "text/event-stream",
        Framing::Lines => "application/x-ndjson",
        Framing::Json => "application/json",
        Framing::Text => "application/octet-stream",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A whole body as a document through a guard.
async fn document(sidecar: &Sidecar, whole: Whole, streams: &Streams) -> Result<Response<Body>, Refusal> {
    let (state, streams) = (sidecar.clone(), streams.clone());
    let run = move || {
        let (mut guard, mut out) = (streams.start(Framing::Json), Vec::new());
        let result = guard.push(&whole.bytes, &mut out).and_then(|()| guard.finish(&mut out));
        state.metrics().hidden(&guard.stats());
        drop(whole.room);
        result.map(|()| out).map_err(|error| {
            state.metrics().withheld();
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "withheld_error", error.to_string())
        })
    };
    Ok(json(sidecar.aside(UNKNOWN, run).await.ok_or_else(Refusal::failed)??))
}

/// The length of what may be long.
const UNKNOWN: usize = usize::MAX;

async fn scan(State(sidecar): State<Sidecar>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let asked = asked(&parts.uri)?;
        let kind = kind(&parts.headers, &asked)?;
        let whole = body::whole(&sidecar, &parts.headers, body).await?;
        let (state, len) = (sidecar.clone(), whole.bytes.len());
        let run = move || match kind {
            Kind::Question => {
                let asking = asking(&whole)?;
                let path = asking.path.or(asked.path);
                let texts: Vec<&[u8]> = match (&asking.text, &asking.texts, &asking.document) {
                    (Some(text), ..) => vec![text.as_bytes()],
                    (_, Some(texts), _) => texts.iter().map(String::as_bytes).collect(),
                    (.., document) => document.iter().map(|document| document.get().as_bytes()).collect(),
                };
                Ok(scanned(&state, &texts, path.as_deref(), asking.texts.is_some()))
            }
            Kind::Stream(_) => Ok(scanned(&state, &[&whole.bytes], asked.path.as_deref(), false)),
        };
        Ok(json(sidecar.aside(len, run).await.ok_or_else(Refusal::failed)??))
    };
    counted(&sidecar, Endpoint::Scan, answer).await
}

/// How texts are called that have no name.
const REQUEST: &str = "<request>";

/// A report of these texts; of one text, or of one in a list.
fn scanned(sidecar: &Sidecar, texts: &[&[u8]], path: Option<&str>, is_list: bool) -> Vec<u8> {
    let Inner { scanner, min_confidence, .. } = &*sidecar.0;
    let (mut scratch, mut outcome, mut bytes) = (sidecar.scratch(), Outcome::default(), 0);
    for (number, text) in texts.iter().enumerate() {
        let name = path.unwrap_or(REQUEST);
        let name = if is_list { format!("{name}[{number}]") } else { name.to_owned() };
        let mut findings: Vec<Finding> = Vec::new();
        let keep = |finding: Finding| (finding.confidence >= *min_confidence).then_some(finding);
        let coverage: Coverage = scanner.scan_with(text, &mut scratch, |finding, _| findings.extend(keep(finding)));
        findings.sort_by_key(|finding| (finding.span, finding.rule));
        bytes += text.len();
        if !coverage.is_complete() {
            let reason = "it makes rules look at the same bytes again and again".to_owned();
            outcome.unexamined.push(Unexamined { path: name.clone(), reason });
        }
        outcome.findings.extend(findings.into_iter().map(|finding| Located {
            path: name.clone(),
            finding,
            origin: None,
        }));
    }
    sidecar.give_back(scratch);
    sidecar.metrics().found(outcome.findings.len(), bytes);
    outcome.stats.units = texts.len() as u64;
    outcome.stats.bytes = bytes as u64;
    let mut out = Vec::new();
    let written = Report::new(&outcome, scanner.rules(), None).write(Format::Json, &Options::default(), &mut out);
    written.map(|()| out).unwrap_or_default()
}

#[derive(Serialize)]
struct Redacted {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Box<RawValue>>,
    /// How many secrets were hidden, by rule.
    hidden: std::collections::BTreeMap<String, u64>,
    /// Whether all of it was examined.
    complete: bool,
}

async fn redact(State(sidecar): State<Sidecar>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let asked = asked(&parts.uri)?;
        match kind(&parts.headers, &asked)? {
            Kind::Stream(Framing::Json) => {
                let whole = body::whole(&sidecar, &parts.headers, body).await?;
                document(&sidecar, whole, &sidecar.0.hiding).await
            }
            Kind::Stream(framing) => Ok(stream(&sidecar, body, &sidecar.0.hiding, framing)),
            Kind::Question => {
                let whole = body::whole(&sidecar, &parts.headers, body).await?;
                let (state, len) = (sidecar.clone(), whole.bytes.len());
                let run = move || redacted(&state, asking(&whole)?);
                Ok(json(sidecar.aside(len, run).await.ok_or_else(Refusal::failed)??))
            }
        }
    };
    counted(&sidecar, Endpoint::Redact, answer).await
}

fn redacted(sidecar: &Sidecar, asking: Asking) -> Result<Vec<u8>, Refusal> {
    let mut hidden = crate::redact::RedactStats::default();
    let mut through = |text: &[u8], framing: Framing| -> Result<String, Refusal> {
        let (mut guard, mut out) = (sidecar.0.hiding.start(framing), Vec::with_capacity(text.len() + 64));
        let passed = guard.push(text, &mut out).and_then(|()| guard.finish(&mut out));
        passed.map_err(|error| Refusal::bad_request(error.to_string()))?;
        hidden.merge(&guard.stats());
        // A secret that ends within a character is none of this text's.
        Ok(String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    };
    let text = asking.text.map(|text| through(text.as_bytes(), Framing::Text)).transpose()?;
    let texts = asking.texts.map(|texts| texts.iter().map(|text| through(text.as_bytes(), Framing::Text)).collect());
    let document = asking.document.map(|document| through(document.get().as_bytes(), Framing::Json)).transpose()?;
    let document = document.map(RawValue::from_string).transpose().map_err(|_| Refusal::failed())?;
    let texts = texts.transpose()?;
    sidecar.metrics().hidden(&hidden);
    let complete = hidden.skipped_attempts == 0;
    let answer = Redacted { text, texts, document, hidden: hidden.hidden, complete };
    serde_json::to_vec(&answer).map_err(|_| Refusal::failed())
}

/// What a guard says of a secret.
#[derive(Serialize)]
struct Told {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    confidence: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    action: &'static str,
}

impl From<AuditEntry> for Told {
    fn from(entry: AuditEntry) -> Told {
        Told {
            rule: entry.rule,
            provider: entry.provider,
            severity: entry.severity.map(crate::rule::Severity::as_str),
            confidence: entry.confidence,
            start: entry.span.map(|span| span.start),
            end: entry.span.map(|span| span.end),
            fingerprint: entry.fingerprint.map(|fingerprint| fingerprint.to_string()),
            action: match entry.action {
                Action::Allow => "allow",
                Action::Report => "report",
                Action::Redact => "redact",
                Action::Block => "block",
            },
        }
    }
}

#[derive(Serialize)]
struct Decided {
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    findings: Vec<Told>,
    /// Whether all of it was examined.
    complete: bool,
}

async fn guard(State(sidecar): State<Sidecar>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = async {
        let asked = asked(&parts.uri)?;
        let way = asked.direction.unwrap_or_default();
        match kind(&parts.headers, &asked)? {
            Kind::Stream(Framing::Json) => {
                let whole = body::whole(&sidecar, &parts.headers, body).await?;
                document(&sidecar, whole, sidecar.streams(way.into())).await
            }
            Kind::Stream(framing) => Ok(stream(&sidecar, body, sidecar.streams(way.into()), framing)),
            Kind::Question => {
                let whole = body::whole(&sidecar, &parts.headers, body).await?;
                let (state, len) = (sidecar.clone(), whole.bytes.len());
                let run = move || decided(&state, asking(&whole)?, way);
                Ok(json(sidecar.aside(len, run).await.ok_or_else(Refusal::failed)??))
            }
        }
    };
    counted(&sidecar, Endpoint::Guard, answer).await
}

fn decided(sidecar: &Sidecar, asking: Asking, way: Way) -> Result<Vec<u8>, Refusal> {
    let direction: Direction = asking.direction.unwrap_or(way).into();
    let decide = |checked: Checked, len: usize, is_document: bool| -> Result<Decided, Refusal> {
        let Checked { decision, findings, skipped_attempts } = checked;
        sidecar.metrics().examined(len);
        findings.iter().for_each(|entry| sidecar.metrics().hid(&entry.rule, 1));
        let mut decided = Decided {
            decision: "allow",
            text: None,
            document: None,
            reason: None,
            findings: findings.into_iter().map(Told::from).collect(),
            complete: skipped_attempts == 0,
        };
        match decision {
            Decision::Allow => {}
            Decision::Redact(text) if is_document => {
                decided.decision = "redact";
                decided.document = Some(RawValue::from_string(text).map_err(|_| Refusal::failed())?);
            }
            Decision::Redact(text) => (decided.decision, decided.text) = ("redact", Some(text)),
            Decision::Block(reason) => {
                sidecar.metrics().withheld();
                (decided.decision, decided.reason) = ("block", Some(reason.to_string()));
            }
        }
        Ok(decided)
    };
    let guard = &sidecar.0.guard;
    let text = |text: &str| decide(guard.check(direction, text), text.len(), false);
    let answer = match asking {
        Asking { text: Some(one), .. } => serde_json::to_vec(&text(&one)?),
        Asking { texts: Some(texts), .. } => {
            let all: Vec<Decided> = texts.iter().map(|one| text(one)).collect::<Result<_, _>>()?;
            serde_json::to_vec(&serde_json::json!({ "decisions": all }))
        }
        Asking { document, .. } => {
            let document = document.as_deref().map(RawValue::get).unwrap_or_default();
            let checked = guard.check_json(direction, document);
            let checked = checked.map_err(|error| Refusal::bad_request(format!("the document is none: {error}")))?;
            serde_json::to_vec(&decide(checked, document.len(), true)?)
        }
    };
    answer.map_err(|_| Refusal::failed())
}
