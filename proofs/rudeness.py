"""Slow and rude clients harm nobody."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import numpy as np

from proofs.load import Load
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, require
from tests.servers import ServiceProcess, eventually, running_service

HEAD = b"POST /v1/predict/image HTTP/1.1\r\nHost: rude\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
REQUEST = HEAD % len(SEVEN) + SEVEN
SLOWEST = 2000.0
"""Milliseconds that a polite client may wait for an answer meanwhile, on a core that the rude ones use too."""


def prove(trial: Trial) -> Iterator[Figure]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for the service, too: it inherits it
    patience = trial.count(30, 4)
    many = min(trial.count(10_000, 500), hard - 500)
    with running_service(trial.folder / "log", model_store=BUNDLED.folder.parent, request_seconds=patience) as service:
        for what, harm in (
            (
                f"slowloris: {trial.count(500, 50)} clients that send a byte, or an empty line, now and then",
                lambda service, trial: _slowloris(service, trial, patience),
            ),
            (
                f"{trial.count(200, 100)} clients that send a request but for its last byte",
                lambda service, trial: _half_sent(service, trial, patience),
            ),
            ("half-closed: clients that end their side before and after they have asked", _half_closed),
            (f"{many:,} idle connections", lambda service, _: _idle(service, many)),
            ("a header of 10 MB, 100,000 headers, endless paths, headers and trailers", _oversized),
            ("pipelining: 100 requests at once on a connection, none waited for", _pipelined),
            ("answers that nobody fetches", _deaf),
        ):
            with Load(service.port, SEVEN, connections=4, rate=50) as polite:
                time.sleep(0.5)
                found = harm(service, trial)
            polite.require_all_right()
            times = polite.times()
            require(times.max() < SLOWEST, f"{what}: a polite client waited {times.max():.0f} ms")
            client = (
                f"polite clients meanwhile: {len(times):,} of {len(times):,} right, p50 {np.median(times):.0f} ms, "
            )
            yield Figure(what, f"{found}; {client}slowest {times.max():.0f} ms")
        eventually(lambda: _connections(service) < 20, 60)
        yield Figure("behind them", f"{_connections(service)} connections are left in the service")


def _connections(service: ServiceProcess) -> int:
    import psutil

    return len(psutil.Process(service.process.pid).net_connections("tcp"))


def _opened(service: ServiceProcess, stack: ExitStack) -> socket.socket:
    return stack.enter_context(closing(socket.create_connection(("127.0.0.1", service.port), timeout=30)))


def _slowloris(service: ServiceProcess, trial: Trial, patience: float) -> str:
    with ExitStack() as stack:
        slow = [_opened(service, stack) for _ in range(trial.count(500, 50))]
        begun, cut_off = time.monotonic(), 0
        for place in range(round(3 * patience / 0.5)):
            for number, one in enumerate(slow[:]):
                try:
                    one.send(b"\r\n" if number % 2 else HEAD[place % 100 : place % 100 + 1])
                except OSError:
                    slow.remove(one)
                    cut_off += 1
            if not slow:
                break
            time.sleep(0.5)
        waited = time.monotonic() - begun
    require(not slow, f"{len(slow)} are still heard after {waited:.0f} s")
    return f"all {cut_off} cut off within {waited:.0f} s; a request may take {patience:.0f} s to arrive"


def _half_sent(service: ServiceProcess, trial: Trial, patience: float) -> str:
    with ExitStack() as stack:
        slow = [_opened(service, stack) for _ in range(trial.count(200, 100))]
        begun = time.monotonic()
        for one in slow:
            one.sendall(REQUEST[:-1])
        answers = [one.makefile("rb").read() for one in slow]
        waited = time.monotonic() - begun
    require(all(answer.startswith(b"HTTP/1.1 408") for answer in answers), "a half request was not told so")
    return f"all told so and cut off within {waited:.0f} s; a request may take {patience:.0f} s to arrive"


def _half_closed(service: ServiceProcess, trial: Trial) -> str:
    answers = []
    long_way = REQUEST.replace(b"/v1/predict/image", b"/v1/numbers/image")
    for sent in [b"", b"GET", HEAD % 100, REQUEST[:-10], REQUEST, long_way] * trial.count(20, 4):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as one:
            one.sendall(sent)
            one.shutdown(socket.SHUT_WR)
            answers.append((sent in (REQUEST, long_way), one.makefile("rb").read()))
    whole = [answer for complete, answer in answers if complete]
    require(all(answer.startswith(b"HTTP/1.1 200") for answer in whole), "a whole request was not answered")
    return f"{len(answers)} times; all {len(whole)} whole requests were answered all the same"


def _idle(service: ServiceProcess, count: int) -> str:
    with ExitStack() as stack:
        begun = time.monotonic()
        for _ in range(count):
            _opened(service, stack)
        opened = time.monotonic() - begun
        with Load(service.port, SEVEN, connections=4) as load:
            time.sleep(2)
        load.require_all_right()
        require(_connections(service) >= count, f"only {_connections(service)} connections are open")
    return f"opened in {opened:.1f} s; p50 of four clients at full speed among them {np.median(load.times()):.1f} ms"


def _oversized(service: ServiceProcess, _: Trial) -> str:
    statuses, before = [], _resident(service)
    for sent in (
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 10_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: x\r\n" * 100_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: " + b"x" * 30_000_000,
        b"GET /" + b"x" * 10_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"x" * 30_000_000,
        b"\r\n" * 1_000_000,
        bytes(1_000_000),
    ):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as one:
            try:
                one.sendall(sent)
                one.shutdown(socket.SHUT_WR)
                answer = one.makefile("rb").read(100)
            except OSError:  # it had enough and closed
                answer = b""
        statuses.append(answer.split(b" ")[1].decode() if answer else "cut off")
    require(set(statuses) <= {"400", "431", "cut off"}, f"answers: {statuses}")
    grown = _resident(service) - before
    require(grown < 20e6, f"the process grew by {grown / 1e6:.0f} MB")
    return f"answered {', '.join(statuses)}; the process grew by {max(0.0, grown) / 1e6:.0f} MB"


def _pipelined(service: ServiceProcess, trial: Trial) -> str:
    rounds = trial.count(20, 3)
    for _ in range(rounds):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as one:
            one.sendall((REQUEST + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n") * 50)
            text, wanted = b"", 100
            while text.count(b"HTTP/1.1 200") < wanted and (more := one.recv(2**16)):
                text += more
        kinds = [b"digit" in part for part in text.split(b"HTTP/1.1 200")[1:]]
        require(kinds == [True, False] * 50, f"{len(kinds)} answers, or not in order")
    return f"{100 * rounds:,} answers, each in its place"


def _deaf(service: ServiceProcess, trial: Trial) -> str:
    """They ask for the documentation again and again, and read nothing."""
    before, count = _resident(service), trial.count(100, 10)
    with ExitStack() as stack:
        deaf = [_opened(service, stack) for _ in range(count)]
        for one in deaf:
            one.setblocking(False)
        for _ in range(60):  # until the buffers between are full
            for one in deaf:
                with suppress(BlockingIOError):
                    one.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(0.003)
        grown = _resident(service) - before
        require(grown < 200e6, f"the process grew by {grown / 1e6:.0f} MB")
    return f"{count} clients, 60 requests each; the process grew by {max(0.0, grown) / 1e6:.0f} MB"


def _resident(service: ServiceProcess) -> float:
    import psutil

    return float(psutil.Process(service.process.pid).memory_info().rss)
