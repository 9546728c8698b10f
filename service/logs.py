"""One JSON object a line on standard output: requests, reloads, errors."""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from logging.config import dictConfig

from service import observing

SECONDS = 0.1
"""For which lines are gathered."""

PATIENCE = 1
"""Seconds for which what is to be written now is waited for: perhaps nobody reads."""

PIECE = 4096
"""Bytes that Linux writes to a pipe in one go: larger pieces of several workers would be torn."""


def configure(level: str) -> None:
    """Send the records of the service and of uvicorn through one formatter; `Observer` logs what is answered."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "handlers": {"stdout": {"()": BufferedHandler, "formatter": "json"}},
            "root": {"handlers": ["stdout"], "level": level},
            "loggers": {"uvicorn.access": {"level": "WARNING"}},
        }
    )


class BufferedHandler(logging.Handler):
    """Puts records among the lines of requests. A thread alone writes: whoever reads the log holds up nobody else."""

    def __init__(self) -> None:
        super().__init__()
        self._stream = open(sys.stdout.fileno(), "w", buffering=2**16, encoding="utf-8", closefd=False)  # noqa: SIM115  # it stays open
        self._changed = threading.Condition()
        self._wanted = self._written = 0
        self._late = False
        self._writer = threading.Thread(target=self._write_now_and_then, daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            observing.add(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)
        self._have_written(0 if self._late else 0.05)  # the process may be about to end

    def flush(self) -> None:
        """Have all that has gathered written, where somebody reads."""
        self._have_written(PATIENCE)

    def _have_written(self, patience: float) -> None:
        with self._changed:
            self._wanted = wanted = self._wanted + 1
            self._changed.notify_all()
            if threading.current_thread() is not self._writer:
                self._late = not self._changed.wait_for(lambda: self._written >= wanted, patience)

    def _write_now_and_then(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted > self._written, SECONDS)
                wanted = self._wanted
            for piece in ("", *pieces(observing.lines())):
                with suppress(OSError):  # a full disk, or nobody reads: the service goes on, and tries again
                    self._stream.write(piece)
                    self._stream.flush()
            with self._changed:
                self._written, self._late = wanted, False
                self._changed.notify_all()


def pieces(lines: str) -> Iterator[str]:
    """`lines`, whole ones together as far as they fit into a `PIECE`."""
    start = 0
    while len(lines) - start > PIECE:
        end = lines.rfind("\n", start, start + PIECE) + 1 or lines.find("\n", start) + 1 or len(lines)
        yield lines[start:end]
        start = end
    yield lines[start:]


def write_out() -> None:
    """Write what has gathered: the process is about to end."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, BufferedHandler):
            handler.flush()


class JsonFormatter(logging.Formatter):
    """Of our own: a library's takes four times as long, for every request."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": observing.stamp(int(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request := observing.request_id.get()) is not None:
            line["request_id"] = request
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "fields", {}))
