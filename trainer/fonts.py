"""Fonts, and what they draw: those that matplotlib brings, to learn from, and some of Debian's, for the report."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from contract.arrays import Grey

FOLDERS = (Path("/usr/share/fonts/truetype"), Path("/usr/share/fonts/opentype"))

HEIGHT = 40
"""Of what is drawn, pixels, where nothing else is said."""

MARGIN = 4
"""Pixels of paper at each side of it."""


@dataclass(frozen=True)
class Collection:
    """Fonts of one kind. A row of the report needs all of them: with fewer it would be another row."""

    packages: str
    """Debian's."""
    files: tuple[str, ...]

    def paths(self) -> list[str]:
        """Of those that this machine has."""
        return [str(folder / name) for name in self.files for folder in FOLDERS if (folder / name).exists()]

    def is_here(self) -> bool:
        return len(self.paths()) == len(self.files)


HANDWRITTEN = Collection(
    "fonts-breip fonts-bwht fonts-comic-neue fonts-dancingscript fonts-dkg-handwriting fonts-femkeklaver "
    "fonts-humor-sans",
    (
        "breip/Breip.ttf",
        "bwht/BecauseWeBuild-Regular.otf",
        "bwht/BecauseWeConnect-Regular.otf",
        "bwht/BecauseWeMentor-Regular.otf",
        "comic-neue/ComicNeue-Regular.otf",
        "dancingscript/DancingScript-Regular.otf",
        "femkeklaver/femkeklaver.ttf",
        "fifthhorseman/dkg.ttf",
        "humor-sans/Humor-Sans.ttf",
    ),
)
PRINT = Collection(
    "fonts-cabin fonts-cantarell fonts-open-sans",
    (
        "cabin/Cabin-Regular.otf",
        "cabin/Cabin-Italic.otf",
        "cabin/Cabin-SemiBold.otf",
        "cantarell/Cantarell-Regular.otf",
        "cantarell/Cantarell-Bold.otf",
        "open-sans/OpenSans-Regular.ttf",
        "open-sans/OpenSans-Italic.ttf",
        "open-sans/OpenSans-Bold.ttf",
    ),
)
DISPLAYS = Collection(
    "fonts-dseg",
    (
        "dseg/DSEG7Classic-Light.ttf",
        "dseg/DSEG7Classic-Regular.ttf",
        "dseg/DSEG7Classic-Bold.ttf",
        "dseg/DSEG7Classic-Italic.ttf",
        "dseg/DSEG7Modern-Regular.ttf",
        "dseg/DSEG7Modern-Italic.ttf",
    ),
)


def of_matplotlib(name: str) -> str:
    """Its path."""
    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf"))


@cache
def face(path: str, height: int = HEIGHT) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, height)


def glyph(face: ImageFont.FreeTypeFont, character: str) -> Grey:
    """Ink 255 on paper 0."""
    left, top, right, bottom = (int(edge) for edge in face.getbbox(character))
    picture = Image.new("L", (right - left + 2 * MARGIN, bottom - top + 2 * MARGIN))
    ImageDraw.Draw(picture).text((MARGIN - left, MARGIN - top), character, 255, face)
    return np.asarray(picture)


@cache
def has(face: ImageFont.FreeTypeFont, character: str) -> bool:
    """Whether it draws that, and otherwise than a character that does not exist."""
    drawn = face.getmask(character)
    return drawn.getbbox() is not None and bytes(drawn) != bytes(face.getmask("\U0010ffff"))
