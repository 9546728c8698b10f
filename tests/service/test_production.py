"""What a service in production needs: keys, limits, overload, a quiet end, request ids, metrics."""

import asyncio
import base64
import contextlib
import io
import json
import re
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from starlette.middleware.cors import CORSMiddleware

from contract.folder import FolderStore
from service import later
from service.observing import Observer
from tests.servers import REPO, ServiceProcess, eventually, metric, running_service
from tests.service.test_versions import copy_version

PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("locked") / "log"
    with running_service(log, model_store=REPO / "models", api_keys="old-key, new-key") as service:
        yield service


@pytest.mark.parametrize("path", ["/v1/models", "/v2", "/v2/models/digits", "/metrics", "/v1/nothing"])
def test_key_is_wanted(locked: ServiceProcess, path: str) -> None:
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "old-key"}, {"X-API-Key": "old-key"}):
        refused = httpx.get(locked.url + path, headers=header)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer KEY" in refused.json()["error" if path.startswith("/v2") else "detail"]
    assert httpx.get(f"{locked.url}{path}?api_key=old-key").status_code == 401
    for key in ("old-key", "new-key"):
        assert httpx.get(locked.url + path, headers={"Authorization": f"Bearer {key}"}).status_code in (200, 404)
    for path_without_key in ("/health/live", "/health/ready", "/v2/health/ready", "/docs", "/openapi.json"):
        assert httpx.get(locked.url + path_without_key).status_code == 200
    page = httpx.get(f"{locked.url}/openapi.json").json()
    assert page["paths"]["/v1/predict"]["post"]["security"] == [{"key": []}]
    assert "-key" not in locked.log.read_text()


def test_scripts_of_other_pages_may_not_call_unless_named(service: ServiceProcess, tmp_path: Path) -> None:
    asking = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in httpx.options(f"{service.url}/v1/predict", headers=asking).headers
    with running_service(
        tmp_path / "log", model_store=REPO / "models", cors_origins="https://a.example"
    ) as open_service:
        answer = httpx.options(f"{open_service.url}/v1/predict", headers=asking)
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        answer = httpx.options(f"{open_service.url}/v1/predict", headers=asking | {"Origin": "https://b.example"})
        assert "access-control-allow-origin" not in answer.headers


def test_scripts_of_pages_that_may_call_can_read_that_a_request_failed() -> None:
    async def fails(*_: object) -> None:
        raise ZeroDivisionError

    async def ask() -> httpx.Response:
        app = Observer(fails, around=lambda answer: CORSMiddleware(answer, allow_origins=["https://a.example"]))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.get("/v1/models", headers={"Origin": "https://a.example"})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"


@pytest.mark.parametrize("path", ["/", "/static/page.js"])
@pytest.mark.parametrize("part", ["lines=1", "bytes=5-1", "bytes=99999999-", "bytes=0-3"])
def test_pages_come_whole(service: ServiceProcess, path: str, part: str) -> None:
    whole = httpx.get(service.url + path)
    answer = httpx.get(service.url + path, headers={"Range": part})
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert answer.headers["accept-ranges"] == "none"


