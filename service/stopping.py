"""A stop that nobody notices: on SIGTERM the service first says that it is not ready, and goes on answering.

Whoever sends it requests has `drain_seconds` to turn to another. Then uvicorn takes no new connections, and finishes
what is in flight; `protocol` closes each connection behind its next answer.
"""

import asyncio
import signal
from types import FrameType


class Stopping:
    """Whether this process is about to stop."""

    def __init__(self, drain_seconds: float) -> None:
        self.begun = False
        self._seconds = drain_seconds

    def listen(self) -> None:
        """Put the wait before what SIGTERM does now. Called in the main thread, within the running loop."""
        loop = asyncio.get_running_loop()
        stop = signal.getsignal(signal.SIGTERM)
        if not callable(stop) or not self._seconds:
            return

        def begin(number: int, frame: FrameType | None) -> None:
            if self.begun:
                stop(number, frame)
                return
            self.begun = True
            loop.call_soon_threadsafe(loop.call_later, self._seconds, stop, number, None)

        signal.signal(signal.SIGTERM, begin)
