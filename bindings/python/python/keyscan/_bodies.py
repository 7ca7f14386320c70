"""Which bodies of HTTP can be looked into."""

from __future__ import annotations

from typing import Optional

from ._keyscan import framing_of
from .errors import Unreadable

#: Media that are no text.
_MEDIA = ("image/", "audio/", "video/", "font/")
_BINARY = {
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/x-tar",
    "application/wasm",
}


def framing(media_type: Optional[str]) -> Optional[str]:
    """How a body of this media type is redacted; ``None`` where it is no text. What nobody has named may be text."""
    return "text" if not media_type else framing_of(media_type)


def strict_framing(media_type: Optional[str], what: str) -> Optional[str]:
    """The same for what models say and hear: a media type of which it is not known that it is no text is refused."""
    found = framing(media_type)
    essence = (media_type or "").partition(";")[0].strip().lower()
    if found is None and not essence.startswith(_MEDIA) and essence not in _BINARY:
        raise Unreadable(f"keyscan cannot look into {what} of the type {essence}, and withholds it")
    return found


def is_plain(encoding: Optional[str]) -> bool:
    """Whether a body is not compressed."""
    return all(part.strip().lower() in ("", "identity") for part in (encoding or "").split(","))


def error_event(error: Exception) -> bytes:
    """The server-sent event that ends a stream which is not carried on."""
    import json

    message = {"type": "error", "error": {"type": "keyscan_withheld", "message": str(error)}}
    return b"event: error\ndata: " + json.dumps(message).encode() + b"\n\n"
