"""Real servers on loopback for the tests."""

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import obstore
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.folder import FolderStore
from contract.store import NAME

REPO = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServiceProcess:
    """`python -m service`, a process of its own, on a free port."""

    def __init__(self, log: Path, port: int | None = None, output: int | None = None, **settings: object) -> None:
        """What it says on standard output goes to `output`, a file descriptor, or into the log."""
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        """JSON lines. What the process says on standard error lies beside it, as .errors."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITS_")}
        settings = {"drain_seconds": 0} | settings  # the tests send nothing while a service stops
        environment |= {f"DIGITS_{name.upper()}": str(value) for name, value in settings.items()}
        with log.open("ab") as lines, log.with_suffix(".errors").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", "--port", str(self.port)],
                cwd=REPO,
                env=environment,
                stdout=lines if output is None else output,
                stderr=errors,
            )

    def wait(self, path: str = "/health/ready", status: int = 200, seconds: float = 60) -> None:
        """Until `path` answers with `status`."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.with_suffix(".errors").read_text()
            try:
                return httpx.get(self.url + path).status_code == status
            except httpx.TransportError:
                return False

        eventually(answers, seconds)

    def workers(self) -> list[psutil.Process]:
        """The processes that answer, where there are several."""
        children = psutil.Process(self.process.pid).children()
        found = []
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # nor a zombie, which has no command line
                found += [child] if "spawn_main" in " ".join(child.as_dict(["cmdline"])["cmdline"] or []) else []
        return found

    def peak_bytes(self) -> int:
        """The greatest resident memory of the process so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return 1024 * int(line.split()[1])

    def forget_peak(self) -> None:
        """From now on `peak_bytes` tells the greatest that comes."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> int:
        """The exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextlib.contextmanager
def running_service(
    log: Path, port: int | None = None, workers: int = 1, **settings: object
) -> Iterator[ServiceProcess]:
    service = ServiceProcess(log, port, None, workers=workers, **settings)
    try:
        service.wait()
        if workers > 1:
            eventually(lambda: metric(service, "digits_reloads_total", outcome="served") >= workers)
        yield service
    finally:
        if service.process.poll() is None:
            service.stop()


def metric(service: ServiceProcess, name: str, **labels: str) -> float:
    """The sum of what /metrics has under `name` with these labels."""
    text = httpx.get(f"{service.url}/metrics").raise_for_status().text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())


@contextlib.contextmanager
def s3_server(*command: str) -> Iterator[str]:
    """The URL of a server that speaks S3: a program of the tests' environment, PORT stands for its port."""
    port = free_port()
    program = Path(sys.executable).parent / command[0]
    with subprocess.Popen(
        [program, *(part.replace("PORT", str(port)) for part in command[1:])],
        cwd=REPO,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(url).status_code < 500
            return False

        eventually(answers)
        try:
            yield url
        finally:
            server.terminate()


def new_bucket(endpoint: str, patch: pytest.MonkeyPatch) -> str:
    """The URL of an empty store in a new bucket of an S3 server; `patch` sets how it is reached."""
    patch.setenv("AWS_ENDPOINT_URL", endpoint)
    patch.setenv("AWS_ACCESS_KEY_ID", "key")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    patch.setenv("AWS_REGION", "us-east-1")
    name = f"models-{uuid.uuid4()}"
    httpx.put(f"{endpoint}/{name}").raise_for_status()
    return f"s3://{name}/of/ours"


def upload(source: FolderStore, url: str) -> None:
    """Copy the versions of `source` into a store in a bucket, as they are."""
    bucket = obstore.store.from_url(f"{url}/{NAME}", client_options={"allow_http": True})
    for file in source.folder.glob("*/*"):
        bucket.put(str(file.relative_to(source.folder)), file)


@contextlib.contextmanager
def virtual_screen(density: int = 96, size: str = "2000x1400") -> Iterator[str]:
    """The name of a display that nobody looks at, of so many dots per inch."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    command += ["-dpi", str(density)]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as screen:
        os.close(write)
        with os.fdopen(read) as pipe:
            name = f":{pipe.readline().strip()}"
        try:
            yield name
        finally:
            screen.terminate()


class SilentHandler(http.server.BaseHTTPRequestHandler):
    """To be given a `do_GET` or `do_POST`."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        pass


@contextlib.contextmanager
def http_server(handler: type[SilentHandler]) -> Iterator[str]:
    """The URL of a server that answers with `handler`, each request in a thread."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Return as soon as `holds`; fail if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def slowed(url: str, until: float | threading.Event, in_flight: list[int] | None = None) -> type[SilentHandler]:
    """Passes requests on to the service at `url`, images after some seconds, or once something has come about.

    Notes how many are under way at each start.
    """
    under_way: list[object] = []

    class Handler(SilentHandler):
        def do_POST(self) -> None:
            under_way.append(self)
            if in_flight is not None:
                in_flight.append(len(under_way))
            until.wait(60) if isinstance(until, threading.Event) else time.sleep(until)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {"Content-Type": self.headers["Content-Type"]}
            answer = httpx.post(url + self.path, content=body, headers=headers)
            under_way.remove(self)
            self._pass_on(answer)

        def do_GET(self) -> None:
            self._pass_on(httpx.get(url + self.path))

        def _pass_on(self, answer: httpx.Response) -> None:
            content = self.changed(answer.content)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            with contextlib.suppress(OSError):  # the caller has left
                self.wfile.write(content)

        def changed(self, content: bytes) -> bytes:
            """For those who change answers on the way."""
            return content

    return Handler
