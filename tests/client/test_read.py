"""`python -m client read`: what is on images, for scripts."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image, ImageDraw

from client.sources import images_in
from tests.conftest import DATA
from tests.servers import REPO, ServiceProcess, SilentHandler, http_server, running_service

SEVEN = str(DATA / "7.png")


def read(url: str, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "client", "--url", url, "read", *arguments]
    return subprocess.run(command, cwd=REPO, input=stdin, capture_output=True, check=False)


def scribble(folder: Path) -> str:
    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line([(20, 20), (180, 170), (30, 160), (170, 30), (90, 190), (100, 10), (20, 90)], 0, 9)
    picture.save(folder / "scribble.png")
    return str(folder / "scribble.png")


def test_image_is_read_and_the_status_is_0(service: ServiceProcess) -> None:
    done = read(service.url, SEVEN)
    assert done.returncode == 0
    assert done.stdout.decode().startswith(f"{SEVEN}: 7  (")


def test_number_of_several_digits_is_read_whole(service: ServiceProcess, tmp_path: Path) -> None:
    picture = Image.new("L", (300, 160), 255)
    pen = ImageDraw.Draw(picture)
    pen.line([(30, 30), (110, 30), (70, 130)], 0, 12, joint="curve")
    pen.line([(200, 30), (200, 130)], 0, 12)
    picture.save(tmp_path / "71.png")
    assert ": 71  (" in read(service.url, str(tmp_path / "71.png")).stdout.decode()
    found = json.loads(read(service.url, "--json", str(tmp_path / "71.png")).stdout)
    assert (found["number"], [digit["digit"] for digit in found["digits"]]) == ("71", [7, 1])


def test_not_sure_is_status_3(service: ServiceProcess, tmp_path: Path) -> None:
    done = read(service.url, SEVEN, scribble(tmp_path))
    assert done.returncode == 3
    first, second = done.stdout.decode().splitlines()
    assert "Not sure" not in first
    assert "Not sure" in second


def test_json_has_all_that_the_service_says(service: ServiceProcess) -> None:
    found = json.loads(read(service.url, "--json", SEVEN).stdout)
    assert (found["file"], found["number"], found["digit"], found["accepted"]) == (SEVEN, "7", 7, True)
    assert len(found["probabilities"]) == 10


def test_standard_input_is_read(service: ServiceProcess) -> None:
    done = read(service.url, "-", stdin=Path(SEVEN).read_bytes())
    assert done.stdout.startswith(b"-: 7 ")


def test_file_at_fault_is_named_and_the_others_are_read(service: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    bad = [str(tmp_path / name) for name in ("missing.png", "text.png", "blank.png")]
    done = read(service.url, *bad, SEVEN)
    assert done.returncode == 1
    assert done.stdout.decode().startswith(f"{SEVEN}: 7 ")
    errors = done.stderr.decode().splitlines()
    assert [error.split(":")[0] for error in errors] == bad
    assert "No such file" in errors[0]
    assert "no image" in errors[1]
    assert "nothing on the paper" in errors[2]


@pytest.mark.parametrize(("mode", "name"), [(0, "locked"), (0o644, "locked/seven.png")])  # listed, but not entered
def test_folder_that_may_not_be_opened_is_not_passed_over(mode: int, name: str) -> None:
    with TemporaryDirectory() as folder:
        locked = Path(folder, "locked")
        locked.mkdir()
        shutil.copy(SEVEN, locked / "seven.png")
        locked.chmod(mode)
        Path(folder, ".hidden").mkdir(mode=0)
        if os.geteuid() == 0:  # who may open everything
            Path(folder).chmod(0o755)
            os.seteuid(65534)
        try:
            [fault] = images_in(Path(folder))
            assert fault.name == str(Path(folder, name))
            with pytest.raises(PermissionError):
                fault.load()
        finally:
            os.seteuid(os.getuid())
            locked.chmod(0o755)


def test_links_that_lead_nowhere_or_to_folders_are_not_passed_over(tmp_path: Path) -> None:
    pictures, elsewhere = tmp_path / "pictures", tmp_path / "elsewhere"
    pictures.mkdir()
    elsewhere.mkdir()
    Path(pictures, "a.png").symlink_to(SEVEN)
    Path(pictures, "b.png").symlink_to("missing.png")
    Path(pictures, "more").symlink_to(elsewhere)
    good, nowhere, folder = images_in(pictures)
    assert good.load() == Path(SEVEN).read_bytes()
    with pytest.raises(FileNotFoundError):
        nowhere.load()
    with pytest.raises(OSError, match="name it itself"):
        folder.load()


def test_output_is_utf_8_whatever_the_system_says(
    service: ServiceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp932")
    shutil.copy(SEVEN, tmp_path / "sëven.png")
    done = read(service.url, str(tmp_path))
    assert done.returncode == 0
    assert "sëven.png: 7  (" in done.stdout.decode()


def test_service_away_is_one_line_and_status_1() -> None:
    done = read("http://127.0.0.1:9", SEVEN)
    assert done.returncode == 1
    assert done.stderr.decode() == "No answer from http://127.0.0.1:9: nothing listens there\n"


def test_address_may_stand_after_the_command(service: ServiceProcess) -> None:
    command = [sys.executable, "-m", "client", "read", SEVEN, "--url", service.url.removeprefix("http://")]
    assert subprocess.run(command, cwd=REPO, check=False).returncode == 0


def test_name_in_an_archive_cannot_steer_a_terminal(service: ServiceProcess, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(SEVEN, "a\x1b[2J\nforged.png: 3  (99.99 % sure)\nb.png")
    [line] = read(service.url, str(path)).stdout.decode().splitlines()
    assert line.startswith(f"{path}:a\\x1b[2J\\nforged.png: 3  (99.99 % sure)\\nb.png: 7  (")


@pytest.mark.parametrize(("closed", "asked"), [(">&-", SEVEN), ("<&-", "-"), ("2>&-", "nowhere.png")])
def test_streams_may_be_closed(service: ServiceProcess, closed: str, asked: str) -> None:
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "client", "--url", service.url]
    done = subprocess.run([*command, "read", asked], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if asked == SEVEN else 1)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_gateway_may_want_the_key() -> None:
    class Gateway(SilentHandler):
        def do_POST(self) -> None:
            self.send_error(401)

    with http_server(Gateway) as url:
        assert "it wants an API key" in read(url, SEVEN).stderr.decode()


def test_wrong_use_is_status_2() -> None:
    assert read("http://127.0.0.1:9").returncode == 2


def test_key_comes_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    environment = {"PATH": "", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def read_with(**key: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "client", "--url", locked.url, "read", SEVEN]
        return subprocess.run(command, cwd=REPO, env=environment | key, check=False, capture_output=True, text=True)

    with running_service(tmp_path / "log", model_store=REPO / "models", api_keys="s3cret") as locked:
        assert read_with(DIGITS_API_KEY="s3cret").returncode == 0
        without, *odd = read_with(), read_with(DIGITS_API_KEY="s3\ncret"), read_with(DIGITS_API_KEY="s3cret–")
    assert without.returncode == 1
    assert "it wants an API key" in without.stderr
    for one in odd:
        assert one.returncode == 1
        assert "has signs that cannot be sent" in one.stderr
        assert "cret" not in one.stderr
    assert "s3cret" not in (tmp_path / "log").read_text()
