//! What matters of a message that is too long to be kept: its id, and whether it asks for something.

/// No name or id is longer.
const MAX_KEPT: usize = 256;

/// Follows a JSON object, and keeps two of its members.
#[derive(Debug, Default)]
pub struct Skimmer {
    /// Containers that are open.
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    /// In the outermost object, what stands before the colon was read.
    is_value: bool,
    /// The name or value of a member of the outermost object, as it is written.
    kept: Vec<u8>,
    name: Vec<u8>,
    id: Option<String>,
    has_method: bool,
    is_other: bool,
}

impl Skimmer {
    /// Reads on.
    pub fn feed(&mut self, text: &[u8]) {
        for &byte in text {
            self.take(byte);
        }
    }

    /// The id, as it is written, where it is one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref().filter(|_| !self.is_other)
    }

    /// Whether it asks for something, or tells of something; otherwise it answers.
    #[must_use]
    pub fn has_method(&self) -> bool {
        self.has_method
    }

    fn take(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.is_other |= self.depth == 0 && byte == b'[';
                self.keep(byte);
                self.depth += 1;
                if self.depth == 1 {
                    self.kept.clear();
                }
            }
            b'}' | b']' => {
                if self.depth == 1 {
                    self.end_member();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 && !self.is_value => {
                self.name = std::mem::take(&mut self.kept);
                self.is_value = true;
            }
            b',' if self.depth == 1 => self.end_member(),
            b' ' | b'\t' | b'\r' => {}
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.kept.len() < MAX_KEPT {
            self.kept.push(byte);
        }
    }

    fn end_member(&mut self) {
        match self.name.as_slice() {
            b"\"method\"" => self.has_method = true,
            b"\"id\"" => {
                let text = String::from_utf8(std::mem::take(&mut self.kept)).unwrap_or_default();
                let is_id = super::Document::parse(&text).is_ok_and(|document| {
                    use super::ValueKind::{Number, String};
                    matches!(document.root().kind(), Number | String)
                });
                self.id = is_id.then_some(text);
            }
            _ => {}
        }
        self.kept.clear();
        self.name.clear();
        self.is_value = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skimmed(text: &str) -> (Option<String>, bool) {
        let mut skimmer = Skimmer::default();
        text.bytes().for_each(|byte| skimmer.feed(&[byte]));
        (skimmer.id().map(str::to_owned), skimmer.has_method())
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let id = |text: &str| (Some(text.to_owned()), true);
        assert_eq!(skimmed("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"m\",\"params\":{\"id\":8}}"), id("7"));
        assert_eq!(
            skimmed("{\"params\":{\"a\":[{\"id\":1}],\"b\":\"}\\\"\"},\"method\":\"m\", \"id\" : \"x\\\"y\" }"),
            id("\"x\\\"y\"")
        );
        assert_eq!(skimmed("{\"result\":{},\"id\":7}"), (Some("7".to_owned()), false));
        assert_eq!(skimmed("{\"method\":\"m\",\"params\":{\"id\":1}}"), (None, true));
        assert_eq!(skimmed("{\"method\":\"m\",\"id\":{\"a\":1}}"), (None, true));
        assert_eq!(skimmed("[{\"id\":1}]").0, None);
        assert_eq!(skimmed("}}}]]],,::\"").0, None);
    }
}
