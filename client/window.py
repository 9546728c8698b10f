"""The main window: paper, the live answer, buttons, menu, status line."""

import queue
import re
import time
import tkinter as tk
from collections.abc import Callable
from math import inf
from pathlib import Path
from tkinter import filedialog, messagebox, ttk

from PIL import Image

from client import clipboard, keys, preferences, theme
from client.answer import AnswerPanel
from client.ask import Ask
from client.courier import Answered, Away, Courier, News, Parcel, Refused, png
from client.details import Details
from client.menu import SEPARATOR, Action, Menus, bind, install
from client.paper import DRAWN, OTHER_SHEET, Paper
from client.preferences import Preferences
from client.service import Answer, Service, address
from client.sheets import EMPTY, UnreadableImageError, open_photo
from client.sources import SUFFIXES
from client.tools import GAP, Tools
from contract.messages import ModelSummary

POLL = 10
"""Milliseconds between two looks for news from the service: shorter than a frame."""

LATE = 0.5
"""Seconds after which the answer to less ink is none any more."""

NOTICE = 8
"""Seconds that a word about a file stands, unless something is drawn."""

MARGIN = 80
"""Pixels of the screen's height that title bar and desktop may want."""

HINT = "Draw a digit, or a number, with mouse, pen or finger."

IMAGES = [
    ("Images", [f"*{end}" for suffix in sorted(SUFFIXES) for end in (suffix, suffix.upper())]),
    ("All files", ["*"]),
]
"""For the dialog, which minds case on Linux."""


