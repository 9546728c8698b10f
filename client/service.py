"""The service over HTTP, as its users here need it."""

import base64
import json
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from socket import gaierror
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from client import keys
from contract.messages import (
    Health,
    ModelList,
    ModelReference,
    ModelSummary,
    NumberResponse,
    Prediction,
    PredictResponse,
    Problem,
)

PATIENCE, TO_CONNECT = 10, 2
"""Seconds for an answer, and for a connection."""

PACE = 125_000
"""Bytes that even a slow line sends in a second; until all have gone there is no answer to wait for."""

LONGEST, MOST_BYTES = 20, 2**24
"""Seconds for all of an answer, once its headers are there, and bytes."""

Message = TypeVar("Message", bound=BaseModel)

LIKELY = 0.5
"""Probability of a number that is shown though it is not accepted, where a single digit is not accepted either."""

ANY_IMAGE = {"Content-Type": "image/unknown"}

LATER = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
GATEWAYS = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)
"""What proxies say where nothing behind them answers."""

FAILED = "/problems/internal-error"
"""The type of problem of a request at which the service fails."""

NOT_OURS = "what answers there is not the digit service"
NO_HOST = "there is no machine of that name"
LATE = "no answer in time"
UNSENDABLE = "the API key has signs that cannot be sent"


class ServiceAwayError(Exception):
    """The service gives no answer now and may do so later; the text says what is the matter."""


class ServiceBusyError(ServiceAwayError):
    """It is there, but has no time, or no model, now."""


class ServiceFailedError(ServiceBusyError):
    """It failed at this request; at another it need not."""


class KeyWantedError(ServiceAwayError):
    """It wants an API key, or another one."""


class ServiceRefusedError(Exception):
    """The service answered that it will not take this request; the text says why."""


class ProxyRefusedError(ServiceRefusedError):
    """It was refused by a proxy in front of the service."""


class ImageRefusedError(ServiceRefusedError):
    """One image of several is at fault."""

    def __init__(self, detail: str, index: int) -> None:
        super().__init__(detail)
        self.index = index


@dataclass(frozen=True)
class Answer:
    prediction: Prediction
    model: ModelReference
    milliseconds: float
    """From sending the image to having the answer."""
    number: NumberResponse | None = None
    """Where it is no single digit, but several."""


class Service:
    """May be shared between threads."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """Raises `ValueError` where proxy or certificates, as the environment sets them, are no use.

        Without a `key`, one is looked for once the service wants one.
        """
        self.url = url
        host = httpx.URL(url).host
        here = host in ("localhost", "::1") or host.startswith("127.")
        try:
            self._http = httpx.Client(
                base_url=url,
                headers={"Accept-Encoding": "identity"},
                trust_env=not here,  # no proxy leads back here
            )
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            raise ValueError(f"Proxy or certificates, as the environment sets them, cannot be used: {error}") from error
        self._key = key
        self._looking = threading.Lock()

    def predict(self, image: bytes, media_type: str = "image/png", *, details: bool = False) -> Answer:
        """Read the digit or the number in an image file. Raises `ServiceAwayError` or `ServiceRefusedError`."""
        started = time.perf_counter()
        path, headers = f"/v1/predict/image{_query(details)}", {"Content-Type": media_type}
        parsed = _parsed(PredictResponse, self._request("POST", path, content=image, headers=headers))
        if len(parsed.predictions) != 1:
            raise ServiceAwayError(NOT_OURS)
        [prediction] = parsed.predictions
        number = self.number(image, unsure=not prediction.accepted, details=details)
        return Answer(prediction, parsed.model, 1000 * (time.perf_counter() - started), number)

    def predict_all(self, images: Sequence[bytes]) -> tuple[ModelReference, list[Prediction]]:
        """Read one digit in each of these image files.

        Raises `ServiceAwayError`, `ImageRefusedError` where one of them is at fault, or `ServiceRefusedError`.
        """
        if len(images) == 1:
            answer = self._request("POST", "/v1/predict/image", images[0], ANY_IMAGE)
        else:
            body = json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()
            answer = self._request("POST", "/v1/predict", body, {"Content-Type": "application/json"})
        parsed = _parsed(PredictResponse, answer)
        if len(parsed.predictions) != len(images):
            raise ServiceAwayError(NOT_OURS)
        return parsed.model, parsed.predictions

    def number(self, image: bytes, *, unsure: bool, details: bool = False) -> NumberResponse | None:
        """The several digits in an image file, where there are. Raises `ServiceAwayError`."""
        try:
            answer = self._request("POST", f"/v1/numbers/image{_query(details)}", image, ANY_IMAGE)
            return _likely(answer, unsure=unsure)
        except ServiceRefusedError:
            return None

    def model(self) -> ModelSummary | None:
        """The version that answers, if the service is ready. Raises `ServiceAwayError` or `ServiceRefusedError`."""
        _parsed(Health, self._request("GET", "/health/ready"))
        models = _parsed(ModelList, self._request("GET", "/v1/models")).models
        return next((model for model in models if model.default), None)

    def close(self) -> None:
        self._http.close()

    def _request(
        self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        key = self._key
        response = self._sent(method, path, content, headers)
        if response.status_code == httpx.codes.UNAUTHORIZED and key is None:
            with self._looking:
                self._key = keys.find(self.url) or "" if self._key is None else self._key
            if self._key:
                response = self._sent(method, path, content, headers)
        if response.is_success:
            return response
        if response.has_redirect_location:
            raise ServiceAwayError(f"it redirects to {self._target(path, response)}: try that address")
        if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
            raise ServiceAwayError(f"{NOT_OURS} ({response.status_code})")
        if response.status_code == httpx.codes.UNAUTHORIZED:  # a gateway's, too
            raise KeyWantedError("it does not know this API key" if self._key else "it wants an API key")
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            raise _by_another(response.status_code) from None
        detail = problem.detail
        if problem.type == FAILED:
            raise ServiceFailedError(detail)
        if response.status_code in LATER or response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServiceBusyError(detail)
        if problem.errors:
            raise ImageRefusedError(problem.errors[0].detail, problem.errors[0].index)
        raise ServiceRefusedError(detail)

    def _target(self, path: str, response: httpx.Response) -> str:
        """The address of a service whose `path` is where a request for it was sent on to; else that machine's."""
        target = httpx.URL(self.url + path).join(response.headers["Location"])
        whole, _, _ = str(target).partition("?")
        path, _, _ = path.partition("?")
        return whole.removesuffix(path) if whole.endswith(path) else str(target.join("/")).rstrip("/")

    def _sent(self, method: str, path: str, content: bytes | None, headers: dict[str, str] | None) -> httpx.Response:
        if self._key:
            if not self._key.isascii():
                raise KeyWantedError(UNSENDABLE)
            self._http.headers["Authorization"] = f"Bearer {self._key}"
        timeout = httpx.Timeout(PATIENCE + len(content or b"") / PACE, connect=TO_CONNECT)
        try:
            with self._http.stream(method, path, content=content, headers=headers, timeout=timeout) as response:
                location = response.headers.get("Location")
                kept = {"Location": location} if location else None
                return httpx.Response(response.status_code, content=_whole(response), headers=kept)
        except httpx.TimeoutException as error:
            raise ServiceAwayError(LATE) from error
        except httpx.ConnectError as error:
            raise ServiceAwayError(_why(error)) from error
        except UnicodeError as error:
            raise ServiceAwayError(NO_HOST) from error
        except httpx.LocalProtocolError:  # its text would have the key
            raise KeyWantedError(UNSENDABLE) from None
        except httpx.NetworkError as error:
            raise ServiceAwayError("the connection broke") from error
        except httpx.HTTPError as error:
            raise ServiceAwayError(str(error) or "the connection broke") from error


