"""`python -m tests.moto_server`: moto's server, one write at a time, as looking and writing are two steps."""

import threading
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

one_at_a_time, put_object = threading.Lock(), S3Response.put_object


def put(self: S3Response, *arguments: Any) -> Any:
    with one_at_a_time:
        return put_object(self, *arguments)


if __name__ == "__main__":
    S3Response.put_object = put  # type: ignore[method-assign]  # moto is to be mended while it runs
    main()
