"""Many images through the service, in their order: in batches, several under way, with patience while it is away."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_exponential_jitter,
)
from tenacity.stop import stop_base

from client.output import Result
from client.service import (
    ImageRefusedError,
    KeyWantedError,
    ProxyRefusedError,
    Service,
    ServiceAwayError,
    ServiceBusyError,
    ServiceFailedError,
    ServiceRefusedError,
)
from client.sources import Source
from contract.messages import ModelReference, Prediction

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

BATCH, BATCH_BYTES = 32, 2**20
"""Most images in a request, and bytes of their files."""

UNDER_WAY = 2
"""Batches that the service has at once, or that wait for their turn to be written: a line of a megabit a second has to
bring them before the service gives them up, after half a minute."""

PATIENCE = 300
"""Seconds that a service is waited for that answered before, if only that it is busy."""

TRIES = 3
"""Of a request at which it fails."""


@dataclass(frozen=True)
class Loaded:
    name: str
    content: bytes
    error: str = ""
    """Why there is no content."""


Found = tuple[ModelReference, Prediction] | str | ServiceFailedError
"""What is on an image, why it is refused, or at what the service failed."""


class Batches:
    def __init__(self, service: Service, tell: Callable[[str], None], *, single: bool) -> None:
        """`tell` hears why nothing goes on. `single`: every image is one digit, so no numbers are looked for."""
        self._service = service
        self._tell = tell
        self._single = single
        self._answered = False
        self._waiting = False
        self._ended = threading.Event()
        self._patient = Retrying(
            retry=retry_if_exception(self._may_pass),
            wait=wait_exponential_jitter(initial=0.2, max=5),
            stop=stop_after_delay(PATIENCE) | stop_when_event_set(self._ended) | _FailedOften(),
            sleep=sleep_using_event(self._ended),
            before_sleep=self._say_once,
            reraise=True,
        )

    def read(self, sources: Iterable[Source]) -> Iterator[Result]:
        """What is on them, in their order. Raises `ServiceAwayError`."""
        under_way: deque[Future[list[Result]]] = deque()
        pool = ThreadPoolExecutor(UNDER_WAY)
        try:
            for batch in _batches(sources):
                under_way.append(pool.submit(self._results, batch))
                if len(under_way) > UNDER_WAY:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            self._ended.set()  # who waits for the service need not wait any longer
            pool.shutdown(wait=False, cancel_futures=True)

    def _results(self, batch: list[Loaded]) -> list[Result]:
        found = iter(self._predictions([one.content for one in batch if not one.error]))
        results, failures = [], []
        for one in batch:
            try:
                results.append(Result(one.name, error=one.error) if one.error else self._result(one, next(found)))
            except ServiceFailedError as error:
                results.append(Result(one.name, error=str(error)))
                failures.append(error)
        if len(failures) == len(batch) > 1:  # it is not the images
            raise failures[0]
        return results

    def _result(self, image: Loaded, found: Found) -> Result:
        """Raises `ServiceFailedError`."""
        if isinstance(found, ServiceFailedError):
            raise found
        if isinstance(found, str):
            return Result(image.name, error=found)
        model, prediction = found
        if self._single:
            return Result(image.name, prediction, model)
        number = self._asked(self._service.number, image.content, unsure=not prediction.accepted)
        return Result(image.name, number or prediction, number.model if number else model)

    def _predictions(self, images: list[bytes]) -> list[Found]:
        """What is on each image, or why the service refuses it, or fails at it."""
        if not images:
            return []
        try:
            model, predictions = self._asked(self._service.predict_all, images)
        except (ServiceRefusedError, ServiceFailedError) as error:
            self._answered = self._answered or not isinstance(error, ProxyRefusedError)
            if len(images) == 1:
                return [error if isinstance(error, ServiceFailedError) else str(error)]
            # The one at fault alone, who may be well by itself; or halves, where nothing names it.
            at = error.index if isinstance(error, ImageRefusedError) else len(images) // 2
            parts = images[:at], images[at : at + 1], images[at + 1 :]
            return [found for part in parts for found in self._predictions(part)]
        self._answered = True
        return [(model, prediction) for prediction in predictions]

    def _asked(self, call: Callable[Given, Answer], *arguments: Given.args, **named: Given.kwargs) -> Answer:
        """What `call` gives, with patience; unless nobody wants it any more."""
        if self._ended.is_set():
            raise ServiceAwayError("stopped")
        answer = self._patient(call, *arguments, **named)
        self._waiting = False
        return answer

    def _say_once(self, state: RetryCallState) -> None:
        """Why nothing goes on, until something does."""
        if state.attempt_number < 2:  # a busy one may have time now
            return
        told, self._waiting = self._waiting, True
        if not told and state.outcome:
            reason = str(state.outcome.exception()).rstrip(".")
            self._tell(f"No answer from {self._service.url}: {reason}; waiting for it")

    def _may_pass(self, error: BaseException) -> bool:
        if isinstance(error, KeyWantedError):
            return False
        return isinstance(error, ServiceBusyError) or (self._answered and isinstance(error, ServiceAwayError))


class _FailedOften(stop_base):
    def __call__(self, retry_state: RetryCallState) -> bool:
        error = retry_state.outcome and retry_state.outcome.exception()
        return isinstance(error, ServiceFailedError) and retry_state.attempt_number >= TRIES


def _batches(sources: Iterable[Source]) -> Iterator[list[Loaded]]:
    batch: list[Loaded] = []
    size = 0
    for source in sources:
        image = _loaded(source)
        if batch and (len(batch) == BATCH or size + len(image.content) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(image)
        size += len(image.content)
    yield batch


def _loaded(source: Source) -> Loaded:
    try:
        content = source.load()
    except OSError as error:
        return Loaded(source.name, b"", error.strerror or str(error))
    return Loaded(source.name, content, "" if content else "is empty")
