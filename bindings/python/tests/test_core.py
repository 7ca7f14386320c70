"""What the engine finds and hides is what it finds and hides in Rust; types, units and threads are Python's."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
import warnings

import pytest

import keyscan
from conftest import ROOT, VALUE
from keyscan.testing import rule_ids, sample

MARK = "\u25a0"


def known_only(values):
    known = keyscan.KnownSecrets()
    for value in values:
        known.add("KNOWN", value, min_len=3, allow_common=True)
    return keyscan.Redaction(keyscan.RuleSet(), known=known, style=MARK)


@pytest.mark.parametrize("vector", json.loads((ROOT / "fixtures/redact/vectors.json").read_text()), ids=lambda v: v["text"])
def test_the_vectors_of_the_library(vector):
    redaction = known_only(vector["known"])
    for kind in (str, str.encode):
        text, expected = kind(vector["text"]), kind(vector["expected"])
        assert redaction.redact(text) == expected
        for cut in range(len(text) + 1):
            redactor = redaction.redactor()
            out = redactor.push(text[:cut]) + redactor.push(text[cut:]) + redactor.finish()
            assert out == expected, cut
        redactor = redaction.redactor()
        pieces = [redactor.push(text[at : at + 1]) for at in range(len(text))]
        assert type(text)().join(pieces) + redactor.finish() == expected


def test_every_rule_finds_its_sample():
    rules = keyscan.RuleSet.builtin().rules()
    assert len(rules) > 1000 and [rule.id for rule in rules] == rule_ids()
    for rule in rules:
        text, secret = sample(rule.id)
        findings = keyscan.scan(text)
        told = [part for finding in findings for part in (finding, *finding.parts)]
        found = any(secret == part.expose() == text[part.start : part.end] for part in told)
        # Identifiers are no secrets.
        assert found == (rule.kind != "identifier"), rule.id
        assert not found or secret not in repr(findings)


def test_offsets_are_in_the_unit_of_the_text(token):
    text = f"\u00e4\U0001f600\n key = {token} \u00f6 {token}"
    for finding in keyscan.scan(text):
        assert text[finding.start : finding.end] == token == finding.expose()
    data = text.encode()
    found = keyscan.scan(data)
    assert len(found) == 2
    for finding in found:
        assert data[finding.start : finding.end] == token.encode() == finding.expose()
    assert (found[0].line, found[0].column) == (2, 8)
    for kind in (bytearray, memoryview):
        assert [f.start for f in keyscan.scan(kind(data))] == [f.start for f in found]


def test_what_has_no_secret_comes_back_itself():
    for text in ("nothing here \u00e4", b"nothing here", ""):
        assert keyscan.redact(text) is text


def test_kinds_of_str_and_bytes_stay_what_they_are(token):
    class Marked(str):
        pass

    clean, secret = Marked("nothing"), Marked(f"a {token}")
    assert keyscan.redact(clean) is clean
    assert keyscan.redact(secret) == "a [REDACTED:github-pat]"
    assert keyscan.redact(bytearray(b"nothing")) == b"nothing"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_goes_on_redacting(token):
    keyscan.redact("warm")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, keyscan.redact(f"a {token}").encode())
        os._exit(0)
    os.close(write)
    assert os.read(read, 1000) == b"a [REDACTED:github-pat]" and os.waitpid(child, 0)[1] == 0
    os.close(read)


def test_lone_surrogates_pass_and_hide_nothing(token):
    text = f"\udc80 {token} \ud83d"
    assert keyscan.redact(text) == "\udc80 [REDACTED:github-pat] \ud83d"
    (finding,) = keyscan.scan(text)
    assert text[finding.start : finding.end] == token
    assert keyscan.Guard().check(text).action == "redact"
    redactor = keyscan.Redactor()
    assert redactor.push("a\udc80") + redactor.push("b") + redactor.finish() == "a\udc80b"


def test_other_types_are_refused_without_showing_them(token):
    for wrong in (None, 7, [token], {"k": token}):
        for call in (keyscan.scan, keyscan.redact, keyscan.Redactor().push, keyscan.Guard().check):
            with pytest.raises(TypeError) as error:
                call(wrong)
            assert token not in str(error.value)
    redactor = keyscan.Redactor()
    redactor.push("text")
    with pytest.raises(TypeError):
        redactor.push(b"bytes")


def test_nothing_shows_a_secret(token, known):
    (finding,) = keyscan.scan(f"x {token}")
    redactor = keyscan.Redactor(keyscan.Redaction(known=known))
    redactor.push(f"x {token[:20]}")
    decision = keyscan.Guard(known=known).check(f"{token} {VALUE}", "to-tool")
    shown = [finding, [finding], finding.as_dict(), redactor, known, decision, decision.findings, decision.reason]
    shown += [keyscan.Key.random(), keyscan.Redaction(known=known), keyscan.Guard(known=known), sample("github-pat", 7)]
    for thing in shown:
        for text in (repr(thing), str(thing)):
            for at in range(4, len(token) - 12):
                assert token[at : at + 8] not in text
            assert VALUE[:8] not in text
    assert finding.masked == f"{token[:4]}...{token[-4:]}"


def test_pickles_have_no_secret(token, known):
    (finding,) = keyscan.scan(f"x {token}")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(finding, protocol)
        assert token[6:20].encode() not in data
        other = pickle.loads(data)
        assert other.as_dict() == finding.as_dict()
        with pytest.raises(ValueError):
            other.expose()
    for thing in (known, keyscan.Redaction(), keyscan.Redactor(), keyscan.Guard(), keyscan.Key.random()):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.deepcopy(thing)
    for error in (keyscan.SourceError("m", "denied"), keyscan.Rejected("m", "n", 2, 3), keyscan.Blocked("m")):
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_tracebacks_of_errors_have_no_secret(token):
    try:
        keyscan.KnownSecrets().add("NAME", "abc")
    except keyscan.Refused as error:
        assert "NAME" in str(error) and "abc" not in "".join(traceback.format_exception_only(error))
    with pytest.raises(keyscan.NotJson) as error:
        keyscan.Guard().check_json(f"{{{token}")
    assert token not in str(error.value)


def test_known_secrets_reach_all_redactors(known):
    redaction = keyscan.Redaction(known=known)
    redactor, guard = redaction.redactor(), keyscan.Guard(known=known)
    assert redactor.push("later-0123-value ") == "later-0123-value "
    known.add("LATER", "later-0123-value")
    assert redactor.push("later-0123-value ") + redactor.finish() == "[REDACTED:LATER] "
    assert redaction.redact(b"later-0123-value") == b"[REDACTED:LATER]"
    assert guard.check("later-0123-value").text == "[REDACTED:LATER]"
    known.retire("LATER")
    assert redaction.redact("later-0123-value") == "[REDACTED:LATER]"
    assert len(known) == 2
    known.forget_retired()
    assert len(known) == 1 and redaction.redact("later-0123-value") == "later-0123-value"


def test_known_secrets_come_from_sources(monkeypatch, tmp_path):
    monkeypatch.setenv("KEYSCAN_TEST_TOKEN", "granite-4567-shale")  # keyscan:allow generic-secret
    monkeypatch.setenv("KEYSCAN_TEST_SHORT_TOKEN", "ab")
    known = keyscan.KnownSecrets()
    assert list(known.add_from("env:KEYSCAN_TEST_*")) == ["KEYSCAN_TEST_SHORT_TOKEN"]
    assert keyscan.Redaction(known=known).redact("granite-4567-shale") == "[REDACTED:KEYSCAN_TEST_TOKEN]"
    (tmp_path / "secret").write_text("gneiss-0123-marble\n")
    assert known.add_from(f"file:{tmp_path / 'secret'}") == {} and len(known) == 2
    with pytest.raises(OSError):
        known.add_from("file:/nonexistent")
    with pytest.raises(ValueError):
        known.add_from("granite-4567-shale")


def test_styles(token, known):
    key = keyscan.Key.from_hex("07" * 32)
    text = f"a {token} b"
    redact = lambda **named: keyscan.Redaction(**named).redact(text)  # noqa: E731
    assert redact(style="mask") == f"a {'*' * len(token)} b"
    assert redact(style="remove") == "a  b"
    assert redact(style="<{rule}>") == "a <github-pat> b"
    assert redact(style="tag", key=key) == redact(style="tag", key=keyscan.Key.from_hex(key.to_hex()))
    for wrong in ({"style": "tag"}, {"style": "lable"}, {"format": "xml"}):
        with pytest.raises(ValueError):
            keyscan.Redaction(**wrong)
    document = '{"password": "hunter2222", "user": "x"}'
    assert json.loads(keyscan.Redaction(format="json").redact(document))["password"].startswith("[REDACTED")


def test_rules_are_chosen_and_made(token):
    rules = keyscan.RuleSet.builtin().selected(only=["github-*"], without=["github-pat"])
    assert "github-pat" not in rules and 0 < len(rules) < 50
    assert keyscan.Scanner(rules).scan(token) == []
    assert keyscan.Scanner(min_severity="critical").scan(token)[0].severity == "critical"
    with pytest.raises(KeyError):
        keyscan.RuleSet.builtin().selected(only=["no-such-rule"])
    with pytest.raises(keyscan.RuleError):
        keyscan.RuleSet.from_toml("provider = 3")
    with pytest.raises(ValueError):
        keyscan.Scanner(min_severity="worst")
    made = keyscan.RuleSet.from_toml(
        'provider = "test"\nname = "Test"\n[[rule]]\nid = "test-key"\ndescription = "Key"\nseverity = "low"\n'
        "kind = \"distinctive\"\nregex = 'TESTKEY-[a-d]{8}'\nsamples = [\"TESTKEY-|{hex:8}|\"]\n".replace(
            'samples = ["TESTKEY-|{hex:8}|"]', 'samples = ["|TESTKEY-abcdabcd|"]\nnear_misses = ["TESTKEY-xxxx"]'
        )
    )
    assert [rule.id for rule in made.rules()] == ["test-key"] and made["test-key"].severity == "low"
    both = keyscan.RuleSet.builtin().extended(made)
    assert len(both) == len(keyscan.RuleSet.builtin()) + 1


def test_guards_do_what_their_policy_says(token, known):
    text = f"a {token} \u00e4 {VALUE}"
    guard = keyscan.Guard(known=known, key=keyscan.Key.random())
    decision = guard.check(text)
    assert decision.action == "redact" and decision.text == "a [REDACTED:github-pat] \u00e4 [REDACTED:DATABASE]"
    first, second = decision.findings
    assert (first.rule, first.provider, first.severity) == ("github-pat", "github", "critical")
    assert text[first.start : first.end] == token and text[second.start : second.end] == VALUE
    assert len(first.fingerprint) == 32
    blocked = guard.check(text, "to-tool")
    assert blocked.action == "block" and blocked.text is None
    with pytest.raises(keyscan.Blocked) as error:
        blocked.apply()
    assert token not in str(error.value)
    assert guard.check("fine").apply() == "fine"
    policy = keyscan.Guard(known=known, to_user={"rules": {"github-*": "allow"}, "known": "report"})
    assert policy.check(text).text is text and [f.action for f in policy.check(text).findings] == ["report"]
    assert guard.safe_log(KeyError(token)).startswith("'[REDACTED")
    for wrong in ("refuse", {"acton": "block"}, 7):
        with pytest.raises(ValueError):
            keyscan.Guard(to_user=wrong)
    with pytest.raises(ValueError):
        guard.check(text, "to-nobody")


def test_documents_stay_documents(token):
    document = {"a": [f'x "{token}"', 1.50], "nested": json.dumps({"k": token})}
    text = json.dumps(document, indent=1)
    checked = json.loads(keyscan.Guard().check_json(text).text)
    assert checked["a"] == ['x "[REDACTED:github-pat]"', 1.5]
    assert json.loads(checked["nested"]) == {"k": "[REDACTED:github-pat]"}
    value = {"messages": [{"role": "user", "content": f"a {token}"}]}
    assert keyscan.check_value(value) == {"messages": [{"role": "user", "content": "a [REDACTED:github-pat]"}]}
    assert token in value["messages"][0]["content"]
    clean = {"messages": []}
    assert keyscan.check_value(clean) is clean
    with pytest.raises(keyscan.Blocked):
        keyscan.check_value(value, "to-tool")


def test_values_of_any_shape(token):
    class Shown:
        def __repr__(self):
            return f"Shown({token})"

    class Hidden:
        pass

    hidden, cycle = Hidden(), []
    cycle.append(cycle)
    value = {"a": (1, token, [b"x " + token.encode()]), "o": Shown(), "h": hidden, "password": "hunter2222", token: 1}
    out = keyscan.redact_value(value)
    assert out["a"] == (1, "[REDACTED:github-pat]", [b"x [REDACTED:github-pat]"])
    assert out["o"] == "Shown([REDACTED:github-pat])" and out["h"] is hidden
    assert "hunter" not in out["password"] and out["[REDACTED:github-pat]"] == 1
    assert token in value["a"] and keyscan.redact_value(cycle) is not None
    same = {"a": [1, "x"], "b": (None,)}
    assert keyscan.redact_value(same) is same


def test_the_interpreter_goes_on_while_the_engine_works():
    text = "some words and key=value pairs, path/to/file 0123456789abcdef\n" * 400_000
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    keyscan.redact(text)
    ended = time.perf_counter()
    done.set()
    thread.join()
    during = [at for at in ticks if started < at < ended]
    assert len(during) >= min(5, (ended - started) / 0.02), (len(during), ended - started)


def test_one_redactor_may_have_many_threads(token):
    redactor = keyscan.Redactor()
    out = []

    def work():
        for _ in range(200):
            out.append(redactor.push(f"{token}\n"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    text = "".join(out) + redactor.finish()
    assert token not in text and redactor.hidden == {"github-pat": 800}


def test_long_runs_are_examined_in_full_and_in_little_time():
    with warnings.catch_warnings():
        warnings.simplefilter("error", keyscan.IncompleteWarning)
        started = time.process_time()
        for text in ("eyJ" * 500_000, "password='" * 150_000, "-----BEGIN " * 130_000):
            keyscan.scan(text)
            stream = keyscan.Redactor()
            stream.push(text)
            stream.finish()
            assert stream.skipped_attempts == 0
        assert time.process_time() - started < 20


def test_memory_is_given_back():
    import resource

    def most():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    redactor, piece = keyscan.Redactor(), b"x" * (1 << 20)
    for _ in range(20):
        redactor.push(piece)
    gc.collect()
    before = most()
    for _ in range(200):
        redactor.push(piece)
    assert most() - before < 16 * 1024


def test_import_is_quick_and_needs_nothing():
    code = "import sys, keyscan; print([m for m in sys.modules if m.split('.')[0] in ('httpx','structlog','litellm','pydantic')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_through_redactors(tmp_path, token):
    import io

    from keyscan.streams import RedactWriter, redact_file

    target = io.StringIO()
    with RedactWriter(target) as writer:
        print(f"a {token[:9]}", end="", file=writer)
        print(f"{token[9:]} b", file=writer, flush=True)
        assert token[:9] not in target.getvalue()
        writer.finish()
        assert target.getvalue() == "a [REDACTED:github-pat] b\n"
        for bypass in (lambda: writer.buffer, writer.fileno, writer.detach):
            with pytest.raises(io.UnsupportedOperation):
                bypass()
    source, out = io.BytesIO(b"x " + (token.encode() + b" ") * 3), io.BytesIO()
    redact_file(source, out, piece_len=7)
    assert token.encode() not in out.getvalue() and out.getvalue().startswith(b"x [REDACTED")
