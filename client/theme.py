"""How the window looks: light or dark, as large as the screen's resolution asks."""

import sys
import tkinter as tk
from contextlib import suppress
from tkinter import font, ttk
from typing import Literal, NamedTuple

import sv_ttk

Theme = Literal["light", "dark"]


class Colours(NamedTuple):
    """Of what is drawn without ttk. Text has a contrast of 4.5 and more (WCAG AA) with the window and the paper."""

    window: str
    text: str
    """These two are the theme's own, which it tells only once the window is up."""
    paper: str
    ink: str
    edge: str
    quiet: str
    """Of text that is less important."""
    bar: str
    track: str
    good: str
    bad: str


COLOURS: dict[Theme, Colours] = {
    "light": Colours(
        "#fafafa", "#1c1c1c", "#ffffff", "#1c1c1c", "#c8c8c8", "#5a5a5a", "#005fb8", "#e5e5e5", "#0b6a0b", "#b3261e"
    ),
    "dark": Colours(
        "#1c1c1c", "#fafafa", "#111111", "#f5f5f5", "#454545", "#b4b4b4", "#57c8ff", "#383838", "#6ccb5f", "#ff8f87"
    ),
}

DENSITY = 96
"""Dots per inch of a screen on which a pixel is a pixel."""

CHANGED = "<<ThemeChanged>>"

SIZES = {
    "Caption": 12,
    "Body": 14,
    "BodyStrong": 14,
    "BodyLarge": 18,
    "Subtitle": 20,
    "Title": 28,
    "TitleLarge": 60,
    "Display": 96,
}


def aware() -> None:
    """To be called before a window is made: Windows else enlarges the window's picture, which blurs it."""
    if sys.platform == "win32":
        import ctypes

        with suppress(AttributeError, OSError):  # Windows 8 and older
            ctypes.windll.shcore.SetProcessDpiAwareness(1)


def follow_desktop(root: tk.Tk) -> None:
    """Let Tk count with the dots per inch that desktops on X11 ask for: it takes the screen's own."""
    if root.tk.call("tk", "windowingsystem") != "x11":
        return
    probe = tk.Tk(className="Xft")  # only a program of that name is told
    probe.withdraw()
    asked: str = probe.tk.call("option", "get", ".", "dpi", "Dpi")
    probe.destroy()
    with suppress(ValueError):  # nothing is asked for
        root.tk.call("tk", "scaling", max(float(asked), root.winfo_fpixels("1i")) / 72)


def scale(root: tk.Tk) -> float:
    """Pixels for one of a common screen, in quarters; on a Mac, Tk counts in points and this is 1."""
    return max(1.0, round(4 * root.winfo_fpixels("1i") / DENSITY) / 4)


def apply(root: tk.Tk, theme: Theme) -> Colours:
    if not root.bind_class(root.winfo_class(), CHANGED):
        sv_ttk.set_theme(theme, root)
        root.bind_class(root.winfo_class(), CHANGED, lambda _: _keep_styles(root), add=True)
    sv_ttk.set_theme(theme, root)
    _size_fonts(root)
    root.option_add("*TkFDialog*Canvas.foreground", COLOURS["light"].ink)  # Tk lists files on white in any theme
    colours = COLOURS[theme]
    style = ttk.Style(root)
    style.configure("Quiet.TLabel", foreground=colours.quiet)
    style.configure("Good.TLabel", foreground=colours.good)
    style.configure("Bad.TLabel", foreground=colours.bad)
    return colours


def _keep_styles(widget: tk.Misc) -> None:
    """The theme gives all that is there its text's colour (`tk_setPalette`), labels of another style too."""
    for child in widget.winfo_children():
        if isinstance(child, ttk.Label):
            child.configure(foreground="", background="")
        _keep_styles(child)


def _size_fonts(root: tk.Tk) -> None:
    """The theme counts in pixels, and names a family that only Windows has."""
    family = font.nametofont("TkDefaultFont", root).actual("family")
    for name, size in SIZES.items():
        named = font.nametofont(f"SunValley{name}Font", root)
        named.configure(size=-round(size * scale(root)))
        if sys.platform != "win32":
            named.configure(family=family, weight="bold" if name in ("BodyStrong", "Subtitle", "Title") else "normal")
