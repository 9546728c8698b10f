"""The main window: paper, the live answer, three buttons, a status line."""

import queue
import tkinter as tk
from tkinter import ttk
from typing import TYPE_CHECKING

import sv_ttk

from client.courier import Answered, Away, Courier, News, Refused
from client.details import Details
from client.drawing import PEN, SIDE, Drawing, Point
from client.service import Answer, Service

if TYPE_CHECKING:
    Pointer = tk.Event[tk.Canvas]

POLL = 15
"""Milliseconds between two looks for news from the service: shorter than a frame."""

INK = "#1c1c1c"
PAPER = "#ffffff"


class Window:
    """Everything in it happens in Tk's thread; the network belongs to the courier."""

    def __init__(self, root: tk.Tk, service: Service) -> None:
        self._root = root
        self.courier = Courier(service)
        self._url = service.url
        self._sheet = 1
        self._strokes: list[list[Point]] = []
        self._details: Details | None = None
        self.answer: Answer | None = None
        self._answered: Drawing | None = None

        sv_ttk.set_theme("light")
        root.title("Digits")
        root.resizable(False, False)
        root.protocol("WM_DELETE_WINDOW", self.close)
        root.bind("<Return>", lambda _: self.identify())
        root.bind("<Delete>", lambda _: self.delete())
        root.bind("<Escape>", lambda _: self.close())

        body = ttk.Frame(root, padding=16)
        self.identified = ttk.Label(body, font=("TkDefaultFont", 18, "bold"))
        self.confidence = ttk.Label(body, foreground="#5a5a5a", wraplength=SIDE)
        self.paper = tk.Canvas(body, width=SIDE, height=SIDE, background=PAPER, cursor="pencil", highlightthickness=1)
        self.paper.configure(highlightbackground="#c8c8c8", borderwidth=0)
        self.identify_button = ttk.Button(body, text="Identify", style="Accent.TButton", command=self.identify)
        self.delete_button = ttk.Button(body, text="Delete", command=self.delete)
        self.close_button = ttk.Button(body, text="Close", command=self.close)
        self.status = ttk.Label(body, text=f"Looking for {service.url} …", foreground="#5a5a5a", wraplength=SIDE)

        self.identified.grid(columnspan=3, sticky="w")
        self.confidence.grid(columnspan=3, sticky="nw")
        body.rowconfigure(1, minsize=42)  # two lines, so that no message moves the paper
        self.paper.grid(columnspan=3)
        for column, button in enumerate((self.identify_button, self.delete_button, self.close_button)):
            button.grid(
                row=3, column=column, sticky="ew", pady=12, padx=(0 if column == 0 else 4, 0 if column == 2 else 4)
            )
            body.columnconfigure(column, weight=1, uniform="buttons")
        self.status.grid(row=4, columnspan=3, sticky="nw")
        body.rowconfigure(4, minsize=54)  # three lines, so that no message moves the window
        body.pack()

        self.paper.bind("<Button-1>", self._touch)
        self.paper.bind("<B1-Motion>", self._move)
        self._show(None)
        self._poll()

    @property
    def drawing(self) -> Drawing:
        return Drawing(self._sheet, tuple(tuple(stroke) for stroke in self._strokes))

    def identify(self) -> None:
        """Open the details of the answer, and ask for a fresh one."""
        if not self._strokes:
            self.confidence.configure(text="Draw a digit first.")
            return
        self.courier.send(self.drawing)
        if self._details is None or not self._details.winfo_exists():
            self._details = Details(self._root)
        self._details.show(self.answer)
        self._details.lift()

    def delete(self) -> None:
        """Take a new sheet of paper."""
        self._sheet += 1
        self._strokes.clear()
        self.paper.delete("all")
        self._show(None)

    def close(self) -> None:
        self.courier.close()
        self._root.after_cancel(self._polling)
        self._root.destroy()

    def _touch(self, event: "Pointer") -> None:
        """Put the pen down; a dot is not sent, it is no digit yet."""
        self._strokes.append([(event.x, event.y)])
        radius = PEN / 2
        self.paper.create_oval(
            event.x - radius, event.y - radius, event.x + radius, event.y + radius, fill=INK, outline=""
        )

    def _move(self, event: "Pointer") -> None:
        if not self._strokes:  # the paper was changed while the pen was down
            self._touch(event)
            return
        stroke = self._strokes[-1]
        self.paper.create_line(*stroke[-1], event.x, event.y, width=PEN, fill=INK, capstyle=tk.ROUND)
        stroke.append((event.x, event.y))
        self.courier.send(self.drawing)

    def _poll(self) -> None:
        try:
            while True:
                self._hear(self.courier.news.get_nowait())
        except queue.Empty:
            pass
        self._polling = self._root.after(POLL, self._poll)

    def _hear(self, news: News) -> None:
        if isinstance(news, Away):
            reason = news.reason.rstrip(".")
            self.status.configure(text=f"No answer from {self._url}: {reason}. The drawing stays; trying again …")
            if self._strokes and self._answered != self.drawing:
                self._show(None, "Waiting for the service …")
            return
        self.status.configure(text=f"Connected to {self._url}")
        if isinstance(news, Answered) and news.drawing.sheet == self._sheet:
            self._answered = news.drawing
            self._show(news.answer)
        elif isinstance(news, Refused) and news.drawing.sheet == self._sheet:
            self._show(None, news.reason)

    def _show(self, answer: Answer | None, hint: str = "Draw a digit with the mouse.") -> None:
        """Show `answer`; where there is none, `hint` tells why."""
        self.answer = answer
        if answer is None:
            self.identified.configure(text="Identified Number:")
            self.confidence.configure(text=hint)
        else:
            prediction = answer.prediction
            self.identified.configure(text=f"Identified Number: {prediction.digit}")
            sure = f"{prediction.confidence:.1%}"
            self.confidence.configure(text=f"{sure} sure" if prediction.accepted else f"Not sure: {sure}")
        if self._details is not None and self._details.winfo_exists():
            self._details.show(answer)
