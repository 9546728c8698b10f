"""One JSON object a line on standard output: requests, reloads, errors."""

import logging
from logging.config import dictConfig

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from service.observing import request_id


def configure(level: str) -> None:
    """Send the records of the service and of uvicorn through one JSON formatter; `Observer` logs what is answered."""
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": RequestId}},
            "formatters": {
                "json": {
                    "()": JsonFormatter,
                    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
                    "datefmt": "%Y-%m-%dT%H:%M:%S%z",
                    "reserved_attrs": [*RESERVED_ATTRS, "color_message"],
                    "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
                }
            },
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "formatter": "json",
                    "filters": ["request"],
                    "stream": "ext://sys.stdout",
                }
            },
            "root": {"handlers": ["stdout"], "level": level},
            "loggers": {"uvicorn.access": {"level": "WARNING"}},
        }
    )


class RequestId(logging.Filter):
    """Adds the id of the request during which a record is made."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (number := request_id.get()) is not None:
            record.request_id = number
        return True
