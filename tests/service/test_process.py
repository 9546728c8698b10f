"""The process: its start, its log, its settings, its end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from pydantic import SecretStr

from service.logs import PIECE
from service.settings import Settings
from tests.servers import REPO, ServiceProcess, eventually, free_port, running_service


def test_log_lines_are_json_and_name_each_request(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        httpx.get(f"{service.url}/v1/models")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    [request] = [line for line in lines if line.get("path") == "/v1/models"]
    assert (request["method"], request["status"]) == ("GET", 200)
    assert request["ms"] > 0
    assert any(line["message"].startswith("serving version") for line in lines)


@contextmanager
def with_unread_log(log: Path) -> Iterator[tuple[ServiceProcess, int]]:
    """A service whose log fills a pipe of 64 KiB that nobody reads, by the requests it has answered; the pipe's end."""
    unread, output = os.pipe()
    service = ServiceProcess(log, output=output, model_store=REPO / "models")
    os.close(output)
    try:
        service.wait()
        with httpx.Client(base_url=service.url, timeout=5) as client:
            for _ in range(600):
                client.get("/health/live")
        yield service, unread
    finally:
        os.close(unread)
        if service.process.poll() is None:
            service.process.kill()


def say_garbage(service: ServiceProcess) -> None:
    """Which is a line of the log."""
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(b"GARBAGE\r\n\r\n")
        assert connection.recv(99)


def test_log_that_nobody_reads_holds_up_nobody(tmp_path: Path) -> None:
    with with_unread_log(tmp_path / "log") as (service, _):
        for _ in range(3):
            say_garbage(service)
            assert httpx.get(f"{service.url}/health/live", timeout=5).status_code == 200
        service.stop()


def test_log_that_is_read_again_goes_on(tmp_path: Path) -> None:
    with with_unread_log(tmp_path / "log") as (service, unread):
        say_garbage(service)
        said = b""
        while b"Invalid HTTP request" not in said:
            piece = os.read(unread, 2**16)
            assert piece
            said += piece
        assert said.count(b"/health/live") >= 600


LAST_WORDS = """
import logging, os, sys
from service import logs

logs.PATIENCE = 60
logs.configure("INFO")
for _ in range(80):
    logging.info("x" * 1000)
logging.error("last words")
print("late", file=sys.stderr, flush=True)
logs.write_out()
os._exit(0)
"""
"""More than a pipe takes while nobody reads."""


def test_last_lines_wait_for_a_reader_who_is_late() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LAST_WORDS], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr
    assert process.stderr.readline() == b"late\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    said, _ = process.communicate(timeout=60)
    assert len(said.splitlines()) == 81
    assert json.loads(said.splitlines()[-1])["message"] == "last words"


def test_sigterm_finishes_what_is_in_flight(tmp_path: Path, seven: bytes) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        half_sent, go_on = threading.Event(), threading.Event()

        def body() -> Iterator[bytes]:
            yield seven[:100]
            half_sent.set()
            assert go_on.wait(60)
            yield seven[100:]

        answers: list[httpx.Response] = []
        headers = {"Content-Type": "image/png"}
        url = f"{service.url}/v1/predict/image"
        sender = threading.Thread(target=lambda: answers.append(httpx.post(url, content=body(), headers=headers)))
        sender.start()
        assert half_sent.wait(60)
        eventually(lambda: httpx.get(f"{service.url}/health/live").status_code == 200)  # the request is under way
        service.process.terminate()
        eventually(lambda: "Shutting down" in (tmp_path / "log").read_text())
        go_on.set()
        sender.join(60)
        assert answers[0].status_code == 200
        assert answers[0].json()["predictions"][0]["digit"] == 7
        assert service.process.wait(10) in (0, -signal.SIGTERM)


def test_workers_end_with_what_started_them(tmp_path: Path) -> None:
    """Killed, as by the kernel where memory is short: the port is free for the next one."""
    with running_service(tmp_path / "log", model_store=REPO / "models", workers=2) as service:
        orphans = service.workers()
        service.process.kill()
        service.process.wait()
        gone, left = psutil.wait_procs(orphans, 60)
        assert (len(gone), left) == (2, [])
    with running_service(tmp_path / "next", port=service.port, model_store=REPO / "models") as service:
        assert httpx.get(f"{service.url}/health/ready").status_code == 200


