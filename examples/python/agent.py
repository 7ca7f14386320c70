"""An agent that shows a model what its tools answer, without the secrets in it: a check before each request, a guarded client
for what the model says. The model is a fake one on loopback: ``python agent.py`` runs offline and needs nothing but keyscan.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from typing import Any

import keyscan
from fake_model import FakeModel
from keyscan.testing import sample

guard = keyscan.Guard()


def ask(url: str, messages: list[dict[str, Any]]) -> str:
    """Asks the model. Nothing is sent but what the guard lets through."""
    messages = keyscan.check_value(messages, "to-model", guard)
    body = json.dumps({"model": "fake", "max_tokens": 100, "messages": messages}).encode()
    request = urllib.request.Request(f"{url}/v1/messages", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    return guard.check(answer["content"][0]["text"], "to-user").apply()


def run_tool(argv: list[str]) -> str:
    """Runs a command that the model asked for, unless there is a secret in it."""
    command = guard.check(" ".join(argv), "to-tool")
    if command.action == "block":
        return f"refused: {command.reason}"
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def main() -> None:
    key = sample("github-pat").secret
    print_env = [sys.executable, "-c", f"print('GITHUB_TOKEN=' + {key[:9]!r} + {key[9:]!r})"]
    with FakeModel() as server:
        messages: list[dict[str, Any]] = [{"role": "user", "content": "Which variables are set?"}]
        messages.append({"role": "assistant", "content": ask(server.url, messages)})
        messages.append({"role": "user", "content": run_tool(print_env)})
        print("the model says:", ask(server.url, messages).strip())
        print("a tool that gets a secret:", run_tool(["echo", key]))
        assert not any(key in body for body in server.seen)


if __name__ == "__main__":
    main()
