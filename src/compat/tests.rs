//! Files of other tools with invented rules, and what is found with them: cases checked by hand.

use std::path::Path;

use sha1::Digest as _;

use super::{Format, Imported, Weight};
use crate::engine::{DOUBTFUL, Scanner, Scratch};
use crate::error::Result;
use crate::finding::Located;
use crate::rule::RuleSet;

fn import(name: &str, text: &str) -> Result<Imported> {
    let path = Path::new(name);
    let format = Format::of(path, text).unwrap_or_else(|| panic!("{name} is of another tool"));
    Imported::from_text(path, text, format)
}

/// What is reported of some files: path, rule and secret.
fn reported(rules: Imported, lists: Vec<Imported>, files: &[(&str, &str)]) -> Vec<String> {
    let mut set = RuleSet::new();
    set.extend(rules.rules);
    let scanner = Scanner::new(set).with_margin(1024);
    let base = std::env::current_dir().unwrap();
    let policies: Vec<_> = std::iter::once(rules.policy)
        .chain(lists.into_iter().map(|list| list.policy))
        .map(|p| p.at(&base, &base))
        .collect();
    let mut found = Vec::new();
    for (path, text) in files {
        let _complete = scanner.scan_with(text.as_bytes(), &mut Scratch::new(), |finding, around| {
            let located = Located { path: (*path).to_owned(), finding, origin: None };
            let rule = &scanner.rules()[located.finding.rule];
            let left = || policies.iter().any(|policy| policy.leaves(&located, rule, around).is_some());
            if located.finding.confidence >= DOUBTFUL && !left() {
                found.push(located);
            }
        });
    }
    policies.iter().for_each(|policy| policy.settle(&mut found, scanner.rules()));
    let one = |located: &Located| {
        let secret = String::from_utf8_lossy(located.finding.secret.expose()).into_owned();
        format!(
            "{}:{} {} {secret}",
            located.path,
            located.finding.start.line,
            scanner.rules()[located.finding.rule].id()
        )
    };
    let mut lines: Vec<String> = found.iter().map(one).collect();
    lines.sort();
    lines
}

const ACME: &str = r#"
title = "Acme"
[[rules]]
id = "acme-key"
description = "Acme key"
regex = '''(?i)acme[\w.-]{0,10}\s?[=:]\s?['"]?([a-z0-9]{8})\b'''
Keywords = ["ACME"]
entropy = 2.0
"#;

#[test]
fn the_group_is_the_secret_and_has_to_have_the_entropy() {
    let text = "acme_key = 'abcd1234'\nacme: aaaaaaaa\nACME.Token=\"zyxw9876\"\n";
    let found = reported(import("a.toml", ACME).unwrap(), vec![], &[("a", text)]);
    assert_eq!(found, ["a:1 acme-key abcd1234", "a:3 acme-key zyxw9876"]);
    // Exactly the bar is not above it: four characters twice are two bits.
    assert_eq!(reported(import("a.toml", ACME).unwrap(), vec![], &[("a", "acme=abcdabcd")]), [""; 0]);
}

