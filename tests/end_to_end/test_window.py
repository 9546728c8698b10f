"""A person at the window: a real screen, a real pointer, a real service."""

import gc
import io
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import keyring
import numpy as np
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError
from PIL import Image, ImageChops, ImageGrab

from client import preferences
from client.preferences import Preferences
from client.sheets import Photo, open_photo
from tests.servers import REPO, ServiceProcess, eventually, free_port, http_server, running_service, slowed

if TYPE_CHECKING:  # it needs Tk, and the fixture says so where there is none
    from tests.end_to_end.user import User

SEVEN = ((80, 90), (120, 86), (165, 84), (210, 88), (224, 96), (205, 135), (185, 175), (165, 215), (150, 260))
ONE = ((160, 60), (160, 110), (160, 160), (160, 210), (160, 260))
SCRIBBLE = ((80, 60), (300, 240), (90, 230), (280, 70), (180, 280), (190, 40), (70, 150), (310, 160), (100, 100))


class Visit(Protocol):
    def __call__(self, url: str, remembered: Preferences | None = None) -> "User": ...


@pytest.fixture
def visit(display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """Opens a window on the service at a URL."""
    from tests.end_to_end.user import User

    monkeypatch.setattr(preferences.save, "__defaults__", (tmp_path / "client.json",))
    users: list[User] = []

    def open_window(url: str, remembered: Preferences | None = None) -> User:
        users.append(User(url, remembered))
        return users[-1]

    yield open_window
    while users:
        users.pop().leave()
    gc.collect()  # Tcl aborts where the thread of a later window's courier comes to collect this one


def ink(user: "User") -> float:
    """The share of the paper that has ink on it."""
    histogram = user.window.paper.picture.histogram()
    return 1 - sum(value * count for value, count in enumerate(histogram)) / 255 / sum(histogram)


def test_drawn_digit_is_identified_while_the_pen_moves(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    assert user.sentence.endswith("% sure")
    user.sees(lambda: "model digits" in user.status)
    assert user.status.startswith(f"● Connected to {service.url} · model digits ")
    assert "right on MNIST’s test set" in user.status


def test_strokes_are_round_and_their_edges_soft(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(ONE)
    greys = user.window.paper.picture.histogram()
    assert sum(greys[1:255]) > 100
    line = user.window.paper.picture.crop((130, 160, 190, 161)).histogram()
    assert sum((255 - grey) * count for grey, count in enumerate(line)) / 255 == pytest.approx(18, abs=1)


def test_doubt_names_the_two_likeliest(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SCRIBBLE)
    user.sees(lambda: user.sentence.startswith("Not sure"))
    assert user.window.answer is not None
    probabilities = user.window.answer.prediction.probabilities
    first, second = sorted(range(10), key=lambda digit: -probabilities[digit])[:2]
    assert user.identified == f"{first} / {second}?"


SMALL_SEVEN = ((60, 120), (100, 116), (140, 118), (150, 124), (130, 180), (105, 250))
SMALL_ONE = ((260, 110), (258, 180), (256, 255))


def test_several_digits_are_a_number_with_a_frame_around_each(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SMALL_SEVEN)
    user.draw(SMALL_ONE)
    user.sees(lambda: user.identified == "71")
    assert user.sentence.endswith("sure of all 2 digits")
    lefts = [user.window.paper.coords(frame)[0] for frame in user.window.paper.find_withtag("mark")[::2]]
    assert lefts == pytest.approx([60 - 9 - 4, 256 - 9 - 4], abs=8)
    user.press("ctrl+c")
    assert user.root.clipboard_get() == "71"
    user.press("Return")
    user.sees(lambda: (details := user.details()) is not None and "7: 9" in details.source.cget("text"))
    details = user.details()
    assert details is not None
    assert [str(label.cget("text")) for label in details.percentages] == ["–"] * 10  # there is no one digit
    user.sees(lambda: len(colours_of(user, details.seen)) > 5)  # the digits, one beside the other
    user.press("ctrl+z")
    user.sees(lambda: user.identified == "7")
    assert user.window.paper.find_withtag("mark") == ()


def test_confidence_is_seen_where_a_digit_touches_the_top(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(tuple((x, y - 112) for x, y in SMALL_SEVEN))
    user.draw(SMALL_ONE)
    user.sees(lambda: user.identified == "71")
    paper = user.window.paper
    frame, text, other_frame, other_text = paper.find_withtag("mark")
    assert paper.bbox(text)[1] > paper.coords(frame)[3] - 2
    assert paper.bbox(other_text)[3] <= paper.coords(other_frame)[1] + 2  # there is room above


def test_confidence_is_seen_where_a_digit_touches_the_right_edge(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SMALL_SEVEN)
    user.draw(tuple((x + 148, y) for x, y in SMALL_ONE))
    user.sees(lambda: user.identified == "71")
    paper = user.window.paper
    assert max(paper.bbox(text)[2] for text in paper.find_withtag("mark")[1::2]) <= paper.winfo_width()


def test_lights_turned_while_the_pen_is_down_leave_no_ink(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    paper = user.window.paper
    paper.event_generate("<Button-1>", x=100, y=100)
    paper.event_generate("<B1-Motion>", x=300, y=100)
    user.window.turn_lights()
    paper.event_generate("<B1-Motion>", x=300, y=300)
    paper.event_generate("<ButtonRelease-1>", x=300, y=300)
    drawn = paper.picture.copy()
    user.window.turn_lights()
    assert ImageChops.difference(drawn, paper.picture).getbbox() is None


def test_answer_to_less_ink_is_taken_away(service: ServiceProcess, visit: Visit) -> None:
    go_on = threading.Event()
    go_on.set()
    with http_server(slowed(service.url, go_on)) as url:
        user = visit(url)
        user.draw(ONE)
        user.sees(lambda: user.identified == "1")
        go_on.clear()
        user.draw(SEVEN)
        user.sees(lambda: (user.identified, user.sentence) == ("", "Reading …"))
        go_on.set()
        user.sees(lambda: user.identified != "")


def test_keys_do_where_the_keyboard_has_no_latin_letters(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(ONE)
    assert user.window.paper.sheet
    try:
        subprocess.run(["setxkbmap", "-layout", "ru"], check=True)
        for key, inked in (("52", False), ("29", True), ("shift+52", True)):  # those of Z and Y, by their numbers
            user.press(f"ctrl+{key}")
            assert bool(user.window.paper.sheet) is inked
        user.root.clipboard_clear()
        user.root.clipboard_append("host:8123")
        user.window.ask_address()
        question = user.question()
        assert question
        user.press("ctrl+38", "ctrl+55", focus=question.entry)
        assert question.entry.get() == "host:8123"
        question.destroy()
        subprocess.run(["setxkbmap", "-layout", "us", "-variant", "dvorak"], check=True)
        user.press("ctrl+52")  # a semicolon
        assert user.window.paper.sheet
    finally:
        subprocess.run(["setxkbmap", "-layout", "us"], check=True)


def test_identify_opens_the_details_and_they_follow(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.click(user.window.tools.identify_button)
    user.sees(lambda: user.details() is not None)
    details = user.details()
    assert details is not None

    def percentages() -> list[float]:
        return [float(str(label.cget("text")).rstrip("%– ") or 0) for label in details.percentages]

    user.sees(lambda: percentages()[7] > 90)
    assert sum(percentages()) == pytest.approx(100, abs=0.1)
    user.sees(lambda: len(colours_of(user, details.seen)) > 20)  # the grey levels of the 28×28 image
    assert "Model digits" in details.source.cget("text")
    assert " ms" in details.source.cget("text")
    user.click(user.window.tools.delete_button)
    user.draw(ONE)
    user.sees(lambda: percentages()[1] > 90)


def colours_of(user: "User", widget: object) -> set[object]:
    """The colours that the screen has where `widget` is."""
    import tkinter as tk

    assert isinstance(widget, tk.Misc)
    user.root.update()
    x, y = widget.winfo_rootx(), widget.winfo_rooty()
    screen = ImageGrab.grab(bbox=(x, y, x + widget.winfo_width(), y + widget.winfo_height()))
    return {colour for _, colour in screen.getcolors(2**24) or []}


def test_delete_takes_a_new_sheet_and_undo_brings_the_old_one_back(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    user.click(user.window.tools.delete_button)
    user.sees(lambda: user.identified == "")
    assert ink(user) == 0
    user.draw(ONE)
    user.sees(lambda: user.identified == "1")
    user.press("Delete")
    user.sees(lambda: user.identified == "")
    user.press("ctrl+z", "ctrl+z", "ctrl+z")
    user.sees(lambda: user.identified == "7")


def test_undo_and_redo_go_by_stroke(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(((130, 60), (100, 170), (220, 170)))
    one_stroke = ink(user)
    user.draw(((200, 70), (190, 160), (185, 280)))
    user.sees(lambda: user.identified == "4")
    user.press("ctrl+z")
    assert ink(user) == pytest.approx(one_stroke, abs=0.001)
    user.click(user.window.tools.undo_button)
    assert ink(user) == 0
    user.sees(lambda: user.identified == "")
    user.press("ctrl+shift+z")
    user.click(user.window.tools.redo_button)
    user.sees(lambda: user.identified == "4")
    assert user.window.tools.redo_button.instate(["disabled"])
    user.press("ctrl+y")  # there is nothing more
    assert user.identified == "4"


def test_undo_moves_nothing_but_the_stroke(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.root.geometry("1300x700")  # there is paper to the left and the right of what is sent at first
    user.sees(lambda: user.window.paper.winfo_width() > 800)
    user.draw(((40, 100), (40, 300)))
    before = user.window.paper.picture.copy()
    user.draw(((300, 100), (300, 380), (300, 2000)))  # over the edge
    after = user.window.paper.picture.copy()
    user.press("ctrl+z")
    assert ImageChops.difference(user.window.paper.picture, before).getbbox() is None
    user.press("ctrl+y", "ctrl+d")
    assert np.asarray(ImageChops.difference(user.window.paper.picture, after)).mean() < 0.1  # smooth to its end


def test_pen_is_as_wide_as_one_sets_it(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(ONE)
    usual = ink(user)
    user.click(user.window.tools.delete_button)
    user.press("bracketright", "bracketright", "bracketright")
    user.draw(ONE)
    assert ink(user) == pytest.approx(usual * 24 / 18, rel=0.1)
    user.click(user.window.tools.delete_button)
    user.press(*["bracketleft"] * 20)
    user.draw(ONE)
    assert ink(user) == pytest.approx(usual * 4 / 18, rel=0.2)
    user.sees(lambda: user.identified == "1")


def test_drawing_grows_with_the_window_and_stays(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    before = ink(user), user.window.paper.winfo_width()
    user.root.geometry("1000x800")
    user.sees(lambda: user.window.paper.winfo_width() > before[1] + 200)
    user.sees(lambda: ink(user) == pytest.approx(before[0], rel=0.2))
    user.root.geometry("1x1")  # no smaller than everything needs
    user.sees(lambda: user.window.paper.winfo_width() == pytest.approx(before[1], abs=2))
    user.sees(lambda: ink(user) == pytest.approx(before[0], rel=0.05))


def test_frames_stay_around_their_digits_in_another_size_and_light(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SMALL_SEVEN)
    user.draw(SMALL_ONE)
    user.sees(lambda: user.identified == "71")
    paper, before = user.window.paper, user.window.paper.winfo_width()

    def outline() -> str:
        return str(paper.tk.call(paper, "itemcget", paper.find_withtag("mark")[0], "-outline"))

    def framed() -> bool:
        if not (marks := paper.find_withtag("mark")):
            return False
        left, top, right, bottom = (round(side) for side in paper.coords(marks[0]))
        inside = paper.picture.crop((left, top, right, bottom)).point(lambda grey: 255 - grey).getbbox()
        return inside == pytest.approx((4, 4, right - left - 4, bottom - top - 4), abs=6)

    user.root.geometry("1000x800")
    user.sees(lambda: paper.winfo_width() > before + 200)
    user.sees(framed)
    time.sleep(0.5)  # an answer that was on its way may come
    user.sees(framed)
    light = outline()
    user.press("ctrl+d")
    user.sees(lambda: outline() != light)


def test_image_is_opened_from_a_file(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.meanwhile(".__tk_filedialog", lambda: user.type_into_file_dialog(str(REPO / "tests/data/7.png")))
    user.press("ctrl+o")
    user.sees(lambda: user.identified == "7")
    user.draw(ONE)  # on a new sheet
    user.sees(lambda: user.identified == "1")
    user.press("ctrl+z")
    user.sees(lambda: user.identified == "7")


def test_file_that_is_no_image_is_told_and_the_drawing_stays(
    service: ServiceProcess, visit: Visit, tmp_path: Path
) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    text = tmp_path / "text.png"
    text.write_text("no image")
    said: list[str] = []
    user.meanwhile(".__tk_filedialog", lambda: user.type_into_file_dialog(str(text)))
    user.meanwhile(".__tk__messagebox", lambda: dismiss(user, said))
    user.press("ctrl+o")
    assert said == ["text.png cannot be opened: it is no image, or of a kind that is not known here."]
    assert user.identified == "7"


def dismiss(user: "User", said: list[str], button: str = "ok") -> None:
    """Note what the message box says, and press a button of it."""
    said.append(str(user.root.tk.call(".__tk__messagebox.msg", "cget", "-text")))
    user.root.tk.call(f".__tk__messagebox.{button}", "invoke")


@contextmanager
def in_the_clipboard(kind: str, content: Path) -> Iterator[subprocess.Popen[bytes]]:
    clipboard = ["xclip", "-quiet", "-selection", "clipboard"]
    with subprocess.Popen([*clipboard, "-t", kind, "-i", content], stderr=subprocess.DEVNULL) as owner:

        def offered() -> bool:
            """Whether it is there; asked at a bad moment, xclip waits for ever."""
            targets = [*clipboard, "-o", "-t", "TARGETS"]
            try:
                answer = subprocess.run(targets, capture_output=True, check=False, timeout=5)
            except subprocess.TimeoutExpired:
                return False
            return kind.encode() in answer.stdout

        try:
            eventually(offered)
            yield owner
        finally:
            owner.kill()


def seven_in_the_clipboard() -> AbstractContextManager[subprocess.Popen[bytes]]:
    return in_the_clipboard("image/png", REPO / "tests/data/7.png")


def test_image_is_pasted(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    with seven_in_the_clipboard():
        user.press("ctrl+v")
        user.sees(lambda: user.identified == "7")


def test_copied_file_is_pasted(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(service.url)
    seven = Path(shutil.copy(REPO / "tests/data/7.png", tmp_path / "sieben und \u2467.png"))
    (tmp_path / "files").write_text(f"# copied\r\n{seven.as_uri()}\r\n")
    with in_the_clipboard("text/uri-list", tmp_path / "files"):
        user.press("ctrl+v")
        user.sees(lambda: user.identified == "7")


def test_image_whose_owner_is_slow_does_not_cover_what_is_drawn_meanwhile(
    service: ServiceProcess, visit: Visit
) -> None:
    user = visit(service.url)
    with seven_in_the_clipboard() as owner:
        owner.send_signal(signal.SIGSTOP)

        def draw() -> None:
            user.draw(ONE)
            owner.send_signal(signal.SIGCONT)

        user.root.after(500, draw)
        user.press("ctrl+v")
        user.sees(lambda: user.identified == "1")


def test_pasting_nothing_is_told(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    said: list[str] = []
    user.meanwhile(".__tk__messagebox", lambda: dismiss(user, said))
    user.press("ctrl+v")
    assert said == ["Nothing was pasted: there is no image in the clipboard."]


def test_drawing_is_saved_as_png_and_reads_the_same(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    file = tmp_path / "drawn.png"
    user.meanwhile(".__tk_filedialog", lambda: user.type_into_file_dialog(str(file)))
    user.press("ctrl+s")
    with Image.open(io.BytesIO(file.read_bytes())) as saved:
        assert saved.format == "PNG"
        assert saved.size == user.window.paper.picture.size
    client = subprocess.run(
        [sys.executable, "-m", "client", "--url", service.url, "read", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert client.stdout.startswith(f"{file}: 7 ")


def test_drawing_is_saved_with_the_stroke_that_is_under_the_pen(
    service: ServiceProcess, visit: Visit, tmp_path: Path
) -> None:
    user = visit(service.url)
    file = tmp_path / "drawn.png"
    user.meanwhile(".__tk_filedialog", lambda: user.type_into_file_dialog(str(file)))
    user.draw(SEVEN, then=lambda: user.press("ctrl+s"))
    assert open_photo(file).image().convert("L").getextrema() == (0, 255)


def test_drawing_of_before_is_not_written_over_unasked(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    said: list[str] = []
    for answer in ("", "no", "yes"):
        before = (tmp_path / "four.2.png").read_bytes() if answer else b""
        user.meanwhile(".__tk_filedialog", lambda: user.type_into_file_dialog(str(tmp_path / "four.2")))
        if answer:
            user.press("bracketright")
            user.draw(SEVEN)
            user.meanwhile(".__tk__messagebox", partial(dismiss, user, said, answer))
        user.press("ctrl+s")
        assert ((tmp_path / "four.2.png").read_bytes() == before) == (answer == "no")
    assert said == ["Write over four.2.png?"] * 2


def test_drawing_that_cannot_be_saved_stays(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    drawn = ink(user)
    said: list[str] = []
    too_long = "x" * 300 + ".png"
    user.meanwhile(".__tk_filedialog", lambda: user.type_into_file_dialog(f"{tmp_path}/{too_long}"))
    user.meanwhile(".__tk__messagebox", lambda: dismiss(user, said))
    user.press("ctrl+s")
    assert said == ["The drawing was not saved, and is still here: File name too long."]
    assert ink(user) == drawn


def test_answer_is_copied(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    user.press("ctrl+c")
    assert user.root.clipboard_get() == "7"
    started = time.monotonic()
    user.sees(lambda: time.monotonic() > started + 4)  # by then the service has been looked for again
    assert user.status == "● Copied: 7"


def test_one_question_is_asked_at_a_time(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.press("ctrl+l", "ctrl+k", "ctrl+l")
    user.sees(lambda: user.question() is not None)
    assert [child.winfo_class() for child in user.root.winfo_children()].count("Toplevel") == 1


def test_address_is_changed_from_the_menu(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(f"http://127.0.0.1:{free_port()}")
    user.draw(SEVEN)
    user.sees(lambda: "nothing listens there" in user.status)
    user.press("ctrl+l")
    user.sees(lambda: user.question() is not None)
    question = user.question()
    assert question is not None
    user.type(question.entry, "ftp://localhost")
    assert "should look like" in question.fault.cget("text")
    user.type(question.entry, service.url)
    assert user.question() is None
    user.sees(lambda: user.identified == "7")
    assert preferences.load(tmp_path / "client.json").url == service.url


class Drawer(KeyringBackend):
    """A keyring that lasts as long as the test."""

    priority = 1.0

    def __init__(self, *, locked: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types there
        self.locked = locked
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("it is locked")
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def with_keyring() -> Iterator[Callable[[Drawer], Drawer]]:
    usual = keyring.get_keyring()

    def use(drawer: Drawer) -> Drawer:
        keyring.set_keyring(drawer)
        return drawer

    yield use
    keyring.set_keyring(usual)


@pytest.fixture(scope="module")
def locked_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("locked") / "log"
    with running_service(log, model_store=REPO / "models", api_keys="s3cret") as process:
        yield process


def test_api_key_is_asked_for_and_kept_in_the_keyring(
    locked_service: ServiceProcess, visit: Visit, with_keyring: Callable[[Drawer], Drawer], tmp_path: Path
) -> None:
    drawer = with_keyring(Drawer())
    user = visit(locked_service.url)
    user.draw(SEVEN)
    user.sees(lambda: "it wants an API key. Enter it: Service, API key." in user.status)
    user.press("ctrl+k")
    user.sees(lambda: user.question() is not None)
    question = user.question()
    assert question is not None
    assert question.entry.cget("show") == "•"
    user.type(question.entry, "s3cret")
    user.sees(lambda: user.identified == "7")
    assert drawer.kept == {("digits", locked_service.url): "s3cret"}
    user.leave()
    assert "s3cret" not in (tmp_path / "client.json").read_text()
    later = visit(locked_service.url)
    later.draw(SEVEN)
    later.sees(lambda: later.identified == "7")


def test_api_key_without_a_keyring_serves_until_the_window_is_closed(
    locked_service: ServiceProcess, visit: Visit, with_keyring: Callable[[Drawer], Drawer]
) -> None:
    with_keyring(Drawer(locked=True))
    user = visit(locked_service.url)
    user.draw(SEVEN)
    said: list[str] = []
    user.meanwhile(".__tk__messagebox", lambda: dismiss(user, said))
    user.press("ctrl+k")
    user.sees(lambda: user.question() is not None)
    question = user.question()
    assert question is not None
    user.type(question.entry, "s3cret")
    user.sees(lambda: user.identified == "7")
    assert "DIGITS_API_KEY" in said[0]
    for url in ("http://127.0.0.1:9", locked_service.url):
        user.press("ctrl+l")
        user.sees(lambda: user.question() is not None)
        question = user.question()
        assert question is not None
        user.type(question.entry, url)
        user.sees(partial(lambda wanted: wanted in user.status, url))
    user.sees(lambda: user.identified == "7")


def test_api_key_comes_from_the_environment(
    locked_service: ServiceProcess, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_API_KEY", "s3cret")
    user = visit(locked_service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")


def test_lights_are_turned_and_remembered(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(service.url)
    paper = user.window.paper
    assert (255, 255, 255) in colours_of(user, paper)
    user.press("ctrl+d")
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    assert {(17, 17, 17), (245, 245, 245)} <= colours_of(user, paper)
    assert paper.picture.getextrema() == (0, 255)
    assert paper.picture.getpixel((2, 2)) == 255  # what is sent and saved stays dark on white
    user.leave()
    assert preferences.load(tmp_path / "client.json").dark


def test_size_place_and_pen_are_remembered(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    user = visit(service.url)
    user.root.geometry("900x700+111+77")
    user.press("bracketright")
    user.sees(lambda: user.root.winfo_width() == 900)
    user.leave()
    remembered = preferences.load(tmp_path / "client.json")
    assert remembered.pen == 20
    later = visit(service.url, remembered)
    later.sees(lambda: later.root.geometry() == "900x700+111+77")
    assert later.window.paper.pen == 20


def test_place_on_a_screen_that_is_gone_is_brought_back(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url, Preferences(place="5000x700+4000+-300"))
    user.sees(lambda: user.root.winfo_width() <= user.root.winfo_screenwidth())
    assert user.root.winfo_rootx() >= 0
    assert user.root.winfo_rooty() >= 0


def test_tab_goes_through_the_buttons_in_their_order(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    window = user.window
    user.draw(ONE)
    user.draw(SEVEN)
    user.press("ctrl+z")  # there is something to undo, and something to redo
    user.press("Tab")
    seen = [user.root.focus_get()]
    for _ in range(5):
        user.root.update()
        subprocess.run(["xdotool", "key", "Tab"], check=True)
        user.root.update()
        seen.append(user.root.focus_get())
    assert seen == [
        window.tools.undo_button,
        window.tools.redo_button,
        window.tools.pen,
        window.tools.identify_button,
        window.tools.delete_button,
        window.tools.close_button,
    ]


def test_every_key_stands_in_the_menu(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    shown = set()
    for menu in range((user.window.menu.index("end") or 0) + 1):
        entries = user.root.nametowidget(user.window.menu.entrycget(menu, "menu"))
        for entry in range(entries.index("end") + 1):
            if entries.type(entry) == "command":
                shown.add(entries.entrycget(entry, "accelerator"))
    assert shown == {"Ctrl+O", "Ctrl+V", "Ctrl+S", "Ctrl+C", "Ctrl+Q", "Ctrl+Z", "Ctrl+Y", "Delete", "[", "]"} | {
        "Enter",
        "Ctrl+D",
        "Ctrl+L",
        "Ctrl+K",
    }


def test_keys_work_with_the_caps_lock_on(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    user.press("Caps_Lock")
    user.press("ctrl+z")
    user.press("Caps_Lock")
    user.sees(lambda: user.identified == "")


def test_keys_of_the_menu_open_the_details_and_close_the_window(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.press("Return")
    assert user.sentence == "Draw a digit first."
    user.draw(SEVEN)
    user.press("KP_Delete")
    user.sees(lambda: user.identified == "")
    user.draw(SEVEN)
    user.press("KP_Enter")
    user.sees(lambda: user.details() is not None)
    user.press("ctrl+z", focus=user.details())
    user.sees(lambda: user.identified == "")
    user.press("ctrl+q")
    with pytest.raises(Exception, match="application has been destroyed"):
        user.sees(lambda: not user.root.winfo_exists())


def test_button_held_since_a_dialog_draws_nothing(service: ServiceProcess, visit: Visit) -> None:
    """A double click on a file ends the dialog with the button still down, and the paper below."""
    user = visit(service.url)
    user.window.paper.show(open_photo(REPO / "tests/data/7.png"))
    user.sees(lambda: user.identified == "7")
    user.hold_elsewhere_and_move_over_the_paper()
    assert isinstance(user.window.paper.sheet, Photo)


def test_refusal_is_still_there_after_the_service_was_away(visit: Visit, tmp_path: Path) -> None:
    port = free_port()
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models") as service:
        user = visit(service.url)
        user.window.paper.show(open_photo(tmp_path / "blank.png"))
        user.sees(lambda: "nothing on the paper" in user.sentence)
    user.sees(lambda: "No answer" in user.status)
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        user.sees(lambda: "Connected" in user.status)
        assert "nothing on the paper" in user.sentence


def test_details_take_their_picture_with_them(service: ServiceProcess, visit: Visit) -> None:
    """Freed later, by the garbage collector, it could be in the courier's thread, and wait for Tk for ever."""
    user = visit(service.url)
    user.draw(SEVEN)
    user.press("Return")
    user.sees(lambda: user.details() is not None)
    details = user.details()
    assert details is not None
    pictures = user.root.image_names()
    gc.disable()
    try:
        details.destroy()
        assert len(user.root.image_names()) == len(pictures) - 1
    finally:
        gc.enable()


def test_odd_details_stop_nothing(service: ServiceProcess, visit: Visit) -> None:
    """What should be a PNG is none, from a service that is not quite ours."""

    class Odd(slowed(service.url, 0)):  # type: ignore[misc]  # a class made by a function
        def changed(self, content: bytes) -> bytes:
            return re.sub(rb'"normalised":"[^"]*"', b'"normalised":"AAAA"', content)

    with http_server(Odd) as url:
        user = visit(url)
        user.draw(SEVEN)
        user.sees(lambda: user.identified == "7")
        user.press("Return")
        user.click(user.window.tools.delete_button)
        user.draw(ONE)
        user.sees(lambda: user.identified == "1")


def test_slow_service_takes_no_move_from_the_pen(service: ServiceProcess, visit: Visit) -> None:
    """`make bench-window` counts none lost, at 8 ms; a machine busy with other things may let Tk join some."""
    with http_server(slowed(service.url, 2)) as url:
        user = visit(url)
        points = [(60 + 250 * (i % 20) / 20, 60 + 40 * (i // 20) + i % 7) for i in range(100)]
        places = [user.window.paper.winfo_rootx(), user.window.paper.winfo_rooty()]
        moves = [
            part
            for x, y in points
            for part in ("mousemove", str(round(places[0] + x)), str(round(places[1] + y)), "sleep", "0.05")
        ]
        distinct = 1 + sum(one != other for one, other in pairwise([(round(x), round(y)) for x, y in points]))
        with subprocess.Popen(["xdotool", *moves[:3], "mousedown", "1", *moves[5:], "mouseup", "1"]) as pen:
            user.runs_until(pen)
    sheet = user.window.paper.sheet
    assert isinstance(sheet, tuple)
    [stroke] = sheet
    assert 0.9 * distinct <= len(stroke.points) <= distinct


def test_click_is_no_digit(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.sees(lambda: "Connected" in user.status)
    user.click(user.window.paper)
    with pytest.raises(AssertionError, match="not within"):
        user.sees(lambda: user.identified != "", seconds=1)
    assert user.sentence == "Too little to read yet."


def test_no_answer_and_no_message_moves_the_paper(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.sees(lambda: "Connected" in user.status)
    paper = user.window.paper
    sizes: list[tuple[int, int]] = []
    paper.bind("<Configure>", lambda event: sizes.append((event.width, event.height)), add=True)
    user.draw(SCRIBBLE)
    user.sees(lambda: user.sentence.startswith("Not sure"))
    user.click(user.window.tools.delete_button)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "7")
    user.window._move_to(service.url + "/docs")
    user.sees(lambda: "not the digit service" in user.status)
    assert sizes == []


def test_close_closes(service: ServiceProcess, visit: Visit) -> None:
    user = visit(service.url)
    user.click(user.window.tools.close_button)
    with pytest.raises(Exception, match="application has been destroyed"):
        user.sees(lambda: not user.root.winfo_exists())


def test_service_away_keeps_the_drawing_and_reads_it_later(visit: Visit, tmp_path: Path) -> None:
    port = free_port()
    user = visit(f"http://127.0.0.1:{port}")
    user.draw(SEVEN)
    user.sees(lambda: user.status.startswith(f"● No answer from http://127.0.0.1:{port}"))
    user.sees(lambda: user.sentence == "Waiting for the service …")
    drawn = user.window.paper.picture
    assert ink(user) > 0
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        user.sees(lambda: user.identified == "7")
        assert user.window.paper.picture is drawn
        assert "Connected" in user.status
    user.sees(lambda: "No answer" in user.status)
    assert user.identified == "7"  # of this very drawing
    user.draw(ONE)
    user.sees(lambda: user.identified == "")  # no longer
