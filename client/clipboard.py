"""Images from the clipboard."""

import io
import tkinter as tk
from pathlib import Path

from client.sheets import Photo, UnreadableImageError, open_photo, photo


def pasted(root: tk.Tk) -> Photo:
    """The image in the clipboard. Raises `UnreadableImageError`, `OSError`."""
    if root.tk.call("tk", "windowingsystem") == "x11":
        return photo(_of_x11(root))
    from PIL import ImageGrab

    found = ImageGrab.grabclipboard()
    if isinstance(found, list) and found:  # files were copied
        return open_photo(Path(found[0]))
    if found is None or isinstance(found, list):
        raise UnreadableImageError("there is no image in the clipboard")
    file = io.BytesIO()
    found.save(file, "PNG")
    return photo(file.getvalue())


def _of_x11(root: tk.Tk) -> bytes:
    """Tk gives other data than text as numbers, `0x89 0x50 …`: a byte each."""
    try:
        numbers = root.clipboard_get(type="image/png")
        return bytes(int(number, 16) for number in numbers.split())
    except (tk.TclError, ValueError) as error:
        if "too large" in str(error):
            raise UnreadableImageError("the image is too large for that: save it, and open the file") from error
        raise UnreadableImageError("there is no image in the clipboard") from error
