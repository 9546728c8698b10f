"""Fixtures that several rooms use: the real MNIST, a running service, a virtual screen."""

import os
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from contract.folder import FolderStore
from tests.servers import REPO, ServiceProcess, new_bucket, running_service, s3_server, virtual_screen
from trainer.mnist import Mnist, load

DATA = Path(__file__).parent / "data"

# httpx would read all certificates anew for every request; the name is private to it, hence the ignore.
httpx._transports.default.create_ssl_context = cache(httpx.create_ssl_context)  # type: ignore[attr-defined]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process that a test starts compiles our modules anew


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    return load()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service with the bundled model and the settings as they ship."""
    with running_service(tmp_path_factory.mktemp("service") / "log", model_store=REPO / "models") as process:
        yield process


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store that holds the bundled versions and may be changed."""
    bundled = FolderStore(REPO / "models")
    copy = FolderStore(tmp_path / "models")
    for version in bundled.versions():
        shutil.copytree(bundled.folder / str(version), copy.folder / str(version))
    return copy


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of a server that speaks S3 and honours conditional writes."""
    with s3_server("python", "-m", "tests.moto_server", "-p", "PORT") as url:
        yield url


@pytest.fixture
def bucket(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a store in a new bucket on it, empty; the environment says how it is reached."""
    return new_bucket(moto, monkeypatch)


@pytest.fixture(scope="session")
def seven() -> bytes:
    """A PNG of a handwritten 7."""
    return (DATA / "7.png").read_bytes()


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual screen; Tk and xdotool find it by the environment."""
    missing = [command for command in ("Xvfb", "xclip", "xdotool") if shutil.which(command) is None]
    missing += [] if find_spec("_tkinter") else ["Tk for Python (python3-tk)"]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with virtual_screen() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        yield name


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGINT is: a shell's background jobs ignore it, and what they start does too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share them: the trainer's compute, while all others mostly wait for servers and windows."""
    for item in items:
        of_trainer = item.path.is_relative_to(Path(__file__).parent / "trainer")
        item.add_marker(pytest.mark.xdist_group("trainer" if of_trainer else "others"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test may be skipped on a user's machine; in CI that is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