#[test]
fn allowlists_of_all_kinds() {
    let with = |list: &str, files: &[(&str, &str)]| {
        reported(import("a.toml", &format!("{ACME}{list}")).unwrap(), vec![], files)
    };
    let text = "acme = abcd1234 # one\nacme = zyxw9876 # two";
    let files = [("src/a.py", text), ("tests/b.py", text)];
    let all = [
        "src/a.py:1 acme-key abcd1234",
        "src/a.py:2 acme-key zyxw9876",
        "tests/b.py:1 acme-key abcd1234",
        "tests/b.py:2 acme-key zyxw9876",
    ];
    let only = |numbers: &[usize]| -> Vec<String> { numbers.iter().map(|&at| all[at].to_owned()).collect() };
    assert_eq!(with("", &files), only(&[0, 1, 2, 3]));
    for (list, left) in [
        ("[[rules.allowlists]]\npaths = ['^tests/']", &[0, 1][..]),
        ("[[rules.allowlists]]\npaths = ['^tests$']", &[0, 1, 2, 3]),
        ("[[allowlists]]\npaths = ['^tests$']", &[0, 1]),
        ("[allowlist]\nstopwords = ['BCD1']", &[1, 3]),
        ("[rules.allowlist]\nregexes = ['^ab']", &[1, 3]),
        ("[rules.allowlist]\nregexes = ['^acme']", &[0, 1, 2, 3]),
        ("[rules.allowlist]\nregextarget = 'match'\nregexes = ['^acme = a']", &[1, 3]),
        ("[rules.allowlist]\nregexTarget = 'line'\nregexes = ['# two$']", &[0, 2]),
        ("[[allowlists]]\ncondition = 'AND'\npaths = ['^tests/']\nregexes = ['^ab']", &[0, 1, 3]),
        ("[[allowlists]]\ncondition = 'AND'\ncommits = ['abc']\nregexes = ['^ab']", &[0, 1, 2, 3]),
        ("[[allowlists]]\ncommits = ['abc']\nregexes = ['^ab']", &[1, 3]),
        ("[[allowlists]]\ntargetRules = ['acme-key']\nstopwords = ['zyxw']", &[0, 2]),
        ("[[allowlists]]\ntargetRules = ['other']\nstopwords = ['zyxw']", &[0, 1, 2, 3]),
    ] {
        assert_eq!(with(list, &files), only(left), "{list}");
    }
}

#[test]
fn a_rule_may_hold_for_some_paths_only() {
    let text = "[[rules]]\nid = 'r'\nregex = 'zk_[a-z]{6}'\npath = '\\.env$'\n";
    let files = [("a.env", "zk_quartz"), ("a.py", "zk_quartz")];
    assert_eq!(reported(import("a.toml", text).unwrap(), vec![], &files), ["a.env:1 r zk_quartz"]);
}

#[test]
fn required_rules_have_to_be_near() {
    let text = "[[rules]]\nid = 'secret'\nregex = 'zk_[a-z]{6}'\n[[rules.required]]\nid = 'name'\nwithinLines = 2\n\
                [[rules]]\nid = 'name'\nregex = 'zn_[a-z]{4}'\nskipReport = true\n";
    let files =
        [("a", "zn_opal\nx\nzk_quartz"), ("b", "zn_opal\nx\ny\nzk_quartz"), ("c", "zk_quartz"), ("d", "zn_opal")];
    assert_eq!(reported(import("a.toml", text).unwrap(), vec![], &files), ["a:3 secret zk_quartz"]);
    let lonely = text.replace("id = 'name'\nregex = 'zn_", "id = 'name'\nregex = '(?=zn_");
    let imported = import("a.toml", &lonely).unwrap();
    assert!(imported.rules.is_empty() && imported.notes.iter().any(|note| note.text.contains("requires `name`")));
}

#[test]
fn a_generic_rule_gives_way() {
    let text = "[[rules]]\nid = 'generic-x'\nregex = 'key=(\\w{9})'\n[[rules]]\nid = 'zk'\nregex = 'zk_[a-z]{6}'\n";
    let files = [("a", "key=zk_quartz\nkey=zz_quartz")];
    let found = reported(import("a.toml", text).unwrap(), vec![], &files);
    assert_eq!(found, ["a:1 zk zk_quartz", "a:2 generic-x zz_quartz"]);
}

#[test]
fn files_build_on_files() {
    let folder = tempfile::tempdir().unwrap();
    let base = "[[rules]]\nid = 'one'\nregex = 'z1_[a-z]{6}'\n[[rules]]\nid = 'two'\nregex = 'z2_[a-z]{6}'\n[allowlist]\npaths = ['^b']";
    std::fs::write(folder.path().join("base.toml"), base).unwrap();
    let text = "[extend]\npath = 'base.toml'\ndisabledRules = ['two']\n[[rules]]\nid = 'one'\n[rules.allowlist]\nstopwords = ['opal']\n";
    let path = folder.path().join("a.toml");
    let imported = Imported::from_text(&path, text, Format::Gitleaks).unwrap();
    let files = [("a", "z1_quartz z1_opalop z2_quartz"), ("b", "z1_quartz")];
    assert_eq!(reported(imported, vec![], &files), ["a:1 one z1_quartz"]);

    let lost = Imported::from_text(&path, "[extend]\npath = 'nowhere.toml'", Format::Gitleaks).unwrap_err();
    assert!(lost.to_string().contains("nowhere.toml"), "{lost}");
    std::fs::write(folder.path().join("round.toml"), "[extend]\npath = 'round.toml'").unwrap();
    let round = Imported::from_file(&folder.path().join("round.toml"), Format::Gitleaks).unwrap();
    assert!(round.notes.iter().any(|note| note.text.contains("more than 3 files")));
}

