"""The row of buttons below the paper, and the width of the pen."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk

from client.paper import PENS, Paper

GAP = 8
"""Between two buttons, pixels of a plain screen."""


class Tools(ttk.Frame):
    def __init__(
        self,
        master: tk.Misc,
        paper: Paper,
        scale: float,
        identify: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        super().__init__(master)
        self._paper = paper
        self.undo_button = ttk.Button(self, text="Undo", command=paper.undo)
        self.redo_button = ttk.Button(self, text="Redo", command=paper.redo)
        self.pen = ttk.Scale(
            self,
            from_=PENS[0],
            to=PENS[1],
            length=round(100 * scale),
            command=lambda width: self.take_pen(float(width)),
        )
        self.identify_button = ttk.Button(self, text="Identify", style="Accent.TButton", command=identify)
        self.delete_button = ttk.Button(self, text="Delete", command=paper.clear)
        self.close_button = ttk.Button(self, text="Close", command=close)

        gap = round(GAP * scale)
        for button in (self.undo_button, self.redo_button):
            button.pack(side="left", padx=(0, gap))
        ttk.Label(self, text="Pen").pack(side="left", padx=gap)
        self.pen.pack(side="left")
        for button in (self.close_button, self.delete_button, self.identify_button):
            button.pack(side="right", padx=(gap, 0))

    def tidy(self) -> None:
        """Offer what there is to undo and to redo, nothing else."""
        self.undo_button.state(["!disabled" if self._paper.undoable else "disabled"])
        self.redo_button.state(["!disabled" if self._paper.redoable else "disabled"])

    def take_pen(self, width: float) -> None:
        """Draw with a pen of `width` units, as far as there are such pens."""
        self._paper.pen = round(min(max(width, PENS[0]), PENS[1]))
        if round(self.pen.get()) != self._paper.pen:
            self.pen.set(self._paper.pen)
