//! What a library user may rely on: types that cross threads, secrets that never show themselves, few dependencies.

mod common;

use std::fmt::Debug;
use std::path::Path;
use std::process::Command;

use keyscan::{
    Error, Filled, Finding, Located, Outcome, Rule, RuleSet, Sample, Scanner, Scratch, Secret, Session, Span,
    Surroundings,
};

use common::{rules, test_rules, utf16};

#[test]
fn types_cross_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Scanner>();
    shared::<Finding>();
    shared::<Located>();
    shared::<Rule>();
    shared::<RuleSet>();
    shared::<Secret>();
    shared::<Outcome>();
    shared::<Error>();
    sent::<Scratch>();
    sent::<Session<'_>>();
}

/// A regex as large as admission lets through compiles on its first candidate: a scanner that could not compile one
/// would miss its secrets in silence.
#[test]
fn what_is_admitted_can_be_compiled() {
    let rules = |rounds: usize| {
        let text = format!(
            "provider = \"test\"\nname = \"Test\"\n[[rule]]\nid = \"test-key\"\ndescription = \"Key\"\n\
             severity = \"low\"\nkind = \"distinctive\"\nregex = 'testkey_(?<secret>(?:[a-f][0-5Q-Z]|[x-z]9){{{rounds}}})'\n\
             after = 'any'\nsamples = [\"testkey_|{{hex:9}}|\"]\nnear_misses = [\"testkey-\"]\n"
        );
        RuleSet::from_toml(Path::new("test.toml"), &text)
    };
    let (mut admitted, mut refused) = (1_usize, 65_536);
    while refused - admitted > 1 {
        let middle = admitted.midpoint(refused);
        if rules(middle).is_ok() { admitted = middle } else { refused = middle }
    }
    assert!(admitted > 1000, "{admitted}");
    let scanner = Scanner::new(rules(admitted).unwrap());
    scanner.compile().unwrap();
    let found = scanner.scan(format!("testkey_{}", "a5".repeat(admitted)).as_bytes());
    assert_eq!(found.iter().map(|found| found.span.end - found.span.start).collect::<Vec<_>>(), [2 * admitted as u64]);
}

/// No four bytes of the secret that follow one another stand in the text.
fn assert_silent(shown: &str, secret: &[u8], what: &str) {
    let numbers = secret.iter().map(u8::to_string).collect::<Vec<_>>();
    for at in 0..secret.len() - 3 {
        let part = std::str::from_utf8(&secret[at..at + 4]).expect("it is ASCII");
        assert!(!shown.contains(part), "{what} shows a part of the secret");
        let part = numbers[at..at + 4].join(", ");
        assert!(!shown.contains(&part), "{what} shows a part of the secret as numbers");
    }
}

#[test]
fn nothing_public_shows_a_secret() {
    let scanner = Scanner::new(test_rules());
    let secret = b"TESTKEY-dbacdbca";
    let text = [&b"before wxyzwxyz "[..], secret, b" zyxwzyxw after"].concat();
    let around = b"wxyzwxyz";
    for text in [text.clone(), utf16(&text, false)] {
        let mut scratch = Scratch::new();
        let mut shown: Vec<(String, &str)> = Vec::new();
        let mut show = |value: &dyn Debug, what| {
            shown.push((format!("{value:?}"), what));
            shown.push((format!("{value:#?}"), what));
        };
        let margined = scanner.clone().with_margin(40);
        let mut session = margined.session(&mut scratch);
        let mut findings = Vec::new();
        session.feed(&text, |_, _| ());
        show(&session, "a session");
        let _coverage = session.finish(|finding, surroundings: Surroundings<'_>| {
            show(&surroundings, "surroundings");
            findings.push(finding);
        });
        show(&scratch, "a scratch");
        let finding = findings.pop().expect("it is found");
        assert_eq!(finding.secret.expose(), secret);
        show(&finding, "a finding");
        show(&finding.secret, "a secret");
        let located = Located { path: "file".into(), finding: finding.clone(), origin: None };
        show(&located, "a located finding");
        show(&Outcome { findings: vec![located], ..Outcome::default() }, "an outcome");
        show(&scanner.explain(&text, 1), "an explanation");
        show(&Filled { text: text.clone(), secret: 16..32 }, "a filled template");
        shown.push((finding.secret.to_string(), "a secret in text"));
        for (shown, what) in &shown {
            assert_silent(shown, secret, what);
            assert_silent(shown, around, what);
        }
    }
}

#[test]
fn errors_say_what_to_do_and_where_but_not_what_was_read() {
    let error = RuleSet::from_toml(Path::new("p.toml"), "provider = 3\n").expect_err("it is wrong");
    assert!(error.to_string().contains("p.toml"), "{error}");
    let refused = "provider = \"t\"\nname = \"T\"\n[[rule]]\nid = \"t-x\"\ndescription = \"x\"\nseverity = \"low\"\nkind = \"distinctive\"\nregex = '[a-z]{12}'\n";
    let error = RuleSet::from_toml(Path::new("p.toml"), refused).expect_err("it has no way in");
    assert_eq!((error.rule(), error.path()), (Some("t-x"), Some(Path::new("p.toml"))));
    assert!(error.message().contains("way in"), "{error}");
    assert!(Sample::parse("{hex:3").is_err());
}

#[test]
fn a_finding_says_where_and_why() {
    let scanner = Scanner::new(rules(include_str!("common/rules.toml")));
    let found = scanner.scan("\u{e9} = TESTKEY-bdca\n".as_bytes());
    let [finding] = found.as_slice() else { panic!("one is found, not {}", found.len()) };
    assert_eq!(scanner.rules()[finding.rule].id(), "testkey-start");
    assert_eq!(finding.span, Span { start: 5, end: 17 });
    assert_eq!((finding.start.line, finding.start.column, finding.end.column), (1, 5, 17));
    assert!(finding.confidence > 0.5 && finding.decoded.is_none());
}

#[test]
fn the_core_brings_few_dependencies() {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none"])
        .args(["--no-default-features", "--features", "builtin-rules"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"regex-automata"), "{tree}");
    for unwanted in ["git2", "gix", "clap", "tokio", "ignore", "rayon", "serde_json", "anstream", "ctrlc", "indicatif"]
    {
        assert!(!names.contains(&unwanted), "the core depends on {unwanted}");
    }
}
