"""`python -m service`: serve until SIGTERM or SIGINT."""

import os
import sys

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp

from service.settings import Settings


def main() -> None:
    try:
        settings = CliApp.run(Settings)
    except ValidationError as error:
        for fault in error.errors():
            print(f"DIGITS_{str(fault['loc'][0]).upper()}={fault['input']}: {fault['msg']}", file=sys.stderr)
        sys.exit(2)
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
