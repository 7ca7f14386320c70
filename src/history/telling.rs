//! The words for commits and names, without the secrets in them.

use super::commits::{Signature, parts};
use crate::engine::{Scanner, Scratch};
use crate::finding::{CommitInfo, Finding};
use crate::gate::Date;

/// What a commit says of itself.
pub(super) fn commit_info(scanner: &Scanner, id: String, content: &[u8], scratch: &mut Scratch) -> CommitInfo {
    let parts = parts(content);
    let author = Signature::of(parts.first("author").unwrap_or_default());
    let subject = parts.message.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let subject = String::from_utf8_lossy(subject.unwrap_or_default().trim_ascii()).into_owned();
    let mut mask = |text: &str| masked(scanner, text, scratch);
    CommitInfo {
        id,
        author: mask(&author.name),
        email: mask(&author.email),
        date: date(&author),
        subject: mask(&subject),
    }
}

/// A text with the secrets in it masked.
pub(crate) fn masked(scanner: &Scanner, text: &str, scratch: &mut Scratch) -> String {
    let mut found = Vec::new();
    let _coverage = scanner.scan_with(text.as_bytes(), scratch, |finding, _| {
        for Finding { span, secret, .. } in finding.secrets() {
            let (start, end) = (span.start as usize, span.end as usize);
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                found.push((start, end, secret.masked()));
            }
        }
    });
    // Findings of rules of other tools may overlap, and parts come with what they are parts of.
    found.sort_unstable();
    let mut shown = String::new();
    let mut at = 0;
    for (start, end, secret) in found {
        if start >= at {
            shown.push_str(&text[at..start]);
            shown.push_str(&secret);
        }
        at = at.max(end);
    }
    shown.push_str(&text[at..]);
    shown
}

/// `2026-01-31T10:20:30+01:00`
fn date(signature: &Signature) -> String {
    let local = signature.time.saturating_add(signature.offset * 60);
    let day = Date::from_unix_seconds(u64::try_from(local).unwrap_or(0));
    let seconds = local.rem_euclid(86_400);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let sign = if signature.offset < 0 { '-' } else { '+' };
    let offset = signature.offset.abs();
    format!("{day}T{hours:02}:{minutes:02}:{seconds:02}{sign}{:02}:{:02}", offset / 60, offset % 60)
}
