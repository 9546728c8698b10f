"""Publishes the bundled model once more: the process that is killed."""

import shutil
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from contract.store import open_store
from proofs.promise import BUNDLED

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["contract.folder", "contract.s3", "proofs.publisher"])


def source(folder: Path) -> Path:
    """A folder of what there is to publish."""
    version = BUNDLED.versions()[-1]
    shutil.copytree(BUNDLED.folder / str(version), folder, ignore=lambda *_: ["manifest.json"])
    return folder


class Publisher:
    """A process that waits for `begin`, and then publishes what lies in the folder `files`."""

    def __init__(self, url: str, files: Path) -> None:
        self._ours, theirs = _processes.Pipe()
        self.process: BaseProcess = _processes.Process(target=_publish, args=(url, files, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self._ours.recv()  # it is ready

    def begin(self) -> None:
        self._ours.send(None)

    def result(self) -> int | str:
        """The version it published, or why it could not."""
        found: int | str = self._ours.recv()
        self.process.join()
        return found

    def killed(self) -> int | None:
        """Kill it, with SIGKILL. Returns the version, if it had just said one."""
        self.process.kill()
        self.process.join()
        try:
            found: int = self._ours.recv()
        except (EOFError, ConnectionResetError):
            return None
        return found


def _publish(url: str, files: Path, pipe: Connection) -> None:
    version = BUNDLED.versions()[-1]
    store, draft = open_store(url), BUNDLED.manifest(version).draft()
    pipe.send(None)
    pipe.recv()
    try:
        pipe.send(store.publish(files, draft).version)
    except OSError as error:
        pipe.send(str(error))
