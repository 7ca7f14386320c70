//! Values of Helm charts, by the names that templates have for them.

use super::reference::assigned_name;

/// Values may be in mappings in mappings, this deep.
const MAX_DEPTH: usize = 16;

/// What templates call the value that stands after this text in a file of values: `Values.github.token`. `None` where that is
/// not to be seen from here. `is_all`: the file starts with the text.
pub(super) fn value_name(path: &str, before: &[u8], is_all: bool) -> Option<String> {
    if !(path.ends_with(".yaml") || path.ends_with(".yml")) {
        return None;
    }
    let name = assigned_name(before)?;
    let mut lines = before.rsplit(|byte| *byte == b'\n');
    let (mut indent, key) = key(lines.next()?)?;
    let mut keys = vec![(key == name).then_some(name)?];
    while indent > 0 {
        let line = lines.find(|line| indent_of(line).is_some_and(|of| of < indent))?;
        let (of, key) = key_alone(line)?;
        indent = of;
        keys.push(key);
        if keys.len() > MAX_DEPTH {
            return None;
        }
    }
    // A line that the text starts in the middle of may have more before it.
    if !is_all && lines.next().is_none() {
        return None;
    }
    keys.push("Values");
    keys.reverse();
    Some(keys.join("."))
}

/// Whether a template asks for a value in the expression that goes on after this text, which is on one line.
pub(super) fn is_asked(line: &[u8], name: &str) -> bool {
    let Some(start) = memchr::memmem::rfind(line, b"{{") else { return false };
    let expression = &line[start..];
    memchr::memmem::find(expression, b"}}").is_none()
        && (name.starts_with("Values.") || memchr::memmem::find(expression, b".Values.").is_some())
}

/// How far a line is indented; `None` for one that says nothing.
fn indent_of(line: &[u8]) -> Option<usize> {
    let rest = line.trim_ascii();
    (!rest.is_empty() && !rest.starts_with(b"#")).then(|| line.iter().take_while(|byte| **byte == b' ').count())
}

/// The key at the start of a line, and how far it is indented.
fn key(line: &[u8]) -> Option<(usize, &str)> {
    let indent = indent_of(line)?;
    let colon = memchr::memchr(b':', line)?;
    let key = std::str::from_utf8(line.get(indent..colon)?).ok()?.trim_end().trim_matches(['"', '\'']);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (!key.is_empty() && key.bytes().all(is_name)).then_some((indent, key))
}

/// The key of a line that holds nothing else: what belongs to it stands below.
fn key_alone(line: &[u8]) -> Option<(usize, &str)> {
    let colon = memchr::memchr(b':', line)?;
    let rest = line[colon + 1..].trim_ascii();
    (rest.is_empty() || rest.starts_with(b"#")).then(|| key(line))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named_by_all_their_keys() {
        for (before, name) in [
            ("x: 1\ntoken: \"", Some("Values.token")),
            ("x: 1\ngithub:\n  token: ", Some("Values.github.token")),
            (
                "# x\na:\n\n  b: # here\n    c: 1\n    # no\n    d:\n      e: f\n    api-key: '",
                Some("Values.a.b.api-key"),
            ),
            ("x: 1\r\ngithub:\r\n  token: ", Some("Values.github.token")),
            // It may go on before the text, stand in a list, or in what is no mapping.
            ("hub:\n  token: ", None),
            ("a: 1\nlist:\n  - name: x\n    token: ", None),
            ("x: 1\ngithub: {a: 1, token: ", None),
            ("x: 1\ntext: |\n  token: ", None),
            ("x: 1\n  token ", None),
        ] {
            assert_eq!(value_name("values.yaml", before.as_bytes(), false).as_deref(), name, "{before}");
        }
        assert_eq!(value_name("values.yaml", b"hub:\n  token: ", true).as_deref(), Some("Values.hub.token"));
        assert_eq!(value_name("values.py", b"x\ntoken: ", true), None);
    }

    #[test]
    fn templates_ask_in_expressions() {
        assert!(is_asked(b"a: {{ .", "Values.github.token"));
        assert!(is_asked(b"a: {{ .Values.github.", "deployToken"));
        assert!(!is_asked(b"a: {{ .Values.a }} ", "deployToken"));
        assert!(!is_asked(b"see ", "Values.github.token"));
    }
}
