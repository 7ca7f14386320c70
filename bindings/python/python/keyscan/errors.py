"""What goes wrong. No message has a byte of a secret in it."""

from __future__ import annotations

from typing import Optional


class KeyscanError(Exception):
    """All errors of this package."""


class Blocked(KeyscanError):
    """A policy withholds a text. The message says why, and what to do."""


class Unreadable(Blocked):
    """A body cannot be looked into, and is withheld for that: it is compressed, or of a kind that is not known."""


class NotJson(KeyscanError, ValueError):
    """A text is no JSON document, or too deep or too large a one."""


class Refused(KeyscanError, ValueError):
    """A value is not taken as a known secret, because it would turn up in ordinary text."""


class RuleError(KeyscanError, ValueError):
    """A rule file is wrong, or a rule in it."""


class StreamLimit(KeyscanError):
    """A stream is beyond its limits: nothing more comes out of it."""


class NoValue(KeyscanError, LookupError):
    """A live secret has no value: none has come yet, it has expired, or it was revoked."""


class SourceError(KeyscanError):
    """The source of a live secret gave no value. ``kind`` is one word: ``not_found``, ``denied``, ``timeout`` ..."""

    def __init__(self, message: str = "", kind: str = "failed") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.kind)


class Rejected(KeyscanError):
    """A key was rejected by whom it is for, and no other came in time. The last answer is the ``__cause__``."""

    def __init__(self, message: str = "", name: Optional[str] = None, version: int = 0, calls: int = 0) -> None:
        super().__init__(message)
        self.name = name
        self.version = version
        self.calls = calls

    def __reduce__(self) -> tuple[type, tuple[str, Optional[str], int, int]]:
        return type(self), (str(self), self.name, self.version, self.calls)


class IncompleteWarning(UserWarning):
    """Parts of a text were not examined, because it makes rules look at the same bytes again and again."""