class Window:
    """Everything in it happens in Tk's thread; the network belongs to the courier."""

    def __init__(self, root: tk.Tk, service: Service, remembered: Preferences | None = None) -> None:
        remembered = remembered or Preferences()
        self._root = root
        self._remembered = remembered
        self._dark = remembered.dark
        self._sheet = 1
        self._model: ModelSummary | None = None
        self._details: Details | None = None
        self.answer: Answer | None = None
        self._sent: Parcel | None = None
        self._settled: Parcel | None = None  # what was last answered or refused
        self._waiting = 0.0  # since when something else is
        self._noticed = -inf  # when something was said that is to stand
        self._keys: dict[str, str] = {}  # that were entered, by the service's URL: there may be no keyring

        theme.follow_desktop(root)
        scale = self._scale = theme.scale(root)
        colours = theme.apply(root, "dark" if self._dark else "light")
        root.title("Digits")
        root.protocol("WM_DELETE_WINDOW", self.close)

        body = ttk.Frame(root, padding=round(16 * scale))
        self.paper = Paper(body, scale, colours)
        self.panel = AnswerPanel(body, scale, colours)
        gap = round(GAP * scale)
        self.tools = Tools(body, self.paper, scale, self.identify, self.close)
        foot = ttk.Frame(body, height=round(40 * scale))  # two lines, so that no message moves anything
        foot.pack_propagate(False)
        self.status = ttk.Label(foot, style="Quiet.TLabel", anchor="nw")
        self.status.pack(fill="both", expand=True)

        self.paper.grid(row=0, column=0, sticky="nsew")
        self.panel.grid(row=0, column=1, sticky="ns", padx=(2 * gap, 0))
        self.tools.grid(row=1, columnspan=2, sticky="ew", pady=(2 * gap, gap))
        foot.grid(row=2, columnspan=2, sticky="ew")
        body.rowconfigure(0, weight=1)
        body.columnconfigure(0, weight=1)
        body.pack(fill="both", expand=True)
        self.status.bind("<Configure>", lambda event: self.status.configure(wraplength=event.width))

        self.paper.bind(DRAWN, lambda _: self._go_on())
        self.paper.bind(OTHER_SHEET, lambda _: self._turn())
        self.menu = install(root, self._menus())
        self.tools.take_pen(remembered.pen)
        self.tools.tidy()
        self._show(None)
        self._connect(service)
        self._poll()

        root.update_idletasks()
        width = min(root.winfo_reqwidth(), root.winfo_screenwidth())
        height = min(root.winfo_reqheight(), root.winfo_screenheight() - round(MARGIN * scale))
        root.minsize(width, height)
        root.geometry(_on_screen(root, remembered.place) if remembered.place else f"{width}x{height}")

    def _menus(self) -> Menus:
        return {
            "File": [
                Action("Open image …", self.open, "Control-o"),
                Action("Paste image", self.paste, "Control-v"),
                Action("Save drawing as PNG …", self.save, "Control-s"),
                Action("Copy answer", self.copy, "Control-c"),
                SEPARATOR,
                Action("Close", self.close, "Control-q"),
            ],
            "Edit": [
                Action("Undo", self.paper.undo, "Control-z"),
                Action("Redo", self.paper.redo, "Control-y", "Control-Shift-Z"),
                Action("Delete", self.paper.clear, "Delete"),
                SEPARATOR,
                Action("Thinner pen", lambda: self.tools.take_pen(self.paper.pen - 2), "bracketleft"),
                Action("Thicker pen", lambda: self.tools.take_pen(self.paper.pen + 2), "bracketright"),
            ],
            "View": [
                Action("Details", self.identify, "Return"),
                Action("Light or dark", self.turn_lights, "Control-d"),
            ],
            "Service": [
                Action("Address …", self.ask_address, "Control-l"),
                Action("API key …", self.ask_key, "Control-k"),
            ],
        }

    def identify(self) -> None:
        """Open the details of the answer, and ask for a fresh one."""
        if not self.paper.readable:
            self._show(None, "Draw a digit first.")
            return
        if self._details is None or not self._details.winfo_exists():
            self._details = Details(self._root, self._scale)
            bind(self._details, self._menus())  # the desktop may have given it the focus
        self._details.show(self.answer)
        self._details.deiconify()
        self._details.lift()
        self._send()

    def turn_lights(self) -> None:
        self._dark = not self._dark
        colours = theme.apply(self._root, "dark" if self._dark else "light")
        self.paper.colour(colours)
        self.panel.bars.colour(colours)

    def open(self) -> None:
        if name := filedialog.askopenfilename(parent=self._root, title="Open an image", filetypes=IMAGES):
            try:
                self.paper.show(open_photo(Path(name)))
            except (UnreadableImageError, OSError) as error:
                self._complain(f"{Path(name).name} cannot be opened", error)

    def paste(self) -> None:
        touched = self.paper.touched
        try:
            photo = clipboard.pasted(self._root)
            if touched == self.paper.touched:  # Tk handles what is drawn while it waits for the clipboard's owner
                self.paper.show(photo)
        except (UnreadableImageError, OSError, NotImplementedError) as error:  # the last: a desktop Pillow cannot ask
            self._complain("Nothing was pasted", error)

    def save(self) -> None:
        self.paper.lift_pen()
        if self.paper.sheet == EMPTY:
            self._show(self.answer, "Draw a digit first.")
            return
        name = filedialog.asksaveasfilename(
            parent=self._root,
            title="Save the drawing",
            filetypes=[("PNG", "*.png")],
            defaultextension=".png",
            initialfile="digit.png",
        )
        if name:
            file = Path(name if name.lower().endswith(".png") else f"{name}.png")
            unasked = file != Path(name) and file.exists()  # the dialog looked for another name
            if unasked and not messagebox.askyesno("Digits", f"Write over {file.name}?", parent=self._root):
                return
            try:
                _write(file, self.paper)
                self._notice("Good", f"Saved as {file}")
            except (UnreadableImageError, OSError) as error:
                self._complain("The drawing was not saved, and is still here", error)

    def copy(self) -> None:
        """Put the digit, or the number, into the clipboard."""
        if self.answer is not None:
            self._root.clipboard_clear()
            read = self.answer.number.number if self.answer.number else str(self.answer.prediction.digit)
            self._root.clipboard_append(read)
            self._notice("Good", f"Copied: {read}")

    def ask_address(self) -> None:
        self._ask("Address", "The address of the service:", self._move_to, value=self._service_url)

    def ask_key(self) -> None:
        question = (
            f"The API key for {self._service_url}. It is kept in your desktop's keyring, where there is one. "
            "Leave this empty to forget the key that is kept."
        )
        self._ask("API key", question, self._take_key, secret=True)

    def _ask(
        self, title: str, question: str, take: Callable[[str], None], *, value: str = "", secret: bool = False
    ) -> None:
        if not any(isinstance(child, Ask) for child in self._root.winfo_children()):  # one at a time
            Ask(self._root, self._scale, title, question, take, value=value, secret=secret)

    def close(self) -> None:
        self.courier.close()
        self._root.after_cancel(self._polling)
        self._remember(
            self._remembered.model_copy(
                update={"dark": self._dark, "pen": self.paper.pen, "place": self._root.geometry()}
            )
        )
        self._root.report_callback_exception = lambda *_: None  # dialogs end with it
        self._root.destroy()

    def _remember(self, changed: Preferences) -> None:
        if changed != self._remembered:
            self._remembered = changed
            try:
                preferences.save(changed)
            except OSError as error:
                self._notice("Bad", f"The settings cannot be remembered: {error}")

    def _move_to(self, url: str) -> None:
        """Talk to the service at `url` from now on. Raises `ValueError`."""
        url = address(url)
        self._reconnect(Service(url, self._keys.get(url) or None))

    def _take_key(self, key: str) -> None:
        """Raises `ValueError`."""
        key = key.strip()
        if not (key.isascii() and key.isprintable()):
            raise ValueError("A key may contain only ASCII letters, digits and signs.")
        self._keys[self._service_url] = key
        try:
            keys.keep(self._service_url, key)
        except keys.NoKeyringError:
            messagebox.showwarning(
                "Digits",
                "This desktop has no keyring that is open. What was entered counts until the window is closed; "
                f"set {keys.VARIABLE} in the environment to have a key each time.",
                parent=self._root,
            )
        self._reconnect(Service(self._service_url, key or None))

    def _reconnect(self, service: Service) -> None:
        self.courier.close()
        self._connect(service)
        self._settled = None
        self._show(None)
        self._send()

    def _connect(self, service: Service) -> None:
        self._service_url = service.url
        self._model = None
        self.courier = Courier(service)
        self._say("Quiet", f"Looking for {service.url} …")

    def _go_on(self) -> None:
        """There is more ink on the sheet."""
        self._noticed = -inf
        self.tools.tidy()
        if self.answer is None:
            self._show(None, "Reading …" if self.paper.readable else "Too little to read yet.")
        self._send()

    def _send(self) -> None:
        if self.paper.readable:
            image = self.paper.photo or self.paper.picture
            wanted = self._details is not None and bool(self._details.winfo_exists())
            if self._sent is self._settled:
                self._waiting = time.monotonic()
            self._sent = Parcel(self._sheet, image, details=wanted)
            self.courier.send(self._sent)
        else:
            self.courier.send(None)

    def _turn(self) -> None:
        """Another sheet: what is known of the one before tells nothing of it."""
        self._sheet += 1
        self._noticed = -inf
        self.tools.tidy()
        self._show(None, "Reading …" if self.paper.readable else HINT)
        self._send()

    def _poll(self) -> None:
        self._polling = self._root.after(POLL, self._poll)
        try:
            while True:
                self._hear(self.courier.news.get_nowait())
        except queue.Empty:
            pass
        if self.answer and self._is_other_ink() and time.monotonic() > self._waiting + LATE:
            self._show(None, "Reading …")

    def _is_other_ink(self) -> bool:
        """Whether what is on the paper is not what was answered, though it was sent."""
        return bool(self._sent and self._settled and self._sent.image is not self._settled.image)

    def _hear(self, news: News) -> None:
        if isinstance(news, Away):
            self._away(news)
            return
        if isinstance(news, Answered | Refused):
            if news.parcel.sheet == self._sheet:
                self._settle(news)
        else:
            self._model = news.model
        if time.monotonic() > self._noticed + NOTICE:
            self._say("Good", f"Connected to {self._service_url}{_described(self._model)}")
        self._remember(self._remembered.model_copy(update={"url": self._service_url}))

    def _settle(self, news: Answered | Refused) -> None:
        self._settled, self._waiting = news.parcel, time.monotonic()
        if isinstance(news, Answered):
            self._show(news.answer)
            drawing, now = news.parcel.image, self.paper.picture
            fits = isinstance(drawing, Image.Image) and drawing.size == now.size  # photos get no frames
            if news.answer.number is not None and fits:
                self.paper.mark(news.answer.number.digits, news.parcel.reduced)
        else:
            self._show(None, news.reason)

    def _away(self, news: Away) -> None:
        reason = news.reason.rstrip(".")
        remedy = "Enter it: Service, API key." if news.key_wanted else "The drawing stays; trying again …"
        self._say("Bad", f"No answer from {self._service_url}: {reason}. {remedy}")
        if self.paper.readable and self._settled is not self._sent:
            self._show(None, "Not read yet: a key is wanted." if news.key_wanted else "Waiting for the service …")

    def _notice(self, kind: str, text: str) -> None:
        """Say what stands for some seconds, unless the service goes away."""
        self._say(kind, text)
        self._noticed = time.monotonic()

    def _say(self, kind: str, text: str) -> None:
        self._noticed = -inf
        self.status.configure(text=f"● {text}", style=f"{kind}.TLabel")

    def _show(self, answer: Answer | None, hint: str = HINT) -> None:
        """Show `answer`; where there is none, `hint` tells why."""
        self.answer = answer
        self.paper.mark([], 1)
        self.panel.show(answer, hint)
        if self._details is not None and self._details.winfo_exists():
            self._details.show(answer)

    def _complain(self, what: str, error: Exception) -> None:
        messagebox.showerror("Digits", f"{what}: {getattr(error, 'strerror', None) or error}.", parent=self._root)


def _described(model: ModelSummary | None) -> str:
    if model is None:
        return ""
    accuracy = "" if model.accuracy is None else f", {model.accuracy:.2%} right on MNIST’s test set".replace("%", " %")
    return f" · model {model.name} {model.version}{accuracy}"


def _write(file: Path, paper: Paper) -> None:
    """Raises `UnreadableImageError`, `OSError`, and then what was in `file` is still there."""
    image = paper.photo.image() if paper.photo else paper.picture
    beside = file.with_name(file.name + ".part")
    try:
        beside.write_bytes(png(image, max(image.size)))
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _on_screen(root: tk.Tk, place: str) -> str:
    """The remembered size and place, as far as the screen has room: it may be another screen by now."""
    width, height, x, y = (int(number) for number in re.findall(r"-?\d+", place))
    width, height = min(width, root.winfo_screenwidth()), min(height, root.winfo_screenheight())
    first = root.winfo_vrootx(), root.winfo_vrooty()  # not 0 where a second screen is left of the first
    left = min(x, first[0] + root.winfo_vrootwidth() - width)
    top = min(y, first[1] + root.winfo_vrootheight() - height)
    return f"{width}x{height}+{max(first[0], left)}+{max(first[1], top)}"
