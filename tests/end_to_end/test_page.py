"""A person at the page in the browser: Chromium, real pointer and key events, a real service."""

import io
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from contract.folder import FolderStore
from service.pages import STATIC
from tests.bombs import large_photo
from tests.conftest import DATA
from tests.servers import REPO, ServiceProcess, free_port, http_server, running_service, slowed

# In units of the paper, whose shorter side is 400.
SEVEN = ((100, 80), (160, 76), (230, 74), (300, 80), (270, 150), (235, 220), (210, 290), (195, 340))
ONE = ((200, 60), (200, 130), (200, 200), (200, 270), (200, 340))
SCRIBBLE = ((80, 60), (300, 240), (90, 230), (280, 70), (180, 380), (190, 40), (70, 150), (350, 160), (100, 100))

DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 640},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
FLAGS = [  # as it comes, Chromium asks its maker's servers for this and that
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("not installed: chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        expect.set_options(timeout=30_000)
        yield browser
        browser.close()


class Visit(Protocol):
    def __call__(self, url: str, **options: Any) -> Page: ...


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens a page. It fails the test if a script fails, the policy is broken or another host is asked."""
    contexts, faults = [], []

    def open_page(url: str, **options: Any) -> Page:
        context = chromium.new_context(**(options or DESKTOP))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Policy" in message.text else None)
        page.on("request", lambda request: faults.append(request.url) if is_elsewhere(request.url) else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def is_elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:"))


def places(page: Page, points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Where `points` of the paper are on the page, pixels."""
    box = page.locator("#paper").bounding_box()
    assert box is not None
    unit = min(box["width"], box["height"]) / 400
    return [(box["x"] + x * unit, box["y"] + y * unit) for x, y in points]


def draw(page: Page, points: tuple[tuple[float, float], ...]) -> None:
    first, *rest = places(page, points)
    page.mouse.move(*first)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def digit(page: Page) -> Locator:
    return page.locator("#digit")


def ink(page: Page) -> int:
    """Pixels of the paper with ink."""
    count: int = page.evaluate(
        """() => {
            const paper = document.querySelector("#paper");
            const { data } = paper.getContext("2d").getImageData(0, 0, paper.width, paper.height);
            return data.filter((value, i) => i % 4 === 3 && value > 127).length;
        }"""
    )
    return count


def test_drawn_digit_is_identified(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    expect(page.locator("#sentence")).to_have_text(re.compile(r"^9\d\.?\d*\s% sure$"))
    expect(page.locator("#bars li").nth(7)).to_contain_text("9")
    expect(page.locator("#status")).to_contain_text("Connected · model digits")
    expect(page.locator("#status")).to_contain_text("right on MNIST’s test set")


def test_answer_and_details_follow_at_once(service: ServiceProcess, visit: Visit) -> None:
    """A browser's own way to make a PNG can wait for a second until there is nothing else to do."""
    page = visit(service.url)
    page.evaluate(
        """() => {
            const wait = () => { throw new Error("it may wait"); };
            HTMLCanvasElement.prototype.toBlob = OffscreenCanvas.prototype.convertToBlob = wait;
        }"""
    )
    for _ in range(3):
        draw(page, SEVEN)
        page.get_by_text("Details").click()
        expect(page.locator("#seen")).to_be_visible()
        page.get_by_text("Details").click()
        page.get_by_role("button", name="Clear").click()


def test_finger_draws_on_a_phone_and_the_answer_is_in_sight(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **PHONE)
    touch = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(places(page, SEVEN)):
        kind = "touchMove" if i else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(digit(page)).to_have_text("7")
    expect(digit(page)).to_be_in_viewport(ratio=1)
    expect(page.locator("#undo")).to_be_in_viewport(ratio=1)
    assert page.evaluate("scrollY") == 0  # the finger drew, and did not scroll
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_doubt_names_the_two_likeliest(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, SCRIBBLE)
    expect(digit(page)).to_have_text(re.compile(r"^\d / \d\?$"))
    expect(page.locator("#sentence")).to_contain_text("Not sure")


def test_nothing_moves_while_the_answers_come(service: ServiceProcess, visit: Visit) -> None:
    for options in (DESKTOP, PHONE):
        page = visit(service.url, **options)
        page.evaluate("document.querySelector('#details').open = true")
        before = page.locator("#undo").bounding_box()
        for points in (SCRIBBLE, SEVEN):
            draw(page, points)
            expect(digit(page)).not_to_have_text("")
            assert page.locator("#undo").bounding_box() == before
            page.locator("#clear").click()


@pytest.mark.parametrize("width", [320, 360, 390])
@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        ("4 / 9?", "doubtful", "Not sure: perhaps no digit. If it is one, 4 (99.95 %), else 9 (<1 %)."),
        ("12345678?", "long", "Not sure: perhaps not all are digits. If they are: 99.98 %"),
    ],
)
def test_longest_answers_move_nothing_on_a_phone(
    service: ServiceProcess, visit: Visit, width: int, answer: str, kind: str, sentence: str
) -> None:
    page = visit(service.url, **PHONE | {"viewport": {"width": width, "height": 640}})
    before = page.locator("#undo").bounding_box()
    page.evaluate(
        """([answer, kind, sentence]) => {
            const digit = document.querySelector("#digit");
            [digit.textContent, digit.className] = [answer, kind];
            document.querySelector("#sentence").textContent = sentence;
        }""",
        [answer, kind, sentence.replace(" %", "\N{NO-BREAK SPACE}%")],
    )
    assert page.locator("#undo").bounding_box() == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dot_is_drawn(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    page.locator("#paper").click()
    assert ink(page) > 100
    expect(page.locator("#sentence")).to_have_text("Too little to read yet.")


def test_selected_text_does_not_get_into_the_way(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    for _ in range(2):
        page.keyboard.press("Control+a")
        draw(page, SEVEN)
        expect(digit(page)).to_have_text("7")
        page.locator("#clear").click()
    box = page.locator("#paper").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] - 20)  # from the header over the paper
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.mouse.up()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")


def test_what_was_asked_before_the_paper_was_cleared_holds_nothing_up(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    hung: list[Route] = []
    page.route("**/v1/predict/image*", lambda route: route.continue_() if hung else hung.append(route))
    draw(page, SEVEN)
    page.locator("#clear").click()
    draw(page, ONE)
    expect(digit(page)).to_have_text("1", timeout=5000)


def test_answer_to_less_ink_is_taken_away(service: ServiceProcess, visit: Visit) -> None:
    go_on = threading.Event()
    go_on.set()
    with http_server(slowed(service.url, go_on)) as url:
        page = visit(url)
        draw(page, ONE)
        expect(digit(page)).to_have_text("1")
        go_on.clear()
        draw(page, SEVEN)
        expect(page.locator("#sentence")).to_have_text("Reading …")
        expect(digit(page)).to_have_text("")
        go_on.set()
        expect(digit(page)).not_to_have_text("")


def test_answer_stays_while_the_same_ink_is_read_again(service: ServiceProcess, visit: Visit) -> None:
    go_on = threading.Event()
    go_on.set()
    with http_server(slowed(service.url, go_on)) as url:
        page = visit(url)
        draw(page, SEVEN)
        expect(digit(page)).to_have_text("7")
        page.wait_for_timeout(500)  # the pen was lifted
        go_on.clear()
        page.get_by_text("Details").click()
        page.wait_for_timeout(1500)
        expect(digit(page)).to_have_text("7")
        go_on.set()
        expect(page.locator("#seen img")).to_be_visible()


def test_several_digits_are_a_number_with_a_frame_around_each(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, ((60, 120), (100, 116), (140, 118), (150, 124), (130, 180), (105, 250)))
    alone = ink(page)
    draw(page, ((260, 110), (258, 180), (256, 255)))
    expect(digit(page)).to_have_text("71")
    expect(page.locator("#sentence")).to_have_text(re.compile("sure of all 2 digits$"))
    framed = Image.open(io.BytesIO(page.locator("#paper").screenshot())).convert("RGB")
    colours = np.asarray(framed, int).reshape(-1, 3)
    assert (colours[:, 1] > colours[:, [0, 2]].max(axis=1) + 40).any()  # the frames' green
    page.get_by_text("Details").click()
    expect(page.locator("#seen img")).to_have_count(2)
    boxes = "seen => [...seen.children].map((image) => image.getBoundingClientRect().toJSON())"
    left, right = page.locator("#seen").evaluate(boxes)  # at once: the next answer brings other images
    assert (left["width"], left["right"], left["y"]) == (84, right["x"], right["y"])
    page.keyboard.press("Control+z")
    expect(digit(page)).to_have_text("7")
    assert ink(page) == alone  # the frames are gone, too


def test_undo_redo_and_clear_by_button_and_key(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    undo, redo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Redo", "Clear"))
    expect(undo).to_be_disabled()
    draw(page, ((170, 60), (120, 200), (280, 200)))
    one_stroke = ink(page)
    draw(page, ((250, 70), (240, 200), (235, 360)))
    expect(digit(page)).to_have_text("4")
    undo.click()
    assert ink(page) == one_stroke
    page.keyboard.press("Control+z")
    assert ink(page) == 0
    expect(digit(page)).to_have_text("")
    redo.click()
    page.keyboard.press("Control+y")
    expect(digit(page)).to_have_text("4")
    clear.click()
    expect(digit(page)).to_have_text("")
    page.keyboard.press("Control+z")
    expect(digit(page)).to_have_text("4")
    page.keyboard.press("Delete")
    assert ink(page) == 0
    expect(clear).to_be_disabled()
    page.keyboard.press("Control+z")
    expect(digit(page)).to_have_text("4")
    page.keyboard.press("Backspace")  # a Mac's "delete"
    assert ink(page) == 0


def test_keys_do_where_the_keyboard_has_no_latin_letters(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, ONE)
    for sign, code, inked in (("à", "KeyZ", True), (";", "KeyZ", True), ("я", "KeyZ", False), ("н", "KeyY", True)):
        key = {"key": sign, "code": code, "ctrlKey": True, "bubbles": True}
        page.evaluate("key => document.body.dispatchEvent(new KeyboardEvent('keydown', key))", key)
        assert (ink(page) > 0) is inked


def test_drawing_is_still_there_after_another_page(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, SEVEN)
    drawn = ink(page)
    for leave in (lambda: page.get_by_role("link", name="The model").click(), page.reload):
        leave()
        if "/model" in page.url:
            page.get_by_role("link", name="Draw").click()
        expect(digit(page)).to_have_text("7")
        assert ink(page) == pytest.approx(drawn, rel=0.01)
    page.get_by_role("button", name="Undo").click()
    assert ink(page) == 0
    page.reload()
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert page.evaluate("sessionStorage.length") == 0


def test_drawing_below_a_photo_is_still_there_after_a_reload(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, ONE)
    expect(digit(page)).to_have_text("1")
    page.locator("#file").set_input_files(DATA / "7.png")
    expect(digit(page)).to_have_text("7")
    page.reload()
    expect(digit(page)).to_have_text("1")


def test_answer_is_said_once(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    expect(page.locator("#status")).to_contain_text("Connected")
    page.wait_for_timeout(500)  # the last of the ink is read, too
    watch = """() => {
      window.said = [];
      const watcher = new MutationObserver((found) => window.said.push(...found.map((one) => one.target.id)));
      for (const id of ["answer", "status"])
        watcher.observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
    }"""
    page.evaluate(watch)
    sentence = page.locator("#sentence").inner_text()
    for _ in range(2):
        with page.expect_response("**/v1/predict/image*"):
            page.locator("#details summary").click()
    page.wait_for_timeout(500)
    assert (digit(page).inner_text(), page.locator("#sentence").inner_text()) == ("7", sentence)
    assert page.evaluate("window.said") == []


def test_kept_drawing_that_cannot_be_used_does_no_harm(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    for kept in ("{", "3", "null", '[{"points": [], "width": 20}]', "[7]"):
        page.goto("about:blank")
        page.add_init_script(f"location.host && sessionStorage.setItem('digits-drawing', {kept!r})")
        page.goto(service.url)
        draw(page, SEVEN)
        expect(digit(page)).to_have_text("7")


def test_bars_are_seen_in_a_contrast_theme(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **DESKTOP, forced_colors="active")
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    seven = page.locator("#bars i").nth(7)
    filled, empty = (
        seven.evaluate("(bar, part) => getComputedStyle(bar, part).backgroundColor", part)
        for part in ("::before", None)
    )
    assert filled != empty


@pytest.mark.parametrize("body", [b"<html>Too large</html>", b'{"message": "Too large"}'])
def test_what_a_proxy_refuses_is_said_and_not_sent_again(service: ServiceProcess, visit: Visit, body: bytes) -> None:
    asked = []

    class Proxy(slowed(service.url, 0)):  # type: ignore[misc]  # a class made by a function
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(413)
            self.end_headers()
            self.wfile.write(body)

    with http_server(Proxy) as url:
        page = visit(url)
        page.set_input_files("#file", DATA / "7.png")
        expect(page.locator("#sentence")).to_contain_text("too large for the proxy in front of the service")
        expect(page.locator("#status")).to_contain_text("Connected")
    assert asked == ["/v1/predict/image"]


def test_pen_has_a_width(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, ONE)
    usual = ink(page)
    page.get_by_role("button", name="Clear").click()
    page.locator("#pen").fill("38")
    page.keyboard.press("]")
    draw(page, ONE)
    assert ink(page) > 1.6 * usual
    expect(digit(page)).to_have_text("1")


def test_keyboard_alone_draws(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    for _ in range(2):  # two links stand before the paper
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "paper"
    for key in ["Shift+ArrowUp"] * 6 + ["Space"] + ["Shift+ArrowDown"] * 12 + ["Space"]:
        page.keyboard.press(key)
    expect(digit(page)).to_have_text("1")
    page.locator("#clear").focus()
    page.keyboard.press("Enter")
    expect(digit(page)).to_have_text("")
    assert page.evaluate("document.activeElement.id") == "paper"  # Clear is disabled now


def test_details_show_what_the_network_saw(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, SEVEN)
    page.get_by_text("Details").click()
    seen = page.locator("#seen img")
    expect(seen).to_be_visible()
    expect(seen).to_have_attribute("alt", "The 28 by 28 image that the network reads as 7")
    assert seen.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [28, 28]
    expect(page.locator("#source")).to_have_text(re.compile(r"^Model digits \d+, answered in \d+ ms\. Accepted\.$"))


def test_photo_larger_than_the_service_takes_is_read(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(large_photo())
    page = visit(service.url)
    page.locator("#file").set_input_files(tmp_path / "photo.jpg")
    expect(digit(page)).to_have_text("7")


def test_image_is_opened_dropped_or_pasted(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    page.locator("#file").set_input_files(DATA / "7.png")
    expect(digit(page)).to_have_text("7")
    give = """async (kind) => {
        const canvas = new OffscreenCanvas(200, 200);
        const pen = canvas.getContext("2d");
        pen.fillStyle = "#fff"; pen.fillRect(0, 0, 200, 200);
        pen.lineWidth = 14; pen.beginPath(); pen.moveTo(100, 30); pen.lineTo(100, 170); pen.stroke();
        const given = new DataTransfer();
        given.items.add(new File([await canvas.convertToBlob()], "one.png", { type: "image/png" }));
        dispatchEvent(kind === "drop" ? new DragEvent("drop", { dataTransfer: given, cancelable: true })
                                      : new ClipboardEvent("paste", { clipboardData: given }));
    }"""
    for kind in ("drop", "paste"):
        page.evaluate(give, kind)
        expect(digit(page)).to_have_text("1")
        page.get_by_role("button", name="Clear").click()
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")


def test_opened_image_stays_though_its_file_changes(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    page = visit(service.url)
    file = Path(shutil.copy(DATA / "7.png", tmp_path / "scan.png"))
    page.locator("#file").set_input_files(file)
    expect(digit(page)).to_have_text("7")
    file.write_text("something else")
    page.get_by_text("Details").click()
    expect(page.locator("#seen")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("Connected")


def test_file_that_is_no_image_is_told_and_the_drawing_stays(
    service: ServiceProcess, visit: Visit, tmp_path: Path
) -> None:
    page = visit(service.url)
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    drawn = ink(page)
    (tmp_path / "text.png").write_text("no image")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    expect(page.locator("#status")).to_contain_text("text.png cannot be opened")
    page.wait_for_event("response", lambda response: response.url.endswith("/v1/models"))  # it still looks
    expect(page.locator("#status")).to_contain_text("text.png cannot be opened")
    assert ink(page) == drawn
    expect(digit(page)).to_have_text("7")


def test_error_is_in_sight_on_a_phone(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    page = visit(service.url, **PHONE)
    (tmp_path / "text.png").write_text("no image")
    page.locator("#file").set_input_files(tmp_path / "text.png")
    expect(page.locator("#status")).to_contain_text("text.png cannot be opened")
    expect(page.locator("#status")).to_be_in_viewport(ratio=1)
    page.evaluate("""dispatchEvent(new ClipboardEvent("paste", { clipboardData: new DataTransfer() }))""")
    expect(page.locator("#status")).to_contain_text("What was copied cannot be opened: it is no image")


def test_what_the_service_refuses_is_said(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    page = visit(service.url)
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    page.locator("#file").set_input_files(tmp_path / "blank.png")
    expect(page.locator("#sentence")).to_contain_text("nothing on the paper")
    expect(page.locator("#status")).to_contain_text("Connected")
    draw(page, SEVEN)  # on a new sheet
    expect(digit(page)).to_have_text("7")
    page.keyboard.press("Control+z")
    expect(page.locator("#sentence")).to_contain_text("nothing on the paper")


def test_drawing_is_saved(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, SEVEN)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    png = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == "digit.png"
    answer = httpx.post(f"{service.url}/v1/predict/image", content=png, headers={"Content-Type": "image/png"}).json()
    assert answer["predictions"][0]["digit"] == 7


def test_service_that_goes_away_loses_no_drawing(visit: Visit, tmp_path: Path) -> None:
    port = free_port()
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models") as service:
        page = visit(service.url)
        expect(page.locator("#status")).to_contain_text("Connected")
    draw(page, SEVEN)
    expect(page.locator("#status")).to_contain_text("nothing answers there. The drawing stays; trying again")
    expect(page.locator("#sentence")).to_have_text("Waiting for the service …")
    drawn = ink(page)
    with running_service(tmp_path / "log", port=port, model_store=REPO / "models"):
        expect(digit(page)).to_have_text("7")
        assert ink(page) == drawn
        expect(page.locator("#status")).to_contain_text("Connected")


def test_slow_service_gets_one_request_at_a_time_and_the_newest_drawing(service: ServiceProcess, visit: Visit) -> None:
    in_flight: list[int] = []
    drawn = threading.Event()
    with http_server(slowed(service.url, drawn, in_flight)) as url:
        page = visit(url)
        expect(page.locator("#status")).to_contain_text("Connected")
        draw(page, SEVEN[:4])
        draw(page, SEVEN[3:])
        drawn.set()
        expect(digit(page)).to_have_text("7")
        page.wait_for_timeout(500)
        expect(digit(page)).to_have_text("7")
    assert max(in_flight) == 1
    assert len(in_flight) == 4  # digit and number, of the first that was drawn and of the last


def test_api_key_is_asked_for_and_kept_no_longer_than_the_tab(visit: Visit, tmp_path: Path) -> None:
    with running_service(tmp_path / "log", model_store=REPO / "models", api_keys="s3cret") as service:
        page = visit(service.url)
        key = page.get_by_label("This service wants a key.")
        key.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("it does not know this API key")
        page.get_by_role("button", name="Enter the API key").click()
        key.fill("s3cret")
        page.get_by_role("button", name="OK").click()
        expect(page.locator("#status")).to_contain_text("Connected")
        draw(page, SEVEN)
        expect(digit(page)).to_have_text("7")
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        page.goto(f"{service.url}/model")
        expect(page.locator("#card img").first).to_have_js_property("complete", True)
        expect(page.locator("#figures")).to_contain_text("%")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/model"])
def test_page_is_accessible(service: ServiceProcess, visit: Visit, path: str, scheme: str) -> None:
    """Axe's rules for WCAG 2.2 AA, contrast among them; with an answer on the page, and the details open."""
    page = visit(service.url + path, color_scheme=scheme, viewport={"width": 1100, "height": 800})
    if path == "/":
        draw(page, SEVEN)
        expect(digit(page)).to_have_text("7")
        page.get_by_text("Details").click()
        expect(page.locator("#seen")).to_be_visible()
    else:
        expect(page.locator("#card h2")).to_be_visible()
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": rules})
    assert found.response["violations"] == []
    assert "color-contrast" in {rule["id"] for rule in found.response["passes"]}


def test_dark_paper_shows_light_ink_and_sends_dark(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, color_scheme="dark", viewport={"width": 1100, "height": 800})
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    [stroke, paper] = places(page, ((200, 75), (200, 225)))
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    assert [shown.getpixel((round(x), round(y))) for x, y in (stroke, paper)] == [(245,) * 3, (17,) * 3]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    with Image.open(download.value.path()) as sent:
        assert [sent.convert("L").getpixel(place) for place in ((160, 60), (160, 180))] == [0, 255]


@pytest.mark.parametrize(
    ("status", "body", "length"),
    [
        pytest.param(200, b"<html>Welcome</html>", None, id="a page"),
        pytest.param(200, b"{}", None, id="another service"),
        pytest.param(502, b"<html>Bad gateway</html>", None, id="a proxy's page"),
        pytest.param(200, b'{"model"', 500, id="cut short"),
        pytest.param(500, b"null", None, id="an error without words"),
        pytest.param(408, b'{"detail": "It did not come whole in time."}', None, id="too slow"),
    ],
)
def test_odd_answer_is_told_and_the_next_is_read(
    service: ServiceProcess, visit: Visit, status: int, body: bytes, length: int | None
) -> None:
    odd = [True]

    class Between(slowed(service.url, 0)):  # type: ignore[misc]  # a class made by a function
        def do_POST(self) -> None:
            if not odd:
                super().do_POST()
                return
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)

    with http_server(Between) as url:
        page = visit(url)
        draw(page, SEVEN)
        expect(page.locator("#status")).to_contain_text("The drawing stays; trying again")
        expect(digit(page)).to_have_text("")
        odd.clear()
        expect(digit(page)).to_have_text("7")
        expect(page.locator("#status")).to_contain_text("Connected")


def test_palm_beside_the_finger_breaks_no_stroke(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **PHONE)
    touch = page.context.new_cdp_session(page)
    finger = places(page, ONE)
    [palm] = places(page, ((350, 350),))

    def send(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    send("touchStart", finger[0])
    send("touchMove", finger[1])
    send("touchStart", finger[1], palm)
    send("touchMove", finger[2], palm)
    for place in finger[3:]:  # without the palm, which is lifted so
        send("touchMove", place)
    send("touchEnd")
    expect(digit(page)).to_have_text("1")
    page.get_by_role("button", name="Undo").click()
    assert ink(page) == 0  # it was one stroke


def test_palm_that_lands_before_the_pen_leaves_nothing(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **PHONE)
    session = page.context.new_cdp_session(page)
    [palm] = places(page, ((350, 350),))

    def touch(kind: str, *points: tuple[float, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    touch("touchStart", palm)
    for number, (x, y) in enumerate(places(page, ONE)):
        pen = {"pointerType": "pen", "button": "left", "buttons": 1, "x": x, "y": y, "clickCount": 1}
        session.send("Input.dispatchMouseEvent", pen | {"type": "mouseMoved" if number else "mousePressed"})
    session.send("Input.dispatchMouseEvent", pen | {"type": "mouseReleased", "buttons": 0})
    touch("touchEnd")
    expect(digit(page)).to_have_text("1")
    page.get_by_role("button", name="Undo").click()
    assert ink(page) == 0  # there was nothing but the pen's


def test_touch_that_the_system_takes_away_leaves_nothing(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **PHONE)
    touch = page.context.new_cdp_session(page)
    for kind, (x, y) in zip(("touchStart", "touchMove"), places(page, ONE[:2]), strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})
    expect(page.locator("#redo")).to_be_enabled()  # should it have been meant
    assert ink(page) == 0


def test_touch_that_the_system_takes_away_leaves_what_can_be_redone(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **PHONE)
    draw(page, ONE)
    page.get_by_role("button", name="Undo").click()
    touch = page.context.new_cdp_session(page)
    for kind, (x, y) in zip(("touchStart", "touchMove"), places(page, SEVEN[:2]), strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchCancel", "touchPoints": []})
    expect(page.locator("#sentence")).to_have_text("Draw a digit, or a number.")
    assert ink(page) == 0
    page.get_by_role("button", name="Redo").click()
    expect(digit(page)).to_have_text("1")


def test_keys_do_not_draw_into_the_stroke_of_the_mouse(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    first, *rest = places(page, SEVEN)
    page.mouse.move(*first)
    page.mouse.down()
    page.locator("#paper").press("ArrowRight")
    page.locator("#paper").press(" ")
    for place in rest:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    expect(digit(page)).to_have_text("7")
    page.get_by_role("button", name="Undo").click()
    assert ink(page) == 0  # it was one stroke


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_transparent_image_is_seen_as_it_is_read(
    service: ServiceProcess, visit: Visit, tmp_path: Path, scheme: str
) -> None:
    page = visit(service.url, **DESKTOP, color_scheme=scheme)
    for grey, paper in ((0, 255), (255, 0)):
        ink_alone = Image.new("LA", (300, 300), (grey, 0))
        ImageDraw.Draw(ink_alone).line(((150, 40), (150, 260)), (grey, 255), 20)
        ink_alone.save(tmp_path / "one.png")
        page.locator("#file").set_input_files(tmp_path / "one.png")
        expect(digit(page)).to_have_text("1")
        shown = page.evaluate(
            """() => {
                const { width, height } = document.querySelector("#paper");
                const pen = document.querySelector("#paper").getContext("2d");
                return [0.35, 0.5].map((x) => [...pen.getImageData(x * width, height / 2, 1, 1).data]);
            }"""
        )
        assert shown == [[paper, paper, paper, 255], [grey, grey, grey, 255]]
        page.get_by_role("button", name="Clear").click()


@contextmanager
def decoding(page: Page, *files: Path) -> Iterator[None]:
    """Open `files`; until the end of this, the browser is slow to decode them."""
    page.evaluate(
        """() => {
            const decode = window.createImageBitmap;
            const held = new Promise((resolve) => { window.goOn = resolve; });
            window.createImageBitmap = (...what) => held.then(() => decode(...what));
        }"""
    )
    for file in files:
        page.locator("#file").set_input_files(file)
    yield
    page.evaluate("goOn()")
    page.wait_for_timeout(500)


def test_image_does_not_cover_what_is_drawn_while_it_is_decoded(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    first, *rest = places(page, ONE)
    with decoding(page, DATA / "7.png"):
        page.mouse.move(*first)
        page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    expect(digit(page)).to_have_text("1")


def test_image_does_not_cover_what_is_drawn_with_keys_while_it_is_decoded(
    service: ServiceProcess, visit: Visit
) -> None:
    page = visit(service.url)
    paper = page.locator("#paper")
    paper.press("ArrowUp")
    with decoding(page, DATA / "7.png"):
        paper.press(" ")
    for _ in range(8):
        paper.press("Shift+ArrowDown")
    paper.press(" ")
    expect(digit(page)).to_have_text("1")


def test_palm_on_the_paper_does_not_drop_an_image_that_is_decoded(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **PHONE)
    touch = page.context.new_cdp_session(page)
    [(x, y)] = places(page, ONE[:1])
    with decoding(page, DATA / "7.png"):
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    expect(digit(page)).to_have_text("7")


def test_undo_while_an_image_is_decoded_keeps_what_can_be_redone(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    draw(page, ONE)
    with decoding(page, DATA / "7.png"):
        page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Redo").click()
    expect(digit(page)).to_have_text("1")


def test_file_that_is_refused_takes_no_other_with_it(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    page = visit(service.url)
    with decoding(page, DATA / "7.png", text):
        pass
    expect(digit(page)).to_have_text("7")


def test_file_that_is_too_large_is_told_unread(service: ServiceProcess, visit: Visit, tmp_path: Path) -> None:
    with (tmp_path / "film.png").open("wb") as file:
        file.truncate(21 * 2**20)
    page = visit(service.url)
    page.locator("#file").set_input_files(tmp_path / "film.png")
    expect(page.locator("#status")).to_contain_text("film.png cannot be opened: it is larger than 20 MiB")


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_long_number_fits_the_page(
    service: ServiceProcess, visit: Visit, tmp_path: Path, device: dict[str, Any]
) -> None:
    seven = Image.open(DATA / "7.png").convert("L").resize((100, 100))
    line = Image.new("L", (2400, 100), 255)
    for place in range(24):
        line.paste(seven, (100 * place, 0))
    line.save(tmp_path / "long.png")
    page = visit(service.url, **device)
    page.locator("#file").set_input_files(tmp_path / "long.png")
    expect(digit(page)).to_have_text(re.compile(r"^7{20,}"))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("(digit => digit.scrollWidth <= digit.clientWidth)(document.querySelector('#digit'))")


def test_clear_takes_the_stroke_under_the_pen_too(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    first, *rest = places(page, ONE)
    page.mouse.move(*first)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=4)
    expect(digit(page)).to_have_text("1")
    page.keyboard.press("Delete")
    assert ink(page) == 0
    expect(digit(page)).to_have_text("")
    page.mouse.up()
    page.keyboard.press("Control+z")
    expect(digit(page)).to_have_text("1")


def test_drawing_survives_a_phone_that_is_turned(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url, **(PHONE | {"viewport": {"width": 640, "height": 360}}))
    draw(page, SEVEN)
    expect(digit(page)).to_have_text("7")
    page.set_viewport_size({"width": 360, "height": 640})
    page.locator("#details").evaluate("details => { details.open = true; }")  # it is read again
    expect(page.locator("#seen")).to_be_visible()
    expect(digit(page)).to_have_text("7")
    assert ink(page) > 0


def test_page_is_small_strict_and_its_own(service: ServiceProcess) -> None:
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < 50_000
    for path in ("/", "/model"):
        answer = httpx.get(service.url + path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert not re.search(r"https?://|<script>|style=|onclick", answer.text)


def test_model_page_has_versions_figures_pictures_and_card(service: ServiceProcess, visit: Visit) -> None:
    page = visit(service.url)
    page.get_by_role("link", name="The model").click()
    version = httpx.get(f"{service.url}/v1/models/default").json()["version"]
    expect(page.locator("#versions")).to_contain_text(f"digits {version}serving, the default99.")
    expect(page.locator("#figures")).to_contain_text("expected calibration error")
    expect(page.get_by_role("heading", name="Model card: handwritten digits")).to_be_visible()
    for name in ("Confusion matrix", "Learning curve"):
        picture = page.get_by_role("img", name=name)
        expect(picture).not_to_have_js_property("naturalWidth", 0)  # it has come
        assert picture.evaluate("image => image.naturalWidth") > 300
    expect(page.locator("#card table").first).to_contain_text("int8, as served")


def test_model_page_says_why_a_version_is_refused_and_shows_another(
    store: FolderStore, visit: Visit, tmp_path: Path
) -> None:
    bundled = store.versions()[-1]
    refused = bundled + 1
    (store.folder / str(refused)).mkdir()
    (store.folder / str(refused) / "manifest.json").write_text("{}")
    with running_service(tmp_path / "log", model_store=store.folder.parent) as service:
        page = visit(f"{service.url}/model")
        expect(page.locator("#versions")).to_contain_text(f"digits {refused}refused: ")
        page.get_by_role("link", name=f"digits {bundled}").click()
        expect(page.locator("#figures")).to_contain_text(f"{store.manifest(bundled).provenance.parameters:,}")
        page.goto(f"{service.url}/model?version=77")
        expect(page.locator("#status")).to_contain_text("This cannot be shown: ")


def test_card_cannot_smuggle_markup_in(service: ServiceProcess, visit: Visit) -> None:
    page = visit(f"{service.url}/model")
    text = (
        "# <b>a</b>\n\n<img src=x onerror=alert(1)> [link](javascript:alert(1)) `<i>` **b**\n\n"
        "- one\n- two\n  more\n\n| a |\n| - |\n| 1 |"
    )
    markup = page.evaluate(
        """async (text) => {
            const { render } = await import("/static/markdown.js");
            const into = document.createElement("div");
            render(text, into, () => {});
            return into.innerHTML;
        }""",
        text,
    )
    assert markup == (
        "<h2>&lt;b&gt;a&lt;/b&gt;</h2><p>&lt;img src=x onerror=alert(1)&gt; [link](javascript:alert(1)) "
        "<code>&lt;i&gt;</code> <strong>b</strong></p><ul><li>one</li><li>two\n  more</li></ul>"
        '<div class="scroll" tabindex="0"><table><tr><th>a</th></tr>'
        "<tr><td>1</td></tr></table></div>"
    )
