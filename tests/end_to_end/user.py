"""A user of the window: draws and clicks with the pointer of the virtual screen, and reads off the window."""

import subprocess
import tkinter as tk
from collections.abc import Callable
from typing import cast

from client.details import Details
from client.drawing import Point
from client.service import Service
from client.window import Window
from tests.servers import eventually


class User:
    def __init__(self, url: str) -> None:
        self.root = tk.Tk()
        self.root.geometry("+40+40")
        self.window = Window(self.root, Service(url))
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

    def leave(self) -> None:
        """Close the window, unless that was done."""
        try:
            self.window.close()
        except tk.TclError:
            return
