"""`python -m client`: its flags, what it remembers, what it says when it cannot start."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from client import preferences
from client.preferences import Preferences
from tests.servers import REPO, ServiceProcess, eventually, virtual_screen


def client(home: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "client", *arguments],
        cwd=REPO,
        env=os.environ | {"XDG_CONFIG_HOME": str(home)} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "http://[::1"])
def test_bad_url_is_named(tmp_path: Path, url: str) -> None:
    process = client(tmp_path, "--url", url)
    assert url in process.communicate(timeout=20)[1]
    assert process.returncode == 2


@pytest.mark.parametrize("rest", ["/model?version=3", "/#paper", "/?"])
def test_address_of_a_page_is_refused(tmp_path: Path, rest: str) -> None:
    process = client(tmp_path, "--url", f"http://127.0.0.1:8000{rest}")
    assert "ends before ? and #" in process.communicate(timeout=20)[1]
    assert process.returncode == 2


def test_password_in_a_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    process = client(tmp_path, "--url", "http://me:secret@host")
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 2
    assert "no name and password" in errors
    assert "secret" not in errors


def test_proxy_that_is_no_address_is_one_clear_line(tmp_path: Path) -> None:
    process = client(tmp_path, "--url", "http://192.0.2.1", HTTP_PROXY="http://proxy:80a")
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert errors.startswith("Proxy or certificates")
    assert "Traceback" not in errors


def test_help_shows_whatever_address_is_remembered(tmp_path: Path) -> None:
    preferences.save(Preferences(url="http://[fe80::1%25eth0]:8000"), tmp_path / "digits" / "client.json")
    assert "now http://[fe80::1%25eth0]:8000" in help_of(tmp_path)


def test_missing_screen_is_one_clear_line(tmp_path: Path) -> None:
    process = client(tmp_path, DISPLAY=":9999")
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert errors.startswith("No window can be opened here")
    assert "Traceback" not in errors


def test_address_that_answered_is_remembered(service: ServiceProcess, display: str, tmp_path: Path) -> None:
    file = tmp_path / "digits" / "client.json"
    process = client(tmp_path, "--url", service.url)
    try:
        eventually(is_shown)
        eventually(lambda: preferences.load(file).url == service.url)
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert service.url in help_of(tmp_path)


def test_address_that_never_answered_is_not_remembered(display: str, tmp_path: Path) -> None:
    process = client(tmp_path, "--url", "http://127.0.0.1:9/")
    try:
        eventually(is_shown)
        time.sleep(1)
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert preferences.load(tmp_path / "digits" / "client.json") == Preferences()


def test_ctrl_c_in_the_terminal_closes_the_window(heeded: None, display: str, tmp_path: Path) -> None:
    process = client(tmp_path, "--url", "http://127.0.0.1:9/")
    eventually(is_shown)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[1] == ""
    assert process.returncode == 0
    assert preferences.load(tmp_path / "digits" / "client.json").place  # it was closed as by its button


def help_of(home: Path) -> str:
    environment = os.environ | {"XDG_CONFIG_HOME": str(home), "COLUMNS": "200"}
    return subprocess.check_output([sys.executable, "-m", "client", "--help"], cwd=REPO, env=environment, text=True)


def is_shown() -> bool:
    """Whether the screen has a window named Digits."""
    return subprocess.run(["xdotool", "search", "--name", "^Digits$"], check=False, capture_output=True).returncode == 0


def size_on(screen: str) -> tuple[int, int]:
    """Of the window named Digits; 0 while there is none, or one that Tk puts into another just then."""
    search = ["xdotool", "search", "--name", "^Digits$", "getwindowgeometry", "--shell"]
    environment = os.environ | {"DISPLAY": screen}
    shown = subprocess.run(search, check=False, env=environment, capture_output=True, text=True, timeout=20)
    sizes = re.findall(r"WIDTH=(\d+)\nHEIGHT=(\d+)", shown.stdout)
    if shown.returncode or not sizes:
        return 0, 0
    width, height = sizes[-1]
    return int(width), int(height)


def test_everything_is_twice_as_large_on_a_dense_screen(display: str, tmp_path: Path) -> None:
    desktop = tmp_path / "desktop"
    desktop.mkdir()
    (desktop / ".Xdefaults").write_text("Xft.dpi: 192\n")
    widths = []
    for density, home in ((96, tmp_path), (192, tmp_path), (96, desktop)):
        with virtual_screen(density) as screen:
            process = client(tmp_path, DISPLAY=screen, HOME=str(home))
            eventually(lambda: size_on(screen)[0] > 300)  # what is in it has been laid out
            widths.append(size_on(screen)[0])
            process.terminate()
            process.communicate(timeout=10)
    assert widths[1:] == pytest.approx([2 * widths[0]] * 2, rel=0.06)


def test_window_fits_on_a_screen_that_is_dense_and_small(display: str, tmp_path: Path) -> None:
    with virtual_screen(192, "1920x1080") as screen:
        process = client(tmp_path, DISPLAY=screen)
        try:
            eventually(lambda: 800 < size_on(screen)[1] < 1000)  # there is a title bar, and perhaps a panel
            assert size_on(screen)[0] <= 1920
        finally:
            process.terminate()
            process.communicate(timeout=10)


def test_preferences_that_cannot_be_read_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    assert preferences.load(file) == Preferences()
    for text in ("{half", '{"url": "ftp://foo"}', '{"url": "http://name:password@host"}', '{"place": "wide"}'):
        file.write_text(text)
        assert preferences.load(file) == Preferences()
    preferences.save(Preferences(url="http://other:1"), file)
    assert preferences.load(file).url == "http://other:1"


def test_client_imports_nothing_heavy() -> None:
    program = "import sys, client.__main__, client.window; print(*sorted(sys.modules))"
    modules = subprocess.check_output([sys.executable, "-c", program], cwd=REPO, text=True).split()
    assert "tkinter" in modules
    assert not {"numpy", "tensorflow", "ai_edge_litert", "service", "trainer"} & set(modules)
    assert "keyring" not in modules  # it may ask the desktop to be unlocked: only once a service wants a key
