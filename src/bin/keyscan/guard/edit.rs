//! Settings files that others write as well: members come and go, and all else stays as it is written.

use keyscan::guard::{Document, NotJson, Value, ValueKind};

/// The text of a JSON document that is being edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edited(pub(super) String);

impl Edited {
    /// Appends an element to the array at this path of names, which is made where it is not there.
    pub(super) fn append(&mut self, path: &[&str], element: &str) -> Result<(), NotJson> {
        for depth in 1..=path.len() {
            let empty = if depth == path.len() { "[]" } else { "{}" };
            self.ensure(&path[..depth], empty)?;
        }
        self.insert(path, element)
    }

    /// Makes the member at the end of the path with this value, unless it is there.
    pub(super) fn ensure(&mut self, path: &[&str], value: &str) -> Result<(), NotJson> {
        let (Some(name), is_there) = (path.last(), find(Document::parse(&self.0)?.root(), path).is_some()) else {
            return Ok(());
        };
        if is_there {
            return Ok(());
        }
        let member = format!("{}: {value}", keyscan::guard::json_string(name));
        self.insert(&path[..path.len() - 1], &member)
    }

    /// Puts a member or an element at the end of the container at this path.
    fn insert(&mut self, path: &[&str], what: &str) -> Result<(), NotJson> {
        let document = Document::parse(&self.0)?;
        let container = find(document.root(), path);
        let kind = container.map(Value::kind);
        let Some(container) = container.filter(|_| matches!(kind, Some(ValueKind::Object | ValueKind::Array))) else {
            return Err(NotJson { at: 0, what: "a member that hooks stand in is neither a list nor an object" });
        };
        let last = container.members().map(|(_, value)| value).chain(container.elements()).last();
        let (at, comma) = match last {
            Some(last) => (last.span().end as usize, ","),
            None => (container.span().start as usize + 1, ""),
        };
        let end = container.span().end as usize - 1;
        let outer = "  ".repeat(path.len());
        let inserted = match last {
            Some(_) => format!("{comma}\n{outer}  {what}"),
            None => format!("\n{outer}  {what}\n{outer}"),
        };
        // What stood between the last value and the bracket stays behind what is new; an empty container has nothing.
        let rest = if last.is_some() { at } else { end };
        self.0 = format!("{}{inserted}{}", &self.0[..at], &self.0[rest..]);
        Ok(())
    }

    /// Takes the elements out of the array at this path that the test names, and the array where nothing is left in it.
    /// Answers how many there were.
    pub(super) fn remove(&mut self, path: &[&str], test: impl Fn(Value<'_, '_>) -> bool) -> Result<usize, NotJson> {
        let mut removed = 0;
        loop {
            let document = Document::parse(&self.0)?;
            let Some(array) = find(document.root(), path) else { return Ok(removed) };
            let elements: Vec<Value<'_, '_>> = array.elements().collect();
            let Some(number) = elements.iter().position(|element| test(*element)) else { return Ok(removed) };
            let spans: Vec<(usize, usize)> =
                elements.iter().map(|element| (element.span().start as usize, element.span().end as usize)).collect();
            let end = array.span().end as usize;
            removed += 1;
            self.cut(&spans, number, array.span().start as usize, end);
            if spans.len() == 1 {
                self.drop_empty(path)?;
            }
        }
    }

    /// Takes the member at this path out, and what it stands in where nothing is left in that.
    fn drop_empty(&mut self, path: &[&str]) -> Result<(), NotJson> {
        let Some((name, parent)) = path.split_last() else { return Ok(()) };
        let document = Document::parse(&self.0)?;
        let Some(object) = find(document.root(), parent) else { return Ok(()) };
        let members: Vec<(usize, usize, bool)> = object
            .members()
            .map(|(key, value)| {
                (key.span().start as usize, value.span().end as usize, key.as_str().is_some_and(|key| key == *name))
            })
            .collect();
        let Some(number) = members.iter().position(|(.., is_it)| *is_it) else { return Ok(()) };
        let spans: Vec<(usize, usize)> = members.iter().map(|(start, end, _)| (*start, *end)).collect();
        let (start, end) = (object.span().start as usize, object.span().end as usize);
        self.cut(&spans, number, start, end);
        if spans.len() == 1 && !parent.is_empty() {
            self.drop_empty(parent)?;
        }
        Ok(())
    }

    /// Cuts one of the parts of a container out, with the comma before or behind it.
    fn cut(&mut self, parts: &[(usize, usize)], number: usize, open: usize, close: usize) {
        let (from, to) = match (number, parts.len()) {
            (_, 1) => (open + 1, close - 1),
            (0, _) => (parts[0].0, parts[1].0),
            _ => (parts[number - 1].1, parts[number].1),
        };
        self.0.replace_range(from..to, "");
    }
}

/// The value at a path of names.
pub(super) fn find<'d, 't>(root: Value<'d, 't>, path: &[&str]) -> Option<Value<'d, 't>> {
    path.iter().try_fold(root, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str) -> Edited {
        Edited(text.to_owned())
    }

    #[test]
    fn what_comes_goes_and_all_else_stays() {
        let texts = [
            "{}",
            "{\n  \"model\": \"x\"\n}\n",
            "{\"hooks\": {\"Stop\": [1, 2]}, \"n\": 1.0e3}",
            "{\n\t\"hooks\": {\n\t\t\"Pre\": [\n\t\t\t{\"a\": 1}\n\t\t]\n\t}\n}\n",
        ];
        for text in texts {
            let mut file = edited(text);
            file.append(&["hooks", "Pre"], "\"new\"").unwrap();
            file.append(&["hooks", "Post"], "\"new\"").unwrap();
            let document = Document::parse(&file.0).unwrap();
            let list = find(document.root(), &["hooks", "Pre"]).unwrap();
            assert_eq!(list.elements().last().unwrap().raw(), "\"new\"");
            for name in ["Pre", "Post"] {
                let is_new = |value: Value<'_, '_>| value.raw() == "\"new\"";
                assert_eq!(file.remove(&["hooks", name], is_new).unwrap(), 1);
                assert_eq!(file.remove(&["hooks", name], is_new).unwrap(), 0);
            }
            assert_eq!(file.0, text);
        }
    }

    #[test]
    fn what_is_no_container_is_not_overwritten() {
        assert!(edited("{\"hooks\": 3}").append(&["hooks", "Pre"], "1").is_err());
        assert!(edited("// comment\n{}").append(&["hooks"], "1").is_err());
    }
}
