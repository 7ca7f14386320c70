//! Secrets that are parts of one credential are one finding, and so in every way to scan: whole, in pieces, along deltas.
//!
//! `tests/common/twin.rs` says what belongs together by looking at all pairs of the whole text.

mod common;

use std::sync::atomic::AtomicBool;

use keyscan::redact::{Redaction, Style};
use keyscan::{
    Copied, DOUBTFUL, Finding, Located, Progress, RuleSet, Run, Scanner, Scratch, Severity, Surroundings, testing,
};
use proptest::prelude::*;

use common::twin::Twin;
use common::{Random, rules, scan_pieces, utf16};

/// Two formats of ids that share the rules of their secrets, a token, an owner, and what is found without a format.
const RULES: &str = r#"
provider = "testkey"
name = "Test key"
docs = "https://example.com/testkey"
[[rule]]
id = "testkey-id"
description = "id of a key"
severity = "medium"
kind = "distinctive"
regex = 'TKID[a-z]{3}'
[[rule.part]]
role = "secret"
rules = ["testkey-secret", "testkey-secret-other"]
[[rule.part]]
role = "token"
rules = ["testkey-token"]
[[rule.part]]
role = "owner"
rules = ["testkey-owner"]
[[rule]]
id = "testkey-login"
description = "another id"
severity = "low"
kind = "distinctive"
regex = 'TKLOG[a-z]{2}'
[[rule.part]]
role = "owner"
rules = ["testkey-owner"]
[[rule.part]]
role = "password"
rules = ["testkey-secret-other", "testkey-secret"]
[[rule]]
id = "testkey-secret"
description = "secret of a key"
severity = "critical"
kind = "contextual"
regex = '[0-9a-z]{16}'
keywords = ["tksec"]
distance = 20
beside = ["testkey-id", "testkey-token"]
[[rule]]
id = "testkey-secret-other"
description = "secret of a key in another form"
severity = "high"
kind = "contextual"
regex = '(?:tk:)?(?<secret>[0-9a-z+]{8,16})\+'
keywords = ["tksec"]
distance = 20
beside = ["testkey-login"]
[[rule]]
id = "testkey-token"
description = "token of a key"
severity = "low"
kind = "distinctive"
regex = 'TKTOK[a-z]{2,9}'
[[rule]]
id = "testkey-owner"
description = "owner of keys"
severity = "low"
kind = "identifier"
regex = '[a-z]{1,9}\.tkown'
[[rule]]
id = "testkey-pin"
description = "secret of an owner"
severity = "high"
kind = "contextual"
regex = '[0-9a-z]{12}'
keywords = ["tkpin"]
beside = ["testkey-owner"]
[[rule.part]]
role = "owner"
rules = ["testkey-owner"]
[[rule]]
id = "testkey-generic"
description = "what is assigned"
severity = "low"
kind = "generic"
names = ["passw"]
"#;

fn scanners() -> (Scanner, Twin) {
    (Scanner::new(rules(RULES)), Twin::new(&rules(RULES)))
}

/// Pieces of texts in which these rules find much.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"TKIDqzw",
        b"TKIDbvx",
        b"TKLOGqx",
        b"TKTOKwq",
        b"quz.tkown",
        b"x8y2z9a1k4m7p0r3",
        b"k4m7p0r3x8y2z9a1",
        b"q7+w2e9r4t+",
        b"tk:b5n8m1v3+",
        b"tksec",
        b"tkpin",
        b"m3k8v2z7q4r9",
        b"password",
        b"password = \"",
        b"password = ",
        b"=",
        b"\"",
        b" ",
        b"\n",
        b"\n\n\n",
        b", ",
        b":",
        b"sha1: ",
        b"\0",
        b"a",
    ];
    let far = prop_oneof![
        20 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::sample::select(vec![300usize, 500, 512, 1500, 2040, 2100]).prop_map(|len| vec![b'.'; len]),
    ];
    prop::collection::vec(far, 0..50).prop_map(|words| words.concat())
}

