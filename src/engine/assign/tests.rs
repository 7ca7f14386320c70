//! The grammar on many syntaxes, and on what only looks like them.

use super::*;

fn value(text: &str) -> Option<&str> {
    let (attempt, value, _) = attempt(text.as_bytes(), text.find("token").unwrap(), false);
    (attempt != Attempt::NoMatch).then(|| &text[value])
}

#[test]
fn values_are_found_in_many_syntaxes() {
    for text in [
        "token=hello-0123",
        "my_token_1 = \"hello-0123\"",
        "\"token\": \"hello-0123\"",
        "'token' => 'hello-0123'",
        "token := `hello-0123`",
        "token: hello-0123\n",
        "token ::= hello-0123",
        "<token>hello-0123</token>",
        "let token: &str = \"hello-0123\";",
        "var token string = \"hello-0123\"",
        "token = []byte(\"hello-0123\")",
        "token = String::from(\"hello-0123\")",
        "token = b'hello-0123'",
        "{\\\"token\\\": \\\"hello-0123\\\"}",
        "token = \"\"\"hello-0123\"\"\"",
        "{\"\"token\"\": \"\"hello-0123\"\"}",
        "--token=hello-0123 run",
        "(\"token\", \"hello-0123\")",
        "env['token'] = 'hello-0123'",
        "token ?= hello-0123",
        "<token>\n    hello-0123\n</token>",
        "if (token == \"hello-0123\") {",
        "if token != 'hello-0123' {",
        "token \"hello-0123\"",
        "std::string token(\"hello-0123\");",
        "setMy_token('hello-0123')",
        "token.assign(\"hello-0123\", 17);",
        "char token[25] = \"hello-0123\";",
        "char token[] = \"hello-0123\";",
        "NSString *token = @\"hello-0123\";",
        "{\\\\\\\"token\\\\\\\": \\\\\\\"hello-0123\\\\\\\"}",
        "token :::= \"hello-0123\"",
        "token .= 'hello-0123'",
        "token ||= 'hello-0123'",
        "\"token\":=\"hello-0123\"",
        "tool --token hello-0123 run",
        "tool --token 'hello-0123' run",
        "token is 'hello-0123'",
        "token = new StringValue(\"hello-0123\");",
        "token(base64.decode(\"hello-0123\"));",
        "setProperty(\"token\", \"hello-0123\")",
        "is($it->{token}, 'hello-0123')",
        "<add key=\"token\" value=\"hello-0123\"/>",
        "- name: token\n  value: hello-0123\n",
        "{\"name\": \"token\", \"value\": \"hello-0123\"}",
        "token: 'Bearer hello-0123'",
        "token = \"{\\\"a\\\": \\\"hello-0123\\\"}\"",
        "{\"f\": \"token=hello-0123\\nother=true\"}",
        "token = b64decode(b\"hello-0123\")",
        "Server=h;token=hello-0123;Timeout=3",
        "<token encoding=\"plain\">hello-0123</token>",
        "ENV token hello-0123",
        "<key>token</key>\n\t<string>hello-0123</string>",
        "<setting name=\"token\" serializeAs=\"String\">\n  <value>hello-0123</value>",
        "<setting name=\"token\"><value>hello-0123</value>",
        "<string name=\"token\" translatable=\"false\">hello-0123</string>",
        "<input name=\"token\" type=\"hidden\" value=\"hello-0123\">",
        "<input type=\"hidden\" name=\"token\" value=\"hello-0123\">",
        "<token><![CDATA[hello-0123]]></token>",
        "token <- \"hello-0123\"",
        "setenv TOKEN_token hello-0123",
        "setx token hello-0123",
        "aws configure set aws_token hello-0123",
        "tool -token hello-0123",
        "\"token\": { \"value\": \"hello-0123\" }",
        "token: {\n  type: 'string',\n  default: 'hello-0123'\n}",
        "variable \"token\" {\n  type    = string\n  default = \"hello-0123\"\n}",
        "token: !!str hello-0123\n",
        "token: |\n  hello-0123\n",
        "token: >-\n    hello-0123\n",
        "Dim token As String = \"hello-0123\"",
        "std::string token{\"hello-0123\"};",
        "get(\"token\", default=\"hello-0123\")",
        "process.env.token || 'hello-0123'",
        "env.token ?? \"hello-0123\"",
        "config.get('token') or 'hello-0123'",
        "ENV.fetch('token') { 'hello-0123' }",
        "@token = N'hello-0123'",
        "case \"token\": return \"hello-0123\"",
        "if (token.equals(\"hello-0123\")) {",
        "buildConfigField(\"String\", \"token\", \"\\\"hello-0123\\\"\")",
        "token_auth = (\"admin\", \"hello-0123\")",
        "tokenAuth(\"admin\", Some(\"hello-0123\"))",
        "<name>fs.token</name><value>hello-0123</value>",
        "<param-name>token</param-name>\n<param-value>\n  hello-0123\n</param-value>",
    ] {
        assert_eq!(value(text), Some("hello-0123"), "{text}");
    }
}

