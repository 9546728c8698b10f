"""The client loses no drawing."""

import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from client import preferences
from proofs.promise import BUNDLED, Figure, Trial, require
from tests.servers import SilentHandler, free_port, http_server, running_service, slowed, virtual_screen

STROKE = ((80, 90), (120, 86), (165, 84), (210, 88), (224, 96), (205, 135), (185, 175), (165, 215), (150, 260))
"""A 7."""

STAYS = "The drawing stays; trying again"
HTML = b"<!doctype html><title>Welcome to nginx!</title>"


class Moods:
    """What stands between the window and the service, and what it does at the moment."""

    now = "kind"


def prove(trial: Trial) -> Iterator[Figure]:
    with (
        virtual_screen() as display,
        pytest.MonkeyPatch.context() as patch,
        running_service(trial.folder / "log", model_store=BUNDLED.folder.parent) as service,
    ):
        patch.setenv("DISPLAY", display)
        patch.setattr(preferences.save, "__defaults__", (trial.folder / "client.json",))
        yield from _moody(service.url, trial)
        gc.collect()  # Tcl aborts where another thread comes to collect a window
        yield _away(trial)
        gc.collect()


def _moody(url: str, trial: Trial) -> Iterator[Figure]:
    from tests.end_to_end.user import User  # needs Tk

    moods: dict[str, Callable[[SilentHandler], None]] = {
        "returns a page of HTML with status 200": lambda one: _say(one, 200, HTML),
        "returns a page of HTML with status 502": lambda one: _say(one, 502, HTML),
        "returns the JSON of another program": lambda one: _say(one, 200, b'{"status": "ok"}'),
        "returns a prediction of eleven digits": lambda one: _say(one, 200, _prediction(11)),
        "returns probabilities that are no numbers": lambda one: _say(
            one, 200, _prediction(10).replace(b"0.1", b"NaN")
        ),
        "fails with a problem": lambda one: _say(
            one, 500, b'{"type": "/x", "title": "x", "status": 500, "detail": "x"}'
        ),
        "is overloaded": lambda one: _say(one, 503, b"{}"),
        "says no such page": lambda one: _say(one, 404, HTML),
        "sends elsewhere": lambda one: _say(one, 307, b"", "http://127.0.0.1:9/"),
        "closes the connection without a word": lambda _: None,
        "closes in the middle of its answer": lambda one: _say(one, 200, _prediction(10)[:40], length=4000),
        "sends what is no HTTP": lambda one: _write(one, b"\0\1\2 hello\r\n\r\n"),
        "never answers": lambda _: time.sleep(11),
    }
    if trial.short:
        del moods["never answers"]

    class Handler(slowed(url, 0)):  # type: ignore[misc]  # the class is made there
        def do_POST(self) -> None:
            self._in_the_mood(super().do_POST)

        def do_GET(self) -> None:
            self._in_the_mood(super().do_GET)

        def _in_the_mood(self, kind: Callable[[], None]) -> None:
            if Moods.now == "kind":
                kind()
            else:
                moods[Moods.now](self)
                self.close_connection = True

    with http_server(Handler) as between:
        user = User(between)
        messages = set()
        try:
            for mood in moods:
                user.sees(lambda: "Connected" in user.status, 30)
                Moods.now = mood
                user.draw(STROKE)
                drawn = user.window.paper.picture.tobytes()
                user.sees(lambda: STAYS in user.status, 30)
                messages.add(user.status.partition(": ")[2].partition(". ")[0])
                require(user.window.paper.picture.tobytes() == drawn, f"{mood}: the drawing changed")
                require(user.window.answer is None, f"{mood}: an answer is shown")
                Moods.now = "kind"
                user.sees(lambda: user.identified == "7", 30)
                require(user.window.paper.picture.tobytes() == drawn, f"{mood}: the drawing changed")
                user.click(user.window.tools.delete_button)
        finally:
            Moods.now = "kind"
            user.leave()
    yield Figure(
        f"{len(moods)} services gone wrong: {'; '.join(moods)}",
        f"each time the drawing stayed, the window said so and why ({len(messages)} reasons), and read it once the "
        "service was itself again",
    )


def _away(trial: Trial) -> Figure:
    from tests.end_to_end.user import User

    port = free_port()
    user = User(f"http://127.0.0.1:{port}")
    try:
        for number in range(trial.count(5, 2)):
            user.draw(STROKE)
            drawn = user.window.paper.picture.tobytes()
            user.sees(lambda: "nothing listens there" in user.status and STAYS in user.status, 30)
            with running_service(trial.folder / f"again-{number}", port=port, model_store=BUNDLED.folder.parent):
                user.sees(lambda: user.identified == "7", 30)
            require(user.window.paper.picture.tobytes() == drawn, "the drawing changed")
            user.click(user.window.tools.delete_button)
    finally:
        user.leave()
    return Figure(
        f"a service that is away, and comes and goes {trial.count(5, 2)} times",
        "the drawing stays and is read each time it is back",
    )


def _prediction(digits: int) -> bytes:
    prediction = {"digit": 1, "confidence": 0.1, "probabilities": [0.1] * digits, "accepted": True}
    return json.dumps({"model": {"name": "digits", "version": 1}, "predictions": [prediction]}).encode()


def _say(to: SilentHandler, status: int, body: bytes, location: str = "", length: int | None = None) -> None:
    with suppress(OSError):
        to.send_response(status)
        to.send_header("Content-Length", str(len(body) if length is None else length))
        if location:
            to.send_header("Location", location)
        to.end_headers()
        to.wfile.write(body)


def _write(to: SilentHandler, content: bytes) -> None:
    with suppress(OSError):
        to.wfile.write(content)