/// Findings in pieces, each with the end of the text settled or not, and what is promised of them on the way.
fn in_pieces(scanner: &Scanner, text: &[u8], cuts: &[usize], settled: bool) -> Vec<Finding> {
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    let mut session = scanner.session(&mut scratch);
    let (mut final_len, mut horizon, mut seen) = (0, 0, 0);
    for pair in cuts.windows(2) {
        session.feed(&text[pair[0]..pair[1]], |finding, _| found.push(finding));
        if settled {
            testing::settle(&mut session, |finding, _| found.push(finding));
        }
        check(&found[seen..], final_len, horizon);
        seen = found.len();
        assert!(session.final_len() >= final_len, "what was final is not any more");
        final_len = session.final_len();
        horizon = if settled { testing::horizon(&session) } else { 0 };
    }
    let _coverage = session.finish(|finding, _| found.push(finding));
    check(&found[seen..], final_len, horizon);
    found.sort_by_key(|finding| (finding.span, finding.rule));
    found
}

/// Nothing of the findings stands before what was final.
fn check(found: &[Finding], final_len: u64, horizon: u64) {
    for finding in found.iter().flat_map(|finding| finding.parts.iter().map(|part| &part.finding).chain([finding])) {
        let start = finding.span.start + if finding.decoded.is_some() { 3 } else { 0 };
        assert!(finding.span.start >= final_len && start >= horizon, "{:?}: {final_len}, {horizon}", finding.span);
    }
}

/// The secrets of findings one by one, and what each is a part of.
fn told(findings: &[Finding]) -> Vec<String> {
    let mut told = Vec::new();
    for whole in findings {
        for finding in whole.secrets() {
            let of = Some(whole.span).filter(|_| finding.span != whole.span);
            let place = (finding.rule, finding.span, finding.matched, finding.decoded, of);
            told.push(format!("{place:?} {} {:?}", finding.confidence, finding.verdicts));
        }
    }
    told.sort();
    told
}

