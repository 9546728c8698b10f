"""Carries drawings to the service from a thread of its own: one at a time, and always the newest."""

import io
import logging
import queue
import threading
from dataclasses import dataclass

from PIL import Image

from client.service import Answer, KeyWantedError, Service, ServiceAwayError, ServiceRefusedError
from client.sheets import SIDE, Photo, preview
from contract.messages import ModelSummary

logger = logging.getLogger(__name__)

RETRY = 1.0
"""Seconds between two tries while the service is away."""

WATCH = 3.0
"""Seconds between two looks whether it is still there while nothing is drawn."""

LARGEST = 640
"""Pixels of the longer side of what is sent of a drawing: a large screen's pixels tell nothing more."""


@dataclass(frozen=True, eq=False)
class Parcel:
    """What is to be read."""

    sheet: int
    """Counts the sheets of paper: parcels of one sheet are one drawing, further on."""
    image: Image.Image | Photo
    """A drawing, mode "L", is not to be changed any more."""
    details: bool = False
    """Whether to ask what the network saw."""

    @property
    def reduced(self) -> float:
        """Pixels of a drawing for one of what is sent of it."""
        return max(1.0, max(self.image.size) / LARGEST) if isinstance(self.image, Image.Image) else 1.0

    def encoded(self) -> tuple[bytes, str]:
        """The image file, and its media type."""
        if isinstance(self.image, Photo):
            seen = preview(self.image)  # sent in its place where it is smaller: that may be too large
            if max(seen.size) < SIDE:
                return self.image.content, self.image.media_type
            return _saved(seen, "JPEG", quality=92), "image/jpeg"
        return png(self.image, LARGEST), "image/png"


def png(image: Image.Image, largest: int) -> bytes:
    """A PNG of `image`, no side longer than `largest` pixels."""
    if max(image.size) > largest:
        image = image.copy()
        image.thumbnail((largest, largest))
    return _saved(image, "PNG", compress_level=1)


def _saved(image: Image.Image, form: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@dataclass(frozen=True)
class Answered:
    parcel: Parcel
    answer: Answer


@dataclass(frozen=True)
class Refused:
    parcel: Parcel
    reason: str


@dataclass(frozen=True)
class Away:
    reason: str
    key_wanted: bool = False


@dataclass(frozen=True)
class Present:
    """The service is ready."""

    model: ModelSummary | None
    """The version that answers."""


News = Answered | Refused | Away | Present


class Courier:
    """`send` never waits; what comes of it turns up in `news`. While the service is away the newest parcel is kept."""

    def __init__(self, service: Service) -> None:
        self.news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._service = service
        self._changed = threading.Condition()
        self._newest: Parcel | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def send(self, parcel: Parcel | None) -> None:
        """Have `parcel` read, or nothing, instead of any that still waits."""
        with self._changed:
            self._newest = parcel
            self._changed.notify()

    def close(self) -> None:
        """End the thread, at the latest when the answer under way has come; does not wait for it."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while not self._closed:
            parcel = self._newest
            news = _deliver(self._service, parcel)
            self.news.put(news)
            with self._changed:
                if isinstance(news, Away):  # a line that grows meanwhile is no reason to ask sooner
                    self._changed.wait_for(lambda: self._closed, timeout=RETRY)
                    continue
                if self._newest is parcel:
                    self._newest = None
                self._changed.wait_for(lambda: self._closed or self._newest is not None, timeout=WATCH)
        self._service.close()


def _deliver(service: Service, parcel: Parcel | None) -> News:
    try:
        if parcel is None:
            return Present(service.model())
        return Answered(parcel, service.predict(*parcel.encoded(), details=parcel.details))
    except KeyWantedError as error:
        return Away(str(error), key_wanted=True)
    except ServiceAwayError as error:
        return Away(str(error))
    except ServiceRefusedError as error:
        return Refused(parcel, str(error)) if parcel is not None else Away(str(error))
    except Exception as error:  # whatever it is, the drawings after this one are to be read
        logger.exception("delivering failed")
        return Away(f"something went wrong here: {error}")
