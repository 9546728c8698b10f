"""Carries drawings to the service from a thread of its own: one at a time, and always the newest."""

import queue
import threading
from dataclasses import dataclass

from client.drawing import Drawing
from client.service import Answer, Service, ServiceAwayError, ServiceRefusedError

RETRY = 1.0
"""Seconds between two tries while the service is away."""

WATCH = 3.0
"""Seconds between two looks whether it is still there while nothing is drawn."""


@dataclass(frozen=True)
class Answered:
    drawing: Drawing
    answer: Answer


@dataclass(frozen=True)
class Refused:
    drawing: Drawing
    reason: str


@dataclass(frozen=True)
class Away:
    reason: str


class Present:
    """The service is ready."""


News = Answered | Refused | Away | Present


class Courier:
    """`send` never waits; what comes of it turns up in `news`. While the service is away the newest drawing is kept."""

    def __init__(self, service: Service) -> None:
        self.news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._service = service
        self._changed = threading.Condition()
        self._newest: Drawing | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def send(self, drawing: Drawing) -> None:
        """Have `drawing` read, instead of any that still waits."""
        with self._changed:
            self._newest = drawing
            self._changed.notify()

    def close(self) -> None:
        """End the thread, at the latest when the answer under way has come; does not wait for it."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        undelivered: Drawing | None = None
        pause = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._newest is not None, timeout=pause)
                if self._closed:
                    return
                drawing, self._newest = self._newest or undelivered, None
            news = _deliver(self._service, drawing)
            self.news.put(news)
            undelivered, pause = (drawing, RETRY) if isinstance(news, Away) else (None, WATCH)


def _deliver(service: Service, drawing: Drawing | None) -> News:
    try:
        if drawing is None:
            service.check()
            return Present()
        return Answered(drawing, service.predict(drawing.png()))
    except ServiceAwayError as error:
        return Away(str(error))
    except ServiceRefusedError as error:
        return Refused(drawing, str(error)) if drawing is not None else Away(str(error))