/// Values of every alphabet, in every way to write them down that has no signs of its own against them.
#[test]
fn values_of_wide_alphabets() {
    let values = [
        "A,.:-\u{a8}@*\u{bf}?!",
        "m{{h}o)p${e]nob(ody[x>-_$#y}}",
        "Zx0=a_dl8y-7w=33",
        "ey0hnrQ.ey\\er4zh-PC.",
        ".IQ8Q~79R7TOWO",
        "-8kc_jf6z9",
        "_8kc/jf6+z9==",
        "aB3|x7Yq",
    ];
    for value_there in values {
        for (front, back) in [("token = ", "\n"), ("  token: ", ",\n"), ("export token=", ""), ("token := ", "\n")] {
            let text = format!("{front}{value_there}{back}");
            assert_eq!(value(&text), Some(value_there), "{text}");
        }
        if !value_there.contains('\\') {
            let text = format!("token = \"{value_there}\"");
            assert_eq!(value(&text), Some(value_there), "{text}");
        }
    }
    assert_eq!(value("token = =hello_-0123"), Some("=hello_-0123"));
}

#[test]
fn lists_are_hidden_as_one() {
    assert_eq!(value("token = [\"hello-0123\"]"), Some("hello-0123"));
    assert_eq!(value("\"token\":[\"hello-0123\", \"hello-4567\"],"), Some("hello-0123\", \"hello-4567"));
    assert_eq!(value("token = [\"hello-0123\", other]"), Some("hello-0123"));
    let bytes = "207, 189, 101, 150, 191, 144, 185, 23";
    for (front, back) in
        [("token: []byte{", "}"), ("token = new byte[] {", "};"), ("token = bytes([", "])"), ("token = [", "]")]
    {
        assert_eq!(value(&format!("{front}{bytes}{back}")), Some(bytes), "{front}");
    }
    assert_eq!(
        value("token = {0x1f, 0x02, 0x9a, 0xff, 0x33, 0x41, 0x7c, 0x08}"), // keyscan:allow generic-secret
        Some("0x1f, 0x02, 0x9a, 0xff, 0x33, 0x41, 0x7c, 0x08")
    );
    assert_eq!(value("token = {1, 1, 1, 1, 1, 1, 1, 1}"), None);
}

