"""What stands in the documentation and in examples/python runs, offline."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from conftest import EXAMPLES, ROOT
from keyscan.testing import sample


def run(arguments, **named):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *sys.path])}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=60, **named)
    assert done.returncode == 0, done.stderr
    return done


def test_the_agent():
    done = run([EXAMPLES / "agent.py"])
    assert "the model says: GITHUB_TOKEN=[REDACTED:github-pat]" in done.stdout and "refused" in done.stdout
    assert sample("github-pat").secret not in done.stdout + done.stderr


def test_the_service():
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    pytest.importorskip("httpx", reason="httpx is not installed")
    done = run([EXAMPLES / "service.py"])
    assert "correct-horse" not in done.stdout + done.stderr
    assert done.stdout.count("[REDACTED:DATABASE_PASSWORD]") == 2 and "somebody looks at [REDACTED" in done.stderr


BLOCKS = [
    (page, number, block)
    for page in ("bindings/python/README.md", "docs/python.md")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]


@pytest.mark.parametrize("page,number,block", BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS])
def test_the_documentation(page, number, block, tmp_path):
    for module in ("structlog", "fastapi", "anthropic", "openai", "httpx", "litellm"):
        if re.search(rf"^(import|from) {module}\b", block, re.MULTILINE):
            pytest.importorskip(module, reason=f"{module} is not installed")
    before = "import os\nos.environ.setdefault('ANTHROPIC_API_KEY', 'x')\nos.environ.setdefault('OPENAI_API_KEY', 'x')\n"
    (tmp_path / "stripe").write_text("quartz-0123-basalt\n")
    done = run(["-c", before + block], cwd=tmp_path)
    for expected in re.findall(r"# prints: (.*)", block):
        assert expected in done.stdout + done.stderr


def test_the_first_example():
    page, _, block = BLOCKS[0]
    done = run(["-c", block])
    assert len(block.strip().splitlines()) <= 6
    assert "connecting with [REDACTED:DB_PASSWORD]" in done.stderr and "battery" not in done.stderr