fn told_along(scanner: &Scanner, text: &[u8], edits: &[(usize, usize, Vec<u8>)]) -> Result<(), TestCaseError> {
    let tell = |scanned: &keyscan::Scanned| {
        let spots = scanned.spots();
        let mut told: Vec<String> = spots
            .map(|s| {
                let place = (s.rule, s.span, s.matched, s.decoded, s.whole);
                format!("{place:?} {} {:?}", s.confidence, s.verdicts)
            })
            .collect();
        told.sort();
        told
    };
    let mut scratch = Scratch::new();
    let mut base = text.to_vec();
    let mut scanned = scanner.scan_base(&base, &mut scratch);
    prop_assert_eq!(tell(&scanned), told(&scanner.scan(&base)));
    for (at, len, new) in edits {
        let at = at % (base.len() + 1);
        let end = base.len().min(at + len);
        let next = [&base[..at], new, &base[end..]].concat();
        let copies: Vec<Copied> = [(0, 0, at), (end, at + new.len(), base.len() - end)]
            .into_iter()
            .filter(|copy| copy.2 > 0)
            .map(|(from, to, len)| Copied { from: from as u64, to: to as u64, len: len as u64 })
            .collect();
        scanned = scanner.scan_delta(&scanned, &next, &copies, &mut scratch);
        base = next;
        prop_assert_eq!(tell(&scanned), told(&scanner.scan(&base)), "{}", base.escape_ascii());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_belongs_together_is_what_all_pairs_say(
        text in words(),
        wide in prop::option::weighted(0.2, any::<bool>()),
        cuts in prop::collection::vec(0usize..5000, 0..10),
    ) {
        thread_local!(static BOTH: (Scanner, Twin) = scanners());
        let text = wide.map_or_else(|| text.clone(), |big| utf16(&text, big));
        BOTH.with(|(scanner, twin)| {
            let found = scanner.scan(&text);
            prop_assert_eq!(&found, &twin.scan(&text), "{}", text.escape_ascii());
            prop_assert_eq!(&in_pieces(scanner, &text, &cuts, false), &found, "cut: {}", text.escape_ascii());
            prop_assert_eq!(&in_pieces(scanner, &text, &cuts, true), &found, "settled: {}", text.escape_ascii());
            let bytes = text.chunks(1);
            prop_assert_eq!(&scan_pieces(scanner, &mut Scratch::new(), bytes), &found, "byte by byte");
            Ok(())
        })?;
    }

    #[test]
    fn along_deltas_it_is_the_same(
        text in words(),
        edits in prop::collection::vec((0usize..5000, 0usize..60, words()), 0..5),
        wide in prop::option::weighted(0.1, any::<bool>()),
    ) {
        thread_local!(static BOTH: (Scanner, Twin) = scanners());
        let text = wide.map_or_else(|| text.clone(), |big| utf16(&text, big));
        BOTH.with(|(scanner, _)| told_along(scanner, &text, &edits))?;
    }

    #[test]
    fn every_secret_part_is_redacted_and_nothing_public(
        text in words(),
        cuts in prop::collection::vec(0usize..5000, 0..10),
    ) {
        thread_local!(static BOTH: (Scanner, Redaction) = (
            Scanner::new(rules(RULES)),
            Redaction::new(rules(RULES)).with_style(Style::Custom("#".to_owned())),
        ));
        BOTH.with(|(scanner, redaction)| {
            let mut hidden: Vec<(usize, usize)> = scanner
                .scan(&text)
                .iter()
                .filter(|finding| finding.confidence >= DOUBTFUL)
                .flat_map(Finding::secrets)
                .map(|finding| (finding.span.start as usize, finding.span.end as usize))
                .collect();
            hidden.sort_unstable();
            let whole = redaction.redact(&text);
            let (mut expected, mut at) = (Vec::new(), 0);
            for (start, end) in hidden {
                expected.extend_from_slice(&text[at..start]);
                expected.push(b'#');
                at = end;
            }
            expected.extend_from_slice(&text[at..]);
            // What findings overlap is hidden with them; what is found only behind a marker is hidden, too, and named.
            let named = whole.windows(10).any(|there| there == b"[REDACTED:");
            prop_assert!(whole == expected || whole.len() < expected.len() || named, "{}", text.escape_ascii());
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            for pieces in [cuts.windows(2).map(|p| &text[p[0]..p[1]]).collect::<Vec<_>>(), text.chunks(1).collect()] {
                let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
                pieces.iter().for_each(|piece| redactor.push(piece, &mut out));
                redactor.finish(&mut out);
                prop_assert!(out == whole, "{}: {} {}", text.escape_ascii(), out.escape_ascii(), whole.escape_ascii());
            }
            Ok(())
        })?;
    }
}

/// What a text with these made-up secrets comes to: the ids of the rules, with those of their parts and lines.
fn summary(scanner: &Scanner, text: &str) -> Vec<String> {
    let id = |finding: &Finding| format!("{}:{}", scanner.rules()[finding.rule].id(), finding.start.line);
    let whole = |finding: &Finding| {
        let parts: Vec<String> = finding.parts.iter().map(|part| id(&part.finding)).collect();
        format!("{} [{}]", id(finding), parts.join(" "))
    };
    let mut found = scanner.scan(text.as_bytes());
    found.retain(|finding| finding.confidence >= DOUBTFUL);
    found.iter().map(whole).collect()
}

/// A value of one rule, filled from its first sample without what stands around it.
fn value(rules: &RuleSet, id: &str, seed: u64) -> String {
    let rule = rules.get(id).unwrap();
    let filled = rule.samples()[0].fill(seed, rule.checksum());
    String::from_utf8(filled.text[filled.secret].to_vec()).unwrap()
}

#[test]
fn profiles_one_after_another_are_told_apart_in_every_order_and_form() {
    let pack = RuleSet::builtin();
    let scanner = Scanner::new(pack.clone());
    let id = |n| value(&pack, "aws-access-key-id", n);
    let secret = |n| value(&pack, "aws-secret-access-key", n);
    let token = |n| value(&pack, "aws-session-token", n);
    let expected = |lines: &[&[usize]]| -> Vec<String> {
        let rules = ["aws-access-key-id", "aws-secret-access-key", "aws-session-token"];
        let whole = |lines: &&[usize]| {
            let parts: Vec<String> = (1..lines.len()).map(|n| format!("{}:{}", rules[n], lines[n])).collect();
            format!("{}:{} [{}]", rules[0], lines[0], parts.join(" "))
        };
        lines.iter().map(whole).collect()
    };
    let profiles = |order: [usize; 3], gap: &str| {
        let profile = |n: u64| {
            let lines = [
                format!("aws_access_key_id = {}\n", id(n)),
                format!("aws_secret_access_key = {}\n", secret(n)),
                format!("aws_session_token = {}\n", token(n)),
            ];
            format!("[profile-{n}]\n{}{gap}", order.map(|n| lines[n].clone()).concat())
        };
        (0..3).map(profile).collect::<String>()
    };
    for gap in ["", "\n", "region = eu-west-1\noutput = json\n\n"] {
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1], [2, 0, 1]] {
            let step = 4 + gap.lines().count();
            let line =
                |profile: usize, part: usize| profile * step + 2 + order.iter().position(|own| *own == part).unwrap();
            let lines: Vec<Vec<usize>> = (0..3).map(|p| (0..3).map(|part| line(p, part)).collect()).collect();
            let lines: Vec<&[usize]> = lines.iter().map(Vec::as_slice).collect();
            assert_eq!(summary(&scanner, &profiles(order, gap)), expected(&lines), "{order:?}, {gap:?}");
        }
    }
    let (a, b) = (id(1), secret(1));
    for (text, lines) in [
        (format!("{{\"AccessKeyId\": \"{a}\",\n \"SecretAccessKey\": \"{b}\"}}\n"), [1, 2]),
        (format!("{{\"SecretAccessKey\":\"{b}\",\"AccessKeyId\":\"{a}\"}}"), [1, 1]),
        (format!("provider \"aws\" {{\n  access_key = \"{a}\"\n  secret_key = \"{b}\"\n}}\n"), [2, 3]),
        (format!("AWS_SECRET_ACCESS_KEY={b}\nAWS_ACCESS_KEY_ID={a}\n"), [2, 1]),
        (format!("new Credentials(\n    \"{a}\",\n    \"{b}\",\n)"), [2, 3]),
        // Nothing but the id says what the value is.
        (format!("{a}\n{b}\n"), [1, 2]),
        (format!("user,{a},{b}\n"), [1, 1]),
        (format!("user: {a}\nrole: admin\nregion: eu\nvalue: {b}\n"), [1, 4]),
    ] {
        assert_eq!(summary(&scanner, &text), expected(&[&lines]), "{text:?}");
    }
    // Too far away, of no format, or named as something else.
    for text in [
        format!("{a}\n{}{b}\n", "- x\n".repeat(6)),
        format!("{a} {} {b}\n", ".".repeat(600)),
        format!("{a}\nsha256: {b}\n"),
        format!("{a}\n{}\n", &b[1..]),
        format!("{a}\n{}x\n", "0123456789".repeat(4)),
        format!("{b}\n{a}\n"),
    ] {
        assert_eq!(summary(&scanner, &text).len(), 1, "{text:?}");
        assert!(scanner.scan(text.as_bytes()).iter().all(|finding| finding.parts.is_empty()), "{text:?}");
    }
}

