"""A person at the window: a real screen, a real pointer, a real service."""

import contextlib
import subprocess
import tkinter as tk
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from client.details import Details
from client.drawing import Point
from client.window import Window
from tests.servers import REPO, ServiceProcess, eventually, free_port, running_service

SEVEN = ((80, 90), (120, 86), (165, 84), (210, 88), (224, 96), (205, 135), (185, 175), (165, 215), (150, 260))
ONE = ((160, 60), (160, 110), (160, 160), (160, 210), (160, 260))


class User:
    """Draws and clicks with the pointer, and reads off the window."""

    def __init__(self, url: str) -> None:
        self.root = tk.Tk()
        self.root.geometry("+40+40")
        self.window = Window(self.root, url)
        self.root.update()

    def sees(self, expected: Callable[[], bool], seconds: float = 10) -> None:
        """Wait, the window running, until `expected`."""

        def look() -> bool:
            self.root.update()
            return expected()

        eventually(look, seconds)

    def draw(self, points: tuple[Point, ...]) -> None:
        places = [self._place(self.window.paper, x, y) for x, y in points]
        press, *moves = [["mousemove", *place] for place in places]
        self._do(*press, "mousedown", "1")
        for move in moves:
            self._do(*move)
        self._do("mouseup", "1")

    def click(self, button: tk.Misc) -> None:
        self._do("mousemove", *self._place(button, button.winfo_width() / 2, button.winfo_height() / 2), "click", "1")

    def press(self, key: str) -> None:
        self.root.focus_force()
        self.root.update()
        self._do("key", key)

    def details(self) -> Details | None:
        return next((child for child in self.root.winfo_children() if isinstance(child, Details)), None)

    @property
    def identified(self) -> str:
        return cast("str", self.window.identified.cget("text"))

    @property
    def status(self) -> str:
        return cast("str", self.window.status.cget("text"))

    def _place(self, widget: tk.Misc, x: float, y: float) -> tuple[str, str]:
        return str(round(widget.winfo_rootx() + x)), str(round(widget.winfo_rooty() + y))

    def _do(self, *command: str) -> None:
        subprocess.run(["xdotool", *command], check=True)
        self.root.update()


@pytest.fixture
def users(display: str) -> Iterator[list[User]]:
    """Users put in here leave at the end."""
    present: list[User] = []
    yield present
    for user in present:
        with contextlib.suppress(tk.TclError):  # it may be closed already
            user.window.close()


def test_drawn_digit_is_identified_while_the_pen_moves(service: ServiceProcess, users: list[User]) -> None:
    user = User(service.url)
    users.append(user)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "Identified Number: 7")
    user.sees(lambda: "sure" in user.window.confidence.cget("text"))
    assert user.status == f"Connected to {service.url}"


def test_identify_opens_the_ten_probabilities_and_they_follow(service: ServiceProcess, users: list[User]) -> None:
    user = User(service.url)
    users.append(user)
    user.draw(SEVEN)
    user.click(user.window.identify_button)
    user.sees(lambda: user.details() is not None)
    details = user.details()
    assert details is not None

    def percentages() -> list[float]:
        return [float(str(label.cget("text")).rstrip("%–") or 0) for label in details.percentages]

    user.sees(lambda: percentages()[7] > 90)
    assert sum(percentages()) == pytest.approx(100, abs=0.1)
    user.click(user.window.delete_button)
    user.draw(ONE)
    user.sees(lambda: percentages()[1] > 90)


def test_delete_takes_a_new_sheet(service: ServiceProcess, users: list[User]) -> None:
    user = User(service.url)
    users.append(user)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "Identified Number: 7")
    user.click(user.window.delete_button)
    user.sees(lambda: user.identified == "Identified Number:")
    assert user.window.paper.find_all() == ()
    user.draw(ONE)
    user.sees(lambda: user.identified == "Identified Number: 1")
    user.press("Delete")
    user.sees(lambda: user.identified == "Identified Number:")


def test_close_closes(service: ServiceProcess, users: list[User]) -> None:
    user = User(service.url)
    users.append(user)
    user.click(user.window.close_button)
    with pytest.raises(tk.TclError, match="destroyed"):
        user.sees(lambda: not user.root.winfo_exists())


def test_service_away_keeps_the_drawing_and_reads_it_later(users: list[User], tmp_path: Path) -> None:
    port = free_port()
    user = User(f"http://127.0.0.1:{port}")
    users.append(user)
    user.draw(SEVEN)
    user.sees(lambda: user.status.startswith(f"No service at http://127.0.0.1:{port}"))
    strokes = user.window.drawing
    assert user.window.paper.find_all()
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        user.sees(lambda: user.identified == "Identified Number: 7")
        assert user.window.drawing == strokes
        assert user.status.startswith("Connected")
    user.sees(lambda: user.status.startswith("No service"))
    assert user.identified == "Identified Number: 7"
