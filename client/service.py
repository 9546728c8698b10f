"""The service over HTTP, as the window needs it."""

import time
from dataclasses import dataclass

import httpx
from pydantic import ValidationError

from contract.messages import ModelReference, Prediction, PredictResponse, Problem

TIMEOUT = httpx.Timeout(10, connect=2)
"""Seconds for an answer, and for a connection."""


class ServiceAwayError(Exception):
    """The service gives no answer now and may do so later; the text says what is the matter."""


class ServiceRefusedError(Exception):
    """The service answered that it will not take this request; the text says why."""


@dataclass(frozen=True)
class Answer:
    prediction: Prediction
    model: ModelReference
    milliseconds: float
    """From sending the drawing to having the answer."""


class Service:
    """Not to be shared between threads."""

    def __init__(self, url: str) -> None:
        """Raises `ValueError`, `ImportError` or `OSError` where proxy or certificates of the environment are no use."""
        self.url = url
        host = httpx.URL(url).host
        here = host in ("localhost", "::1") or host.startswith("127.")
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=not here)  # no proxy leads back here

    def predict(self, png: bytes) -> Answer:
        """Read the digit in a PNG. Raises `ServiceAwayError` or `ServiceRefusedError`."""
        started = time.perf_counter()
        response = self._request("POST", "/v1/predict/image", content=png, headers={"Content-Type": "image/png"})
        milliseconds = 1000 * (time.perf_counter() - started)
        try:
            parsed = PredictResponse.model_validate_json(response.content)
            [prediction] = parsed.predictions
        except (ValidationError, ValueError) as error:
            raise ServiceAwayError("what answers there is not the digit service") from error
        return Answer(prediction, parsed.model, milliseconds)

    def check(self) -> None:
        """Return if the service is ready. Raises `ServiceAwayError` or `ServiceRefusedError`."""
        self._request("GET", "/health/ready")

    def _request(
        self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, content=content, headers=headers)
        except httpx.TimeoutException as error:
            raise ServiceAwayError("no answer in time") from error
        except httpx.ConnectError as error:
            raise ServiceAwayError("nothing answers there") from error
        except (httpx.HTTPError, UnicodeError) as error:  # UnicodeError: of a host name that cannot be one
            raise ServiceAwayError(str(error) or "the connection broke") from error
        if response.is_success:
            return response
        if response.status_code in (404, 405):
            raise ServiceAwayError(f"what answers there is not the digit service ({response.status_code})")
        try:
            detail = Problem.model_validate_json(response.content).detail
        except ValidationError:
            raise ServiceAwayError(f"what answers there is not the digit service ({response.status_code})") from None
        if response.status_code >= 500:
            raise ServiceAwayError(detail)
        raise ServiceRefusedError(detail)