#[cfg(feature = "builtin-rules")]
#[test]
fn default_rules_mean_ours() {
    let text = "[extend]\nuseDefault = true\ndisabledRules = ['jwt', 'github-pat', 'no-such']\n[[rules]]\nid = 'generic-api-key'\n\
                [rules.allowlist]\nstopwords = ['opal']\n[[rules]]\nid = 'aws-access-token'\nregex = 'zk_[a-z]{6}'\n";
    let imported = import("a.toml", text).unwrap();
    assert_eq!(imported.builtin, Some(true));
    for id in ["jwt-token", "github-pat", "aws-access-key-id"] {
        assert!(imported.policy.disables(id), "{id}");
    }
    assert!(imported.policy.rules.contains_key("generic-secret"));
    let refused: Vec<_> = imported.notes.iter().filter(|note| note.weight == Weight::Refused).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].rule.as_deref(), Some("no-such"));
}

#[test]
fn expressions_filter() {
    let text = "prefilter = 'filter.matchesAny(get(attributes, \"path\", \"\"), [`^docs/`])'\n[[rules]]\nid = 'r'\n\
                regex = 'zk_[a-z]{6}'\nfilter = 'filter.containsAny(finding[\"secret\"], [\"opal\"])'\n[[rules]]\nid = 's'\n\
                regex = 'zs_[a-z]{6}'\nfilter = 'os.exec(\"x\")'\n";
    let imported = import(".betterleaks.toml", text).unwrap();
    assert!(imported.notes.iter().any(|note| note.rule.as_deref() == Some("s") && note.text.contains("os.exec")));
    let files = [("a", "zk_quartz zk_opalop zs_quartz"), ("docs/a", "zk_quartz")];
    assert_eq!(reported(imported, vec![], &files), ["a:1 r zk_quartz", "a:1 s zs_quartz"]);
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (text, part) in [
        ("[[rules]]\nid = 'a'\nregex = ", "line 3"),
        ("[[rules]]\nregex = 'abc'", "no `id`"),
        ("[[rules]]\nid = 'a'\nregex = 'abc'\n[[rules.allowlists]]\ndescription = 'x'", "has none of"),
        ("[[rules]]\nid = 'a'\nregex = 'abc'\n[[rules.allowlists]]\ncondition = 'XOR'\npaths = ['a']", "XOR"),
        ("[[rules]]\nid = 'a'\nregex = 'abc'\npath = '('", "`path`"),
        ("[extend]\npath = 'a'\nuseDefault = true", "both"),
        ("[[rules]]\nid = 'a'", "neither"),
    ] {
        let error = Imported::from_text(Path::new("a.toml"), text, Format::Gitleaks).unwrap_err().to_string();
        assert!(error.starts_with("a.toml: ") && error.contains(part), "{text}: {error}");
    }
}

#[test]
fn rules_of_nosey_parker_and_kingfisher() {
    let text = "rules:\n- name: Acme Key\n  id: acme.1\n  pattern: |\n    (?xi)\n    acme  # the name\n    \\W{1,4}\n    (\n      [a-z0-9]{8}\n    )\n    \\b\n\
                \x20 min_entropy: 2.5\n  confidence: high\n  examples:\n  - nothing\n  pattern_requirements:\n    min_digits: 2\n    ignore_if_contains: [opal]\n\
                - name: Hidden\n  id: acme.2\n  pattern: 'zk_[a-z]{6}'\n  visible: false\n\
                - name: Doubtful\n  id: acme.3\n  pattern: 'zd_[a-z]{6}'\n  confidence: low\n";
    let imported = import("rules.yml", text).unwrap();
    assert_eq!(imported.rules.len(), 3, "{:?}", imported.notes);
    let file = "acme = abcd1234\nACME: aabbaabb\nacme=abcdefg1\nacme=opal1234\nzk_quartz zd_quartz\n";
    assert_eq!(reported(imported, vec![], &[("a", file)]), ["a:1 acme.1 abcd1234"]);
    let wrong =
        Imported::from_text(Path::new("r.yml"), "rules:\n- name: x\n  id: y\n  patern: z\n", Format::NoseyParker);
    assert!(wrong.unwrap_err().to_string().contains("patern"));
}

