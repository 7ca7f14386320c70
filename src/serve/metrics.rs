//! What was done, in numbers, as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Sidecar;
use crate::redact::RedactStats;
#[cfg(feature = "rotate")]
use crate::rotate::{State, Status};

/// What is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Scan,
    Redact,
    Guard,
    Proxy,
    Mcp,
}

const ENDPOINTS: [&str; 5] = ["scan", "redact", "guard", "proxy", "mcp"];
/// Classes of statuses: 1xx to 5xx.
const CLASSES: usize = 5;
/// Upper bounds of times, in microseconds.
const BOUNDS: [u64; 12] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];
/// Rules that are counted by name; known secrets may have many names.
const MAX_RULES: usize = 2000;

#[derive(Debug, Default)]
struct PerEndpoint {
    by_class: [AtomicU64; CLASSES],
    /// One more, for what took longer.
    times: [AtomicU64; BOUNDS.len() + 1],
    time: AtomicU64,
}

/// Counters.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    endpoints: [PerEndpoint; ENDPOINTS.len()],
    hidden: Mutex<BTreeMap<String, u64>>,
    found: AtomicU64,
    withheld: AtomicU64,
    bytes_in: AtomicU64,
    skipped: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) accepted: AtomicU64,
    /// Responses that are no text, and pass.
    pub(super) unread: AtomicU64,
}

impl Metrics {
    /// A request that was answered.
    pub(super) fn answered(&self, endpoint: Endpoint, status: u16, time: Duration) {
        let counters = &self.endpoints[endpoint as usize];
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len());
        counters.by_class[usize::from(status / 100).clamp(1, CLASSES) - 1].fetch_add(1, Ordering::Relaxed);
        counters.times[bucket].fetch_add(1, Ordering::Relaxed);
        counters.time.fetch_add(micros, Ordering::Relaxed);
    }

    /// What a redactor did.
    pub(super) fn hidden(&self, stats: &RedactStats) {
        self.bytes_in.fetch_add(stats.bytes_in, Ordering::Relaxed);
        self.skipped.fetch_add(stats.skipped_attempts, Ordering::Relaxed);
        if !stats.hidden.is_empty() {
            stats.hidden.iter().for_each(|(label, count)| self.hid(label, *count));
        }
    }

    pub(super) fn hid(&self, label: &str, count: u64) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        let label = if hidden.len() < MAX_RULES || hidden.contains_key(label) { label } else { "other" };
        *hidden.entry(label.to_owned()).or_default() += count;
    }

    pub(super) fn found(&self, count: usize, bytes: usize) {
        self.found.fetch_add(count as u64, Ordering::Relaxed);
        self.examined(bytes);
    }

    pub(super) fn examined(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn withheld(&self) {
        self.withheld.fetch_add(1, Ordering::Relaxed);
    }

    fn text(&self, room: usize, capacity: usize) -> String {
        let mut out = String::with_capacity(4096);
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        head(&mut out, "requests_total", "counter", "Requests that were answered.");
        for (name, counters) in ENDPOINTS.iter().zip(&self.endpoints) {
            for (class, count) in counters.by_class.iter().enumerate() {
                let class = class + 1;
                let _ =
                    writeln!(out, "keyscan_requests_total{{endpoint=\"{name}\",status=\"{class}xx\"}} {}", get(count));
            }
        }
        head(&mut out, "request_duration_seconds", "histogram", "Time until the head of the answer was ready.");
        for (name, counters) in ENDPOINTS.iter().zip(&self.endpoints) {
            let mut sum = 0;
            for (bucket, count) in counters.times.iter().enumerate() {
                sum += get(count);
                let bound = BOUNDS.get(bucket).map_or("+Inf".to_owned(), |bound| format!("{}", *bound as f64 / 1e6));
                let bucket = "keyscan_request_duration_seconds_bucket";
                let _ = writeln!(out, "{bucket}{{endpoint=\"{name}\",le=\"{bound}\"}} {sum}");
            }
            let time = get(&counters.time) as f64 / 1e6;
            let _ = writeln!(out, "keyscan_request_duration_seconds_sum{{endpoint=\"{name}\"}} {time}");
            let _ = writeln!(out, "keyscan_request_duration_seconds_count{{endpoint=\"{name}\"}} {sum}");
        }
        head(&mut out, "hidden_total", "counter", "Secrets that were hidden, by rule or by name.");
        for (label, count) in &*self.hidden.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = writeln!(out, "keyscan_hidden_total{{rule=\"{}\"}} {count}", escaped(label));
        }
        let held = capacity.saturating_sub(room) * super::UNIT;
        for (name, kind, help, value) in [
            ("found_total", "counter", "Secrets that scans found.", get(&self.found)),
            ("withheld_total", "counter", "Texts and streams that were withheld.", get(&self.withheld)),
            ("examined_bytes_total", "counter", "Bytes that were looked at.", get(&self.bytes_in)),
            ("skipped_attempts_total", "counter", "Places that were passed over in hostile texts.", get(&self.skipped)),
            ("unread_total", "counter", "Bodies that are no text, and passed unread.", get(&self.unread)),
            ("connections_total", "counter", "Connections that were accepted.", get(&self.accepted)),
            ("connections", "gauge", "Connections that are open.", get(&self.connections)),
            ("held_bytes", "gauge", "Bytes of bodies that are held.", held as u64),
        ] {
            head(&mut out, name, kind, help);
            let _ = writeln!(out, "keyscan_{name} {value}");
        }
        let _ = writeln!(out, "# HELP keyscan_build_info The version.\n# TYPE keyscan_build_info gauge");
        let _ = writeln!(out, "keyscan_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP keyscan_{name} {help}\n# TYPE keyscan_{name} {kind}");
}