@pytest.mark.parametrize("kept", [False, True])
def test_workers_end_with_their_terminal_unless_they_are_kept_from_it(tmp_path: Path, kept: bool) -> None:
    """As by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if kept else signal.SIG_DFL)  # which programs inherit
    try:
        with running_service(tmp_path / "log", model_store=REPO / "models", workers=2) as service:
            workers = service.workers()
            for number in (service.process.pid, *(worker.pid for worker in workers)):
                os.kill(number, signal.SIGHUP)
            _, left = psutil.wait_procs(workers, 2 if kept else 20)
            assert len(left) == (2 if kept else 0)
            if not kept:
                service.process.wait(20)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_service_runs_without_standard_streams(tmp_path: Path) -> None:
    port = free_port()
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "service", "--port", str(port)]
    with subprocess.Popen(command, cwd=REPO) as process:
        try:
            eventually(lambda: is_live(port))
        finally:
            process.terminate()


def is_live(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/health/live").status_code == 200
    return False


def test_lines_of_the_log_are_no_longer_than_is_written_at_one_blow(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        for sign in ("\N{GRINNING FACE}", '"', "\x00"):
            httpx.get(f"{service.url}/{quote(sign * 999)}", headers={"X-Request-ID": '"' * 128})
    lines = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert max(map(len, lines)) <= PIECE
    assert sum(json.loads(line).get("status") == 404 for line in lines) == 3


def test_client_that_hangs_up_is_no_error(tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        with socket.create_connection(("127.0.0.1", service.port)) as connection:
            connection.sendall(
                b"POST /v1/predict/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nx"
            )
        eventually(lambda: '"status": 499' in (tmp_path / "log").read_text())
        assert '"ERROR"' not in (tmp_path / "log").read_text()


def test_service_process_never_imports_tensorflow() -> None:
    program = "import sys, service.app; service.app.create_app(); print(*sorted(sys.modules))"
    modules = subprocess.check_output([sys.executable, "-c", program], cwd=REPO, text=True).split()
    assert "ai_edge_litert.interpreter" in modules
    assert not {"tensorflow", "keras", "matplotlib", "httpx", "trainer", "client"} & set(modules)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("port", "eight"), ("port", "70000"), ("workers", "0"), ("log_level", "loud")],
        *[("api_keys", ",,"), ("api_keys", "schlüssel"), ("api_keys", "right,in two")],
        *[("poll_seconds", "inf"), ("drain_seconds", "1e10"), ("cors_origins", "https://a.example/, *")],
    ],
)
def test_bad_setting_is_named(tmp_path: Path, setting: str, value: str) -> None:
    environment = {"DIGITS_" + setting.upper(): value, "PATH": ""}
    result = subprocess.run(
        [sys.executable, "-m", "service"], cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert f"DIGITS_{setting.upper()}" in result.stderr
    assert setting != "api_keys" or value not in result.stderr
    assert "Traceback" not in result.stderr


def test_taken_port_is_an_error(service: ServiceProcess, tmp_path: Path) -> None:
    second = ServiceProcess(tmp_path / "log", port=service.port, model_store=REPO / "models")
    assert second.process.wait(20) == 1
    [line] = (tmp_path / "log.errors").read_text().splitlines()
    assert f"127.0.0.1:{service.port} cannot be listened on: Address already in use" in line


def test_readme_names_every_setting() -> None:
    table = (REPO / "README.md").read_text()
    for name, field in Settings.model_fields.items():
        [row] = [line for line in table.splitlines() if line.startswith(f"| `DIGITS_{name.upper()}` |")]
        default = row.split("|")[2].strip(" `")
        assert default == (
            ""
            if field.default is None
            else f"{field.default:g}"
            if isinstance(field.default, float)
            else ""
            if isinstance(field.default, SecretStr)
            else str(field.default)
        )
