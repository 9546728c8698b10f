"""The courier carries the newest drawing, one at a time, and outlasts a service that is away."""

import contextlib
import gzip
import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import client.service
from client.courier import Answered, Away, Courier, News, Parcel, Present, Refused
from client.ink import PAPER, Point, draw, smooth
from client.service import Service
from client.sheets import photo
from tests.bombs import large_photo
from tests.servers import (
    REPO,
    ServiceProcess,
    SilentHandler,
    eventually,
    free_port,
    http_server,
    running_service,
    slowed,
)


def line(*points: Point) -> Parcel:
    picture = Image.new("L", (320, 320), PAPER)
    draw(picture, smooth(points), 18)
    return Parcel(1, picture)


SEVEN = line((80, 80), (240, 80), (150, 260))
ONE = line((160, 60), (160, 260))


@pytest.fixture
def couriers() -> Iterator[list[Courier]]:
    """Couriers put in here are closed at the end."""
    opened: list[Courier] = []
    yield opened
    for courier in opened:
        courier.close()


def hear(courier: Courier, kind: type[News], seconds: float = 60) -> News:
    """The next news of that kind; others are passed over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            news = courier.news.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            pytest.fail(f"no {kind.__name__} within {seconds} s")
        if isinstance(news, kind):
            return news


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
    assert news.parcel is SEVEN
    assert news.answer.milliseconds > 0


def test_photo_larger_than_the_service_takes_is_read(service: ServiceProcess, couriers: list[Courier]) -> None:
    courier = Courier(Service(service.url))
    couriers.append(courier)
    courier.send(Parcel(1, photo(large_photo())))
    news = hear(courier, Answered)
    assert isinstance(news, Answered)
    assert news.answer.prediction.digit == 7


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
            if news.parcel is ONE:
                break
    assert news.answer.prediction.digit == 1
    assert max(in_flight) == 1
    assert len(in_flight) < 20


def test_sending_never_waits(service: ServiceProcess, couriers: list[Courier]) -> None:
    begun: list[int] = []
    with http_server(slowed(service.url, 1, begun)) as url:
        courier = Courier(Service(url))
        couriers.append(courier)
        courier.send(SEVEN)
        eventually(lambda: bool(begun))
        started = time.monotonic()
        courier.send(SEVEN)
        assert time.monotonic() - started < 0.5


def test_drawing_is_read_once_the_service_comes_back(tmp_path: Path, couriers: list[Courier]) -> None:
    port = free_port()
    courier = Courier(Service(f"http://127.0.0.1:{port}"))
    couriers.append(courier)
    courier.send(SEVEN)
    away = hear(courier, Away)
    assert isinstance(away, Away)
    assert away.reason == "nothing listens there"
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        news = hear(courier, Answered)
        assert isinstance(news, Answered)
        assert news.parcel is SEVEN
    assert isinstance(hear(courier, Away), Away)  # noticed without anything drawn


def test_presence_is_told_without_a_drawing(service: ServiceProcess, couriers: list[Courier]) -> None:
    courier = Courier(Service(service.url))
    couriers.append(courier)
    present = hear(courier, Present)
    assert isinstance(present, Present)
    assert present.model is not None
    assert present.model.accuracy is not None
    assert present.model.accuracy > 0.99


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>Welcome</html>"), (500, b"<html>Oh</html>"), (200, b"{}"), (404, b"")]
)
def test_something_else_at_that_address_is_no_answer(couriers: list[Courier], status: int, body: bytes) -> None:
    with http_server(page(status, body)) as url:
        courier = Courier(Service(url))
        couriers.append(courier)
        courier.send(SEVEN)
        news = hear(courier, Away)
        assert isinstance(news, Away)
        assert "not the digit service" in news.reason


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_proxy_without_a_service_is_waited_for(couriers: list[Courier], status: int) -> None:
    with http_server(page(status, b"<html>Sorry</html>")) as url:
        couriers.append(Courier(Service(url)))
        couriers[0].send(SEVEN)
        away = hear(couriers[0], Away)
        assert isinstance(away, Away)
        assert away.reason == f"the proxy in front of it answers {status}"


def test_what_a_proxy_refuses_is_not_sent_again(couriers: list[Courier]) -> None:
    with http_server(page(413, b"<html>Too large</html>")) as url:
        couriers.append(Courier(Service(url)))
        couriers[0].send(SEVEN)
        refused = hear(couriers[0], Refused)
        assert isinstance(refused, Refused)
        assert "too large for the proxy in front of the service" in refused.reason


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://digits.example{}", "https://digits.example"),
        ("https://digits.example/there{}", "https://digits.example/there"),
        ("https://login.example/sign-in?next={}&state=s3cret", "https://login.example"),
    ],
)
def test_address_that_sends_on_says_where_to(couriers: list[Courier], location: str, told: str) -> None:
    class Moved(SilentHandler):
        def do_GET(self) -> None:
            self.send_response(308)
            self.send_header("Location", location.format(self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with http_server(Moved) as url:
        couriers.append(Courier(Service(url)))
        away = hear(couriers[0], Away)
        assert isinstance(away, Away)
        assert away.reason == f"it redirects to {told}: try that address"


def test_answer_is_waited_for_while_a_long_question_is_on_its_way(
    service: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    seven = SEVEN.encoded()
    monkeypatch.setattr(client.service, "PATIENCE", 0.5)
    monkeypatch.setattr(client.service, "PACE", len(seven[0]) / 60)
    with http_server(slowed(service.url, 1)) as url:
        assert Service(url).predict(*seven).prediction.digit == 7


@pytest.mark.parametrize(
    ("coding", "start", "drop"),
    [("identity", b"", b" "), ("gzip", gzip.compress(b"")[:10], b"\0\0\0\xff\xff")],
    ids=["plain", "packed"],
)
def test_answer_that_comes_by_drops_is_none(
    couriers: list[Courier], monkeypatch: pytest.MonkeyPatch, coding: str, start: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(client.service, "LONGEST", 1)

    class Dripping(SilentHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Encoding", coding)
            self.end_headers()
            with contextlib.suppress(OSError):  # nobody listens any more
                self.wfile.write(start)
                for _ in range(100):
                    self.wfile.write(drop)
                    time.sleep(0.1)

    with http_server(Dripping) as url:
        couriers.append(Courier(Service(url)))
        away = hear(couriers[0], Away)
        assert isinstance(away, Away)
        assert away.reason == "no answer in time"


def test_drawing_that_is_gone_is_not_sent_again(couriers: list[Courier]) -> None:
    asked: list[str] = []

    class Broken(page(500, b"{}")):  # type: ignore[misc]  # mypy follows no base class that a call returns
        def do_POST(self) -> None:
            asked.append(self.path)
            super().do_POST()

    with http_server(Broken) as url:
        courier = Courier(Service(url))
        couriers.append(courier)
        courier.send(ONE)
        while not asked:
            hear(courier, Away)
        courier.send(None)
        hear(courier, Away)  # it may have been under way
        asked.clear()
        hear(courier, Away)
        hear(courier, Away)
    assert asked == []


def test_proxy_of_the_environment_is_not_asked_for_the_own_machine(
    service: ServiceProcess, couriers: list[Courier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    courier = Courier(Service(service.url))
    couriers.append(courier)
    assert isinstance(hear(courier, Present), Present)


@pytest.mark.parametrize("host", ["a" * 70 + ".invalid", "nowhere.invalid"])
def test_host_that_is_none_is_away(couriers: list[Courier], host: str) -> None:
    courier = Courier(Service(f"http://{host}"))
    couriers.append(courier)
    away = hear(courier, Away)
    assert isinstance(away, Away)
    assert away.reason == "there is no machine of that name"


def test_what_the_service_refuses_is_said_and_not_tried_again(service: ServiceProcess, couriers: list[Courier]) -> None:
    courier = Courier(Service(service.url))
    couriers.append(courier)
    outside = line((-500, -500), (-400, -500))  # off the paper: the picture is blank
    courier.send(outside)
    news = hear(courier, Refused)
    assert isinstance(news, Refused)
    assert "nothing on the paper" in news.reason
    assert isinstance(hear(courier, Present), Present)
