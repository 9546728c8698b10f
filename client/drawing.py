"""What has been drawn: strokes of a round pen, and the picture they make."""

import io
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

FINE = 2
"""Pixels drawn for each one of the picture, in either direction: smooth edges."""

Point = tuple[float, float]

SIDE = 320
"""Side of the square paper, pixels."""

PEN = 18
"""Width of the pen, pixels: about as thick, for a digit that fills the paper, as MNIST's."""


@dataclass(frozen=True)
class Drawing:
    """Strokes on white paper, each a line through at least one point; (0, 0) is the top left corner, in pixels."""

    sheet: int
    """Counts the sheets of paper taken: drawings of one sheet are one drawing, further on."""
    strokes: tuple[tuple[Point, ...], ...]

    def png(self) -> bytes:
        """The drawing, black on white, as a grey PNG of `SIDE`×`SIDE` pixels."""
        paper = Image.new("L", (SIDE * FINE, SIDE * FINE), 255)
        pen = ImageDraw.Draw(paper)
        for stroke in self.strokes:
            points = [(x * FINE, y * FINE) for x, y in stroke]
            for point in points:
                pen.circle(point, PEN * FINE / 2, fill=0)
            for segment in pairwise(points):
                pen.line(segment, fill=0, width=PEN * FINE)
        file = io.BytesIO()
        paper.reduce(FINE).save(file, "PNG", compress_level=1)
        return file.getvalue()
