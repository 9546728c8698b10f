"""A person at the window: a real screen, a real pointer, a real service."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import REPO, ServiceProcess, free_port, running_service

if TYPE_CHECKING:  # it needs Tk, and the fixture says so where there is none
    from tests.end_to_end.user import User

    Visit = Callable[[str], User]

SEVEN = ((80, 90), (120, 86), (165, 84), (210, 88), (224, 96), (205, 135), (185, 175), (165, 215), (150, 260))
ONE = ((160, 60), (160, 110), (160, 160), (160, 210), (160, 260))


@pytest.fixture
def visit(display: str) -> "Iterator[Visit]":
    """Opens a window on the service at a URL."""
    from tests.end_to_end.user import User

    users: list[User] = []

    def open_window(url: str) -> User:
        users.append(User(url))
        return users[-1]

    yield open_window
    while users:
        users.pop().leave()
    gc.collect()  # Tcl aborts where the thread of a later window's courier comes to collect this one


def test_drawn_digit_is_identified_while_the_pen_moves(service: ServiceProcess, visit: "Visit") -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "Identified Number: 7")
    user.sees(lambda: "sure" in user.window.confidence.cget("text"))
    assert user.status == f"Connected to {service.url}"


def test_identify_opens_the_ten_probabilities_and_they_follow(service: ServiceProcess, visit: "Visit") -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.click(user.window.identify_button)
    user.sees(lambda: user.details() is not None)
    details = user.details()
    assert details is not None

    def percentages() -> list[float]:
        return [float(str(label.cget("text")).rstrip("%–") or 0) for label in details.percentages]

    user.sees(lambda: percentages()[7] > 90)
    assert sum(percentages()) == pytest.approx(100, abs=0.1)
    user.click(user.window.delete_button)
    user.draw(ONE)
    user.sees(lambda: percentages()[1] > 90)


def test_delete_takes_a_new_sheet(service: ServiceProcess, visit: "Visit") -> None:
    user = visit(service.url)
    user.draw(SEVEN)
    user.sees(lambda: user.identified == "Identified Number: 7")
    user.click(user.window.delete_button)
    user.sees(lambda: user.identified == "Identified Number:")
    assert user.window.paper.find_all() == ()
    user.draw(ONE)
    user.sees(lambda: user.identified == "Identified Number: 1")
    user.press("Delete")
    user.sees(lambda: user.identified == "Identified Number:")


def test_click_is_no_digit(service: ServiceProcess, visit: "Visit") -> None:
    user = visit(service.url)
    user.sees(lambda: user.status.startswith("Connected"))
    user.click(user.window.paper)
    with pytest.raises(AssertionError, match="not within"):
        user.sees(lambda: user.identified != "Identified Number:", seconds=1)


def test_no_message_moves_the_paper(service: ServiceProcess, visit: "Visit") -> None:
    user = visit(service.url + "/docs")
    place, size = user.window.paper.winfo_rootx(), user.root.winfo_reqwidth()
    user.draw(SEVEN)
    user.sees(lambda: "not the digit service" in user.status)
    assert (user.window.paper.winfo_rootx(), user.root.winfo_reqwidth()) == (place, size)


def test_close_closes(service: ServiceProcess, visit: "Visit") -> None:
    user = visit(service.url)
    user.click(user.window.close_button)
    with pytest.raises(Exception, match="application has been destroyed"):
        user.sees(lambda: not user.root.winfo_exists())


def test_service_away_keeps_the_drawing_and_reads_it_later(visit: "Visit", tmp_path: Path) -> None:
    port = free_port()
    user = visit(f"http://127.0.0.1:{port}")
    user.draw(SEVEN)
    user.sees(lambda: user.status.startswith(f"No answer from http://127.0.0.1:{port}"))
    assert user.window.confidence.cget("text") == "Waiting for the service …"
    strokes = user.window.drawing
    assert user.window.paper.find_all()
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        user.sees(lambda: user.identified == "Identified Number: 7")
        assert user.window.drawing == strokes
        assert user.status.startswith("Connected")
    user.sees(lambda: user.status.startswith("No answer"))
    assert user.identified == "Identified Number: 7"  # of this very drawing
    user.draw(ONE)
    user.sees(lambda: user.identified == "Identified Number:")  # no longer