#[test]
fn ids_are_told_with_their_secrets_only_and_with_each_of_them() {
    let pack = RuleSet::builtin();
    let scanner = Scanner::new(pack.clone());
    let sid = value(&pack, "twilio-account-sid", 1);
    let (one, two) = (value(&pack, "twilio-auth-token", 1), value(&pack, "twilio-auth-token", 2));
    assert!(summary(&scanner, &format!("TWILIO_ACCOUNT_SID={sid}\n")).is_empty());
    let with_sid = |line: usize, sid: usize| format!("twilio-auth-token:{line} [twilio-account-sid:{sid}]");
    let text = format!("client = Client(\"{sid}\",\n    \"{one}\")\n");
    assert_eq!(summary(&scanner, &text), [with_sid(2, 1)]);
    let text = format!("TWILIO_SID={sid}\nTWILIO_AUTH_TOKEN={one}\nTWILIO_OLD_TOKEN={two}\n");
    assert_eq!(summary(&scanner, &text), [with_sid(2, 1), with_sid(3, 1)]);
    let found = scanner.scan(text.as_bytes());
    let alone = scanner.scan(format!("TWILIO_AUTH_TOKEN={one}\n").as_bytes());
    assert!(found[0].confidence > alone[0].confidence, "{} is not surer", found[0].confidence);
    assert!(found[0].parts[0].is_public && found[0].secrets().count() == 1);
    assert_eq!(found[0].parts[0].finding.secret.expose(), sid.as_bytes());
}

