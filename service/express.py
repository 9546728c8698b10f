"""The short way for what most requests are: one small drawing, sent whole, by somebody who may ask.

FastAPI's way to a prediction takes longer than the prediction. So the bytes that come over a connection are looked at
before anything else is: where they are one whole request that is plain, `Express` has the answer, or the word for what
is wrong with an image. Where anything is the least unusual it says nothing: the request then goes the long way, which
has a word for every other mistake. Decoding, normalisation, network, log and metrics are the same on both ways, and so
are the answers.
"""

import re
import time
from http import HTTPStatus
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import from_json

from contract.arrays import Grey
from service import observing
from service.decoding import Decoder, Source
from service.keys import Keys
from service.patience import AT_ONCE, QUICK_IMAGES
from service.problems import MEDIA_TYPE, ProblemError, problem_response
from service.reading import pictures_of, predictions
from service.registry import Registry
from service.routing import QUICK_BYTES, QUICK_ROWS
from service.settings import Settings

ROWS, FILE = b"/v1/predict", b"/v1/predict/image"

END = b"\r\n\r\n"
"""Of a head."""

MOST_HEAD = 2**13
"""Bytes of the first line and the headers."""

MOST_HEADERS = 200
"""Of a request: each takes more memory than it has bytes."""

_ONCE = rb"%b:\ *(?P<%b>%b)(?=\r|\Z)(?!(?s:.*)\r\n%b:)"
"""A header that matters, with its value; there is no second one of that name."""

PLAIN = re.compile(
    rb"""(?-i:POST\ (?P<path>%b|%b)\ HTTP/1\.1)
    (?:\r\n(?:
        %b
      | connection:\ *keep-alive
      | (?!content-|connection:|proxy-connection:|authorization:|x-request-id:
          |expect:|origin:|te:|trailer:|transfer-encoding:|upgrade:)
        [!#$%%&'*+.^_`|~0-9A-Z-]+:[\ -~]*
    ))+"""
    % (
        ROWS,
        FILE,
        rb"|".join(
            _ONCE % (name, group, value, name)
            for name, group, value in (
                (b"content-length", b"length", rb"[0-9]{1,9}"),
                (b"content-type", b"type", rb"[!-~]+"),
                (b"authorization", b"key", rb"[!-~]+\ +[!-~]+"),
                (observing.HEADER, b"request_id", observing.PROPER.pattern),
            )
        ),
    ),
    re.IGNORECASE | re.VERBOSE,
)
"""The first line and the headers of a request that may go the short way (RFC 9112): no header asks anything of a proxy,
or of the connection."""

RIGHT, PROBLEM = (b"200 OK", b"application/json"), MEDIA_TYPE.encode()
HEAD = b"HTTP/1.1 %b\r\ncontent-length: %d\r\ncontent-type: %b\r\nx-request-id: %b\r\n%b\r\n"


class Job(NamedTuple):
    """A plain request whose images were looked at."""

    data: bytes
    path: bytes
    request_id: bytes
    started: float
    pictures: list[Grey]
    """Normalised, uint8 [28, 28] each."""
    problem: ProblemError | None
    """What is wrong with one of the images."""


class Express:
    """Answers what is plain."""

    def __init__(self, registry: Registry, settings: Settings, keys: Keys) -> None:
        self._registry = registry
        self._settings = settings
        self._keys = keys
        self._longest = min(QUICK_BYTES, settings.max_body_bytes)
        self._images = min(QUICK_IMAGES, settings.max_images)

    def take(self, data: bytes) -> Job | None:
        """The request in `data`, up to the network; None where it must go the long way."""
        started = time.perf_counter()
        if (plain := self._plain(data)) is None:
            return None
        path, request_id, images = plain
        decoder = Decoder(self._settings.max_image_pixels, self._settings.max_request_pixels, AT_ONCE)
        try:
            return Job(data, path, request_id, started, pictures_of(images, decoder), None)
        except ProblemError as problem:
            return Job(data, path, request_id, started, [], problem)
        except Exception:  # whatever it is, the long way comes upon it again
            return None

    def answer(self, job: Job, more: bytes) -> bytes | None:
        """The answer to what `take` gave, with `more` headers in it; None as there."""
        try:
            model = self._registry.default()
            if problem := job.problem:
                line, kind = b"%d %b" % (problem.status, problem.status.phrase.encode()), PROBLEM
                content = bytes(problem_response(problem).body)
            else:
                line, kind, content = *RIGHT, predictions(job.pictures, model)
        except Exception:
            return None
        return HEAD % (line, len(content), kind, job.request_id, more) + content

    def note(self, job: Job) -> None:
        """Have it put into the log and the metrics: it was answered."""
        path, status = job.path.decode(), job.problem.status if job.problem else HTTPStatus.OK
        seconds = time.perf_counter() - job.started
        observing.answered("POST", path, path, status.value, seconds, job.request_id.decode())

    def awaits(self, head: bytes) -> bool:
        """Whether `head` is that of a request which may go the short way, once its body has come."""
        if not head.endswith(END) or (plain := self._plain_head(head[: -len(END)])) is None:
            return False
        return (_is_image if plain["path"] == FILE else _is_json)(plain["type"])

    def _plain(self, data: bytes) -> tuple[bytes, bytes, list[Source]] | None:
        """Path, id and images of a plain, whole request by somebody who may ask."""
        head, _, body = data.partition(END)
        if not body or (plain := self._plain_head(head)) is None or int(plain["length"]) != len(body):
            return None
        images = (_file if plain["path"] == FILE else _rows)(plain["type"], body)
        if images is None or len(images) > self._images:
            return None
        return plain["path"], plain["request_id"] or observing.new_id(), images

    def _plain_head(self, head: bytes) -> re.Match[bytes] | None:
        short = len(head) <= MOST_HEAD and head.count(b"\r\n") <= MOST_HEADERS
        plain = PLAIN.fullmatch(head) if short else None
        if plain is None or not 0 < int(plain["length"] or 0) <= self._longest:
            return None
        return plain if self._keys.know(plain["key"] or b"") else None


def _is_image(kind: bytes | None) -> bool:
    return kind is not None and kind[:6].lower() == b"image/"


def _is_json(kind: bytes | None) -> bool:
    return kind in (None, b"application/json")


def _file(kind: bytes | None, body: bytes) -> list[Source] | None:
    return [body] if _is_image(kind) else None


def _rows(kind: bytes | None, body: bytes) -> list[Source] | None:
    """Images as `PredictRequest` has them, where pydantic would find no fault."""
    if not _is_json(kind) or b"true" in body or b"false" in body or body.count(b"[") > QUICK_ROWS:
        return None
    try:
        request = from_json(body)
    except ValueError:
        return None
    if not isinstance(request, dict) or request.keys() != {"images"} or not isinstance(request["images"], list):
        return None
    images: list[Source] = []
    for image in request["images"]:
        known = _whole_numbers(image) if isinstance(image, list) else image
        if not isinstance(known, str | np.ndarray):
            return None
        images.append(known)
    return images or None


def _whole_numbers(rows: list[list[Any]]) -> Grey | None:
    """uint8 [rows, columns] of rows that are equally long and hold whole numbers from 0 to 255, some above 1.

    None where they are anything else. `True` counts as 1.
    """
    if set(map(type, rows)) != {list}:  # of a number `bytes` would make as many zeros
        return None
    try:
        levels = b"".join(map(bytes, rows))
    except (TypeError, ValueError, OverflowError):
        return None
    if len(set(map(len, rows))) != 1 or not levels.strip(b"\0\1"):
        return None
    return np.frombuffer(levels, np.uint8).reshape(len(rows), -1)