/// The value of a label.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// How secrets are that are kept up to date: nothing of their values.
#[cfg(feature = "rotate")]
fn secrets_text(statuses: &[Status], out: &mut String) {
    let names: Vec<String> = statuses.iter().map(|status| escaped(&status.name)).collect();
    head(out, "secret_state", "gauge", "1 for the state in which a secret is, 0 for all others.");
    for (status, name) in statuses.iter().zip(&names) {
        for state in State::ALL {
            let is_it = u8::from(state == status.state);
            let _ = writeln!(out, "keyscan_secret_state{{name=\"{name}\",state=\"{state}\"}} {is_it}");
        }
    }
    let mut each = |name: &str, kind: &str, help: &str, of: fn(&Status) -> Option<u64>| {
        head(out, name, kind, help);
        for (status, label) in statuses.iter().zip(&names) {
            if let Some(value) = of(status) {
                let _ = writeln!(out, "keyscan_{name}{{name=\"{label}\"}} {value}");
            }
        }
    };
    each("secret_version", "gauge", "The version that is served; 0 where there is none.", |s| Some(s.version));
    each("secret_age_seconds", "gauge", "How long the version is in use.", |s| s.age_s);
    each("secret_expires_in_seconds", "gauge", "How long it lasts, where it has an end.", |s| s.expires_in_s);
    each("secret_rotations_total", "counter", "Reloads that brought another value.", |s| Some(s.rotations_total));
    each("secret_failures_total", "counter", "Reloads that failed.", |s| Some(s.failures_total));
    each("secret_unauthorized_total", "counter", "How often a version was rejected.", |s| Some(s.unauthorized_total));
}

pub(super) fn router(sidecar: &Sidecar) -> Router {
    let sidecar = sidecar.clone();
    let capacity = sidecar.0.room.available_permits();
    let metrics = move || async move {
        #[cfg_attr(not(feature = "rotate"), expect(unused_mut, reason = "there are no secrets to tell of"))]
        let mut text = sidecar.metrics().text(sidecar.0.room.available_permits(), capacity);
        #[cfg(feature = "rotate")]
        if let Some(secrets) = sidecar.0.secrets.get() {
            secrets_text(&secrets.statuses(), &mut text);
        }
        ([(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))], text).into_response()
    };
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/metrics", get(metrics))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_in_the_form_of_prometheus() {
        let metrics = Metrics::default();
        metrics.answered(Endpoint::Scan, 200, Duration::from_micros(300));
        metrics.answered(Endpoint::Scan, 413, Duration::from_secs(60));
        metrics.hid("a\"b", 2);
        let text = metrics.text(1, 3);
        for line in [
            "keyscan_requests_total{endpoint=\"scan\",status=\"2xx\"} 1",
            "keyscan_requests_total{endpoint=\"scan\",status=\"4xx\"} 1",
            "keyscan_request_duration_seconds_bucket{endpoint=\"scan\",le=\"0.00025\"} 0",
            "keyscan_request_duration_seconds_bucket{endpoint=\"scan\",le=\"0.0005\"} 1",
            "keyscan_request_duration_seconds_bucket{endpoint=\"scan\",le=\"+Inf\"} 2",
            "keyscan_request_duration_seconds_count{endpoint=\"scan\"} 2",
            "keyscan_hidden_total{rule=\"a\\\"b\"} 2",
            "keyscan_held_bytes 8192",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = line.rsplit_once(' ').expect("it has a value").1;
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
}
