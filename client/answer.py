"""The live answer: the digit, how sure, and ten bars."""

import tkinter as tk
from tkinter import ttk

from client import words
from client.service import Answer
from client.theme import Colours

WIDTH = 260
DIGIT, SENTENCE, ROW = 120, 64, 20
"""Heights of the digit, of three lines of text, of a bar. All in units: pixels of a common screen."""

FONTS = (
    (3, "SunValleyDisplayFont"),
    (5, "SunValleyTitleLargeFont"),
    (11, "SunValleyTitleFont"),
)
"""Digits that fit beside the paper, and how they are set; more of them are set as text is."""


class AnswerPanel(ttk.Frame):
    """As wide and as high whatever it says, so that no answer moves the paper under the pen."""

    def __init__(self, master: tk.Misc, scale: float, colours: Colours) -> None:
        super().__init__(master)
        ttk.Label(self, text="Identified number", style="Quiet.TLabel").pack(anchor="w")
        self.digit = ttk.Label(self._room(DIGIT * scale), anchor="center", wraplength=WIDTH * scale)
        self.digit.pack(fill="both", expand=True)
        self.sentence = ttk.Label(self._room(SENTENCE * scale), anchor="n", justify="center", wraplength=WIDTH * scale)
        self.sentence.pack(fill="both", expand=True)
        self.bars = Bars(self, scale, colours)
        self.bars.pack(fill="both", expand=True, pady=(round(8 * scale), 0))

    def _room(self, height: float) -> ttk.Frame:
        room = ttk.Frame(self, height=height)
        room.pack_propagate(False)
        room.pack(fill="x")
        return room

    def show(self, answer: Answer | None, hint: str) -> None:
        """Show `answer`; where there is none, `hint` tells why."""
        if answer is None:
            self.digit.configure(text="")
            self.sentence.configure(text=hint)
            self.bars.show([0.0] * 10)
            return
        prediction = answer.prediction
        if answer.number is not None:
            number = answer.number.number
            font = next((font for length, font in FONTS if len(number) <= length), "SunValleyBodyFont")
            self.digit.configure(text=number if answer.number.accepted else f"{number}?", font=font)
            self.sentence.configure(text=words.of_number(answer.number))
            self.bars.show([0.0] * 10)
            return
        first, second = words.likeliest(prediction)
        if prediction.accepted:
            self.digit.configure(text=str(first), font="SunValleyDisplayFont")
        else:
            self.digit.configure(text=f"{first} / {second}?", font="SunValleyTitleLargeFont")
        self.sentence.configure(text=words.sentence(prediction))
        self.bars.show(prediction.probabilities)


class Bars(tk.Canvas):
    """The probabilities of the ten digits."""

    def __init__(self, master: tk.Misc, scale: float, colours: Colours) -> None:
        super().__init__(
            master, width=WIDTH * scale, height=10 * ROW * scale, highlightthickness=0, borderwidth=0, takefocus=0
        )
        self._scale = scale
        self._probabilities = [0.0] * 10
        self.colour(colours)
        self.bind("<Configure>", lambda _: self._draw())

    def colour(self, colours: Colours) -> None:
        self._colours = colours
        self.configure(background=colours.window)
        self._draw()

    def show(self, probabilities: list[float]) -> None:
        self._probabilities = probabilities
        self._draw()

    def _draw(self) -> None:
        self.delete("all")
        row, unit = self.winfo_height() / 10, self._scale
        left, right = 24 * unit, self.winfo_width() - 68 * unit
        thick = min(10 * unit, row / 2)
        for digit, probability in enumerate(self._probabilities):
            middle = (digit + 0.5) * row
            self.create_text(0, middle, text=digit, anchor="w", fill=self._colours.text, font="SunValleyBodyStrongFont")
            self.create_rectangle(
                left, middle - thick / 2, right, middle + thick / 2, fill=self._colours.track, outline=""
            )
            length = probability * (right - left)
            if length >= 1:
                self.create_rectangle(
                    left, middle - thick / 2, left + length, middle + thick / 2, fill=self._colours.bar, outline=""
                )
            if any(self._probabilities):
                text = words.percent(probability)
                self.create_text(
                    self.winfo_width(), middle, text=text, anchor="e", fill=self._colours.text, font="SunValleyBodyFont"
                )
