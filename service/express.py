"""The short way for what most requests are: one small drawing, sent whole, by somebody who may ask.

FastAPI's way to a prediction takes longer than the prediction. So the bytes that come over a connection are looked at
before anything else is: where they are one whole request that is plain, `Express` has the answer, or the word for what
is wrong with an image. Where anything is the least unusual it says nothing: the request then goes the long way, which
has a word for every other mistake. Decoding, normalisation, network, log and metrics are the same on both ways, and so
are the answers.
"""

import re
import time
from typing import Any

import numpy as np
from pydantic_core import from_json

from service import observing
from service.decoding import Decoder, Grey, Source
from service.keys import Keys
from service.problems import MEDIA_TYPE, ProblemError, body_of
from service.reading import read
from service.registry import Registry
from service.routing import QUICK_BYTES, QUICK_IMAGES, QUICK_PIXELS
from service.settings import Settings

ROWS, FILE = b"/v1/predict", b"/v1/predict/image"

MOST_HEAD = 2**13
"""Bytes of the first line and the headers."""

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
                (observing.HEADER, b"number", observing.PROPER.pattern),
            )
        ),
    ),
    re.IGNORECASE | re.VERBOSE,
)
"""The first line and the headers of a request that may go the short way (RFC 9112): none is for others to obey."""

RIGHT, PROBLEM = (b"200 OK", b"application/json"), MEDIA_TYPE.encode()
HEAD = b"HTTP/1.1 %b\r\ncontent-length: %d\r\ncontent-type: %b\r\nx-request-id: %b\r\n%b\r\n"


class Express:
    """Answers what is plain."""

    def __init__(self, registry: Registry, settings: Settings, keys: Keys) -> None:
        self._registry = registry
        self._settings = settings
        self._keys = keys
        self._longest = min(QUICK_BYTES, settings.max_body_bytes)
        self._images = min(QUICK_IMAGES, settings.max_images)

    def answer(self, data: bytes, more: bytes) -> bytes | None:
        """The answer to the request in `data`, `more` headers in it; None where it must go the long way."""
        started = time.perf_counter()
        head, _, body = data.partition(b"\r\n\r\n")
        if not 0 < len(body) <= self._longest or len(head) > MOST_HEAD:
            return None
        if (request := PLAIN.fullmatch(head)) is None:
            return None
        path, length, kind, key, number = request.group("path", "length", "type", "key", "number")
        if length is None or int(length) != len(body) or (self._keys.needed and not self._keys.know(key or b"")):
            return None
        images = (_file if path == FILE else _rows)(kind, body)
        if images is None or len(images) > self._images:
            return None
        decoder = Decoder(self._settings.max_image_pixels, self._settings.max_request_pixels, QUICK_PIXELS)
        try:
            line, kind, content = *RIGHT, read(images, self._registry.default(), decoder)
        except ProblemError as problem:
            line, kind, content = b"%d %b" % (problem.status, problem.status.phrase.encode()), PROBLEM, body_of(problem)
        except Exception:  # whatever it is, the long way comes upon it again
            return None
        number = number or observing.new_number()
        seconds = time.perf_counter() - started
        observing.answered("POST", path.decode(), path.decode(), int(line[:3]), seconds, number.decode())
        return HEAD % (line, len(content), kind, number, more) + content


def _file(kind: bytes | None, body: bytes) -> list[Source] | None:
    return [body] if kind and kind[:6].lower() == b"image/" else None


def _rows(kind: bytes | None, body: bytes) -> list[Source] | None:
    """Images as `PredictRequest` has them, where pydantic would find no fault."""
    if kind not in (None, b"application/json") or b"true" in body or b"false" in body:
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
