"""One JSON object a line on standard output: requests, reloads, errors."""

import atexit
import json
import logging
import sys
import threading
from logging.config import dictConfig
from time import localtime, strftime
from typing import TextIO

from service import observing

SECONDS = 0.1
"""For which lines are gathered."""


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


class BufferedHandler(logging.StreamHandler[TextIO]):
    """Writes the requests of a tenth of a second in one go, and everything else at once."""

    def __init__(self) -> None:
        super().__init__(open(sys.stdout.fileno(), "w", buffering=2**16, encoding="utf-8", closefd=False))  # noqa: SIM115  # it stays open
        self._pending = False
        atexit.register(self.write_out)

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if record.name != observing.logger.name:
            self.write_out()
        elif not self._pending:
            self._pending = True
            timer = threading.Timer(SECONDS, self.write_out)
            timer.daemon = True
            timer.start()

    def flush(self) -> None:
        """Not after every record."""

    def write_out(self) -> None:
        self._pending = False
        super().flush()


class JsonFormatter(logging.Formatter):
    """Of our own: a library's takes four times as long, for every request."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": strftime("%Y-%m-%dT%H:%M:%S%z", localtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (number := observing.request_id.get()) is not None:
            line["request_id"] = number
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "fields", {}))