/// A value that a generic rule finds keeps its rule, so that what accepts it holds, and is told as what it is.
#[test]
fn generic_findings_may_have_parts_and_be_parts() {
    let scanner = Scanner::new(rules(RULES));
    let (secret, pin) = ("x8y2z9a1k4m7p0r3", "m3k8v2z7q4r9");
    let assigned = |value: &str| ["password", " = ", value, "\n"].concat();
    for text in [format!("TKIDqzw\n{}", assigned(secret)), format!("{}TKIDqzw\n", assigned(secret))] {
        let found = scanner.scan(text.as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        let part = &found[0].parts[0];
        let of = &scanner.rules()[part.of];
        assert_eq!((of.id(), of.parts()[part.number].role()), ("testkey-id", "secret"));
        assert_eq!(scanner.rules()[part.finding.rule].id(), "testkey-generic");
    }
    let text = format!("quz.tkown\n{}", assigned(pin));
    let found = scanner.scan(text.as_bytes());
    assert_eq!(summary(&scanner, &text), ["testkey-generic:2 [testkey-owner:1]"]);
    assert_eq!(scanner.rules()[found[0].parts[0].of].id(), "testkey-pin");
    assert_eq!(summary(&scanner, &format!("quz.tkown: {pin}\n")), ["testkey-pin:1 [testkey-owner:1]"]);
}

#[test]
fn a_long_list_of_pairs_is_told_apart_to_its_end() {
    let scanner = Scanner::new(rules(RULES));
    let mut random = Random(3);
    let mut letters =
        |n: usize| -> String { (0..n).map(|_| char::from(*random.pick(b"bcdfghjkmnpqrtvwxz"))).collect() };
    let pairs = 500;
    let text: String =
        (0..pairs).map(|n| format!("TKID{}\nTKTOK{}\n{}", letters(3), letters(5), "\n".repeat(n % 3))).collect();
    let found = scanner.scan(text.as_bytes());
    let ids: Vec<&Finding> =
        found.iter().filter(|finding| scanner.rules()[finding.rule].id() == "testkey-id").collect();
    assert!(ids.len() > pairs * 9 / 10, "{} ids are too few", ids.len());
    let lone = ids.iter().filter(|id| id.parts.is_empty()).count();
    assert!(lone * 20 < pairs, "{lone} of {} ids are alone", ids.len());
    assert_eq!(in_pieces(&scanner, text.as_bytes(), &[100, 5000, 5001, 9000], false), found);
}

#[test]
fn parts_that_make_no_sense_are_refused() {
    let with = |keys: &str| {
        let rule = "[[rule]]\nid = \"testkey-a\"\ndescription = \"a\"\nseverity = \"low\"\nkind = \"distinctive\"\nregex = 'AAA[0-9]{9}'\n";
        let other = rule.replace("testkey-a", "testkey-b").replace("AAA", "BBB");
        let text = format!("provider = \"testkey\"\nname = \"Test\"\n{rule}{keys}\n{other}");
        RuleSet::from_toml(std::path::Path::new("test.toml"), &text)
    };
    let part = |role: &str, rules: &str| format!("[[rule.part]]\nrole = \"{role}\"\nrules = {rules}\n");
    assert!(with(&part("secret", "[\"testkey-b\"]")).is_ok());
    for (keys, why) in [
        (part("secret", "[]"), "names no rule"),
        (part("secret", "[\"testkey-c\"]"), "no rule of this file is called `testkey-c`"),
        (part("secret", "[\"testkey-a\"]"), "has parts of its own"),
        (part("", "[\"testkey-b\"]"), "a few words"),
        (part("secret", "[\"testkey-b\"]").repeat(2), "two parts name the same rule"),
        (format!("{}within = 3\n", part("secret", "[\"testkey-b\"]")), "within"),
        ("beside = [\"testkey-b\"]\n".to_owned(), "for contextual rules"),
    ] {
        let error = with(&keys).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// What accepts one secret of a credential accepts no other, and accepting each accepts all.
#[test]
fn each_secret_is_accepted_by_itself() {
    let scanner = Scanner::new(rules(RULES)).with_margin(100);
    let text = b"id = TKIDqzw # one\ntksec = x8y2z9a1k4m7p0r3 # two\nthird = TKTOKwq\nowner = quz.tkown";
    let reported = |accepted: &[&str]| -> Vec<(String, usize)> {
        let inspect = |located: &Located, around: Surroundings<'_>| {
            let line = String::from_utf8_lossy(around.after).lines().next().unwrap_or_default().to_owned();
            assert!(located.finding.parts.is_empty());
            !accepted.iter().any(|word| line.contains(word) || located.finding.secret.expose() == word.as_bytes())
        };
        let (progress, interrupted) = (Progress::default(), AtomicBool::new(false));
        let (scanner, progress, interrupted) = (&scanner, &progress, &interrupted);
        let run = Run::new(scanner, &inspect, progress, interrupted);
        let mut found = Vec::new();
        let outcome = run.stream("text", &text[..], |located| {
            let secret = String::from_utf8_lossy(located.finding.secret.expose()).into_owned();
            found.push((secret, located.finding.parts.len()));
        });
        assert!(outcome.is_complete() && progress.so_far().2 == found.len() as u64);
        found
    };
    let told = |found: &[(&str, usize)]| found.iter().map(|(id, parts)| ((*id).to_owned(), *parts)).collect::<Vec<_>>();
    assert_eq!(reported(&[]), told(&[("TKIDqzw", 3)]));
    assert_eq!(reported(&["# two"]), told(&[("TKIDqzw", 2)]));
    assert_eq!(reported(&["# one"]), told(&[("x8y2z9a1k4m7p0r3", 0), ("TKTOKwq", 0)]));
    assert_eq!(reported(&["# one", "# two"]), told(&[("TKTOKwq", 0)]));
    assert_eq!(reported(&["# one", "# two", "TKTOKwq"]), told(&[]));
}

/// No severity of a part is lost in that of the whole.
#[test]
fn a_rule_says_what_its_parts_are() {
    let pack = RuleSet::builtin();
    let id = pack.get("aws-access-key-id").unwrap();
    let roles: Vec<&str> = id.parts().iter().map(keyscan::RulePart::role).collect();
    assert_eq!(roles, ["secret access key", "session token"]);
    let of_part = |role: usize| id.parts()[role].rules().map(|id| pack.get(id).unwrap()).collect::<Vec<_>>();
    assert!(of_part(0).iter().all(|rule| rule.severity() == Severity::Critical && rule.beside().len() > 0));
}
