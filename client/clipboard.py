"""Images from the clipboard, or files that were copied."""

import io
import tkinter as tk
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from client.sheets import Photo, UnreadableImageError, open_photo, photo


def pasted(root: tk.Tk) -> Photo:
    """The image in the clipboard, or in the first file there. Raises `UnreadableImageError`, `OSError`."""
    if root.tk.call("tk", "windowingsystem") == "x11":
        return _of_x11(root)
    from PIL import ImageGrab

    found = ImageGrab.grabclipboard()
    if isinstance(found, list) and found:  # files were copied
        return open_photo(Path(found[0]))
    if found is None or isinstance(found, list):
        raise UnreadableImageError("there is no image in the clipboard")
    file = io.BytesIO()
    found.save(file, "PNG")
    return photo(file.getvalue())


def _of_x11(root: tk.Tk) -> Photo:
    offered = _offered(root, "TARGETS").split()
    if "image/png" in offered:
        return photo(_bytes(root, "image/png"))
    if "text/uri-list" in offered:
        for uri in _bytes(root, "text/uri-list").decode(errors="replace").splitlines():
            if (file := urlsplit(uri)).scheme == "file":
                return open_photo(Path(url2pathname(file.path)))
    raise UnreadableImageError("there is no image in the clipboard")


def _bytes(root: tk.Tk, kind: str) -> bytes:
    """Tk gives other data than text as numbers, `0x89 0x50 …`: a byte each. None of what is given otherwise."""
    try:
        return bytes(int(number, 16) for number in _offered(root, kind).split())
    except ValueError:
        return b""


def _offered(root: tk.Tk, kind: str) -> str:
    """What the clipboard has of this kind, if anything."""
    try:
        return str(root.clipboard_get(type=kind))
    except tk.TclError as error:
        if "too large" in str(error):
            raise UnreadableImageError("the image is too large for that: save it, and open the file") from error
        return ""
