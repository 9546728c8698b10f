"""`python -m service`: serve until SIGTERM or SIGINT."""

import os

import uvicorn
from pydantic_settings import CliApp

from service.settings import Settings


def main() -> None:
    settings = CliApp.run(Settings)
    os.environ |= settings.environment()
    uvicorn.run(
        "service.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


if __name__ == "__main__":
    main()
