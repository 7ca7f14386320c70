from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "python"
sys.path.insert(0, str(EXAMPLES))

from keyscan.testing import sample  # noqa: E402


@pytest.fixture
def token() -> str:
    """A made-up secret that a rule finds wherever it stands."""
    return sample("github-pat", 7).secret


@pytest.fixture
def known():
    """A set of known secrets with one value in it, and that value."""
    import keyscan

    known = keyscan.KnownSecrets()
    known.add("DATABASE", "quartz-0123-basalt")
    return known


VALUE = "quartz-0123-basalt"