#[test]
fn detectors_of_trufflehog() {
    let text = "detectors:\n- name: Acme\n  keywords: [acme]\n  regex:\n    id: '\\b(AC[0-9]{6})\\b'\n    token: '\\b(zt[a-z]{6})\\b'  # keyscan:allow generic-secret\n\
                \x20 primary_regex_name: token\n  exclude_words: [opal]\n  exclude_regexes_match: ['^ztq']\n  verify:\n  - endpoint: https://example.com\n";
    let files = [("a", "acme AC123456 ztonyxon ztopalop ztquartz"), ("b", "acme ztonyxon"), ("c", "AC123456 ztonyxon")];
    let imported = import("hog.yaml", text).unwrap();
    assert!(imported.notes.iter().any(|note| note.text.contains("`verify`")));
    assert_eq!(reported(imported, vec![], &files), ["a:1 Acme.token ztonyxon"]);
}

#[test]
fn accepted_findings_of_all_forms() {
    let files = [("src/a.env", "x\nacme = abcd1234"), ("b.env", "acme = zyxw9876\nacme = abcd1234")];
    let left = |name: &str, text: &str| {
        let list = import(name, text).unwrap();
        assert!(list.notes.iter().all(|note| note.weight == Weight::Differs), "{:?}", list.notes);
        reported(import("a.toml", ACME).unwrap(), vec![list], &files)
    };
    let (first, second, third) =
        ("src/a.env:2 acme-key abcd1234", "b.env:1 acme-key zyxw9876", "b.env:2 acme-key abcd1234");
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    assert_eq!(left(".gitleaksignore", "# none\n"), [second, third, first].map(str::to_owned).to_vec());
    assert_eq!(left(".gitleaksignore", "src/a.env:acme-key:2\nb.env:other:1\n"), [second, third]);
    assert_eq!(left("list.txt", "0123456789ab:b.env:acme-key:1\n"), [second, third, first]);
    let report = r#"[{"RuleID":"acme-key","File":"b.env","StartLine":9,"Secret":"zyxw9876"},
        {"RuleID":"acme-key","File":"src/a.env","StartLine":2,"Secret":"REDACTED"}]"#;
    assert_eq!(left("report.json", report), [third]);
    let sha1 = hex(&sha1::Sha1::digest(b"abcd1234"));
    let baseline = format!(
        r#"{{"version":"1.5.0","plugins_used":[],"filters_used":[
        {{"path":"detect_secrets.filters.heuristic.is_sequential_string"}},
        {{"path":"detect_secrets.filters.regex.should_exclude_line","pattern":["zyxw"]}}],
        "results":{{"src/a.env":[{{"type":"x","filename":"src/a.env","hashed_secret":"{sha1}","line_number":7}}]}}}}"#
    );
    assert_eq!(left(".secrets.baseline", &baseline), [third]);
    let sha256 = hex(&sha2::Sha256::digest(b"abcd1234"));
    let ggshield = format!(
        "version: 2\nsecret:\n  ignored_matches:\n  - name: one\n    match: {sha256}\n  ignored_paths:\n  - '*.none'\n"
    );
    assert_eq!(left(".gitguardian.yaml", &ggshield), [second]);
    assert_eq!(left(".gitguardian.yml", "matches-ignore:\n- abcd1234\npaths-ignore:\n- src/\n"), [second]);
}

#[test]
fn errors_quote_no_secret() {
    for (name, text) in [
        (".gitguardian.yaml", "version: 2\nsecret:\n  ignored_matches:\n  - {match: abcd1234, x: [}\n"),
        ("report.json", "[{\"RuleID\":\"a\",\"Secret\":\"abcd1234\",\"StartLine\":\"abcd1234\"}]"),
        (".secrets.baseline", "{\"results\":{\"a\":[{\"hashed_secret\":\"abcd1234\"}]}}"),
    ] {
        let error = import(name, text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("abcd1234"), "{error}");
    }
}
