//! Documents stay documents.

use keyscan::RuleSet;
use keyscan::redact::{Redaction, TextFormat};
use proptest::prelude::*;
use serde_json::Value;

use super::{MARK, assert_redacts, pushed, with_rules};

fn documents(known: &[&str]) -> Redaction {
    with_rules(RuleSet::new(), known).with_format(TextFormat::Json)
}

#[test]
fn strings_numbers_and_names_are_edited_where_they_stand() {
    let redaction = documents(&["quartz-0123", "1234567890123", "pa\"ss\\word"]);
    for (text, expected) in [
        (r#"{"a":  "x quartz-0123 y", "a": 1.50}"#, r#"{"a":  "x ■ y", "a": 1.50}"#),
        (r#"{"quartz-0123": [1234567890123, 991234567890123e0]}"#, r#"{"■": ["■", "■"]}"#),
        (r#"{"k":"pa\"ss\\word", "n": -1}"#, r#"{"k":"■", "n": -1}"#),
        ("[INFO] quartz-0123 {\"a\n", "[INFO] ■ {\"a\n"),
        ("{\"a\":\n  \"quartz-0123\"\n}\nquartz-0123\n", "{\"a\":\n  \"■\"\n}\n■\n"),
        (r#"{"a": "cut quartz-0123 and"#, r#"{"a": "cut ■ and"#),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn values_of_secret_names_are_hidden_whatever_they_are() {
    for (text, expected) in [
        (r#"{"password": "x", "user": "y"}"#, r#"{"password": "■", "user": "y"}"#),
        (r#"{"Authorization":"Basic x","api_key":12}"#, r#"{"Authorization":"■","api_key":"■"}"#),
        (r#"{"secret": "", "cookie": null, "passwd": true}"#, r#"{"secret": "", "cookie": null, "passwd": true}"#),
        (r#"{"secret": "a\"b\u0041"}"#, r#"{"secret": "■"}"#),
    ] {
        assert_redacts(&documents(&[]), text.as_bytes(), expected.as_bytes());
    }
}

#[test]
fn what_reaches_over_the_end_of_a_string_leaves_a_document() {
    let redaction = documents(&["abcdefgh\", \"b\": \"ijklmnop"]);
    let text = r#"{"a": "abcdefgh", "b": "ijklmnop", "c": "abcdefgh"}"#;
    let expected = format!("{{\"a\": \"{MARK}\", \"{MARK}\": \"{MARK}\", \"c\": \"abcdefgh\"}}");
    assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
}

#[test]
fn pairs_of_secret_names_are_hidden_whatever_they_are() {
    let redaction = with_rules(RuleSet::new(), &["quartz-0123"]).with_format(TextFormat::Logfmt);
    for (text, expected) in [
        ("level=info password=x user=y\n", "level=info password=■ user=y\n"),
        ("api_key=\"a b\" n=1 cookie=z", "api_key=\"■\" n=1 cookie=■"),
        ("msg=\"password=x\" id=quartz-0123", "msg=\"password=x\" id=■"),
        ("secret= passwd=\"\" token", "secret= passwd=\"\" token"),
    ] {
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    }
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec![
        "plain",
        "quartz-0123",
        "x quartz-0123\ty",
        "\u{1F600}\"\\",
        "n\\tquartz-0123",
        "1234567890123",
        "",
        "quartz-",
        "\nquartz-0123",
    ]);
    let leaf = prop_oneof![
        text.clone().prop_map(|text| Value::String(text.to_owned())),
        prop::sample::select(vec![0u64, 1_234_567_890_123, 912_345_678_901_234]).prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let names = prop::sample::select(vec!["a", "password", "hello-0123", "x\"y", "token"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(names, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_comes_out_as_one_however_it_is_cut(
        values in prop::collection::vec(value(), 1..4),
        pretty in any::<bool>(),
        cuts in prop::collection::vec(0usize..400, 0..8),
    ) {
        let redaction = documents(&["quartz-0123", "1234567890123"]);
        let write = |value: &Value| if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        let texts: Vec<String> = values.iter().map(|value| write(value).unwrap()).collect();
        // A value that is neither object nor array is a line of text.
        let documents: Vec<&String> = texts.iter().filter(|text| text.starts_with(['{', '['])).collect();
        let text = documents.iter().map(|text| format!("{text}\n")).collect::<String>().into_bytes();
        let want = redaction.redact(&text);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&pushed(&redaction, cuts.windows(2).map(|pair| &text[pair[0]..pair[1]])), &want);
        prop_assert_eq!(&pushed(&redaction, text.chunks(1)), &want);
        let out = String::from_utf8(want.clone()).unwrap();
        prop_assert!(!out.contains("quartz-0123") && !out.contains("1234567890123"), "{}", out);
        let read: Vec<Value> = serde_json::Deserializer::from_str(&out).into_iter().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), documents.len());
        prop_assert_eq!(redaction.redact(&want), want);
    }
}
