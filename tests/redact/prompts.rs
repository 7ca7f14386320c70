//! Nothing waits that need not: prompts, partial lines and progress are there as soon as they were written.

use super::{MARK, known_only, redaction};

/// What is held back of a text that ends here.
fn held(redaction: &keyscan::redact::Redaction, text: &str) -> String {
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    redactor.push(text.as_bytes(), &mut out);
    assert_eq!(redactor.held_len(), text.len() - out.len());
    text[out.len()..].to_owned()
}

#[test]
fn prompts_are_there_at_once() {
    let redaction = redaction(&["quartz-0123"]);
    for text in [
        "Password: ",
        "password:",
        "[sudo] password for user: ",
        "Enter API token: ",
        "$ ",
        "# ",
        "user@host:~$ ",
        "\x1b[32muser@host\x1b[0m:\x1b[34m~\x1b[0m$ ",
        ">>> ",
        "(y/N) ",
        "Are you sure? [y/n]: ",
        "a line\n",
        "a line\r\n",
        "half a line, ",
        "\r[=====>    ]  45%",
        "\r 10% [##        ]",
        "Downloading... ",
        "done.\n\n",
        "-----BEGIN CERTIFICATE-----\n",
        "token = \"",
        "{\"ok\": true}",
    ] {
        assert_eq!(held(&redaction, text), "", "{text:?}");
    }
}

#[test]
fn what_may_become_a_secret_waits_and_no_more() {
    let redaction = redaction(&["quartz-0123"]);
    for (text, waits) in [
        ("see gh", "gh"),
        ("see ghp_", "ghp_"),
        ("token = abc", "abc"),
        ("token = \"abc", "abc"),
        ("a quar", "quar"),
        // What ends so may be the address of a webhook.
        ("Downloading...", "."),
        ("key: -----BEGIN RSA PRIV", "-----BEGIN RSA PRIV"),
    ] {
        assert_eq!(held(&redaction, text), waits, "{text:?}");
    }
}

#[test]
fn a_whole_secret_is_hidden_before_anything_follows_its_line() {
    let whole = |redaction: &keyscan::redact::Redaction, text: &str| {
        let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
        redactor.push(text.as_bytes(), &mut out);
        assert_eq!(redactor.held_len(), 0, "{text}");
        String::from_utf8(out).unwrap()
    };
    let hidden = "the value is \u{25a0}";
    assert_eq!(whole(&known_only(&["quartz-0123"]), "the value is quartz-0123"), hidden);
    assert_eq!(whole(&redaction(&["quartz-0123"]), "the value is quartz-0123\n"), format!("{hidden}\n"));
    let rules = keyscan::RuleSet::builtin();
    let rule = rules.get("github-pat").unwrap();
    let token = String::from_utf8(rule.samples()[0].fill(1, rule.checksum()).text).unwrap();
    assert_eq!(whole(&redaction(&[]), &format!("the value is {token}\nPassword: ")), format!("{hidden}\nPassword: "));
}

#[test]
fn a_secret_whose_last_bytes_start_it_again_is_not_cut() {
    let redaction = known_only(&["s3cr3t-key-s3cr3t"]);
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    redactor.push(b"x s3cr3t-key-s3cr3t", &mut out);
    assert_eq!(out, "x ".as_bytes());
    redactor.push(b";\n", &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "x \u{25a0};\n");
}

/// For someone who waits for a prompt that looks like the start of a secret.
#[test]
fn little_is_revealed_and_the_rest_stays_hidden() {
    let redaction = known_only(&["Password-0123"]);
    let (mut redactor, mut out) = (redaction.redactor(), Vec::new());
    redactor.push(b"login\nPassw", &mut out);
    assert_eq!(out, b"login\n");
    // However long nothing comes.
    for _ in 0..3 {
        redactor.reveal(2, &mut out);
        assert_eq!(out, b"login\nPa");
    }
    redactor.push(b"ord-0123 Pas", &mut out);
    redactor.reveal(2, &mut out);
    redactor.push(b"sport: ", &mut out);
    redactor.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), format!("login\nPa{MARK} Passport: "));
}
