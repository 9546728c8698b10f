"""`python -m client read` with folders, archives and lists: in order, none lost, none twice, and going on."""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from PIL import Image, ImageDraw

from tests.client.test_courier import page
from tests.client.test_read import read
from tests.conftest import DATA
from tests.servers import REPO, ServiceProcess, SilentHandler, eventually, http_server, running_service, slowed
from trainer.mnist import Mnist

COUNT = 150

FAILURE = b'{"type": "/problems/internal-error", "title": "", "status": 500, "detail": "It failed."}'
"""What the service says where it is at fault."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, mnist: Mnist) -> Path:
    """Training digits as PNG files, named so that their order is that of the data, and some other files."""
    root = tmp_path_factory.mktemp("images")
    for place in range(COUNT):
        path = root / f"{place // 50}" / f"{place:05}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mnist.train_images[place]).save(path)
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.png").write_text("no image")
    return root


def names(folder: Path) -> list[str]:
    return [str(folder / f"{place // 50}" / f"{place:05}.png") for place in range(COUNT)]


def objects(text: bytes | str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def right(found: list[dict[str, object]], mnist: Mnist) -> int:
    return sum(one.get("number") == str(label) for one, label in zip(found, mnist.train_labels, strict=False))


def test_folder_is_read_in_order(service: ServiceProcess, folder: Path, mnist: Mnist) -> None:
    found = objects(read(service.url, "--json", "--single", str(folder)).stdout)
    assert [one["file"] for one in found] == names(folder)
    assert right(found, mnist) > 0.97 * COUNT


def test_image_at_which_the_service_fails_is_told_and_the_others_are_read(
    service: ServiceProcess, folder: Path, mnist: Mnist
) -> None:
    bad = Path(names(folder)[5]).read_bytes()

    class Failing(SilentHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = httpx.post(
                service.url + self.path, content=body, headers={"Content-Type": self.headers["Content-Type"]}
            )
            status, content = answer.status_code, answer.content
            if bad in body or base64.b64encode(bad) in body:
                status, content = 500, FAILURE
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with http_server(Failing) as url:
        done = read(url, "--json", "--single", str(folder / "0"))
    found = objects(done.stdout)
    assert [place for place, one in enumerate(found) if "error" in one] == [5]
    assert right(found, mnist) >= 48
    assert done.returncode == 1


def test_service_that_fails_at_everything_is_no_fault_of_the_images(folder: Path, tmp_path: Path) -> None:
    some = sorted(map(str, (folder / "0").iterdir()))[:3]
    with http_server(page(500, FAILURE)) as url:
        done = read(url, "--csv", "--single", "--out", str(tmp_path / "out.csv"), *some)
    assert done.returncode == 1
    assert b"It failed; the same command goes on where it stopped" in done.stderr
    assert len((tmp_path / "out.csv").read_text().splitlines()) <= 1


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar": lambda content: content,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.lzma": partial(lzma.compress, format=lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize("suffix", PACKED)
def test_archive_is_read_as_a_stream(service: ServiceProcess, folder: Path, tmp_path: Path, suffix: str) -> None:
    path, plain = tmp_path / f"images.{suffix}", io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.add(folder / "0", "0")
    halves = plain.getvalue()[:9999], plain.getvalue()[9999:]  # compressed by two, as pbzip2 does
    path.write_bytes(b"".join(map(PACKED[suffix], halves)))
    found = objects(read(service.url, "--json", "--single", str(path)).stdout)
    assert len(found) == 50
    assert all(str(one["file"]).startswith(f"{path}:0/") for one in found)


@pytest.mark.parametrize("cut", [20_000, 3 * (512 + 1024)])
def test_broken_archive_is_told_between_what_could_be_read(
    service: ServiceProcess, folder: Path, tmp_path: Path, cut: int
) -> None:
    path, image = tmp_path / "images.tar", next((folder / "1").iterdir())
    with tarfile.open(path, "w") as archive:
        for file in sorted((folder / "0").iterdir()):
            archive.add(file, f"0/{file.name}")
    path.write_bytes(path.read_bytes()[:cut])
    done = read(service.url, "--json", "--single", str(path), str(image))
    assert done.returncode == 1
    *some, broken, last = objects(done.stdout)
    assert all(str(one["file"]).startswith(f"{path}:0/") for one in some)
    assert len(some) >= 2
    assert broken["file"] == str(path)
    assert str(broken["error"]).startswith("is damaged, there may be more images in it")
    assert last["file"] == str(image)
    assert "error" not in last


def test_members_above_the_archive_are_read_and_hidden_ones_are_not(
    service: ServiceProcess, folder: Path, tmp_path: Path
) -> None:
    path, image = tmp_path / "images.tar", next((folder / "1").iterdir())
    names = ["../x/a.png", "./b.png", "x/../c.png"]
    with tarfile.open(path, "w") as archive:
        for name in (*names, ".hidden/d.png", ".e.png"):
            archive.add(image, name)
    found = objects(read(service.url, "--json", "--single", str(path)).stdout)
    assert [one["file"] for one in found] == [f"{path}:{name}" for name in names]


def test_damaged_header_does_not_end_an_archive_silently(service: ServiceProcess, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        archive.add(folder / "0", "0")
    with tarfile.open(path) as archive:
        third = archive.getmembers()[3].offset  # the first is the folder
    content = bytearray(path.read_bytes())
    content[third + 3] ^= 255
    path.write_bytes(content)
    done = read(service.url, "--json", "--single", str(path))
    assert done.returncode == 1
    _, _, broken = objects(done.stdout)
    assert "is damaged" in str(broken["error"])


def endless() -> bytes:
    """A header that says that what follows it never ends."""
    member = tarfile.TarInfo("endless.png")
    member.size = 2**62
    return member.tobuf(tarfile.GNU_FORMAT)


def sparse() -> bytes:
    """A member that says where it has holes, and does so wrongly."""
    member = tarfile.TarInfo("sparse.png")
    member.pax_headers = {"GNU.sparse.map": "here,there", "GNU.sparse.size": "9", "GNU.sparse.name": "sparse.png"}
    return member.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize("header", [endless, sparse])
def test_header_that_makes_no_sense_stops_nothing(
    service: ServiceProcess, folder: Path, tmp_path: Path, header: Callable[[], bytes]
) -> None:
    path, image = tmp_path / "images.tar", next((folder / "0").iterdir())
    with tarfile.open(path, "w") as archive:
        archive.add(image, "first.png")
        end = archive.offset
    path.write_bytes(path.read_bytes()[:end] + header())
    found = objects(read(service.url, "--json", "--single", str(path), str(image)).stdout)
    assert [one["file"] for one in found if "error" not in one] == [f"{path}:first.png", str(image)]
    assert "is damaged" in str(found[-2]["error"])


def test_archive_and_folder_agree_on_what_is_an_image(service: ServiceProcess, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(folder, "all", filter=lambda member: None if "/1" in member.name or "/2" in member.name else member)
    found = objects(read(service.url, "--json", "--single", str(path)).stdout)
    assert [one["file"] for one in found] == [f"{path}:all/0/{place:05}.png" for place in range(50)]


def test_zeros_and_odd_names_are_told(service: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "zero.png").write_bytes(bytes(3000))
    (tmp_path / "cut.tgz").write_bytes(b"\x1f\x8b\x08\x00\x00")
    wanted = [str(tmp_path / "zero.png"), str(tmp_path / "cut.tgz"), "x" * 300 + ".png", str(DATA / "7.png")]
    done = read(service.url, "--json", "--list", "-", stdin="\r\n".join(wanted).encode())
    found = objects(done.stdout)
    assert done.returncode == 1
    assert [one["file"] for one in found] == wanted
    assert ["error" in one for one in found] == [True, True, True, False]


def test_csv_has_a_row_for_each_image_and_says_what_is_wrong(service: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_text("text")
    Image.new("L", (50, 50), 255).save(tmp_path / 'a,"b".png')
    done = read(service.url, "--csv", str(tmp_path), str(DATA / "7.png"))
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert done.returncode == 1
    assert [row["file"] for row in rows] == [*sorted(str(path) for path in tmp_path.iterdir()), str(DATA / "7.png")]
    assert "nothing on the paper" in rows[0]["error"]
    assert "no image" in rows[1]["error"]
    assert (rows[2]["number"], rows[2]["accepted"], rows[2]["error"]) == ("7", "true", "")


def test_images_at_fault_do_not_spoil_the_others(service: ServiceProcess, folder: Path, tmp_path: Path) -> None:
    wanted = []
    for place, name in enumerate(names(folder)[:40]):
        wanted.append(name)
        if place % 5 == 0:
            wanted.append(str(tmp_path / f"{place}.png"))
            (tmp_path / f"{place}.png").write_bytes(b"" if place % 10 else b"no image")
    (tmp_path / "list").write_text("\n".join(wanted))
    found = objects(read(service.url, "--json", "--single", "--list", str(tmp_path / "list")).stdout)
    assert [one["file"] for one in found] == wanted
    assert ["error" in one for one in found] == [str(tmp_path) in name for name in wanted]


def test_numbers_are_read_among_digits(service: ServiceProcess, folder: Path, tmp_path: Path) -> None:
    picture = Image.new("L", (300, 160), 255)
    pen = ImageDraw.Draw(picture)
    pen.line([(30, 30), (110, 30), (70, 130)], 0, 12, joint="curve")
    pen.line([(200, 30), (200, 130)], 0, 12)
    picture.save(tmp_path / "71.png")
    found = objects(read(service.url, "--json", str(tmp_path), str(folder / "0")).stdout)
    assert found[0]["number"] == "71"
    assert len(found) == 51


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_it_goes_on_where_it_stopped(service: ServiceProcess, folder: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    arguments = (form, "--single", "--out", str(out), str(folder))
    assert read(service.url, *arguments).returncode in (0, 3)
    whole = out.read_text()
    lines = whole.splitlines(keepends=True)
    for left in ("", "".join(lines[:1]), "".join(lines[:70]), "".join(lines[:70]) + lines[70][:20], whole):
        out.write_text(left)
        assert read(service.url, *arguments).returncode in (0, 3)
        assert out.read_text() == whole
    out.write_text(whole.replace("00003.png", "other.png"))
    done = read(service.url, *arguments)
    assert done.returncode == 1
    assert "results of other images" in done.stderr.decode()
    assert "other.png" in out.read_text()  # nothing was lost


def test_odd_names_are_not_read_twice(service: ServiceProcess, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "b\r.png", 'c"d.png', "e\nf.png", "z.png"):
        (images / name).write_bytes((DATA / "7.png").read_bytes())
    arguments = ("--csv", "--single", "--out", str(tmp_path / "out.csv"), str(images))
    assert read(service.url, *arguments).returncode == 0
    whole = (tmp_path / "out.csv").read_bytes()
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == sorted(map(str, images.iterdir()))
    for end in range(0, len(whole), 37):
        (tmp_path / "out.csv").write_bytes(whole[:end])
        assert read(service.url, *arguments).returncode == 0
        assert (tmp_path / "out.csv").read_bytes() == whole


def test_status_is_that_of_all_results_not_only_the_new_ones(service: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("no image")
    for form in ("--csv", "--json"):
        arguments = (form, "--out", str(tmp_path / f"out{form}"), str(tmp_path / "bad.png"))
        assert [read(service.url, *arguments).returncode for _ in range(2)] == [1, 1]


def test_images_that_are_too_many_pixels_together_are_read_all_the_same(tmp_path: Path, folder: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", max_request_pixels=28 * 28 * 10) as service:
        found = objects(read(service.url, "--json", "--single", str(folder / "0")).stdout)
    assert len(found) == 50
    assert all("error" not in one for one in found)


def test_key_is_found_once_for_all_batches(tmp_path: Path, folder: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", api_keys="s3cret") as locked:
        command = [sys.executable, "-m", "client", "--url", locked.url, "read", "--json", "--single", str(folder)]
        done = subprocess.run(
            command, cwd=REPO, env=os.environ | {"DIGITS_API_KEY": "s3cret"}, capture_output=True, check=False
        )
    assert done.stderr == b""
    assert [one["file"] for one in objects(done.stdout)] == names(folder)


def test_proxy_that_takes_little_gets_less_at_once(service: ServiceProcess, tmp_path: Path, folder: Path) -> None:
    class Proxy(slowed(service.url, 0)):  # type: ignore[misc]  # a class made by a function
        def do_POST(self) -> None:
            if (length := int(self.headers["Content-Length"])) <= 2000:
                super().do_POST()
                return
            self.rfile.read(length)
            self.send_response(413)
            self.send_header("Content-Length", "0")
            self.end_headers()

    noise = Image.effect_noise((100, 100), 50)
    noise.save(tmp_path / "large.png")
    with http_server(Proxy) as url:
        done = read(url, "--json", "--single", str(folder / "0"), str(tmp_path / "large.png"))
    *found, large = objects(done.stdout)
    assert [one["file"] for one in found] == names(folder)[:50]
    assert all("number" in one for one in found)
    assert "too large for the proxy in front of the service" in str(large["error"])


def test_what_is_under_way_is_little_enough_for_a_slow_line(
    service: ServiceProcess, folder: Path, tmp_path: Path
) -> None:
    under_way, most = [0], [0]
    lock = threading.Lock()

    class Line(slowed(service.url, 0.1)):  # type: ignore[misc]  # a class made by a function
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            with lock:
                under_way[0] += length
                most[0] = max(most[0], under_way[0])
            super().do_POST()
            with lock:
                under_way[0] -= length

    for place in range(12):
        Image.effect_noise((600, 600), 60).save(tmp_path / f"{place}.png")
    with http_server(Line) as url:
        assert len(objects(read(url, "--json", "--single", str(tmp_path)).stdout)) == 12
    assert most[0] > 400_000
    assert most[0] < 30 * 1e6 / 8  # what a megabit a second brings in the half minute that the service waits


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_list_may_be_as_windows_writes_it(service: ServiceProcess, tmp_path: Path, coding: str) -> None:
    image = tmp_path / "sieben – 7.jfif"
    shutil.copy(DATA / "7.png", image)
    content = ("\ufeff" if coding == "utf-16-be" else "") + f"{image}\r\n"
    (tmp_path / "list.txt").write_bytes(content.encode(coding))
    for arguments in (("--list", str(tmp_path / "list.txt")), (str(tmp_path),)):
        [found] = objects(read(service.url, "--json", "--single", *arguments).stdout)
        assert (found["file"], found["number"]) == (str(image), "7")


@pytest.mark.parametrize("form", ["--json", "--csv"])
@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\nthis is no result.",
        '{"precious": 1}',
        '{"file": "x", "my": "precious"}',
        '{"file": "x.png", "error": "gone"}',
        '{"file": "FIRST", "label": 7}\n{"file": "x", "label": 9}',
        "[" * 99_999,
        "file,number,confidence,accepted,version,error,comment",
        "file,number,confidence,accepted,version,error\r7.png,7,0.9,true,12,\r",
        "file,number,confidence,accepted,version,error\na.png\rx,7,0.99,true,12,\n",
    ],
)
def test_file_of_something_else_is_not_touched(
    service: ServiceProcess, folder: Path, tmp_path: Path, form: str, text: str
) -> None:
    out = tmp_path / "letter.txt"
    kept = text.replace("FIRST", names(folder)[0]).encode()
    out.write_bytes(kept)
    done = read(service.url, form, "--out", str(out), str(folder))
    assert done.returncode == 1
    assert re.search("holds (other things than results|results of other images)", done.stderr.decode())
    assert out.read_bytes() == kept


def test_service_that_is_killed_and_started_again_costs_nothing(folder: Path, tmp_path: Path, mnist: Mnist) -> None:
    out = tmp_path / "out.jsonl"
    wanted = names(folder) * 20
    (tmp_path / "list").write_text("\n".join(wanted))
    with running_service(tmp_path / "log", model_store=REPO / "models") as first:
        command = [sys.executable, "-m", "client", "--url", first.url, "read", "--json", "--single"]
        command += ["--out", str(out), "--list", str(tmp_path / "list")]
        reader = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE)
        eventually(lambda: out.exists() and out.stat().st_size > 0)
        first.process.kill()
        first.process.wait()
        time.sleep(4)  # until that is told
    with running_service(tmp_path / "log", port=first.port, model_store=REPO / "models"):
        _, errors = reader.communicate(timeout=60)
    found = objects(out.read_text())
    [told] = errors.decode().splitlines()
    assert told.startswith(f"No answer from {first.url}: ")
    assert told.endswith("; waiting for it")
    assert [one["file"] for one in found] == wanted
    assert all("error" not in one for one in found)


def test_interrupted_reader_ends_at_once_though_the_service_is_away(heeded: None, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    (tmp_path / "list").write_text("\n".join(names(folder) * 20))
    with running_service(tmp_path / "log", model_store=REPO / "models") as service:
        command = [sys.executable, "-m", "client", "--url", service.url, "read", "--csv", "--single"]
        command += ["--out", str(out), "--list", str(tmp_path / "list")]
        reader = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE)
        eventually(lambda: out.exists() and out.read_text().count("\n") > 1)  # more than the names of columns
        service.process.kill()
        service.process.wait()
    time.sleep(4)  # until that is told
    reader.send_signal(signal.SIGINT)
    _, errors = reader.communicate(timeout=10)
    assert reader.returncode == 130
    told, last = errors.decode().splitlines()
    assert told.startswith(f"No answer from {service.url}: ")
    assert last == f"Stopped; the same command goes on from there in {out}"


def test_interrupted_reader_asks_nothing_more(heeded: None, service: ServiceProcess, folder: Path) -> None:
    asked: list[int] = []
    with http_server(slowed(service.url, 0.5, asked)) as url:
        command = [sys.executable, "-m", "client", "--url", url, "read", "--csv", *names(folder)]
        reader = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        eventually(lambda: len(asked) > 8)  # batches are read, and whether they have numbers is asked
        reader.send_signal(signal.SIGINT)
        _, errors = reader.communicate(timeout=4)  # each would take half a second more
    assert (reader.returncode, errors) == (130, b"Stopped\n")


def test_interrupted_reader_does_not_wait_for_an_answer(heeded: None, service: ServiceProcess) -> None:
    begun: list[int] = []
    ends = threading.Event()
    try:
        with http_server(slowed(service.url, ends, begun)) as url:
            command = [sys.executable, "-m", "client", "--url", url, "read", "--single", str(DATA / "7.png")]
            reader = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE)
            eventually(lambda: bool(begun))
            started = time.monotonic()
            reader.send_signal(signal.SIGINT)
            _, errors = reader.communicate(timeout=60)
            waited = time.monotonic() - started
            ends.set()
    finally:
        ends.set()
    assert (reader.returncode, errors) == (130, b"Stopped\n")
    assert waited < 7  # a request is given up after ten


def test_reader_that_cannot_print_waits_for_no_more_answers(service: ServiceProcess, folder: Path) -> None:
    ends, second = threading.Event(), threading.Event()
    first = base64.b64encode(Path(names(folder)[0]).read_bytes())

    class FirstAtOnce(slowed(service.url, 0)):  # type: ignore[misc]  # a base that is made here
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if first in body:  # whichever of the two comes first
                second.wait(60)
            else:
                second.set()
                ends.wait(60)
            self.rfile: io.BufferedIOBase = io.BytesIO(body)
            self.close_connection = True
            super().do_POST()

    try:
        with http_server(FirstAtOnce) as url, Path("/dev/full").open("wb") as full:
            command = [sys.executable, "-m", "client", "--url", url, "read", "--single", *names(folder)]
            reader = subprocess.Popen(command, cwd=REPO, stdout=full, stderr=subprocess.PIPE)
            started = time.monotonic()
            _, errors = reader.communicate(timeout=60)
            waited = time.monotonic() - started
            ends.set()
    finally:
        ends.set()
    assert (reader.returncode, errors) == (1, b"standard output: No space left on device\n")
    assert second.is_set()
    assert waited < 7  # a request is given up after ten


def test_list_that_does_not_come_is_given_up(heeded: None, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list")
    command = [sys.executable, "-m", "client", "read", "--list", str(tmp_path / "list")]
    reader = subprocess.Popen(command, cwd=REPO, stderr=subprocess.PIPE)
    with (tmp_path / "list").open("wb"):  # as soon as it is read
        time.sleep(0.2)
        reader.send_signal(signal.SIGINT)
        _, errors = reader.communicate(timeout=60)
    assert (reader.returncode, errors) == (130, b"Stopped\n")


@pytest.mark.parametrize("out", ["/dev/null", "/dev/stdout"])
def test_results_are_written_into_files_alone(service: ServiceProcess, out: str) -> None:
    done = read(service.url, "--csv", "--out", out, str(DATA / "7.png"))
    assert done.returncode == 1
    assert b"is no file" in done.stderr


def test_name_that_is_too_long_is_one_line(service: ServiceProcess, tmp_path: Path) -> None:
    done = read(service.url, "--csv", "--out", str(tmp_path / ("a" * 300)), str(DATA / "7.png"))
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1


def test_folder_or_archive_without_images_is_told(service: ServiceProcess, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with tarfile.open(tmp_path / "empty.tar", "w") as archive:
        archive.add(tmp_path / "empty", "folder")
    done = read(service.url, str(tmp_path / "empty"), str(tmp_path / "empty.tar"), str(DATA / "7.png"))
    assert done.returncode == 1
    assert done.stderr.decode().count("holds no image") == 2
    assert b"7.png: 7" in done.stdout


def test_empty_name_is_no_folder(service: ServiceProcess) -> None:
    done = read(service.url, "")
    assert (done.returncode, done.stdout) == (1, b"")


def test_reader_that_is_killed_goes_on(service: ServiceProcess, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    wanted = names(folder) * 20
    (tmp_path / "list").write_text("\n".join(wanted))
    command = [sys.executable, "-m", "client", "--url", service.url, "read", "--json", "--single"]
    command += ["--out", str(out), "--list", str(tmp_path / "list")]
    for _ in range(2):
        reader = subprocess.Popen(command, cwd=REPO)
        before = size(out)
        eventually(partial(lambda least: size(out) > least, before))
        reader.kill()
        reader.wait()
    assert 0 < len(out.read_text().splitlines()) < len(wanted)
    assert subprocess.run(command, cwd=REPO, check=False).returncode in (0, 3)
    assert [one["file"] for one in objects(out.read_text())] == wanted
