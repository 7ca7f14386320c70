"""Files through redactors: ``sys.stdout = RedactWriter(sys.stdout)``."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Optional, Union

from ._keyscan import Redaction, Redactor


class RedactWriter:
    """Writes to another file what a redactor shows, text or bytes. ``flush`` does not show what may still become part of a
    secret; ``finish`` ends the text and writes the rest, and leaves the file open; ``close`` also closes it. Attributes
    that it lacks are those of the file."""

    def __init__(self, file: Any, redaction: Optional[Redaction] = None) -> None:
        self._file = file
        self._redactor = Redactor(redaction)

    def write(self, piece: Any) -> int:
        shown = self._redactor.push(piece)
        if shown:
            self._file.write(shown)
        return len(piece)

    def writelines(self, pieces: Any) -> None:
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        self._file.flush()

    def finish(self) -> None:
        """Ends the text, and writes what was held."""
        rest = self._redactor.finish()
        if rest:
            self._file.write(rest)
        self._file.flush()

    def close(self) -> None:
        if not self._file.closed:
            self.finish()
            self._file.close()

    @property
    def buffer(self) -> Any:
        # What is written there would pass by the redactor.
        raise io.UnsupportedOperation("the bytes below a RedactWriter are not to be had")

    def detach(self) -> Any:
        raise io.UnsupportedOperation("the bytes below a RedactWriter are not to be had")

    def fileno(self) -> int:
        raise io.UnsupportedOperation("whoever writes to the descriptor passes by the redactor")

    def __enter__(self) -> "RedactWriter":
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name == "_file":
            raise AttributeError(name)
        return getattr(self._file, name)


def redact_file(source: Any, target: Any, redaction: Optional[Redaction] = None, piece_len: int = 1 << 16) -> None:
    """Copies one open file to another through a redactor, both text or both bytes."""
    redactor = Redactor(redaction)
    while piece := source.read(piece_len):
        target.write(redactor.push(piece))
    rest: Union[str, bytes] = redactor.finish()
    if rest:
        target.write(rest)
