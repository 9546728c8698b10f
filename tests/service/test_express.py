"""Requests that go the short way are answered as those that go the long way; what is unusual does not go it."""

import asyncio
import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from contract.messages import PredictResponse
from contract.store import open_store
from service.examples import SEVEN_PNG, SEVEN_ROWS
from service.express import Express
from service.keys import Keys
from service.registry import Registry
from service.settings import Settings
from tests.pictures import saved
from tests.servers import REPO, ServiceProcess, eventually, metric, running_service

ROWS = json.dumps({"images": [SEVEN_ROWS]}).encode()
FILE = base64.b64decode(SEVEN_PNG)
JSON = "application/json"
LONG = {"Content-Type": "image/png", "Origin": "https://a.example"}
"""Headers of a request that goes the long way."""


def request(body: bytes, path: str = "/v1/predict", *lines: str, kind: str = JSON) -> bytes:
    """One whole request, as it comes over the network."""
    head = [f"POST {path} HTTP/1.1", "Host: digits", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def file(body: bytes = FILE, *lines: str, kind: str = "image/png") -> bytes:
    return request(body, "/v1/predict/image", *lines, kind=kind)


def ask(service: ServiceProcess, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to a request that is sent in these pieces."""
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        for piece in pieces:
            connection.sendall(piece)
        status = int(stream.readline().split()[1])
        headers = dict(re.findall(r"([^:\s]+): (.*)\r\n", "".join(iter(lambda: stream.readline().decode(), "\r\n"))))
        return status, headers, stream.read(int(headers["content-length"]))


@pytest.fixture(scope="module")
def express() -> Express:
    registry = Registry(open_store(str(REPO / "models")), None, 4)
    registry.refresh()
    return Express(registry, Settings(model_store=str(REPO / "models"), max_images=2), Keys([]))


def picture(width: int, height: int, ink: int = 0) -> bytes:
    """A PNG of a stroke."""
    image = Image.new("L", (width, height), 255)
    image.paste(ink, (width // 2, 3, width // 2 + 5, height - 3))
    return saved(image)


PLAIN = {
    "rows": request(ROWS),
    "base64": request(json.dumps({"images": [SEVEN_PNG]}).encode()),
    "two images": request(json.dumps({"images": [SEVEN_PNG, SEVEN_ROWS]}).encode()),
    "a file": file(),
    "with an id": file(FILE, "X-Request-ID: order-66"),
    "by curl": file(FILE, "User-Agent: curl/8.14.1", "Accept: */*"),
    "kept open": file(FILE, "Connection: keep-alive"),
}

WRONG = {
    "blank paper": file(picture(50, 50, ink=255)),
    "blank rows": request(json.dumps({"images": [SEVEN_ROWS, [[255] * 50] * 50]}).encode()),
    "no base64": request(b'{"images": ["!"]}'),
}

UNUSUAL = {
    "another path": request(ROWS, "/v1/models"),
    "another spelling": request(ROWS, "/V1/predict"),
    "a query": request(ROWS, "/v1/predict?details=true"),
    "HTTP/1.0": request(ROWS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "another method": request(ROWS).replace(b"POST", b"PUT"),
    "half a body": request(ROWS)[:-1],
    "two requests": request(ROWS) * 2,
    "no length": request(ROWS).replace(b"Content-Length", b"X-Length"),
    "two lengths": request(ROWS, "/v1/predict", f"Content-Length: {len(ROWS)}"),
    "a length of thousands of digits": request(ROWS).replace(b"Content-Length: ", b"Content-Length: " + b"0" * 5000),
    "two types": request(ROWS, "/v1/predict", "content-type: text/html"),
    "chunks": request(ROWS, "/v1/predict", "Transfer-Encoding: chunked"),
    "an expectation": request(ROWS, "/v1/predict", "Expect: 100-continue"),
    "the last request": request(ROWS, "/v1/predict", "Connection: close"),
    "an upgrade": request(ROWS, "/v1/predict", "Upgrade: h2c"),
    "a script's origin": request(ROWS, "/v1/predict", "Origin: https://a.example"),
    "a packed body": request(ROWS, "/v1/predict", "Content-Encoding: gzip"),
    "a folded header": request(ROWS, "/v1/predict", "X-A: 1\r\n 2"),
    "a header without a colon": request(ROWS, "/v1/predict", "X-A"),
    "a space before the colon": request(ROWS, "/v1/predict", "X-A : 1"),
    "a control character": request(ROWS, "/v1/predict", "X-A: \1"),
    "an improper id": request(ROWS, "/v1/predict", "X-Request-ID: a b"),
    "a very long head": request(ROWS, "/v1/predict", *["X-A: 1"] * 2000),
    "an empty file": file(b""),
    "a file that is none": file(b"7"),
    "a file cut short": file(FILE[:-30]),
    "a JPEG": file(saved(Image.new("L", (9, 9), 255), "JPEG"), kind="image/jpeg"),
    "many rows": request(json.dumps({"images": [[[255, 0, 0, 255]] * 1200]}).encode()),
    "a file of no image type": file(FILE, kind="text/plain"),
    "no JSON": request(b"{"),
    "another type": request(ROWS, kind="text/plain"),
    "a list": request(b"[]"),
    "no images": request(b'{"images": []}'),
    "three images": request(json.dumps({"images": [SEVEN_PNG] * 3}).encode()),
    "another key": request(json.dumps({"images": [SEVEN_ROWS], "image": 1}).encode()),
    "a number": request(b'{"images": [7]}'),
    "rows that are numbers": request(b'{"images": [[99999999999999, 2]]}'),
    "rows of two lengths": request(b'{"images": [[[9, 0], [9]]]}'),
    "levels that stop at 1": request(b'{"images": [[[0, 1], [1, 0]]]}'),
    "a level that is too high": request(b'{"images": [[[0, 256]]]}'),
    "a level beyond all numbers": request(b'{"images": [[[0, 99999999999999999999999]]]}'),
    "a level between two": request(b'{"images": [[[0, 200.5]]]}'),
    "a level that is none": request(b'{"images": [[[0, NaN]]]}'),
    "truth": request(b'{"images": [[[0, true, 255]]]}'),
    "many pixels": file(picture(520, 520)),
    "another connection's end": request(ROWS, "/v1/predict", "Proxy-Connection: close"),
}


def answered(express: Express, data: bytes) -> bytes | None:
    job = express.take(data)
    return express.answer(job, b"") if job else None


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_what_is_plain_and_right_goes_the_short_way(express: Express, data: bytes) -> None:
    answer = answered(express, data)
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    parsed = PredictResponse.model_validate_json(answer.partition(b"\r\n\r\n")[2])
    assert {prediction.digit for prediction in parsed.predictions} == {7}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_anything_unusual_goes_the_long_way(express: Express, data: bytes) -> None:
    assert express.take(data) is None


def test_an_odd_head_takes_no_time(express: Express) -> None:
    returns = b"Authorization: b " + b"a" * 4000 + b"\r\n" + b"\r" * 4000
    control = b"Content-Type: " + b"a" * 4000 + b"\1" + b"\r\nA: 1" * 600
    started = time.process_time()
    for head in [returns, control] * 50:
        assert express.take(b"POST /v1/predict HTTP/1.1\r\n" + head + b"\r\n\r\n7") is None
    assert time.process_time() - started < 2  # where each byte is looked at once it takes a fiftieth


def test_a_request_without_the_key_goes_the_long_way(express: Express) -> None:
    locked = Express(express._registry, express._settings, Keys(["key"]))
    assert locked.take(file()) is None
    assert locked.take(file(FILE, "Authorization: Bearer other")) is None
    assert locked.take(file(FILE, "Authorization: Bearer key")) is not None


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_an_image_is_said_the_short_way(express: Express, data: bytes) -> None:
    assert (answered(express, data) or b"").startswith(b"HTTP/1.1 422 Unprocessable")


@pytest.mark.parametrize("data", [*PLAIN.values(), *WRONG.values()], ids=[*PLAIN, *WRONG])
def test_both_ways_give_the_same_answer(service: ServiceProcess, data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    short = ask(service, data)
    long = ask(service, head + b"\r\nOrigin: https://a.example\r\n\r\n" + body)
    assert short[0] == long[0]
    assert short[2] == long[2]
    assert set(short[1]) == set(long[1])
    own = {"date", "x-request-id"}
    assert {name: short[1][name] for name in set(short[1]) - own} == {
        name: long[1][name] for name in set(long[1]) - own
    }


HEAD = len(request(ROWS)) - len(ROWS)


@pytest.mark.parametrize("cuts", [(1,), (30,), (150,), (-1,), (HEAD,), (HEAD, HEAD + 9), (9, HEAD), (HEAD - 1, HEAD)])
def test_a_request_in_pieces_is_answered_too(service: ServiceProcess, cuts: tuple[int, ...]) -> None:
    data = request(ROWS)
    pieces = [data[begin:end] for begin, end in zip((0, *cuts), (*cuts, None), strict=True)]
    status, _, body = ask(service, *pieces)
    assert status == 200
    assert PredictResponse.model_validate_json(body).predictions[0].digit == 7


def test_a_plain_head_waits_for_its_body(express: Express) -> None:
    assert express.awaits(request(ROWS)[:HEAD])
    assert not express.awaits(request(ROWS, "/v1/predict", "Expect: 100-continue").removesuffix(ROWS))
    assert not express.awaits(request(b""))
    assert not express.awaits(request(b"7" * 2**17).removesuffix(b"7" * 2**17))


def test_a_service_that_stops_waits_for_a_body(tmp_path: Path) -> None:
    data = request(ROWS)
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(data[:HEAD])
            time.sleep(0.3)  # until it was read
            service.process.terminate()
            time.sleep(1)
            connection.sendall(data[HEAD:])
            assert connection.recv(2**16).startswith(b"HTTP/1.1 200 OK\r\n")
        assert service.process.wait(10) in (0, -signal.SIGTERM)


def test_a_head_without_the_key_is_refused_before_its_body_comes(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", api_keys="key") as locked:
        assert ask(locked, request(ROWS)[:HEAD])[0] == 401
        keyed = request(ROWS, "/v1/predict", "Authorization: Bearer key")
        assert ask(locked, keyed.removesuffix(ROWS), ROWS)[0] == 200


def test_a_stop_loses_no_request_of_callers_who_send_and_send(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", drain_seconds=0.2) as service:
        asyncio.run(stop_under_load(service))
        assert service.process.wait(20) in (0, -signal.SIGTERM)


async def stop_under_load(service: ServiceProcess) -> None:
    async def send() -> int:
        answers = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        while True:
            writer.write(file())
            head = await reader.readuntil(b"\r\n\r\n")  # raises where nothing comes
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
            answers += 1
            if b"connection: close" in head:
                return answers

    load = [asyncio.create_task(send()) for _ in range(20)]
    await asyncio.sleep(1)
    service.process.send_signal(signal.SIGTERM)
    assert min(await asyncio.wait_for(asyncio.gather(*load), 20)) > 0


def test_requests_of_one_turn_and_of_one_connection_are_answered_each_and_in_order(service: ServiceProcess) -> None:
    kinds = {200: file(), 422: file(b"broken"), 415: file(FILE, kind="text/plain")}
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", service.port))) for _ in range(30)]
        wanted = [[[*kinds][(number + place) % 3] for place in range(4)] for number in range(30)]
        for place in range(4):
            for connection, statuses in zip(connections, wanted, strict=True):
                connection.sendall(kinds[statuses[place]])  # without waiting for an answer to those before
        for connection, statuses in zip(connections, wanted, strict=True):
            stream = connection.makefile("rb")
            for status in statuses:
                assert int(stream.readline().split()[1]) == status
                head = b"".join(iter(stream.readline, b"\r\n")).decode().lower()
                stream.read(int(re.findall(r"content-length: (\d+)", head)[0]))


def test_a_connection_takes_short_and_long_requests_in_turn(service: ServiceProcess) -> None:
    requests = [request(ROWS), file(b"broken"), file(), request(b"{"), request(ROWS, "/v1/predict?details=true")] * 3
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        stream = connection.makefile("rb")
        for data, wanted in zip(requests, [200, 422, 200, 422, 200] * 3, strict=True):
            connection.sendall(data)
            assert int(stream.readline().split()[1]) == wanted
            head = b"".join(iter(stream.readline, b"\r\n")).decode().lower()
            stream.read(int(re.findall(r"content-length: (\d+)", head)[0]))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, Path]]:
    log = tmp_path_factory.mktemp("watched") / "log"
    with running_service(log, model_store=REPO / "models") as service:
        yield service, log


def test_the_short_way_is_logged_and_counted_like_the_long_one(watched: tuple[ServiceProcess, Path]) -> None:
    service, log = watched
    for number in ("short", 'odd"\\id'):
        assert ask(service, file(FILE, f"X-Request-ID: {number}"))[1]["x-request-id"] == number
    httpx.post(f"{service.url}/v1/predict/image", content=FILE, headers=LONG | {"X-Request-ID": "long"})
    assert metric(service, "http_requests_total", route="/v1/predict/image", status="200", method="POST") == 3
    assert metric(service, "http_request_duration_seconds_count", route="/v1/predict/image") == 3
    assert metric(service, "digits_batch_size_sum") == 3
    service.stop()
    lines = {line["request_id"]: line for line in map(json.loads, log.read_text().splitlines()) if "request_id" in line}
    assert lines["short"].keys() == lines["long"].keys() == lines['odd"\\id'].keys()
    own = {"time", "request_id", "ms"}
    assert {key: lines["short"][key] for key in lines["short"].keys() - own} == {
        key: lines["long"][key] for key in lines["long"].keys() - own
    }
    assert lines["short"]["message"] == "POST /v1/predict/image 200"
    assert lines["short"]["ms"] > 0


def test_paths_of_callers_making_leave_nothing_in_memory(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        before = service.peak_bytes()
        caller = http.client.HTTPConnection("127.0.0.1", service.port)
        for number in range(300):
            caller.request("GET", f"/{number}/" + "%01" * 20_000)
            with caller.getresponse() as answer:
                assert answer.status == 404
                answer.read()
        caller.close()
        assert service.peak_bytes() - before < 20 * 2**20


def test_where_other_pages_may_call_caches_are_told_so(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", cors_origins="https://a.example") as service:
        assert ask(service, file())[1]["vary"] == "Origin"


def test_more_than_may_be_in_flight_are_sent_away_on_the_short_way_too(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=2) as service:
        with contextlib.ExitStack() as stack:
            connections = [
                stack.enter_context(socket.create_connection(("127.0.0.1", service.port))) for _ in range(20)
            ]
            taken = psutil.Process(service.process.pid).net_connections
            eventually(lambda: len(taken("tcp")) > len(connections))
            service.process.send_signal(signal.SIGSTOP)
            for connection in connections:
                connection.sendall(file())
            service.process.send_signal(signal.SIGCONT)
            statuses = [int(connection.makefile("rb").readline().split()[1]) for connection in connections]
        assert set(statuses) == {200, 503}
        assert metric(service, "digits_overloaded_requests_total") == statuses.count(503)


def test_the_last_answer_before_a_stop_says_that_the_connection_closes(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            stream = connection.makefile("rb")
            heads = []
            for asked in range(200):
                if asked == 5:
                    service.process.terminate()
                connection.sendall(file())
                heads.append(b"".join(iter(stream.readline, b"\r\n")))
                length = re.search(rb"content-length: (\d+)", heads[-1])
                assert length
                stream.read(int(length[1]))
                if b"connection: close" in heads[-1]:
                    break
                time.sleep(0.02)
        assert heads[0].startswith(b"HTTP/1.1 200")
        assert b"connection: close" in heads[-1]
