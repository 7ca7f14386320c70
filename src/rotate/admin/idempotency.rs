//! Requests that come again get the answer that they got.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use super::request::{AdminRequest, AdminResponse, Problem};
use crate::fingerprint::Key;
use crate::rotate::lock;

/// So many answers are kept.
const MOST: usize = 256;
/// And so long.
const TTL: Duration = Duration::from_secs(24 * 3600);

/// The answers to requests that had a key of their own.
pub(super) struct Idempotency {
    /// Under which requests are hashed: they have values in them.
    hash_key: Key,
    kept: Mutex<HashMap<Vec<u8>, Kept>>,
}

struct Kept {
    hash: [u8; 32],
    at: Duration,
    /// None while it is being made.
    answer: Option<AdminResponse>,
}

impl Idempotency {
    pub(super) fn new(hash_key: Key) -> Idempotency {
        Idempotency { hash_key, kept: Mutex::default() }
    }

    /// Answers a request, or gives the answer that one of the same key got.
    pub(super) fn once(
        &self,
        request: &AdminRequest<'_>,
        now: Duration,
        answer: impl FnOnce() -> Result<AdminResponse, Problem>,
    ) -> Result<AdminResponse, Problem> {
        let Some(key) = request.one("idempotency-key")? else { return answer() };
        if key.is_empty() || key.len() > 255 || !key.iter().all(u8::is_ascii_graphic) {
            return Err(Problem::new(400, "bad_idempotency_key"));
        }
        let if_match = request.one("if-match")?.unwrap_or_default();
        let parts = [request.method.as_bytes(), &[0], request.path.as_bytes(), &[0], if_match, &[0], request.body];
        let hash = self.hash_key.mac(&parts);
        {
            let mut kept = lock(&self.kept);
            kept.retain(|_, one| now.saturating_sub(one.at) < TTL);
            if let Some(one) = kept.get(key) {
                return match &one.answer {
                    _ if one.hash != hash => Err(Problem::new(422, "idempotency_key_reused")),
                    None => Err(Problem::new(409, "in_flight")),
                    Some(answer) => Ok(answer.clone().header("idempotency-replayed", "true")),
                };
            }
            if kept.len() >= MOST {
                let oldest = kept.iter().filter(|(_, one)| one.answer.is_some()).min_by_key(|(_, one)| one.at);
                match oldest.map(|(key, _)| key.clone()) {
                    Some(oldest) => _ = kept.remove(&oldest),
                    None => return Err(Problem::new(429, "too_many_attempts")),
                }
            }
            kept.insert(key.to_vec(), Kept { hash, at: now, answer: None });
        }
        // A panic must not leave the key taken.
        let guard = Forget { kept: &self.kept, key };
        let answer = answer().unwrap_or_else(Problem::into_response);
        std::mem::forget(guard);
        let mut kept = lock(&self.kept);
        if answer.status >= 500 || answer.status == 409 || answer.status == 202 {
            // It may go otherwise next time.
            kept.remove(key);
        } else if let Some(one) = kept.get_mut(key) {
            one.answer = Some(answer.clone());
        }
        Ok(answer)
    }
}

struct Forget<'a> {
    kept: &'a Mutex<HashMap<Vec<u8>, Kept>>,
    key: &'a [u8],
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(self.kept).remove(self.key);
    }
}
