"""Finds leaked API keys and other secrets in texts and streams, and hides them before they are logged or sent.

``scan`` finds, ``redact`` hides, ``Redactor`` hides in a stream, ``Guard`` decides on what is sent, ``known`` is where the
secrets of this process are told. What stands around other libraries is in modules of its own: ``keyscan.logging``,
``keyscan.structlog``, ``keyscan.asgi``, ``keyscan.llm``, ``keyscan.litellm``, ``keyscan.rotate``, ``keyscan.streams``.
"""

from ._keyscan import (
    AuditEntry,
    Decision,
    Finding,
    Guard,
    Key,
    KnownSecrets,
    Redaction,
    Redactor,
    Rule,
    RuleSet,
    Scanner,
    StreamGuard,
    Streams,
    __version__,
    framing_of,
    redact,
    scan,
)
from ._values import check_value, redact_value
from .errors import (
    Blocked,
    IncompleteWarning,
    KeyscanError,
    NotJson,
    NoValue,
    Refused,
    Rejected,
    RuleError,
    SourceError,
    StreamLimit,
    Unreadable,
)

#: The known secrets of this process: everything hides them that was given no other set.
known: KnownSecrets = KnownSecrets.of_process()

__all__ = [
    "AuditEntry",
    "Blocked",
    "Decision",
    "Finding",
    "Guard",
    "IncompleteWarning",
    "Key",
    "KeyscanError",
    "KnownSecrets",
    "NoValue",
    "NotJson",
    "Redaction",
    "Redactor",
    "Refused",
    "Rejected",
    "Rule",
    "RuleError",
    "RuleSet",
    "Scanner",
    "SourceError",
    "StreamGuard",
    "StreamLimit",
    "Streams",
    "Unreadable",
    "check_value",
    "framing_of",
    "known",
    "redact",
    "redact_value",
    "scan",
]
