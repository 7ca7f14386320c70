//! One field out of a JSON document, without making copies of all the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::{Zeroize, Zeroizing};

use crate::rotate::failure::{FailureClass, SourceError};
use crate::secret::Secret;

/// The names to go along: one, or those of a path that starts with `/`.
pub(super) fn path(field: &str) -> Vec<String> {
    match field.strip_prefix('/') {
        Some(path) => path.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
        None => vec![field.to_owned()],
    }
}

/// A value of a document that is no list or object, as text.
pub(super) type Text = Zeroizing<String>;

/// The text at a path; `None` where there is nothing, or null.
pub(super) fn find<'p>(document: &[u8], path: impl IntoIterator<Item = &'p str>) -> Result<Option<Text>, SourceError> {
    let path: Vec<&str> = path.into_iter().collect();
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let found = At(&path).deserialize(&mut deserializer);
    found.and_then(|found| deserializer.end().map(|()| found)).map_err(|error| {
        // serde's own words may quote the document.
        SourceError::malformed(format!("no JSON of the form that is expected (line {})", error.line()))
    })
}

/// The secret at a path.
pub(super) fn field(document: &[u8], path: &[String]) -> Result<Secret, SourceError> {
    match find(document, path.iter().map(String::as_str))? {
        Some(text) => Ok(Secret::new(text.as_bytes())),
        None => Err(SourceError::new(FailureClass::NotFound, format!("the document has no field {}", path.join("/")))),
    }
}

struct At<'p>(&'p [&'p str]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<Text>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Text>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What stands at the end of a path; elsewhere there is nothing to be found.
macro_rules! scalar {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, value: $type) -> Result<Option<Text>, E> {
            Ok(self.0.is_empty().then(|| Zeroizing::new(value.to_string())))
        })*
    };
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<Text>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    scalar!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_string<E>(self, mut value: String) -> Result<Option<Text>, E> {
        if self.0.is_empty() {
            return Ok(Some(Zeroizing::new(value)));
        }
        value.zeroize();
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Text>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Text>, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == name => found = map.next_value_seed(At(rest))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Text>, A::Error> {
        let wanted = self.0.split_first().and_then(|(first, rest)| Some((first.parse::<usize>().ok()?, rest)));
        let (mut found, mut at) = (None, 0);
        loop {
            match wanted {
                Some((index, rest)) if index == at => match list.next_element_seed(At(rest))? {
                    Some(element) => found = element,
                    None => return Ok(found),
                },
                _ => {
                    if list.next_element::<IgnoredAny>()?.is_none() {
                        return Ok(found);
                    }
                }
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(document: &str, field: &str) -> Result<Option<String>, FailureClass> {
        let path = path(field);
        let found = find(document.as_bytes(), path.iter().map(String::as_str));
        found.map(|found| found.map(|text| text.to_string())).map_err(|error| error.class())
    }

    #[test]
    fn fields_are_found_at_their_paths() {
        let document = r#"{"a":{"b/c":[1,{"d":"quar\ntz"}],"e":null},"a b":"x","n":-2.5,"t":true,"a":{"f":"last"}}"#;
        let found = |field| at(document, field).unwrap();
        assert_eq!(found("a b").as_deref(), Some("x"));
        assert_eq!(found("n").as_deref(), Some("-2.5"));
        assert_eq!(found("t").as_deref(), Some("true"));
        assert_eq!(found("/a/f").as_deref(), Some("last"));
        assert_eq!(at(r#"{"a":{"b/c":[1,{"d":"quar\ntz"}]}}"#, "/a/b~1c/1/d").unwrap().as_deref(), Some("quar\ntz"));
        for none in ["b", "a", "/a/e", "/n/x", "/t/0"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused_without_quoting_it() {
        for bad in ["", "<html>", "{\"a\":", "{\"a\":1} x", "{\"a\":\"\u{0}\"}"] {
            assert_eq!(at(bad, "a"), Err(FailureClass::Malformed), "{bad}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(at(&deep, "/0/0"), Err(FailureClass::Malformed));
    }
}
