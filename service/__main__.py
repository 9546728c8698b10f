"""`python -m service`: serve until SIGTERM or SIGINT."""

import os
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack, suppress

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp
from uvicorn.supervisors import Multiprocess

from contract.artifact import ArtifactError
from contract.store import open_store
from service import logs
from service.metrics import FOLDER
from service.protocol import Protocol
from service.settings import Settings


def main() -> None:
    _open_standard_streams()
    try:
        settings = CliApp.run(Settings)
    except ValidationError as error:
        for fault in error.errors():
            name = str(fault["loc"][0])
            flag = f"--{name.replace('_', '-')} (DIGITS_{name.upper()})"
            given = "" if name == "api_keys" else f"{fault['input']!r}: "
            print(f"{flag}: {given}{fault['msg']}", file=sys.stderr)
        sys.exit(2)
    _require_store(settings.model_store)
    _require_free(settings.host, settings.port)
    os.environ |= settings.environment()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again once all is done
    with ExitStack() as stack:
        if settings.workers > 1:
            os.environ.setdefault(FOLDER, stack.enter_context(tempfile.TemporaryDirectory(prefix="digits-metrics-")))
        with suppress(KeyboardInterrupt):
            _serve(settings)


def _serve(settings: Settings) -> None:
    config = uvicorn.Config(
        "service.app:create_app",
        factory=True,
        http=Protocol,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    if settings.workers > 1:
        logs.configure(settings.log_level)  # each worker does so for itself
        try:
            Supervisor(config, sockets=[config.bind_socket()]).run()
        finally:
            logs.write_out()
    else:
        uvicorn.Server(config).run()


class Supervisor(Multiprocess):
    """uvicorn's, but it lets go of the socket when it stops: nobody waits in a line that no worker serves."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        hangup = getattr(signal, "SIGHUP", None)  # Windows has none
        ignored = hangup and signal.getsignal(hangup) == signal.SIG_IGN  # by nohup, say
        super().__init__(config, sockets=sockets)
        if hangup and ignored:
            signal.signal(hangup, signal.SIG_IGN)  # for the workers as well

    def terminate_all(self) -> None:
        for socket_ in self.sockets:
            socket_.close()
        super().terminate_all()

    def handle_hup(self) -> None:
        """The terminal was closed: uvicorn's would start the workers anew."""
        self.handle_term()


def _open_standard_streams() -> None:
    """Those that are closed, upon nothing: else the first sockets would get their numbers."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


def _require_store(url: str) -> None:
    """Leave with one clear line where that names no store."""
    try:
        open_store(url)
    except ArtifactError as error:
        sys.exit(f"{error}: --model-store (DIGITS_MODEL_STORE).")


def _require_free(host: str, port: int) -> None:
    """Leave with one clear line where the address cannot be listened on."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        sys.exit(f"{host}:{port} cannot be listened on: {error.strerror or error}. Name another: --host, --port.")


if __name__ == "__main__":
    main()
