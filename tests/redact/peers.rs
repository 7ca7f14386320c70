//! What went wrong elsewhere does not go wrong here. Each test is named after whose failure it was. Failures of processes
//! are in `process.rs` (terminals that varlock took away, files that llm-guard wrote, directions that `LiteLLM` confused); those
//! of Python's loggers are in the tests of that package.

use std::io::{Read, Write};

use keyscan::redact::{KnownSecrets, RedactReader, RedactWriter, Redaction, Style, TextFormat};
use keyscan::{Rule, RuleSet};

use super::common::Random;
use super::{MARK, assert_redacts, known_only, pushed, redaction};

/// A made-up secret of a rule.
fn sample(id: &str) -> String {
    let rules = RuleSet::builtin();
    let rule: &Rule = rules.get(id).unwrap();
    let filled = rule.samples()[0].fill(3, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
}

#[test]
fn gitlab_masker_lost_secrets_that_overlap_themselves() {
    assert_redacts(&known_only(&["aabaabaac"]), b"aabaabaabaac!", b"aab\xE2\x96\xA0!");
    assert_redacts(&known_only(&["abcdabcdabce"]), b"abcdabcdabcdabce", b"abcd\xE2\x96\xA0");
}

#[test]
fn gitlab_masker_leaked_and_reordered_overlapping_phrases() {
    assert_redacts(&known_only(&["abcdefgh", "efghijkl"]), b"x abcdefghijkl y", format!("x {MARK} y").as_bytes());
}

#[test]
fn gitlab_masker_wrote_bytes_out_of_order() {
    let redaction = known_only(&["SECRET-SECRET", "foobarbaz"]);
    assert_redacts(&redaction, b"fooSECRET-SECRET then", format!("foo{MARK} then").as_bytes());
}

#[test]
fn gitlab_token_sanitizer_doubled_a_prefix_at_the_end() {
    let redaction = redaction(&[]);
    for text in ["glpat-", "glgl", "glglx-0", "a glpat-", "ghp_"] {
        assert_redacts(&redaction, text.as_bytes(), text.as_bytes());
    }
    let token = sample("gitlab-pat");
    for delimiter in [";", "|", "&", ")", "\"", "'", "\n", ",", "<", " "] {
        let expected = format!("{MARK}{delimiter}");
        assert_redacts(&redaction, format!("{token}{delimiter}").as_bytes(), expected.as_bytes());
    }
}

#[test]
fn github_runner_missed_base64_at_other_alignments() {
    let secret = "Password-1234!";
    let redaction = known_only(&[secret]);
    for before in ["", "u:", "ab:", "user:"] {
        for after in ["", "\n", "zz", "zzz"] {
            for encoding in [data_encoding::BASE64, data_encoding::BASE64URL, data_encoding::BASE64_NOPAD] {
                let encoded = encoding.encode(format!("{before}{secret}{after}").as_bytes());
                let out = String::from_utf8(redaction.redact(format!("x {encoded} y").as_bytes())).unwrap();
                assert!(out.contains(MARK), "{before} {after}");
                // What is left may say what stands around the secret, and some bits of its ends.
                let left = out.replace(MARK, "").len() - "x  y".len();
                assert!(left * 6 <= 8 * (before.len() + after.len()) + 24, "{out}");
            }
        }
    }
}

#[test]
fn github_runner_masked_the_braces_of_multiline_secrets() {
    let secrets = KnownSecrets::new();
    assert!(secrets.add("JSON", b"{").is_err() && secrets.add("JSON", b"}").is_err());
    secrets.add("JSON", b"{\n  \"id\": \"some-value-0123456789\"\n}").unwrap();
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets);
    assert_eq!(redaction.redact(b"fn main() {\n}\n{ }"), b"fn main() {\n}\n{ }");
    assert_eq!(redaction.redact(b"id=some-value-0123456789;"), b"id=[REDACTED:JSON];");
}

#[test]
fn github_runner_masked_the_first_line_only() {
    let lines: Vec<String> = (0..4).map(|i| format!("line{i}-{}", "0123456789abcdefghij".repeat(3))).collect();
    let redaction = known_only(&[&lines.join("\n")]);
    for separator in ["\n", "\r\n", "\\n", " "] {
        let text = format!("a {} b", lines.join(separator));
        assert_redacts(&redaction, text.as_bytes(), format!("a {MARK} b").as_bytes());
    }
    for line in &lines {
        assert_redacts(&redaction, format!("a {line} b").as_bytes(), format!("a {MARK} b").as_bytes());
    }
}

