"""The paper: takes strokes from mouse, pen or finger, and shows them with soft edges."""

import io
import tkinter as tk
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageColor, ImageOps

from client import ink, words
from client.ink import Box, Point
from client.sheets import EMPTY, History, Photo, Sheet, Stroke, extent, preview
from client.theme import Colours
from contract.messages import NumberDigit

if TYPE_CHECKING:
    Pointer = tk.Event[tk.Misc]

WIDTH, HEIGHT = 420, 400
"""Of the paper, in units; the window's size and the screen's resolution say how many pixels one takes."""

PENS = (4, 40)
"""Widths of the pen, thinnest and thickest, units."""

MARK = "mark"

DRAWN = "<<Drawn>>"
"""Comes when there is more ink on the sheet, or the window has another size."""

OTHER_SHEET = "<<OtherSheet>>"
"""Comes when the sheet is another: cleared, undone, done again, or a photo."""


@dataclass(frozen=True)
class Mark:
    """The frame around a digit that was read, units."""

    start: Point
    end: Point
    text: str
    accepted: bool


class Paper(tk.Canvas):
    """Shows the sheet on the table, as large as it fits. Its picture is what is sent: dark on white in any theme."""

    def __init__(self, master: tk.Misc, scale: float, colours: Colours) -> None:
        super().__init__(
            master, width=WIDTH * scale, height=HEIGHT * scale, cursor="pencil", highlightthickness=1, borderwidth=0
        )
        self.pen = 18  # about as thick, for a digit that fills the paper, as MNIST's
        self.picture = Image.new("L", (1, 1), ink.PAPER)
        """The strokes as they are seen."""
        self.touched = 0
        """Counts what the pen does, and sheets that are taken, undone or done again."""
        self._finished = self.picture  # less the end of the line under the pen, which is straight until the next move
        self._history = History()
        self._line: list[Point] | None = None  # under the pen, units
        self._width = self.pen  # of that line
        self._end: Box = (0, 0, 0, 0)
        self._marks: list[Mark] = []
        self._dots = scale  # pixels that are as large as one of a plain screen
        self._scale, self._left, self._top = scale, 0.0, 0.0
        self._image = tk.PhotoImage(master=self)
        self._item = self.create_image(0, 0, anchor="nw", image=self._image)
        self.colour(colours)
        self.bind("<Button-1>", self._press)
        self.bind("<B1-Motion>", self._move)
        self.bind("<ButtonRelease-1>", lambda _: self.lift_pen())
        self.bind("<Configure>", lambda _: self._fit())

    @property
    def sheet(self) -> Sheet:
        """What was drawn up to the last time that the pen was lifted, or a photo."""
        return self._history.sheet

    @property
    def undoable(self) -> bool:
        return self._line is not None or self._history.undoable

    @property
    def redoable(self) -> bool:
        return self._history.redoable

    @property
    def photo(self) -> Photo | None:
        """What lies on the table, unless a line has been begun since."""
        return self.sheet if isinstance(self.sheet, Photo) and self._line is None else None

    @property
    def readable(self) -> bool:
        """Whether there is a photo, or more than a dot."""
        lines = [stroke.points for stroke in self._history.strokes] + [self._line or []]
        return self.photo is not None or any(len(points) > 1 for points in lines)

    def colour(self, colours: Colours) -> None:
        self.configure(background=colours.paper, highlightbackground=colours.edge)
        paper, pen = ImageColor.getrgb(colours.paper), ImageColor.getrgb(colours.ink)
        self._shades = [
            [round(dark + (light - dark) * grey / ink.PAPER) for grey in range(256)]
            for dark, light in zip(pen, paper, strict=True)
        ]
        self._colours = colours
        self._lay()

    def clear(self) -> None:
        self.lift_pen()
        if self.sheet != EMPTY:
            self._take(EMPTY)

    def undo(self) -> None:
        self.lift_pen()
        if self._history.undo():
            self._changed()

    def redo(self) -> None:
        self.lift_pen()
        if self._history.redo():
            self._changed()

    def show(self, photo: Photo) -> None:
        """Lay `photo` on the table. Raises `UnreadableImageError`, and then all stays as it was."""
        preview(photo)
        self.lift_pen()
        self._take(photo)

    def mark(self, digits: Sequence[NumberDigit], reduced: float) -> None:
        """Frame `digits`, found in the picture `reduced` by that factor, until the sheet changes."""
        self._marks = []
        for digit in digits:
            box = digit.box
            corners = ((box.x, box.y), (box.x + box.width, box.y + box.height))
            start, end = (self._on_sheet(x * reduced, y * reduced) for x, y in corners)
            text = words.percent(digit.confidence) + ("" if digit.accepted else " ?")
            self._marks.append(Mark(start, end, text, digit.accepted))
        self._draw_marks()

    def _draw_marks(self) -> None:
        self.delete(MARK)
        for mark in self._marks:
            (left, top), (right, bottom) = self._in_window(mark.start), self._in_window(mark.end)
            colour = self._colours.good if mark.accepted else self._colours.bad
            gap = 4 * self._dots
            frame = left - gap, top - gap, right + gap, bottom + gap
            self.create_rectangle(*frame, outline=colour, width=self._dots, tags=MARK)
            text = self.create_text(
                0, 0, text=mark.text, anchor="nw", fill=colour, font="SunValleyCaptionFont", tags=MARK
            )
            _, _, across, down = self.bbox(text)
            places = (frame[1] - down, frame[3], max(0, frame[1]))  # above the frame, below it, else within
            room = self.winfo_height() - down
            place = next((place for place in places if 0 <= place <= room), 0)
            self.coords(text, max(0, min(left, self.winfo_width() - across)), place)

    def _take(self, sheet: Sheet) -> None:
        self._history.take(sheet)
        self._changed()

    def _changed(self) -> None:
        self.touched += 1
        self._lay()
        self.event_generate(OTHER_SHEET)

    def _press(self, event: "Pointer") -> None:
        self.lift_pen()
        self.touched += 1
        self._line, self._width = [self._under(event)], self.pen
        if isinstance(self.sheet, Photo):  # it is not drawn on: this is a new sheet
            self._changed()
        self._finished = self.picture.copy()  # what was sent is not drawn on
        self._draw_end(self._line)

    def _move(self, event: "Pointer") -> None:
        if self._line is None:  # pressed elsewhere, or the sheet was changed since
            return
        self.touched += 1
        line = self._line
        line.append(self._under(event))
        if len(line) > 2:
            start = line[:1] if len(line) == 3 else []
            self._draw(self._finished, start + ink.bend(*line[-3:]), self._width)
        self._draw_end([ink.middle(*line[-2:]) if len(line) > 2 else line[0], line[-1]])
        self.event_generate(DRAWN)

    def lift_pen(self) -> None:
        """Take the pen from the paper: the line under it, if there is one, is finished."""
        if self._line is None:
            return
        line, self._line = self._line, None
        self._history.take((*self._history.strokes, Stroke(tuple(line), self._width)))
        self._finished = self.picture
        self.event_generate(DRAWN)

    def _under(self, event: "Pointer") -> Point:
        """The place of the paper that is nearest to the pen: what is drawn is seen."""
        x, y = min(max(event.x, 0), self.winfo_width() - 1), min(max(event.y, 0), self.winfo_height() - 1)
        return self._on_sheet(x, y)

    def _on_sheet(self, x: float, y: float) -> Point:
        """From the window's pixels to units."""
        return (x - self._left) / self._scale, (y - self._top) / self._scale

    def _in_window(self, point: Point) -> Point:
        x, y = point
        return x * self._scale + self._left, y * self._scale + self._top

    def _draw(self, picture: Image.Image, line: list[Point], width: float) -> Box:
        return ink.draw(picture, [self._in_window(point) for point in line], width * self._scale)

    def _draw_end(self, line: list[Point]) -> None:
        self.picture = self._finished.copy()
        before, self._end = self._end, self._draw(self.picture, line, self._width)
        self._refresh(_around(before, self._end))

    def _fit(self) -> None:
        """The window has another size."""
        self._lay(anew=True)
        if self.photo is None and self.readable:  # the picture is another
            self.event_generate(DRAWN)

    def _lay(self, *, anew: bool = False) -> None:
        """Draw all of the sheet, where it was if it can be seen there and is not to be placed `anew`."""
        width, height = self.winfo_width(), self.winfo_height()
        if width <= 1:
            return  # not on the screen yet
        strokes = self._history.strokes
        if anew or not strokes or not all(self._is_seen(stroke) for stroke in strokes):
            self._place(strokes, width, height)
        self.picture = Image.new("L", (width, height), ink.PAPER)
        for stroke in strokes:
            self._draw(self.picture, ink.smooth(stroke.points), stroke.width)
        line = ink.smooth(self._line) if self._line else []
        if line:
            self._draw(self.picture, line[:-1], self._width)
        self._finished = self.picture.copy()
        if line:
            self._end = self._draw(self.picture, line[-2:], self._width)
        self._image.configure(width=width, height=height)
        if self.photo is not None:
            self._put(self._framed(self.photo), (0, 0))
        else:
            self._refresh((0, 0, width, height))
        self._draw_marks()

    def _is_seen(self, stroke: Stroke) -> bool:
        width, height = self.winfo_width(), self.winfo_height()
        places = (self._in_window(point) for point in stroke.points)
        return all(-1 <= x <= width and -1 <= y <= height for x, y in places)

    def _place(self, strokes: Sequence[Stroke], width: int, height: int) -> None:
        """Fit the sheet, and what is drawn beside it, into the window."""
        left, top, right, bottom = extent(strokes) if strokes else (0, 0, 0, 0)
        left, top, right, bottom = min(0, left), min(0, top), max(WIDTH, right), max(HEIGHT, bottom)
        self._scale = min(width / (right - left), height / (bottom - top))
        self._left = (width - (left + right) * self._scale) / 2
        self._top = (height - (top + bottom) * self._scale) / 2

    def _framed(self, photo: Photo) -> Image.Image:
        frame = Image.new("RGB", self.picture.size, self._colours.paper)
        image = ImageOps.contain(preview(photo), frame.size)
        frame.paste(image, ((frame.width - image.width) // 2, (frame.height - image.height) // 2))
        return frame

    def _refresh(self, box: Box) -> None:
        part = self.picture.crop(box)
        if part.width and part.height:
            self._put(Image.merge("RGB", [part.point(shade) for shade in self._shades]), box[:2])

    def _put(self, part: Image.Image, place: tuple[int, int]) -> None:
        file = io.BytesIO()
        part.save(file, "PPM")
        self._image.put(file.getvalue(), to=place)


def _around(one: Box, other: Box) -> Box:
    """The smallest box around two; an empty one does not count."""
    if one[0] >= one[2]:
        return other
    if other[0] >= other[2]:
        return one
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
