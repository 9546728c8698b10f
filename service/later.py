"""What is done between requests: metrics are counted, and lines of the log are made, many one after the other."""

import logging
from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

MOST_WAITING = 100
"""What may wait."""

_waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
_settling = RLock()


def do(work: Callable[[Value], None], value: Value) -> None:
    """Have `work(value)` done at the next `settle`, which the log's writer calls ten times a second.

    One after the other they take less time than each takes between two requests, in cold caches.
    """
    _waiting.append((work, value))
    if len(_waiting) >= MOST_WAITING:
        settle()


def settle() -> None:
    """Do what waits."""
    failures = []
    with _settling:
        while _waiting:
            work, value = _waiting.popleft()
            try:
                work(value)
            except Exception as error:  # the others are to be done
                failures.append(error)
    for failure in failures:
        logger.error("something is not counted", exc_info=failure)
