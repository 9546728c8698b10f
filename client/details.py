"""The details window: what the network saw, the ten probabilities, the model and the round trip."""

import tkinter as tk
from contextlib import suppress
from math import ceil, sqrt
from tkinter import ttk

from client import words
from client.service import Answer

GAP = 12
"""Pixels between the two windows: the paper stays free."""

ALL_BUT_SURE = 0.99999
"""No percentage shown is more: 100 % would be."""

ENLARGED = 7
"""Times that each pixel of the 28×28 image is shown wide and high, where there is but one."""


class Details(tk.Toplevel):
    """Follows the answer of the window it belongs to for as long as it is open."""

    def __init__(self, master: tk.Misc, scale: float) -> None:
        super().__init__(master)
        self.title("Details")
        self.resizable(False, False)
        self.bind("<Escape>", lambda _: self.destroy())
        body = ttk.Frame(self, padding=round(16 * scale))
        body.pack(fill="both", expand=True)
        self._enlarged = round(ENLARGED * scale)
        ttk.Label(body, text="What the network sees, 28×28", style="Quiet.TLabel").grid(columnspan=4, sticky="w")
        self._seen = tk.PhotoImage(master=self, width=28 * self._enlarged, height=28 * self._enlarged)
        self.seen = ttk.Label(body, image=self._seen)
        self.seen.grid(columnspan=4, pady=(4, 12))
        self.percentages = []
        for digit in range(10):
            row, half = 2 + digit % 5, digit // 5
            ttk.Label(body, text=str(digit), font="SunValleyBodyStrongFont").grid(row=row, column=2 * half, sticky="w")
            percentage = ttk.Label(body, width=9, anchor="e")
            percentage.grid(row=row, column=2 * half + 1, sticky="e", padx=(0, 0 if half else round(20 * scale)))
            self.percentages.append(percentage)
        self.source = ttk.Label(body, style="Quiet.TLabel", wraplength=28 * self._enlarged)
        self.source.grid(columnspan=4, sticky="w", pady=(12, 0))
        self._stand_beside(master.winfo_toplevel())

    def _stand_beside(self, owner: tk.Misc) -> None:
        """As far as the screen has room."""
        self.update_idletasks()
        beside = owner.winfo_rootx() + owner.winfo_width() + GAP
        left = min(beside, self.winfo_vrootwidth() - self.winfo_reqwidth())
        self.geometry(f"+{max(0, left)}+{owner.winfo_rooty()}")

    def destroy(self) -> None:
        """With the picture, now: the garbage collector may free it in a thread that is not Tk's, which hangs."""
        with suppress(tk.TclError):
            self.seen.configure(image="")
        self.__dict__.pop("_seen", None)
        super().destroy()

    def _draw(self, images: list[str]) -> None:
        """In rows, all as large as there is room for; of very many the first."""
        self._seen.blank()
        columns = max(1, min(ceil(sqrt(len(images))), self._enlarged))
        zoom = self._enlarged // columns
        for place, image in enumerate(images[: columns**2]):
            row, column = divmod(place, columns)
            with suppress(tk.TclError):  # it is no PNG
                small = tk.PhotoImage(master=self, data=image)
                corner = 28 * zoom * column, 28 * zoom * row
                self._seen.tk.call(str(self._seen), "copy", str(small), "-zoom", zoom, "-to", *corner)

    def show(self, answer: Answer | None) -> None:
        """Show `answer`, or that there is none yet."""
        if answer is None:
            self._seen.blank()
            self.source.configure(text="No answer yet.")
            for label in self.percentages:
                label.configure(text="–")
            return
        prediction, number = answer.prediction, answer.number
        for label, probability in zip(self.percentages, prediction.probabilities, strict=True):
            share = f"{min(probability, ALL_BUT_SURE):.3%}".replace("%", " %")
            label.configure(text="–" if number else share)  # those are of all of the picture, taken for one digit
        read = number.digits if number else [prediction]
        self._draw([one.normalised for one in read if one.normalised])
        accepted = number.accepted if number else prediction.accepted
        digits = number.digits if number else []
        self.source.configure(
            text="".join(f"{one.digit}: {words.percent(one.confidence)}. " for one in digits)
            + f"Model {answer.model.name} {answer.model.version}, answered in {answer.milliseconds:.0f} ms. "
            + ("Accepted." if accepted else "Not accepted: better to ask than to rely on it.")
        )
