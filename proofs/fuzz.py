"""`python -m proofs.fuzz TARGET FOLDER … [-max_total_time=SECONDS]`: inputs that find their way into every branch.

The application runs in this process, without a server: each input is the body of one request, and a status of 500 or
more, or anything that is raised, is a fault. New inputs that reach something new go into the first folder.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

TARGETS = {
    "image": ("/v1/predict/image", "image/png"),
    "number": ("/v1/numbers/image", "image/png"),
    "json": ("/v1/predict", "application/json"),
    "binary": ("/v2/models/digits/infer", "application/octet-stream"),
}
LONGEST = 20_000
"""Bytes of an input."""

SLICE = 60
"""Seconds of one process: what atheris writes into the code keeps up to 65 kB of memory for every input."""


def main() -> None:
    """One process after the other, each with what the ones before have found. Exits as the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m proofs.fuzz")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("folders", nargs="+", help="of inputs; new ones go into the first")
    parser.add_argument("-max_total_time", type=int, default=SLICE, help="seconds")
    options = parser.parse_args()
    for begun in range(0, options.max_total_time, SLICE):
        seconds = min(SLICE, options.max_total_time - begun)
        process = get_context("spawn").Process(target=fuzz, args=(options.target, options.folders, seconds))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


def fuzz(target: str, folders: list[str], seconds: int) -> None:
    import atheris

    os.environ["DIGITS_LOG_LEVEL"] = "ERROR"
    with atheris.instrument_imports(include=["service", "contract", "PIL"]):
        from service.app import create_app
    ask = asker(create_app(), *TARGETS[target])
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-rss_limit_mb=4000", "-timeout=30"]
    atheris.Setup([sys.argv[0], *folders, *options, "-print_final_stats=1", f"-artifact_prefix={folders[0]}/"], ask)
    atheris.Fuzz()


def asker(app: Any, path: str, kind: str) -> Callable[[bytes], None]:
    """A function that sends a body to `path` of the running application, and raises `AssertionError` where it fails."""
    loop = asyncio.new_event_loop()
    states: dict[str, Any] = {}
    loop.run_until_complete(_started(app, states))
    while loop.run_until_complete(_status(app, "/health/ready", [], b"", states, "GET")) != 200:
        loop.run_until_complete(asyncio.sleep(0.1))

    def ask(content: bytes) -> None:
        headers = [(b"content-type", kind.encode())]
        if kind == "application/octet-stream":  # the first two bytes say how much is JSON
            length, content = int.from_bytes(content[:2]), content[2:]
            headers.append((b"inference-header-content-length", str(length).encode()))
        status = loop.run_until_complete(_status(app, path, headers, content, states))
        assert status < 500, f"status {status}"

    return ask


async def _started(app: Any, states: dict[str, Any]) -> None:
    """Begin the application's life, which ends with the process."""
    ready = asyncio.Event()
    calls: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    calls.put_nowait({"type": "lifespan.startup"})

    async def send(message: dict[str, Any]) -> None:
        assert message["type"] == "lifespan.startup.complete", message
        ready.set()

    life = asyncio.create_task(app({"type": "lifespan", "state": states, "asgi": {"version": "3.0"}}, calls.get, send))
    await ready.wait()
    states["life"] = life  # or it would be forgotten


async def _status(
    app: Any,
    path: str,
    headers: list[tuple[bytes, bytes]],
    content: bytes,
    states: dict[str, Any],
    method: str = "POST",
) -> int:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": dict(states),
    }  # fmt: skip
    statuses: list[int] = []
    body = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


if __name__ == "__main__":
    main()