@pytest.mark.parametrize("path", ["/", "/model", "/docs", "/static/page.js", "/static/swagger/swagger-ui.css"])
def test_page_that_a_browser_has_is_not_sent_again(service: ServiceProcess, path: str) -> None:
    page = httpx.get(service.url + path)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert page.headers["x-content-type-options"] == "nosniff"
    again = httpx.get(service.url + path, headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    route = "/static" if path.startswith("/static") else path
    assert metric(service, "http_requests_total", route=route, status="304") >= 1


def test_pages_forbid_what_they_do_not_need(service: ServiceProcess) -> None:
    page = httpx.get(f"{service.url}/docs")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith("/")
        assert httpx.get(service.url + address).status_code == 200


def test_request_id_is_taken_or_made_and_logged(tmp_path: Path, seven: bytes) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        url = f"{service.url}/v1/predict/image"
        named = httpx.post(url, content=seven, headers=PNG | {"X-Request-ID": "order-66"})
        assert named.headers["x-request-id"] == "order-66"
        made = httpx.post(url, content=b"broken", headers=PNG).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", made)
        spaced = httpx.post(url, content=seven, headers=PNG | {"X-Request-ID": "a b"}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", spaced)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    logged = {line["request_id"]: line["status"] for line in lines if line.get("method") == "POST"}
    assert logged == {"order-66": 200, made: 422, spaced: 200}


def test_what_pillow_thinks_of_an_image_is_not_logged(tmp_path: Path) -> None:
    entry = struct.pack("<HHLL", 270, 2, 1000, 9999)  # a description of 1000 bytes, far behind the file's end
    image = io.BytesIO()
    Image.new("L", (30, 30), 255).save(image, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry)
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        httpx.post(f"{service.url}/v1/predict/image", content=image.getvalue(), headers={"Content-Type": "image/jpeg"})
    assert "Warning" not in (tmp_path / "log.errors").read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_count_all_workers(tmp_path: Path, seven: bytes, workers: int) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", workers=workers) as service:
        for _ in range(20):  # a new connection each, so that both workers get some
            httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG)
        httpx.post(f"{service.url}/v1/predict/image", content=b"broken", headers=PNG)
        httpx.get(f"{service.url}/none/of/ours")
        version = httpx.get(f"{service.url}/v1/models/default").json()["version"]

        def counts(number: int, name: str, **labels: str) -> None:
            eventually(lambda: metric(service, name, **labels) >= number)  # the other worker's come a little later
            assert metric(service, name, **labels) == number

        route = "/v1/predict/image"
        counts(20, "http_requests_total", route=route, status="200", method="POST")
        counts(1, "http_requests_total", route=route, status="422")
        counts(1, "http_requests_total", route="none", status="404")
        counts(21, "http_request_duration_seconds_count", route=route)
        counts(20, "digits_inference_seconds_count")
        counts(20, "digits_batch_size_sum")
        counts(20, "digits_answers_total", version=str(version), accepted="true")
        counts(version * workers, "digits_served_version")
        counts(workers, "digits_reloads_total", outcome="served")
        time.sleep(0.5)
        counts(21, "http_request_duration_seconds_count", route=route)  # none twice


def test_worker_that_is_killed_comes_back(tmp_path: Path, seven: bytes) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", workers=2) as service:
        workers = service.workers()
        assert len(workers) == 2
        version = httpx.get(f"{service.url}/v1/models/default").json()["version"]
        eventually(lambda: metric(service, "digits_served_version") == version * 2)
        workers[0].kill()
        eventually(lambda: metric(service, "digits_served_version") == version)
        eventually(lambda: metric(service, "digits_served_version") == version * 2)
        assert f"Child process [{workers[0].pid}] died" in (tmp_path / "log").read_text()
        for _ in range(10):
            httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).raise_for_status()
    assert all(json.loads(line)["message"] for line in (tmp_path / "log").read_text().splitlines())


def test_all_workers_follow_the_pin(store: FolderStore, tmp_path: Path, seven: bytes) -> None:
    first = store.versions()[-1]
    copy_version(store, first + 1)
    with running_service(tmp_path / "log", model_store=store.folder.parent, workers=2, poll_seconds=0.5) as service:
        for wanted in (first, first + 1, first):
            store.pin(wanted)
            eventually(lambda: metric(service, "digits_served_version") == 2 * wanted)  # noqa: B023  # called at once
            answers = {
                httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).json()["model"]["version"]
                for _ in range(20)
            }
            assert answers == {wanted}
    assert (tmp_path / "log").read_text().count("Waiting for application shutdown") == 2


def test_more_than_may_be_in_flight_is_sent_away_at_once(tmp_path: Path, seven: bytes) -> None:
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=3) as service,
        contextlib.ExitStack() as stack,
    ):
        slow = [stack.enter_context(occupied(service, seven)) for _ in range(3)]
        eventually(lambda: httpx.get(f"{service.url}/v1/models").status_code == 503)
        refused = httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "/problems/overloaded"
        assert httpx.get(f"{service.url}/health/ready").status_code == 200
        answers = b"".join(connection.makefile("rb").read() for connection in slow)
        statuses = re.findall(rb"HTTP/1.1 (\d+)", answers)
        assert len(statuses) == 3 * LARGE_ONES
        assert statuses.count(b"200") >= 3
        assert set(statuses) <= {b"200", b"503"}
        assert httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).status_code == 200
        assert metric(service, "digits_overloaded_requests_total") >= 2