#[test]
fn buildkite_lost_the_end_when_nobody_flushed() {
    let redaction = known_only(&["quartz-0123"]);
    let text = b"a quartz-0123 b qua";
    let expected = format!("a {MARK} b qua");
    let mut writer = RedactWriter::new(&redaction, Vec::new());
    writer.write_all(text).unwrap();
    writer.flush().unwrap();
    let (out, stats) = writer.finish().unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!((stats.bytes_in, stats.bytes_out), (text.len() as u64, expected.len() as u64));
    let mut out = String::new();
    RedactReader::new(&redaction, &text[..]).read_to_string(&mut out).unwrap();
    assert_eq!(out, expected);
}

/// A key of some lines, in this separator.
pub(super) fn key(separator: &str) -> String {
    let mut random = Random(5);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let line =
        |len: usize, random: &mut Random| (0..len).map(|_| char::from(*random.pick(letters))).collect::<String>();
    let mut lines = vec![format!("-----{} RSA PRIVATE KEY-----", "BEGIN")];
    lines.extend((0..6).map(|_| line(64, &mut random)));
    lines.push(line(22, &mut random) + "==");
    lines.push(format!("-----{} RSA PRIVATE KEY-----", "END"));
    lines.join(separator)
}

#[test]
fn buildkite_missed_keys_whose_lines_end_otherwise() {
    let redaction = redaction(&[]);
    for separator in ["\n", "\r\n", "\r\r\n", " ", "\\n", "\\r\\n", "\n    ", "\n2026-01-31T10:20:30Z INFO app[1]: "] {
        let text = format!("key: {} end\n", key(separator));
        assert_redacts(&redaction, text.as_bytes(), format!("key: {MARK} end\n").as_bytes());
    }
    // The end is cut off: what is there is hidden, and nothing of it is ever shown.
    let cut = key("\n");
    let text = format!("key: {}", &cut[..200]);
    assert_redacts(&redaction, text.as_bytes(), format!("key: {MARK}").as_bytes());
}

#[test]
fn concourse_hid_by_the_order_of_a_map() {
    for known in [&["password", "password1"], &["password1", "password"]] {
        assert_redacts(&known_only(known), b"a password1 password", format!("a {MARK} {MARK}").as_bytes());
    }
}

#[test]
fn concourse_kept_lines_without_an_end_in_memory() {
    let redaction = known_only(&["quartz-0123"]);
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    for _ in 0..1000 {
        out.clear();
        redactor.push(&[b'.'; 65_536], &mut out);
        assert_eq!((out.len(), redactor.held_len()), (65_536, 0));
    }
}

#[test]
fn teller_stopped_at_invalid_text_and_changed_ends_of_lines() {
    let text = b"a\xff\xfe quartz-0123\r\n\x80\x80 b\r\nno end";
    let expected = [&b"a\xff\xfe "[..], MARK.as_bytes(), b"\r\n\x80\x80 b\r\nno end"].concat();
    assert_redacts(&known_only(&["quartz-0123"]), text, &expected);
}

#[test]
fn vm0_let_the_leftmost_longest_hide_only() {
    assert_redacts(&known_only(&["abcdefgX", "Xvery-sensitive"]), b"abcdefgXvery-sensitive", MARK.as_bytes());
}

#[test]
fn varlock_cut_inside_of_what_was_found() {
    for text in ["tok=s3cr3t-key-s", "tok=s3cr3t-key-s\n", "tok=s3cr3t-key-s3cr"] {
        let redaction = known_only(&["s3cr3t-key-s"]);
        let expected = format!("tok={MARK}{}", &text["tok=s3cr3t-key-s".len()..]);
        // The border starts the secret again, and may be the start of another one.
        let expected = if text.ends_with("cr") { format!("tok={MARK}") } else { expected };
        let out = String::from_utf8(pushed(&redaction, text.as_bytes().chunks(1))).unwrap();
        assert!(out == expected || out == format!("{expected}3cr"), "{out}");
    }
    let umlauts = known_only(&["p\u{e4}ssw\u{f6}rd12"]);
    assert_redacts(&umlauts, "x p\u{e4}ssw\u{f6}rd12 \u{e4}".as_bytes(), format!("x {MARK} \u{e4}").as_bytes());
}