def address(text: str) -> str:
    """The URL of a service as it is used here. Raises `ValueError`, which says what is wrong."""
    text = text.strip()
    if "://" not in text:
        text = f"http://{text}"
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"{text!r} is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} should look like http://127.0.0.1:8000")
    if url.userinfo:
        raise ValueError("An address has no name and password: it would be kept in clear")
    if "?" in text or "#" in text:
        raise ValueError("An address ends before ? and #")
    return text.rstrip("/")


def _whole(response: httpx.Response) -> bytes:
    """Raises `ServiceAwayError` where it comes by drops, or has no end."""
    started, content = time.monotonic(), bytearray()
    for piece in response.iter_raw():  # what is packed nobody asked for, and unpacks to nothing by drops, or to no end
        content += piece
        if time.monotonic() - started > LONGEST:
            raise ServiceAwayError(LATE)
        if len(content) > MOST_BYTES:
            raise ServiceAwayError(NOT_OURS)
    return bytes(content)


def _by_another(status: int) -> ServiceAwayError | ServiceRefusedError:
    """What an error means that is not worded as the service words its own: something else may stand before it."""
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return ProxyRefusedError("It is too large for the proxy in front of the service.")
    if status in (*LATER, *GATEWAYS):
        return ServiceBusyError(f"the proxy in front of it answers {status}")
    return ServiceAwayError(f"{NOT_OURS} ({status})")


def _query(details: bool) -> str:
    return "?details=true" if details else ""


def _likely(answer: httpx.Response, *, unsure: bool) -> NumberResponse | None:
    number = _parsed(NumberResponse, answer)
    likely = number.accepted or (unsure and number.confidence >= LIKELY)
    return number if likely and len(number.digits) > 1 else None


def _parsed(kind: type[Message], response: httpx.Response) -> Message:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise ServiceAwayError(NOT_OURS) from error


def _why(error: BaseException) -> str:
    """In a person's words, why there is no connection: httpx has it from httpcore, which has it from the system."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, gaierror):
            return NO_HOST
        if isinstance(cause, ConnectionRefusedError):
            return "nothing listens there"
        if isinstance(cause, ssl.SSLError):
            return f"its certificate or its encryption is no good: {cause.reason or cause}"
        cause = cause.__cause__ or cause.__context__
    return str(error) or "nothing answers there"