@pytest.mark.parametrize(
    "asked",
    ["GET /v1/models", "POST /v1/numbers/image", "POST /v1/predict/image?details=true", "POST /v1/predict/image"],
)
def test_who_ends_his_side_after_asking_is_answered(service: ServiceProcess, seven: bytes, asked: str) -> None:
    head = f"{asked} HTTP/1.1\r\nHost: here\r\nContent-Type: image/png\r\nContent-Length: "
    body = b"" if asked.startswith("GET") else seven
    for times in (1, 3):
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall((f"{head}{len(body)}\r\n\r\n".encode() + body) * times)
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile("rb").read().count(b"HTTP/1.1 200") == times


LARGE_ONES = 3


@cache
def large(image: bytes) -> bytes:
    """The same, of 5000×5000 pixels."""
    file = io.BytesIO()
    Image.open(io.BytesIO(image)).resize((5000, 5000)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def occupied(service: ServiceProcess, image: bytes) -> socket.socket:
    """A connection on which some large images have been sent, and then no more is."""
    body = large(image)
    head = (
        f"POST /v1/predict/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)
    threading.Thread(target=_send, args=(connection, (head.encode() + body) * LARGE_ONES), daemon=True).start()
    return connection


def _send(connection: socket.socket, sent: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)


def half_sent(service: ServiceProcess, image: bytes) -> socket.socket:
    """A connection on which the first 100 bytes of an image have been sent."""
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    head = (
        f"POST /v1/predict/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n"
    )
    connection.sendall(head.encode() + image[:100])
    return connection


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("hasty") / "log"
    with running_service(log, model_store=REPO / "models", request_seconds=0.5) as service:
        yield service


LENGTH = b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
PLAIN_HEAD = b"POST /v1/predict/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        *[b"", b"\r\n", b"POST /v1/predict HT", b"POST /v1/predict" + LENGTH + b"{", PLAIN_HEAD],
        b"POST /v2/models/digits/infer" + LENGTH + b"{",
    ],
)
def test_slow_sender_is_sent_away(hasty: ServiceProcess, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=10) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408") if sent.strip() else not answer
    assert (b'{"error":' in answer) == (b"/v2" in sent)
    assert httpx.get(f"{hasty.url}/health/ready").status_code == 200


CHUNKED = b"POST /v1/predict/image HTTP/1.1\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ", id="header"),
        pytest.param(b"GET /", id="path"),
        pytest.param(CHUNKED + b"X-Endless: ", id="trailer"),
    ],
)
def test_head_without_an_end_is_cut_off(service: ServiceProcess, head: bytes) -> None:
    """What is kept of it is copied with every piece that comes: without a limit, seconds for 30 MB."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(head)
        answer = b""
        for _ in range(100):
            connection.sendall(b"x" * 4096)
            connection.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(1000)
                break
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"/problems/head-too-large" in answer


def test_long_requests_in_a_pipeline_have_no_long_heads(service: ServiceProcess) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 30_000 + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(request * 20)
        answers = b""
        while answers.count(b'"live"') < 20 and (more := connection.recv(2**16)):
            answers += more
    assert answers.count(b"HTTP/1.1 200") == 20


@pytest.mark.parametrize("pieces", [1, 1000])
def test_more_headers_than_anybody_needs_are_refused(service: ServiceProcess, pieces: int) -> None:
    head = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 1000
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        with contextlib.suppress(ConnectionError):
            for piece in np.array_split(np.frombuffer(head, np.uint8), pieces):
                connection.sendall(piece.tobytes())
        answer = connection.recv(2**16)
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_thousands_of_requests_in_one_piece_are_not_kept(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        process = psutil.Process(service.process.pid)
        before = process.memory_info().rss
        with contextlib.ExitStack() as stack:
            for _ in range(10):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=20))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.sendall(b"GET /openapi.json HTTP/1.1\r\n\r\n" * 6000)
            eventually(lambda: httpx.get(f"{service.url}/health/live").status_code == 200)
            assert process.memory_info().rss - before < 60 * 2**20


def test_requests_before_one_too_many_are_answered(service: ServiceProcess) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)
        answers = connection.makefile("rb").read()
    assert 128 <= answers.count(b"HTTP/1.1 200") < 5000


def test_spaces_around_a_value_are_none_of_it(service: ServiceProcess) -> None:
    body = b"Content-Length: 0 \t\r\nExpect: 100-continue \r\n\r\n"
    head = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nX-Request-ID: \t mine \r\nConnection: close\r\n" + body
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(head)
        answer = connection.makefile("rb").read()
    assert b"HTTP/1.1 422 " in answer
    assert b"x-request-id: mine\r\n" in answer


def test_key_in_a_trailer_opens_nothing(locked: ServiceProcess, seven: bytes) -> None:
    head = b"POST /v1/predict/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nConnection: close\r\n"
    body = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(seven), seven)
    key, answers = b"Authorization: Bearer old-key\r\n", []
    for before, behind in ((b"", key), (key, b"")):
        with socket.create_connection(("127.0.0.1", locked.port), timeout=10) as connection:
            connection.sendall(head + before + body + behind + b"\r\n")
            answers.append(connection.makefile("rb").read().split()[1])
    assert answers == [b"401", b"200"]


def test_connection_that_was_opened_early_has_all_its_time(tmp_path: Path) -> None:
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", request_seconds=4) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection,
    ):
        time.sleep(2.5)
        connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[")
        time.sleep(2.5)  # longer than a request may take, since it is open
        connection.sendall(b"]")
        assert connection.recv(100).startswith(b"HTTP/1.1 422 ")


def test_of_too_many_heads_the_first_is_given_up(tmp_path: Path) -> None:
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=5) as service,
        contextlib.ExitStack() as stack,
    ):
        slow = []
        for _ in range(23):
            slow.append(stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60)))
            slow[-1].sendall(b"POST /v1/pre")
            time.sleep(0.02)  # so that they come in this order
        assert all(one.makefile("rb").read().startswith(b"HTTP/1.1 408") for one in slow[:3])
        slow[3].sendall(b"dict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert slow[3].recv(100).startswith(b"HTTP/1.1 422")


def test_head_that_is_begun_behind_an_answer_takes_nobodys_place(tmp_path: Path, seven: bytes) -> None:
    url = "/v1/predict/image"
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=5) as service,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(12):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60))
            one.sendall(f"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\nPOST {url} HTTP/1.1\r\n".encode())
            assert one.recv(12) == b"HTTP/1.1 200"
            one.sendall(b"Host: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nx")
        time.sleep(0.5)
        answers = [httpx.post(service.url + url, content=seven, headers=PNG).status_code for _ in range(20)]
        assert answers == [200] * 20


@pytest.mark.parametrize(("path", "told"), [("/v1/models", "/problems/malformed"), ("/v2/health/live", '{"error":')])
def test_what_is_no_http_is_told_so_in_the_form_of_the_api(service: ServiceProcess, path: str, told: str) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n".encode())
        head, _, body = connection.makefile("rb").read().decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert told in body


@pytest.mark.parametrize("cut", ["nowhere", "\r\n\r\n", "h2c", "Length: "])
def test_offer_of_another_protocol_is_passed_over(service: ServiceProcess, seven: bytes, cut: str) -> None:
    """Its body is not to be taken for another request, as a proxy in front sees one."""
    head = (
        "POST /v1/predict/image?details=true HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nConnection: Upgrade\r\n"
        f"Content-Length: {len(seven)}\r\nUpgrade: h2c\r\n\r\n"
    )
    whole, start = head.encode() + seven, head.find(cut) + len(cut) if cut in head else len(head)
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection,
        contextlib.suppress(OSError),  # it may be refused before all is sent
    ):
        connection.sendall(whole[:start])
        time.sleep(0.3 * (cut in head))
        connection.sendall(whole[start:])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.count(b"content-length: ") <= 1
    if cut in ("nowhere", "\r\n\r\n"):
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_offer_behind_another_request_does_not_cost_its_answer(service: ServiceProcess) -> None:
    offer = (
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n" + offer)
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 ")


def test_what_follows_a_request_and_is_none_does_not_cost_its_answer(service: ServiceProcess) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello world")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200 ")


def test_bodies_that_are_too_much_together_are_sent_away(tmp_path: Path) -> None:
    largest = 10**6
    with running_service(tmp_path / "log", model_store=REPO / "models", max_body_bytes=largest) as service:
        connections = [half_sent(service, bytes(largest)) for _ in range(9)]
        for connection in connections:
            connection.sendall(bytes(largest - 101))  # all but the last byte
        ready = select.select(connections, [], [], 10)[0]
        assert {one.recv(100).split()[1] for one in ready} == {b"503"}
        assert len(ready) < 5  # the others go on
        assert post_large(service, 100).status_code == 422  # a small one has room
        for connection in connections:
            connection.close()
        eventually(lambda: post_large(service, largest).status_code == 422)


def test_large_bodies_that_do_not_come_make_room_for_one_that_does(tmp_path: Path) -> None:
    largest = 10**6
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_body_bytes=largest) as service,
        contextlib.ExitStack() as stack,
    ):
        holding = []
        for _ in range(8):
            holding.append(stack.enter_context(half_sent(service, bytes(largest))))
            httpx.get(f"{service.url}/health/live")  # by then it has begun, before the next
        for connection in holding:
            connection.sendall(bytes(largest - 200))
        assert [post_large(service, largest).status_code for _ in range(5)] == [422] * 5
        gone = select.select(holding, [], [], 10)[0]
        assert gone == holding[: len(gone)]  # those that began first
        assert len(gone) < 3
        assert {one.recv(100).split()[1] for one in gone} == {b"503"}
        holding[-1].sendall(bytes(100))
        assert holding[-1].recv(100).startswith(b"HTTP/1.1 422")


def post_large(service: ServiceProcess, length: int) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/predict/image", content=bytes(length), headers=PNG)


def test_page_elsewhere_can_read_that_it_is_sent_away(tmp_path: Path, seven: bytes) -> None:
    origin = {"Origin": "https://a.example"}
    with running_service(
        tmp_path / "log", model_store=REPO / "models", cors_origins="https://a.example", max_in_flight=1
    ) as service:
        url = f"{service.url}/v1/predict/image"
        with occupied(service, seven):
            refused = None
            while refused is None or refused.status_code != 503:
                refused = httpx.post(url, content=seven, headers=PNG | origin)
            asked = httpx.options(url, headers=origin | {"Access-Control-Request-Method": "POST"})
    assert (refused.status_code, asked.status_code) == (503, 200)
    assert refused.headers["access-control-allow-origin"] == "https://a.example"
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


def test_callers_who_do_not_send_on_take_nobodys_place(tmp_path: Path, seven: bytes) -> None:
    """Of four times as many as may be in flight, the next makes the first one go; what goes on is answered."""
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=5) as service,
        contextlib.ExitStack() as stack,
    ):
        url = f"{service.url}/v1/predict/image"
        slow = [stack.enter_context(half_sent(service, seven)) for _ in range(20)]
        assert [httpx.post(url, content=seven, headers=PNG).status_code for _ in range(20)] == [200] * 20
        assert select.select(slow, [], [], 0.5)[0] == []
        assert httpx.get(f"{service.url}/v1/models").status_code == 200  # the long way
        assert select.select(slow, [], [], 0.5)[0] == []
        slow += [stack.enter_context(half_sent(service, seven)) for _ in range(3)]
        assert [one.recv(100).split()[1] for one in slow[:3]] == [b"408"] * 3
        for one in slow[3:]:
            one.sendall(seven[100:])
            assert one.recv(100).startswith(b"HTTP/1.1 200")


def test_request_that_is_answered_before_its_body_comes_makes_room_for_no_other(tmp_path: Path, seven: bytes) -> None:
    sent = b"POST /v1/nothing/there HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n0123456789"
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=3) as service,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(9):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60))
            one.sendall(sent)
            assert one.recv(100).startswith(b"HTTP/1.1 404")
        large(seven)
        slow = [stack.enter_context(occupied(service, seven)) for _ in range(8)]
        answers = b"".join(connection.makefile("rb").read() for connection in slow)
        assert answers.count(b"HTTP/1.1 503") > 0


def test_half_sent_request_behind_another_takes_nobodys_place(tmp_path: Path, seven: bytes) -> None:
    ask = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    half = b"POST /v1/predict/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\nx"
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=5) as service,
        contextlib.ExitStack() as stack,
    ):
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=60)) for _ in range(23)
        ]
        for one in slow:
            one.sendall(ask + half)
            assert one.recv(12) == b"HTTP/1.1 200"
        assert all(b"HTTP/1.1 408" in one.makefile("rb").read() for one in slow[:3])
        url = f"{service.url}/v1/predict/image"
        assert [httpx.post(url, content=seven, headers=PNG).status_code for _ in range(20)] == [200] * 20


def test_callers_who_do_not_listen_take_nobodys_place(tmp_path: Path, seven: bytes) -> None:
    """Each waits for its answers to be taken; more of them than requests may be in flight."""
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100
    settings = {"max_in_flight": 5, "request_seconds": 20}

    def status() -> int:
        return httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).status_code

    with (
        running_service(tmp_path / "log", model_store=REPO / "models", **settings) as service,
        contextlib.ExitStack() as stack,
    ):
        deaf = [stack.enter_context(socket.create_connection(("127.0.0.1", service.port))) for _ in range(10)]
        for connection in deaf:
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                connection.send(asked)
        eventually(lambda: status() == 200)  # once no more goes into the buffers between
        assert [status() for _ in range(20)] == [200] * 20
        connections = psutil.Process(service.process.pid).net_connections
        assert len(connections("tcp")) > 10
        eventually(lambda: len(connections("tcp")) < 5)  # they are cut off


def test_large_requests_leave_half_of_the_places_to_small_ones(tmp_path: Path, seven: bytes) -> None:
    large(seven)
    with (
        running_service(tmp_path / "log", model_store=REPO / "models", max_in_flight=40) as service,
        contextlib.ExitStack() as stack,
    ):
        slow = [stack.enter_context(occupied(service, seven)) for _ in range(39)]
        refused = 0.0
        while not refused or refused < metric(service, "digits_overloaded_requests_total"):
            refused = metric(service, "digits_overloaded_requests_total")
            time.sleep(0.3)  # until all that come too many have been told so, some of them several times
        small = [
            httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).status_code for _ in range(20)
        ]
        assert small == [200] * 20
        assert select.select(slow, [], [], 0)[0]


def test_large_request_holds_up_no_small_one(service: ServiceProcess, seven: bytes) -> None:
    file = io.BytesIO()
    with Image.open(io.BytesIO(seven)) as image:
        image.resize((4900, 4900)).save(file, "PNG")
    large = {"images": [base64.b64encode(file.getvalue()).decode()] * 4}
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(httpx.post, f"{service.url}/v1/predict", json=large, timeout=60)
        waited = []
        while not slow.done():
            started = time.perf_counter()
            httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).raise_for_status()
            waited.append(time.perf_counter() - started)
        assert slow.result().status_code == 200
        assert len(waited) > 3


def test_callers_who_take_all_but_a_little_are_cut_off_too(hasty: ServiceProcess) -> None:
    """What is left over fits into buffers, so nothing fills up: it is the connection that does not end."""
    with contextlib.ExitStack() as stack:
        for times in range(30, 90):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", hasty.port))
            one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * times)
        connections = psutil.Process(hasty.process.pid).net_connections
        eventually(lambda: len(connections("tcp")) > 30)
        eventually(lambda: len(connections("tcp")) < 2)


def test_half_sent_request_is_told_of_the_stop(tmp_path: Path, seven: bytes) -> None:
    with (
        running_service(
            tmp_path / "log", model_store=REPO / "models", drain_seconds=0.1, shutdown_seconds=1
        ) as service,
        half_sent(service, seven) as connection,
    ):
        httpx.get(f"{service.url}/health/live")  # by then the request is under way
        service.process.send_signal(signal.SIGTERM)
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        service.process.wait(20)
    assert head.startswith(b"HTTP/1.1 503")
    assert json.loads(body)["type"] == "/problems/shutting-down"
    log = (tmp_path / "log").read_text()
    assert "POST /v1/predict/image 503" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("workers", [1, 2])
def test_stop_under_load_loses_nothing(tmp_path: Path, seven: bytes, workers: int) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", workers=workers, drain_seconds=3) as service:
        asyncio.run(stop_under_load(service, seven))
        assert service.process.wait(20) == 0


async def stop_under_load(service: ServiceProcess, image: bytes) -> None:
    """Six clients send and send; those that are still connected when SIGTERM comes get every answer."""
    answered, not_ready = 0, False

    async def send(client: httpx.AsyncClient) -> None:
        nonlocal answered
        while True:
            try:
                answer = await client.post(f"{service.url}/v1/predict/image", content=image, headers=PNG)
            except httpx.ConnectError:  # never accepted
                return
            assert answer.status_code == 200
            answered += 1

    async def watch(client: httpx.AsyncClient) -> None:
        nonlocal not_ready
        while not not_ready:
            not_ready = (await client.get(f"{service.url}/health/ready")).status_code == 503
        for path in ("/v2/health/ready", "/v2/models/digits/ready"):
            assert (await client.get(service.url + path)).status_code == 503

    async with httpx.AsyncClient(timeout=20) as client:
        load = [asyncio.create_task(send(client)) for _ in range(6)]
        await asyncio.sleep(0.5)
        before = answered
        service.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(watch(client), 20)
        assert service.process.poll() is None
        await asyncio.wait_for(asyncio.gather(*load), 20)
        assert answered > before > 0


def test_idle_connections_cost_no_answer(service: ServiceProcess, seven: bytes) -> None:
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(200)]
    assert httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).status_code == 200
    for connection in idle:
        connection.close()


def test_answers_do_not_mix_between_threads(service: ServiceProcess, seven: bytes) -> None:
    """Small images are read in the event loop, large ones in threads: the network is one."""
    paper = np.full((600, 600), 255)
    paper[100:500, 290:310] = 0
    ones = json.dumps({"images": [paper.tolist()] * 3})

    def ask() -> None:
        with httpx.Client(base_url=service.url, timeout=60) as client:
            for _ in range(5):
                for answer, digits in (
                    (client.post("/v1/predict/image", content=seven, headers=PNG), [7]),
                    (client.post("/v1/predict", content=ones), [1, 1, 1]),
                ):
                    read = [prediction["digit"] for prediction in answer.json()["predictions"]]
                    assert read == digits

    with ThreadPoolExecutor(4) as pool:
        for asked in [pool.submit(ask) for _ in range(4)]:
            asked.result()


def test_log_that_cannot_be_written_stops_nothing(store: FolderStore, tmp_path: Path, seven: bytes) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, a disk that is always full")
    (tmp_path / "log").symlink_to("/dev/full")
    with running_service(tmp_path / "log", model_store=store.folder.parent, poll_seconds=0.1) as service:
        (store.folder / "99").mkdir()  # which is refused, and that is logged
        eventually(lambda: '"refused"' in httpx.get(f"{service.url}/v1/models").text)
        for _ in range(300):
            httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=PNG).raise_for_status()
        (store.folder / "99").rmdir()
        eventually(lambda: "refused" not in httpx.get(f"{service.url}/v1/models").text)
        for _ in range(5):
            with httpx.Client(base_url=service.url, headers=PNG) as client:  # quickly, so that lines gather
                for _ in range(100):
                    client.post("/v1/predict/image", content=seven).raise_for_status()
            with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
                connection.sendall(b"GARBAGE\r\n\r\n")  # which uvicorn warns of before it answers
                assert connection.recv(100).startswith(b"HTTP/1.1 400")
        assert service.stop() == 0


def test_head_counts_for_its_route(service: ServiceProcess) -> None:
    before = metric(service, "http_requests_total", method="HEAD", route="/health/live")
    httpx.head(f"{service.url}/health/live").raise_for_status()
    assert metric(service, "http_requests_total", method="HEAD", route="/health/live") == before + 1


def test_stop_does_not_wait_for_a_store_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        service = ServiceProcess(tmp_path / "log", model_store="s3://silent")
        service.wait("/health/live")
        service.process.terminate()
        assert service.process.wait(5) == 0


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "2"])
def test_numbers_of_thousands_of_digits_are_no_fault_of_the_service(service: ServiceProcess, length: str) -> None:
    url = f"{service.url}/v2/models/digits/infer"
    assert httpx.post(url, content=b"{}", headers={"Inference-Header-Content-Length": length}).status_code == 422
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{{}}".encode())
        assert connection.recv(100).split()[1] in (b"400", b"413", b"422")


def test_what_cannot_be_counted_keeps_nothing_else_from_being_counted() -> None:
    counted: list[int] = []

    def count(value: int) -> None:
        counted.append(10 // value)

    for value in (1, 0, 2):
        later.do(count, value)
    later.settle()
    assert counted == [10, 5]
    for _ in range(3 * later.MOST_WAITING):
        later.do(count, 5)
    assert len(counted) >= 2 * later.MOST_WAITING  # although nobody settles