#[test]
fn no_value_is_made_up() {
    for text in [
        "token",
        "token = get_token(1)",
        "token != quartz_0123",
        "token->quartz_0123",
        "get_token(\"hello-0123\")",
        "os.environ.get(\"token\", \"\")",
        "token = getenv(\"hello-0123\")",
        "token = os.environ[\"hello-0123\"]",
        "token[index] = \"hello-0123\"",
        "the token is there",
        "token = \"abc\"",
        "token = items[0]",
        "check(token, quartz0123)",
        "token::quartz0123",
        "token_username = \"hello-0123\"",
        "csrf-token = \"hello-0123\"",
        "tokenizer = \"hello-0123\"",
        "nextPage_token: hello-0123",
        "token = \"hello-0123...\"",
        "token = \"https://example.com/quartz\"",
        "https://example.com/graph/badge.svg?token=hello-0123",
        "token=quartz=0123",
        "token = Vec<u8>,",
        "token = quartz(velvet,",
        "token = {velvet}",
        "an env token velvet",
        "token: hello-0123\u{2588}89\"",
        "token algorithm: quartz0123",
        "token = quartz0123 ? velvet : other",
        "token = quartz0123 + velvet",
        "Map<token> quartz0123 = velvet",
        "token => ['q1', 'q2']",
        "quartz://token:@velvet?from=0123",
        "token_pubkey = \"hello-0123\"",
        "msg=\"no token\" pod=\"quartz-0123\"",
        "\"Refresh token\" quartz=velvet-0123 took=3",
        "join(ENV['token'], 'hello-0123')",
        "`${it.token||\"\"}:hello-0123\"`",
        "token = \"\"; hello = \"hello-0123\"",
        "the token or \"hello-0123\"",
        "token <- hello0123(1)",
        "a - token hello-0123",
        "-token hello-0123",
        "f(token) { 'hello-0123' }",
        "variable \"token\" {\n  type = \"hello-0123\"\n}\n",
        "token: { velvet: hello-0123 }",
        "<option class=\"token\" id=\"x\">hello-0123</option>",
        "token: | hello 0123",
        "<key>token</key>\n\t<true/>",
        "<b>token</b> <string>hello-0123</string>",
        "<key>token</key><array><string>hello-0123</string></array>",
    ] {
        assert_eq!(value(text), None, "{text}");
    }
}

#[test]
fn verbs_assign_nothing() {
    let assigned = |text: &str, stem: usize| attempt(text.as_bytes(), stem, false).0 != Attempt::NoMatch;
    assert!(!assigned("options to pass `quartz-0123`.", 11) && !assigned("Please, pass 'quartz-0123'", 8));
    assert!(!assigned("# Pass `quartz-0123` on", 2));
    assert!(assigned("pass 'quartz-0123'", 0) && assigned("  pass \"quartz-0123\"", 2)); // keyscan:allow generic-secret
}

#[test]
fn an_attempt_is_bounded() {
    let filled = |unit: &str| unit.repeat(4096 / unit.len());
    let leads = [
        "token",
        "token=",
        "token: {",
        "token: { a: ",
        "variable \"token\" { a = ",
        "auth(\"u\", ",
        "<key>token</key>",
    ];
    for lead in leads {
        for unit in ["a", " ", "\n", "'", "a,", "a: b,", "a = \"", "b\n", "\\", "x=", "{", "("] {
            let text = format!("{lead}{}", filled(unit));
            let stem = text.find("token").or(text.find("auth")).unwrap();
            let (_, _, looked_at) = attempt(text.as_bytes(), stem, false);
            assert!(looked_at <= crate::rule::MAX_ASSIGNMENT_LEN, "{lead} {unit:?}: {looked_at}");
        }
    }
}

#[test]
fn keys_of_property_lists_are_names() {
    let assigned = |text: &str| attempt(text.as_bytes(), 1, false).0 != Attempt::NoMatch;
    for element in ["true/", "string", "dict", "integer"] {
        assert!(!assigned(&format!("<key>hello-0123</key>\n\t<{element}>")), "{element}");
    }
    assert!(assigned("<key>hello-0123</key>\n<name>") && assigned("<key>hello-0123</key></entry>"));
}

#[test]
fn an_answer_that_more_text_could_change_is_withheld() {
    let texts = [
        ("token = \"hello-0123\";", 0),
        ("<key>token</key> <string> hello-0123</string>", 5),
        ("<key>hello-0123</key> <true/>", 1),
    ];
    for (text, stem) in texts {
        let whole = attempt(text.as_bytes(), stem, false);
        for cut in stem..text.len() {
            let (cut, value, _) = attempt(&text.as_bytes()[..cut], stem, true);
            assert!(cut == Attempt::Incomplete || (cut, value) == (whole.0.clone(), whole.1.clone()), "{text}");
        }
    }
}