#[test]
fn datadog_dropped_the_later_of_overlapping_matches() {
    assert_redacts(&known_only(&["0123456789ab", "89abcdef-tail"]), b"0123456789abcdef-tail", MARK.as_bytes());
}

#[test]
fn vrl_changed_bytes_that_were_no_text() {
    let text: Vec<u8> = (0..=255).cycle().take(2000).collect();
    assert_eq!(redaction(&["quartz-0123"]).redact(&text), text);
}

#[test]
fn llm_guard_hid_the_first_occurrence_only() {
    let text = "a quartz-0123 ".repeat(50);
    assert_eq!(known_only(&["quartz-0123"]).redact(text.as_bytes()), format!("a {MARK} ").repeat(50).as_bytes());
}

#[test]
fn litellm_let_values_through_that_came_in_parts() {
    let token = sample("openai-project-key");
    let text = format!("the key is {token} .");
    let out = pushed(&redaction(&[]), text.as_bytes().chunks(4));
    assert_eq!(String::from_utf8(out).unwrap(), format!("the key is {MARK} ."));
}

#[test]
fn litellm_lost_every_fifth_part() {
    let text: String = (0..5000).map(|i| format!("word{i} ")).collect();
    for len in [1, 3, 7, 100] {
        assert_eq!(pushed(&redaction(&[]), text.as_bytes().chunks(len)), text.as_bytes());
    }
}

#[test]
fn guardrails_took_a_dot_for_the_end_and_lost_white_space() {
    let token = sample("jwt-token");
    let text = format!("one.  two\n\n{token} three. ");
    let expected = format!("one.  two\n\n{MARK} three. ");
    for len in [1, 2, 5, 11] {
        assert_eq!(String::from_utf8(pushed(&redaction(&[]), text.as_bytes().chunks(len))).unwrap(), expected);
    }
}

#[test]
fn lasso_ate_the_quote_behind_a_secret() {
    let token = sample("github-pat");
    let text = format!("{{\"note\": \"{token}\", \"n\": [\"{token}\"]}}");
    let out = redaction(&[]).redact(text.as_bytes());
    assert_eq!(String::from_utf8(out.clone()).unwrap(), format!("{{\"note\": \"{MARK}\", \"n\": [\"{MARK}\"]}}"));
    assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
}

/// Seconds of processor time would be minutes where time is quadratic.
#[test]
fn filters_took_minutes_for_hostile_texts() {
    let redaction = redaction(&["quartz-0123456789", "aaaaaaaaaaaaaaaaaaaaaaaab"]);
    let many = "token=quartz-0123456789 ".repeat(50_000);
    for text in
        ["x".repeat(1 << 20), "aaaa".repeat(1 << 18), "-----BEGIN ".repeat(100_000), "eyJ".repeat(300_000), many]
    {
        let started = std::time::Instant::now();
        let out = redaction.redact(text.as_bytes());
        assert!(!out.is_empty());
        assert!(started.elapsed().as_secs() < 30, "{:?} for {}", started.elapsed(), &text[..20]);
    }
    let pieces = "-----BEGIN RSA PRIVATE KEY----- ghp_ token=".repeat(300);
    let started = std::time::Instant::now();
    assert_eq!(pushed(&redaction, pieces.as_bytes().chunks(1)).len(), pieces.len());
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn sixteen_thousand_secrets_are_hidden_in_a_megabyte() {
    let text = "0123 quartz-0123 ".repeat(16_000);
    let redaction = known_only(&["quartz-0123"]).with_style(Style::Remove);
    assert_eq!(redaction.redact(text.as_bytes()), "0123  ".repeat(16_000).as_bytes());
}

#[test]
fn kubernetes_rotations_were_missed_from_the_second_on() {
    let secrets = KnownSecrets::new();
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets.clone());
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    for version in 0..5 {
        secrets.retire("TOKEN");
        secrets.add("TOKEN", format!("granite-{version:04}").as_bytes()).unwrap();
        for old in 0..=version {
            redactor.push(format!("granite-{old:04};").as_bytes(), &mut out);
        }
    }
    redactor.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "[REDACTED:TOKEN];".repeat(15));
}

#[test]
fn allow_comments_are_for_scans_and_hide_nothing_here() {
    let token = sample("github-pat");
    let text = format!("a {token} // keyscan:allow\n");
    assert_redacts(&redaction(&[]), text.as_bytes(), format!("a {MARK} // keyscan:allow\n").as_bytes());
}

