"""The courier carries the newest drawing, one at a time, and outlasts a service that is away."""

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from client.courier import Answered, Away, Courier, News, Present, Refused
from client.drawing import Drawing, Point
from client.service import Service
from tests.servers import REPO, ServiceProcess, SilentHandler, free_port, http_server, running_service


def line(*points: Point) -> Drawing:
    return Drawing(1, (points,))


SEVEN = line((80, 80), (240, 80), (150, 260))
ONE = line((160, 60), (160, 260))


@pytest.fixture
def couriers() -> Iterator[list[Courier]]:
    """Couriers put in here are closed at the end."""
    opened: list[Courier] = []
    yield opened
    for courier in opened:
        courier.close()


def hear(courier: Courier, kind: type[News], seconds: float = 10) -> News:
    """The next news of that kind; others are passed over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            news = courier.news.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            pytest.fail(f"no {kind.__name__} within {seconds} s")
        if isinstance(news, kind):
            return news


def slowed(url: str, seconds: float, in_flight: list[int]) -> type[SilentHandler]:
    """Passes requests on to the service at `url` after a while; notes how many are under way at each one's start."""
    under_way = threading.Semaphore(1000)

    class Handler(SilentHandler):
        def do_POST(self) -> None:
            under_way.acquire()
            in_flight.append(1000 - under_way._value)
            time.sleep(seconds)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = httpx.post(url + self.path, content=body, headers={"Content-Type": self.headers["Content-Type"]})
            under_way.release()
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    return Handler


def page(status: int, body: bytes) -> type[SilentHandler]:
    """Answers everything with one page."""

    class Handler(SilentHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def test_drawing_is_read(service: ServiceProcess, couriers: list[Courier]) -> None:
    courier = Courier(Service(service.url))
    couriers.append(courier)
    courier.send(SEVEN)
    news = hear(courier, Answered)
    assert isinstance(news, Answered)
    assert news.answer.prediction.digit == 7
    assert news.drawing is SEVEN
    assert news.answer.milliseconds > 0


def test_one_at_a_time_and_the_newest_wins(service: ServiceProcess, couriers: list[Courier]) -> None:
    in_flight: list[int] = []
    with http_server(slowed(service.url, 0.3, in_flight)) as url:
        courier = Courier(Service(url))
        couriers.append(courier)
        for x in range(100):
            courier.send(line((80, 80), (240, 80), (100 + x / 2, 260)))
            time.sleep(0.005)
        courier.send(ONE)
        while True:
            news = hear(courier, Answered)
            assert isinstance(news, Answered)
            if news.drawing is ONE:
                break
    assert news.answer.prediction.digit == 1
    assert max(in_flight) == 1
    assert len(in_flight) < 20


def test_sending_never_waits(service: ServiceProcess, couriers: list[Courier]) -> None:
    with http_server(slowed(service.url, 1, [])) as url:
        courier = Courier(Service(url))
        couriers.append(courier)
        started = time.monotonic()
        for _ in range(1000):
            courier.send(SEVEN)
        assert time.monotonic() - started < 0.5


def test_drawing_is_read_once_the_service_comes_back(tmp_path: Path, couriers: list[Courier]) -> None:
    port = free_port()
    courier = Courier(Service(f"http://127.0.0.1:{port}"))
    couriers.append(courier)
    courier.send(SEVEN)
    away = hear(courier, Away)
    assert isinstance(away, Away)
    assert away.reason == "nothing answers there"
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        news = hear(courier, Answered)
        assert isinstance(news, Answered)
        assert news.drawing is SEVEN
    assert isinstance(hear(courier, Away), Away)  # noticed without anything drawn


def test_presence_is_told_without_a_drawing(service: ServiceProcess, couriers: list[Courier]) -> None:
    courier = Courier(Service(service.url))
    couriers.append(courier)
    assert isinstance(hear(courier, Present, 3), Present)


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>Welcome</html>"), (502, b"<html>Bad gateway</html>"), (200, b"{}"), (404, b"")]
)
def test_something_else_at_that_address_is_no_answer(couriers: list[Courier], status: int, body: bytes) -> None:
    with http_server(page(status, body)) as url:
        courier = Courier(Service(url))
        couriers.append(courier)
        courier.send(SEVEN)
        news = hear(courier, Away)
        assert isinstance(news, Away)
        assert "not the digit service" in news.reason


def test_proxy_of_the_environment_is_not_asked_for_the_own_machine(
    service: ServiceProcess, couriers: list[Courier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    courier = Courier(Service(service.url))
    couriers.append(courier)
    assert isinstance(hear(courier, Present), Present)


def test_host_that_cannot_be_one_is_away(couriers: list[Courier]) -> None:
    courier = Courier(Service("http://" + "a" * 70 + ".invalid"))
    couriers.append(courier)
    assert isinstance(hear(courier, Away), Away)


def test_what_the_service_refuses_is_said_and_not_tried_again(service: ServiceProcess, couriers: list[Courier]) -> None:
    courier = Courier(Service(service.url))
    couriers.append(courier)
    outside = line((-500, -500))  # off the paper: the picture is blank
    courier.send(outside)
    news = hear(courier, Refused)
    assert isinstance(news, Refused)
    assert "nothing on the paper" in news.reason
    assert isinstance(hear(courier, Present), Present)
