"""A user of the window: draws and clicks with the pointer of the virtual screen, and reads off the window."""

import subprocess
import tkinter as tk
from collections.abc import Callable
from typing import cast

from client.ask import Ask
from client.details import Details
from client.ink import Point
from client.preferences import Preferences
from client.service import Service
from client.window import Window
from tests.servers import eventually


class User:
    def __init__(self, url: str, remembered: Preferences | None = None) -> None:
        self.root = tk.Tk()
        self.root.geometry("+40+40")
        self.window = Window(self.root, Service(url), remembered)
        self.root.update()

    def sees(self, expected: Callable[[], bool], seconds: float = 60) -> None:
        """Wait, the window running, until `expected`."""

        def look() -> bool:
            self.root.update()
            return expected()

        eventually(look, seconds)

    def draw(self, points: tuple[Point, ...], then: Callable[[], None] = lambda: None) -> None:
        """`then` is done with the button still down."""
        places = [self._place(self.window.paper, x, y) for x, y in points]
        press, *moves = [["mousemove", *place] for place in places]
        self._do(*press, "mousedown", "1")
        for move in moves:
            self._do(*move)
        then()
        self._do("mouseup", "1")

    def click(self, button: tk.Misc) -> None:
        self._do("mousemove", *self._place(button, button.winfo_width() / 2, button.winfo_height() / 2), "click", "1")

    def hold_elsewhere_and_move_over_the_paper(self) -> None:
        panel, paper = self.window.panel, self.window.paper
        self._do("mousemove", *self._place(panel, 100, 100), "mousedown", "1")
        paper.event_generate("<B1-Motion>", x=100, y=100, state=0x100)  # the press went to a window that is gone
        self._do("mousemove", *self._place(paper, 150, 150), "mouseup", "1")

    def press(self, *keys: str, focus: tk.Misc | None = None) -> None:
        (focus or self.root).focus_force()
        self.root.update()
        self._do("key", *keys)

    def type(self, where: tk.Misc, text: str) -> None:
        """Type `text` into an entry instead of what is there, and Enter."""
        where.focus_force()
        self.root.update()
        self._do("key", "ctrl+slash", "type", "--delay", "2", text)
        self._do("key", "Return")

    def runs_until(self, process: subprocess.Popen[bytes]) -> None:
        """Let the window run as it does for its users, until `process` and what it did are over."""

        def look() -> None:
            if process.poll() is None:
                self.root.after(50, look)
            else:
                self.root.after(100, self.root.quit)

        look()
        self.root.mainloop()

    def meanwhile(self, dialog: str, answer: Callable[[], None]) -> None:
        """Once Tk's own `dialog` is open, which lets nothing pass until it is answered, `answer` it."""

        def look() -> None:
            if self.is_open(dialog):
                self.root.after(200, answer)
            else:
                self.root.after(20, look)

        look()

    def is_open(self, path: str) -> bool:
        """Whether there is such a window, and is shown: Tk keeps a dialog for the next time."""
        asked = (self.root.tk.call("winfo", what, path) for what in ("exists", "viewable"))
        return all(self.root.tk.getboolean(answer) for answer in asked)

    def type_into_file_dialog(self, path: str) -> None:
        """Type the path of a file, and Enter, into the dialog that is open."""
        entry = next(name for name in self._tree(".") if name.endswith(".f2.ent"))
        self.root.tk.call("focus", "-force", entry)
        self.root.update()
        subprocess.run(["xdotool", "key", "ctrl+slash", "type", "--delay", "2", path], check=True)
        subprocess.run(["xdotool", "key", "Return"], check=True)

    def _tree(self, path: str) -> list[str]:
        children = [str(child) for child in self.root.tk.splitlist(self.root.tk.call("winfo", "children", path))]
        return [path, *(name for child in children for name in self._tree(child))]

    def details(self) -> Details | None:
        return next((child for child in self.root.winfo_children() if isinstance(child, Details)), None)

    def question(self) -> Ask | None:
        return next((child for child in self.root.winfo_children() if isinstance(child, Ask)), None)

    @property
    def identified(self) -> str:
        return cast("str", self.window.panel.digit.cget("text")).strip()

    @property
    def sentence(self) -> str:
        return cast("str", self.window.panel.sentence.cget("text"))

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
