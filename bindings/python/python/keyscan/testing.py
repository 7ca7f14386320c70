"""Made-up secrets for tests, so that no test has a string in it that looks like one."""

from __future__ import annotations

from typing import NamedTuple

from ._keyscan import RuleSet, sample as _sample


class Sample(NamedTuple):
    """A text with a secret in it."""

    text: str
    secret: str

    def __repr__(self) -> str:
        return f"Sample({len(self.text)} characters)"


def sample(rule: str, number: int = 0) -> Sample:
    """A made-up text in which this built-in rule finds a secret; another one for each number, and always the same."""
    text, secret = _sample(rule, number)
    return Sample(text.decode(), secret.decode())


def rule_ids() -> list[str]:
    """The ids of the built-in rules."""
    return [rule.id for rule in RuleSet.builtin().rules()]
