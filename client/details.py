"""The details window: the ten probabilities, the model and the round trip."""

import tkinter as tk
from tkinter import ttk

from client.service import Answer

GAP = 12
"""Pixels between the two windows: the paper stays free."""


class Details(tk.Toplevel):
    """Follows the answer of the window it belongs to for as long as it is open."""

    def __init__(self, master: tk.Misc) -> None:
        super().__init__(master)
        self.title("Details")
        self.resizable(False, False)
        owner = master.winfo_toplevel()
        self.geometry(f"+{owner.winfo_rootx() + owner.winfo_width() + GAP}+{owner.winfo_rooty()}")
        body = ttk.Frame(self, padding=16)
        body.pack()
        self._bars = []
        self.percentages = []
        for digit in range(10):
            ttk.Label(body, text=str(digit), font=("TkDefaultFont", 10, "bold")).grid(
                row=digit, column=0, padx=(0, 8), pady=4
            )
            bar = ttk.Progressbar(body, length=220, maximum=1)
            bar.grid(row=digit, column=1)
            percentage = ttk.Label(body, width=8, anchor="e")
            percentage.grid(row=digit, column=2, padx=(8, 0))
            self._bars.append(bar)
            self.percentages.append(percentage)
        self._source = ttk.Label(body, foreground="#5a5a5a")
        self._source.grid(row=10, columnspan=3, sticky="w", pady=(12, 0))

    def show(self, answer: Answer | None) -> None:
        """Show `answer`, or that there is none yet."""
        probabilities = answer.prediction.probabilities if answer else [0.0] * 10
        for bar, label, probability in zip(self._bars, self.percentages, probabilities, strict=True):
            bar.configure(value=probability)
            label.configure(text=f"{probability:.2%}" if answer else "–")
        self._source.configure(
            text=f"{answer.model.name} {answer.model.version}, answered in {answer.milliseconds:.0f} ms"
            if answer
            else "No answer yet."
        )