#[test]
fn buildkite_did_not_look_again_at_what_it_held() {
    let secrets = KnownSecrets::new();
    secrets.add("FIRST", b"quartz-0123").unwrap();
    let redaction = Redaction::new(RuleSet::new()).with_known(secrets.clone());
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    // It holds the start of one secret, in which the start of another one stands that comes only now.
    redactor.push(b"a quartz-01", &mut out);
    assert_eq!(out, b"a ");
    secrets.add("SECOND", b"tz-01-basalt").unwrap();
    redactor.push(b"-basalt b", &mut out);
    redactor.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "a quar[REDACTED:SECOND] b");
}

#[test]
fn varlock_forgot_what_had_begun_when_nothing_came_for_a_while() {
    let redaction = known_only(&["quartz-0123456789"]);
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    redactor.push(b"x quartz-0123", &mut out);
    for _ in 0..1000 {
        redactor.push(b"", &mut out);
    }
    assert_eq!(out, b"x ");
    redactor.push(b"456789 y", &mut out);
    redactor.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), format!("x {MARK} y"));
}

/// Every kind of value in a document, at every depth.
#[test]
fn otel_hid_strings_but_no_numbers_arrays_or_names() {
    let redaction = known_only(&["quartz-0123", "1234567890123"]).with_format(TextFormat::Json);
    let text = r#"{"events":[{"attributes":{"k":"quartz-0123","n":1234567890123,"quartz-0123":[["quartz-0123",[1234567890123]],{"b":true,"z":null}]}}],"body":"quartz-0123"}"#;
    let expected =
        text.replace("1234567890123", "\"1234567890123\"").replace("1234567890123", MARK).replace("quartz-0123", MARK);
    assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
    assert!(serde_json::from_str::<serde_json::Value>(&expected).is_ok());
}

/// What the tools of an agent answer: text, structured content, resources, errors.
#[test]
fn docker_mcp_gateway_looked_at_text_only() {
    let token = sample("github-pat");
    let redaction = redaction(&[]).with_format(TextFormat::Json);
    for shape in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"TOKEN"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"deep":[{"value":"TOKEN"}]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"contents":[{"uri":"file:///a","text":"a\nTOKEN\nb"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"messages":[{"role":"user","content":{"type":"text","text":"{\"t\":\"TOKEN\"}"}}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"refused TOKEN","data":{"headers":["x: TOKEN"]}}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"n","arguments":{"TOKEN":"TOKEN"}}}"#,
    ] {
        let text = shape.replace("TOKEN", &token);
        let expected = shape.replace("TOKEN", MARK);
        assert_redacts(&redaction, text.as_bytes(), expected.as_bytes());
        assert!(serde_json::from_str::<serde_json::Value>(&expected).is_ok());
    }
}

#[test]
fn litellm_skipped_shapes_that_it_did_not_know() {
    let token = sample("github-pat");
    let text = format!("event: unknown\r\ndata: {{\"x\":\"{token}\"}}\r\n\r\n: {token}\r\ndata: [DONE]\r\n");
    let redaction = redaction(&[]);
    assert_redacts(&redaction, text.as_bytes(), text.replace(&token, MARK).as_bytes());
}

#[test]
fn litellm_showed_what_it_hid_later() {
    let redaction = redaction(&["simon-0123 personal"]);
    let text = "deltas of simon-0123 personal data; simon-0123 per";
    let want = redaction.redact(text.as_bytes());
    for step in [1, 3, 6] {
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        for delta in text.as_bytes().chunks(step) {
            redactor.push(delta, &mut out);
            assert!(want.starts_with(&out));
        }
    }
}

/// A megabyte is no reason to pass a document on as it is.
#[test]
fn ggshield_skipped_what_was_large() {
    let redaction = known_only(&["quartz-0123"]).with_format(TextFormat::Json);
    let text = format!("{{\"a\":\"{}\",\"b\":\"quartz-0123\"}}", "x".repeat(3 << 20));
    let out = redaction.redact(text.as_bytes());
    assert!(out.ends_with(format!(",\"b\":\"{MARK}\"}}").as_bytes()) && out.len() < text.len());
}

