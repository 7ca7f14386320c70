//! The ledger as TOML: read by serde, written by hand, so that what people added as comments above it is all that is lost.

use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

use super::{Ledger, Proof, Rotation};
use crate::error::{Error, ErrorKind, Result};

const HEAD: &str = "\
# Rotations of this project's secrets, without their values; `keyscan rotate` keeps this file. Commit it.
# The key makes the fingerprints; they say nothing without a value to compare them with.
";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerText {
    key: String,
    #[serde(default)]
    rotation: Vec<RotationText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationText {
    name: String,
    rule: Option<String>,
    old: String,
    masked: String,
    new: Option<String>,
    rotated: String,
    due: String,
    reason: Option<String>,
    #[serde(default)]
    places: Vec<String>,
    dead: Option<String>,
    dead_by: Option<String>,
    watch: Option<String>,
}

impl Ledger {
    pub(super) fn parse(path: &Path, text: &str) -> Result<Ledger> {
        let bad = |why: String| Error::new(ErrorKind::Syntax, why).in_file(path);
        let text: LedgerText = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
        let rotations = text.rotation.into_iter().map(rotation).collect::<Result<Vec<Rotation>>>();
        let rotations = rotations.map_err(|error| error.in_file(path))?;
        let key = text.key.parse().map_err(|error: Error| error.in_file(path))?;
        Ok(Ledger { path: path.to_owned(), key, rotations })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn write(&self) -> Result<()> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).in_file(&self.path);
        let beside = self.path.with_extension(format!("{}.new", std::process::id()));
        let written = std::fs::write(&beside, self.to_text()).and_then(|()| std::fs::rename(&beside, &self.path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            failed(error)
        })
    }

    fn to_text(&self) -> String {
        let mut text = format!("{HEAD}key = \"{}\"\n", self.key.to_hex());
        for rotation in &self.rotations {
            text.push_str("\n[[rotation]]\n");
            let mut line = |name: &str, value: Option<&str>| {
                if let Some(value) = value {
                    let _ = writeln!(text, "{name} = {}", quoted(value));
                }
            };
            line("name", Some(&rotation.name));
            line("rule", rotation.rule.as_deref());
            line("old", Some(&rotation.old.to_string()));
            line("masked", Some(&rotation.masked));
            line("new", rotation.new.map(|new| new.to_string()).as_deref());
            line("rotated", Some(&rotation.rotated.to_string()));
            line("due", Some(&rotation.due.to_string()));
            line("reason", rotation.reason.as_deref());
            line("dead", rotation.dead.as_ref().map(|proof| proof.at.to_string()).as_deref());
            line("dead_by", rotation.dead.as_ref().map(|proof| proof.by.as_str()));
            if !rotation.places.is_empty() {
                let places: Vec<String> = rotation.places.iter().map(|place| quoted(place)).collect();
                let _ = writeln!(text, "places = [{}]", places.join(", "));
            }
            if let Some(watch) = &rotation.watch {
                let lines: Vec<String> = watch.lines().map(escaped).collect();
                let _ = write!(text, "watch = \"\"\"\n{}\n\"\"\"\n", lines.join("\n"));
            }
        }
        text
    }
}

fn rotation(text: RotationText) -> Result<Rotation> {
    let dead = match (text.dead, text.dead_by) {
        (Some(at), by) => Some(Proof { at: at.parse()?, by: by.unwrap_or_default() }),
        (None, _) => None,
    };
    Ok(Rotation {
        name: text.name,
        rule: text.rule,
        old: text.old.parse()?,
        masked: text.masked,
        new: text.new.map(|new| new.parse()).transpose()?,
        rotated: text.rotated.parse()?,
        due: text.due.parse()?,
        reason: text.reason,
        places: text.places,
        dead,
        watch: text.watch,
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// The characters of a basic string.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            char if char.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out
}
