"""Keys that change while calls are made: read from files, functions and servers, hidden before anyone has them."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

import keyscan
from fake_model import FakeModel
from keyscan.rotate import (
    NoValue,
    Rejected,
    RotatingSecret,
    Source,
    SourceError,
    TokenManager,
    is_unauthorized,
    use_key,
    with_reload_on_401,
)


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("first-key-0123\n")
    return path


def test_a_file_is_followed_and_hidden(key_file):
    known = keyscan.KnownSecrets()
    redaction = keyscan.Redaction(keyscan.RuleSet(), known=known)
    rotations = []
    with RotatingSecret("KEY", key_file, known=known, on_rotate=rotations.append) as secret:

        @secret.on_rotate
        def told(rotation):
            # Whoever is told of a value can be sure that it is hidden.
            rotations.append(redaction.redact(rotation.lease.expose()))

        old = secret.get()
        assert (old.expose(), old.version, old.name) == ("first-key-0123", 1, "KEY")
        fresh = key_file.with_name("fresh")
        fresh.write_text("second-key-4567\n")
        fresh.rename(key_file)
        until(lambda: secret.get().version == 2)
        assert secret.get().expose() == "second-key-4567" and old.expose() == "first-key-0123"
        assert secret.previous().version == 1 and secret.state == "ok"
        until(lambda: "[REDACTED:KEY]" in rotations)
        assert redaction.redact("first-key-0123 second-key-4567") == "[REDACTED:KEY] [REDACTED:KEY]"
        status = secret.status()
        assert (status["version"], status["source"], status["state"]) == (2, "file", "ok")
        shown = repr([secret, old, rotations, status, secret.previous()])
        assert "first-key" not in shown and "second-key" not in shown
        for thing in (secret, old):
            with pytest.raises(TypeError):
                pickle.dumps(thing)
        assert secret.roll_back() and secret.get().expose() == "first-key-0123"
        assert secret.revoke() is not None
        with pytest.raises(NoValue):
            secret.get()
    with pytest.raises(RuntimeError):
        secret.get()
    assert redaction.redact("second-key-4567") == "[REDACTED:KEY]"


def test_functions_are_sources_and_their_errors_stay_silent():
    values = iter(["first-key-0123", ("second-key-4567", 3600), ValueError("a message with third-key-8901 in it")])

    def source():
        value = next(values)
        if isinstance(value, Exception):
            raise value
        return value

    secret = RotatingSecret("KEY", source, poll=None, known=keyscan.KnownSecrets())
    assert secret.reload() is True and secret.get().expires > time.time()
    with pytest.raises(SourceError) as error:
        secret.reload()
    assert error.value.kind == "failed" and "ValueError" in str(error.value) and "third" not in str(error.value)
    assert secret.get().expose() == "second-key-4567" and secret.state == "stale"
    with pytest.raises(SourceError):
        RotatingSecret("KEY", Source.file("/nonexistent/key"), wait=1)
    pushed = RotatingSecret("KEY", Source.push(), known=keyscan.KnownSecrets())
    with pytest.raises(NoValue):
        pushed.get()
    assert pushed.set("set-key-012345") and pushed.get().expose() == "set-key-012345"


def test_sources_belong_to_one_secret_and_may_be_put_together(tmp_path, monkeypatch):
    (tmp_path / "keys.json").write_text(json.dumps({"data": {"token": "nested-key-0123"}}))
    source = Source.file(tmp_path / "missing").or_else(Source.file(tmp_path / "keys.json")).cached(60).field("/data/token")
    secret = RotatingSecret("KEY", source, known=keyscan.KnownSecrets())
    assert secret.get().expose() == "nested-key-0123"
    with pytest.raises(ValueError):
        RotatingSecret("KEY", source)
    monkeypatch.setenv("KEYSCAN_TEST_KEY", "env-key-012345")
    assert RotatingSecret("KEY", Source.env("KEYSCAN_TEST_KEY")).get().expose() == "env-key-012345"
    command = Source.command(["/bin/sh", "-c", "echo command-key-0123"])
    assert RotatingSecret("KEY", command).get().expose() == "command-key-0123"
    (tmp_path / ".env").write_text("A=1\nTOKEN='dotenv-key-0123'\n")
    assert RotatingSecret("KEY", Source.env_file(tmp_path / ".env", "TOKEN")).get().expose() == "dotenv-key-0123"


def test_threads_end_with_their_secrets(key_file):
    def threads():
        names = [(task / "comm").read_text() for task in Path("/proc/self/task").glob("*")]
        return sum(name.startswith("keyscan-rotate") for name in names)

    if not Path("/proc/self/task").exists():
        pytest.skip("threads are counted on Linux only")
    gc.collect()
    before, started = threads(), time.monotonic()
    secrets = [RotatingSecret("KEY", key_file, on_rotate=lambda rotation: None) for _ in range(5)]
    assert threads() == before + 5
    secrets.clear()
    gc.collect()
    assert time.monotonic() - started < 8
    until(lambda: threads() == before)


class Provider:
    """Takes one key."""

    def __init__(self, key):
        self.key = key
        self.calls = []

    def call(self, key, value=None):
        self.calls.append(key)
        if key != self.key:
            raise Unauthorized
        return value


class Unauthorized(Exception):
    status_code = 401


def test_a_rejected_call_is_made_again(key_file):
    provider = Provider("second-key-4567")
    secret = RotatingSecret("KEY", key_file, poll=None, known=keyscan.KnownSecrets())

    @with_reload_on_401(secret)
    def call(key, value, *, more=1):
        """Says it."""
        return provider.call(key.expose(), value + more)

    key_file.write_text("second-key-4567\n")
    assert call(1, more=2) == 3 and call.__doc__ == "Says it."
    assert provider.calls == ["first-key-0123", "second-key-4567"]

    class Client:
        @with_reload_on_401(secret, argument="key")
        def call(self, key=None):
            return provider.call(key.expose(), "method")

    assert Client().call() == "method"
    provider.key = "nobody-has-this"
    with pytest.raises(Rejected) as error:
        with_reload_on_401(secret, window=0)(lambda key: provider.call(key.expose()))()
    assert isinstance(error.value.__cause__, Unauthorized) and error.value.name == "KEY" and error.value.calls >= 1
    with pytest.raises(ZeroDivisionError):
        with_reload_on_401(secret)(lambda key: 1 / 0)()
    with pytest.raises(KeyError):
        with_reload_on_401(secret, rejected=lambda result, error: {}["x"])(lambda key: 1)()


def test_rejected_coroutines_are_called_again(key_file):
    provider = Provider("second-key-4567")
    secret = RotatingSecret("KEY", key_file, poll=None, known=keyscan.KnownSecrets())
    ticks = []

    @with_reload_on_401(secret, window=5)
    async def call(key, value):
        await asyncio.sleep(0.001)
        return provider.call(key.expose(), value)

    async def tick():
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.01)

    async def main():
        ticking = asyncio.create_task(tick())
        waiting = [asyncio.create_task(call(number)) for number in range(50)]
        await asyncio.sleep(0.3)
        key_file.write_text("second-key-4567\n")
        results = await asyncio.gather(*waiting)
        ticking.cancel()
        assert results == list(range(50))
        # Nothing blocked the loop meanwhile.
        assert max(b - a for a, b in zip(ticks, ticks[1:])) < 0.5
        before = len(provider.calls)
        assert await call(7) == 7 and len(provider.calls) == before + 1

        provider.key = "nobody-has-this"
        given_up = asyncio.create_task(call(1))
        await asyncio.sleep(0.2)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up

    asyncio.run(main())


def test_what_is_unauthorized():
    response = SimpleNamespace(status_code=401)
    assert is_unauthorized(response) and is_unauthorized(None, Unauthorized())
    assert is_unauthorized(None, type("E", (Exception,), {"response": response})())
    assert is_unauthorized(None, type("E", (Exception,), {"code": 401})())
    assert not is_unauthorized(SimpleNamespace(status_code=403)) and not is_unauthorized(None, ValueError("401"))


class TokenServer(ThreadingHTTPServer):
    """Gives tokens of so many seconds."""

    daemon_threads = True

    def __init__(self, seconds):
        self.given, self.asked, self.seconds = 0, [], seconds
        super().__init__(("127.0.0.1", 0), TokenHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/token"


class TokenHandler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        self.server.asked.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.server.given += 1
        token = {"access_token": f"made-token-{self.server.given:06}", "token_type": "bearer", "expires_in": self.server.seconds}
        body = json.dumps(token).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_tokens_are_got_and_hidden():
    known = keyscan.KnownSecrets()
    with TokenServer(3600) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        client_secret = RotatingSecret("CLIENT", Source.push(), known=known)
        client_secret.set("client-secret-0123")
        with TokenManager("TOKEN", server.url, "client", client_secret, scope="a b", known=known, in_body=True) as manager:
            assert manager.authorization() == "Bearer made-token-000001"
            assert manager.token().expires > time.time() + 3000 and manager.secret.state == "ok"
            assert manager.secret.reload() and manager.token().expose() == "made-token-000002"
            assert "client-secret-0123" in server.asked[0] and "made-token" not in repr(manager)
            text = "made-token-000001 made-token-000002 client-secret-0123"
            assert keyscan.Redaction(keyscan.RuleSet(), known=known).redact(text).count("[REDACTED") == 3
        with pytest.raises(RuntimeError):
            manager.token()
        server.shutdown()
    with pytest.raises(SourceError):
        TokenManager("TOKEN", server.url, "client", "client-secret-0123", timeout=1)


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_the_sdks_use_keys_that_rotate(name, key_file, token):
    sdk = pytest.importorskip(name, reason=f"{name} is not installed")
    request = {"model": "m", "messages": [{"role": "user", "content": f"hi {token}"}]}

    def ask(client):
        if name == "anthropic":
            return client.messages.create(**request, max_tokens=9)
        return client.chat.completions.create(**request)

    with FakeModel(key="first-key-0123", says="yes") as server:
        url = server.url if name == "anthropic" else f"{server.url}/v1"
        secret = RotatingSecret("KEY", key_file, poll=None, known=keyscan.KnownSecrets())
        kinds = {"anthropic": ("Anthropic", "AsyncAnthropic"), "openai": ("OpenAI", "AsyncOpenAI")}[name]
        client = use_key(getattr(sdk, kinds[0])(base_url=url, api_key="unused", max_retries=0), secret, window=0)
        keyscan_llm = __import__("keyscan.llm", fromlist=["protect"])
        keyscan_llm.protect(client)
        ask(client)
        server.key = "second-key-4567"
        key_file.write_text("second-key-4567\n")
        ask(client)
        assert server.keys == ["first-key-0123", "first-key-0123", "second-key-4567"]
        assert not any(token in body for body in server.seen)

        async def asynchronously():
            server.key = "third-key-8901"
            key_file.write_text("third-key-8901\n")
            async with getattr(sdk, kinds[1])(base_url=url, api_key="unused", max_retries=0) as client:
                await ask(use_key(client, secret, window=0))

        asyncio.run(asynchronously())
        assert server.keys[-2:] == ["second-key-4567", "third-key-8901"]
        server.key = "nobody-has-this"
        with pytest.raises(sdk.AuthenticationError):
            ask(client)
        assert "unused" not in server.keys


class Manager:
    """A server of secrets: what it answers by path, and what it was asked."""

    def __init__(self):
        self.answers, self.asked = {}, []
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                manager.asked.append((self.command, self.path, dict(self.headers), body.decode()))
                status, text = manager.answers.get(self.path, (404, "{}"))
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def manager():
    manager = Manager()
    yield manager
    manager.server.shutdown()


def test_a_server_is_asked_for_a_field(manager, tmp_path):
    token = tmp_path / "token"
    token.write_text("entry-token-0001\n")
    manager.answers["/key"] = (200, json.dumps({"data": {"value": "first-key-0123"}}))
    source = Source.http(
        f"{manager.url}/key", field="/data/value", token_file=token, headers=[("x-team", "payments")]
    )
    with RotatingSecret("KEY", source) as secret:
        assert secret.get().expose() == "first-key-0123"
        headers = {name.lower(): value for name, value in manager.asked[0][2].items()}
        assert headers["authorization"] == "Bearer entry-token-0001" and headers["x-team"] == "payments"
        manager.answers["/key"] = (200, json.dumps({"data": {"value": "second-key-4567"}}))
        secret.reload(5)
        assert secret.get().expose() == "second-key-4567"
        # A server that fails takes nothing from anyone.
        manager.answers["/key"] = (503, "down second-key-4567")
        with pytest.raises(SourceError) as error:
            secret.reload(5)
        assert "second-key" not in str(error.value) and secret.get().expose() == "second-key-4567"
    with pytest.raises(SourceError):
        RotatingSecret("KEY", Source.http("http://keys.example/key"))


def test_vault_is_asked_as_it_wants_to_be(manager):
    path = "/v1/kv/data/app/db"
    document = {"data": {"data": {"password": "first-key-0123"}, "metadata": {"version": 7}}}
    manager.answers[path] = (200, json.dumps(document))
    with RotatingSecret("TOKEN", lambda: "vault-token-0001") as token:
        source = Source.vault(manager.url, "kv", "app/db", "password", token=token, namespace="team")
        with RotatingSecret("KEY", source) as secret:
            assert secret.get().expose() == "first-key-0123"
            headers = {name.lower(): value for name, value in manager.asked[0][2].items()}
            assert headers["x-vault-token"] == "vault-token-0001" and headers["x-vault-namespace"] == "team"
    manager.answers[path] = (403, "{}")
    with pytest.raises(SourceError):
        RotatingSecret("KEY", Source.vault(manager.url, "kv", "app/db", "password"))


def test_aws_is_asked_with_a_signature(manager, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-word")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    answer = {"SecretString": json.dumps({"key": "first-key-0123"}), "VersionId": "v1"}
    manager.answers["/"] = (200, json.dumps(answer))
    source = Source.aws("app/key", field="key", region="eu-west-1", endpoint=manager.url)
    with RotatingSecret("KEY", source) as secret:
        assert secret.get().expose() == "first-key-0123"
        method, _, headers, body = manager.asked[0]
        headers = {name.lower(): value for name, value in headers.items()}
        assert (method, headers["x-amz-target"]) == ("POST", "secretsmanager.GetSecretValue")
        assert "Credential=test-id/" in headers["authorization"] and "test-word" not in str(headers)
        assert json.loads(body)["SecretId"] == "app/key"