/// Shells end words with more than spaces.
#[test]
fn claude_code_missed_what_a_delimiter_of_the_shell_follows() {
    let token = sample("github-pat");
    for delimiter in [";", "|", "&&", ")", ">out", "`", "}", "]", "\\", "\u{2026}"] {
        let expected = format!("x {MARK}{delimiter} y");
        assert_redacts(&redaction(&["quartz-0123"]), format!("x {token}{delimiter} y").as_bytes(), expected.as_bytes());
        let text = format!("x quartz-0123{delimiter} y");
        assert_redacts(&redaction(&["quartz-0123"]), text.as_bytes(), expected.as_bytes());
    }
}

/// What tools say when they fail quotes what they were given, each in its own manner.
#[test]
fn github_runner_showed_what_failing_tools_quoted() {
    let known = "pa\"ss\\w$rd/1'quartz";
    let redaction = redaction(&[known]);
    let token = sample("github-pat");
    let percent = "pa%22ss%5Cw%24rd%2F1%27quartz";
    for message in [
        format!("fatal: Authentication failed for 'https://bot:{percent}@git.example.com/a.git/'"),
        format!("curl: (3) URL rejected: https://api.example.com/?key={percent}&page=1"),
        format!("+ docker login --username bot --password {known}\n"),
        "+ mysql '-ppa\"ss\\w$rd/1'\\''quartz' db\n".to_owned(),
        "Error: invalid value \"pa\\\"ss\\\\w$rd/1'quartz\" for flag -token".to_owned(),
        "subprocess.CalledProcessError: Command '['x', 'pa\"ss\\\\w$rd/1\\'quartz']' returned 1".to_owned(),
        format!("java.lang.IllegalStateException: bad header [{known}]\n\tat com.example.Main.run(Main.java:12)"),
        format!("\u{1b}[31;1mInvoke-Thing: \u{1b}[0mCannot bind '{known}'\u{1b}[0m"),
        "{\"level\":\"error\",\"msg\":\"dial: pa\\\"ss\\\\w$rd/1'quartz: refused\"}".to_owned(),
        format!("remote: invalid token {token}, please check\nerror: failed to push some refs"),
    ] {
        let out = redaction.redact(message.as_bytes());
        let shown = String::from_utf8(out.clone()).unwrap();
        assert!(shown.contains(MARK) && !shown.contains("quartz") && !shown.contains(&token), "{shown}");
        assert_eq!(pushed(&redaction, message.as_bytes().chunks(1)), out, "{shown}");
        assert_eq!(redaction.redact(&out), out, "{shown}");
    }
}

/// A terminal that is narrow shows a value in several rows.
#[test]
fn claude_code_showed_the_start_of_what_a_narrow_terminal_wraps() {
    let known = "quartz-0123456789-basalt";
    let redaction = known_only(&[known]);
    for column in [5, 8, 10, 20] {
        for end in ["\r\n", "\n", "\r\n  "] {
            let rows: Vec<&str> =
                known.as_bytes().chunks(column).map(|row| std::str::from_utf8(row).unwrap()).collect();
            let text = format!("> key: {}\r\n> ", rows.join(end));
            assert_redacts(&redaction, text.as_bytes(), format!("> key: {MARK}\r\n> ").as_bytes());
        }
    }
}

/// Ids in quotes, in quotes that are escaped, and as numbers.
#[test]
fn claude_code_broke_the_json_of_quoted_ids() {
    let token = sample("github-pat");
    let redaction = redaction(&["quartz-0123", "8123456789012"]).with_format(TextFormat::Json);
    for text in [
        format!("{{\"id\":\"{token}\",\"ids\":[\"quartz-0123\",8123456789012,\"8123456789012\"]}}"),
        format!("{{\"a\":\"{{\\\"id\\\":\\\"{token}\\\",\\\"n\\\":8123456789012}}\"}}"),
        "{\"quartz-0123\":{\"k\":\"x\\\"quartz-0123\\\"y\"}}".to_owned(),
        format!("[\"'{token}'\",\"`{token}`\",\"\\u0022{token}\\u0022\"]"),
    ] {
        let out = redaction.redact(text.as_bytes());
        let shown = String::from_utf8(out.clone()).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
        assert!(
            !shown.contains(&token) && !shown.contains("quartz-0123") && !shown.contains("8123456789012"),
            "{shown}"
        );
        assert_eq!(pushed(&redaction, text.as_bytes().chunks(1)), out, "{shown}");
        assert_eq!(redaction.redact(&out), out, "{shown}");
    }
}
