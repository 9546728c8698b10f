"""The window: from start to being seen, how the answer follows the pen, what a slow service does to the pen.

On a virtual screen (Xvfb) with the pointer of xdotool. Delays are from the X server's time stamp of an event, which is
of the same clock as Python's `monotonic` on Linux.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
import tkinter as tk
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.common import console
from client.ink import Point
from client.service import Answer, Service
from client.window import Window
from tests.servers import REPO, http_server, running_service, slowed, virtual_screen

STARTS = 5
DRAWINGS = 30
MOVES = 2000
EVERY = 0.008
"""Seconds between two moves, as of a common mouse."""

SEVEN: list[Point] = [
    (80, 90),
    (120, 86),
    (165, 84),
    (210, 88),
    (224, 96),
    (205, 135),
    (185, 175),
    (165, 215),
    (150, 260),
]


def main() -> None:
    with virtual_screen() as display, tempfile.TemporaryDirectory() as folder:
        os.environ["DISPLAY"] = display
        console.print(f"start to window on the screen: {median(start() for _ in range(STARTS)):.2f} s")
        with running_service(Path(folder) / "log", model_store=REPO / "models") as service:
            console.print(f"last move to answer shown, median and longest of {DRAWINGS}: {follow(service.url)}")
            console.print(f"{MOVES} moves, one each {1000 * EVERY:.0f} ms:")
            console.print(f"  service as it is:    {moves(service.url)}", soft_wrap=True)
            with http_server(slowed(service.url, 2)) as slow:
                console.print(f"  2 s for each answer: {moves(slow)}", soft_wrap=True)
            console.print(f"  no service:          {moves('http://127.0.0.1:9')}", soft_wrap=True)


def start() -> float:
    """Seconds from starting the process to its window being on the screen."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "client"], cwd=REPO) as process:
        subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^Digits$"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
        took = time.perf_counter() - began
        process.terminate()
    return took


def open_window(url: str) -> tuple[tk.Tk, Window]:
    root = tk.Tk()
    root.geometry("+40+40")
    window = Window(root, Service(url))
    for _ in range(20):
        root.update()
        time.sleep(0.02)
    return root, window


def leave(window: Window) -> None:
    window.close()
    gc.collect()  # Tcl aborts where the thread of a later window's courier comes to collect this one


def now() -> int:
    """Milliseconds, as the X server counts them."""
    return int(1000 * time.clock_gettime(time.CLOCK_MONOTONIC))


def follow(url: str) -> str:
    root, window = open_window(url)
    last_move, delays = 0, []

    def moved(event: "tk.Event[tk.Misc]") -> None:
        nonlocal last_move
        last_move = event.time

    window.paper.bind("<B1-Motion>", moved, add=True)
    show = window.panel.show

    def shown(answer: Answer | None, hint: str) -> None:
        show(answer, hint)
        root.update_idletasks()
        if answer is not None:
            delays.append((last_move, now() - last_move))

    window.panel.show = shown  # type: ignore[method-assign]  # to see when
    for _ in range(DRAWINGS):
        window.paper.clear()
        run(root, draw(window, SEVEN, lift=False), 0.3)
        run(root, ["mouseup", "1"], 0.1)
    of_last = dict(reversed(delays))  # the first answer after each move
    last = [of_last[move] for move in sorted(of_last)]
    leave(window)
    return f"{median(last):.0f} and {max(last)} ms"


def moves(url: str) -> str:
    root, window = open_window(url)
    delays = []
    window.paper.bind("<B1-Motion>", lambda event: delays.append(now() - event.time), add=True)
    points = [(60 + 300 * (i % 100) / 100, 40 + 15 * (i // 100) + i % 7) for i in range(MOVES + 1)]
    run(root, draw(window, points), 0.3)
    leave(window)
    return (
        f"{MOVES - len(delays)} lost; handled {median(delays):.0f} ms after the event in the median, "
        f"{sorted(delays)[-20]} ms for one in a hundred, {max(delays)} ms at most"
    )


def draw(window: Window, points: Sequence[Point], *, lift: bool = True) -> list[str]:
    """What xdotool is told to draw a line through `points`, pixels of the paper."""
    left, top = window.paper.winfo_rootx(), window.paper.winfo_rooty()
    places = [["mousemove", str(round(left + x)), str(round(top + y))] for x, y in points]
    rest = [word for place in places[1:] for word in (*place, "sleep", str(EVERY))]
    return [*places[0], "mousedown", "1", "sleep", "0.05", *rest, *(["mouseup", "1"] if lift else [])]


def run(root: tk.Tk, words: list[str], seconds: float) -> None:
    """Let the window run until xdotool has said all, and for some `seconds` more."""
    process = subprocess.Popen(["xdotool", *words])

    def look() -> None:
        if process.poll() is None:
            root.after(50, look)
        else:
            root.after(round(1000 * seconds), root.quit)

    look()
    root.mainloop()


if __name__ == "__main__":
    main()
