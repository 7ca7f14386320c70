//! The grammar on many syntaxes, and on what only looks like them.

use super::*;

fn value(text: &str) -> Option<&str> {
    let (attempt, value, _) = attempt(text.as_bytes(), text.find("token").unwrap(), false);
    (attempt != Attempt::NoMatch).then(|| &text[value])
}

#[test]
fn values_are_found_in_many_syntaxes() {
    for text in [
        "token=quartz-0123",
        "my_token_1 = \"quartz-0123\"",
        "\"token\": \"quartz-0123\"",
        "'token' => 'quartz-0123'",
        "token := `quartz-0123`",
        "token: quartz-0123\n",
        "token ::= quartz-0123",
        "<token>quartz-0123</token>",
        "let token: &str = \"quartz-0123\";",
        "var token string = \"quartz-0123\"",
        "token = []byte(\"quartz-0123\")",
        "token = String::from(\"quartz-0123\")",
        "token = b'quartz-0123'",
        "{\\\"token\\\": \\\"quartz-0123\\\"}",
        "token = \"\"\"quartz-0123\"\"\"",
        "--token=quartz-0123 run",
        "(\"token\", \"quartz-0123\")",
        "env['token'] = 'quartz-0123'",
        "token ?= quartz-0123",
        "<token>\n    quartz-0123\n</token>",
        "if (token == \"quartz-0123\") {",
        "if token != 'quartz-0123' {",
        "token \"quartz-0123\"",
        "std::string token(\"quartz-0123\");",
        "setMy_token('quartz-0123')",
        "token.assign(\"quartz-0123\", 17);",
        "char token[25] = \"quartz-0123\";",
        "char token[] = \"quartz-0123\";",
        "NSString *token = @\"quartz-0123\";",
        "{\\\\\\\"token\\\\\\\": \\\\\\\"quartz-0123\\\\\\\"}",
    ] {
        assert_eq!(value(text), Some("quartz-0123"), "{text}");
    }
}

#[test]
fn no_value_is_made_up() {
    for text in [
        "token",
        "token = get_token(1)",
        "token != quartz_0123",
        "token->quartz_0123",
        "get_token(\"quartz-0123\")",
        "os.environ.get(\"token\", \"\")",
        "token = getenv(\"quartz-0123\")",
        "token = os.environ[\"quartz-0123\"]",
        "token[index] = \"quartz-0123\"",
        "the token is there",
        "token = \"abc\"",
        "token = items[0]",
        "check(token, quartz0123)",
        "token::quartz0123",
        "token_username = \"quartz-0123\"",
        "csrf-token = \"quartz-0123\"",
        "tokenizer = \"quartz-0123\"",
        "nextPage_token: quartz-0123",
        "token = \"quartz-0123...\"",
        "token = \"https://example.com/quartz\"",
        "https://example.com/graph/badge.svg?token=quartz-0123",
        "token=quartz=0123",
    ] {
        assert_eq!(value(text), None, "{text}");
    }
}

#[test]
fn an_answer_that_more_text_could_change_is_withheld() {
    let text = "token = \"quartz-0123\";";
    let whole = attempt(text.as_bytes(), 0, false);
    for cut in 0..text.len() {
        let (cut, value, _) = attempt(&text.as_bytes()[..cut], 0, true);
        assert!(cut == Attempt::Incomplete || (cut, value) == (whole.0.clone(), whole.1.clone()));
    }
}
