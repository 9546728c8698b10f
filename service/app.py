"""The ASGI application."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from threading import Event, Thread

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from contract.store import open_store
from service import documentation, inference_protocol, logs, pages, problems, routes
from service.express import Express
from service.head import HeadAsGet
from service.keys import KeyCheck, Keys
from service.limits import BodyLimit
from service.observing import Observer
from service.protocol import overloaded
from service.registry import Registry
from service.settings import Settings, parts
from service.stopping import Stopping

logger = logging.getLogger("service.app")

TELEMETRY = "FASTAPI_OTEL_AUTO_CONFIGURE"
"""Has FastAPI make a span of each request: all go through it then."""

FIRST_LOOK = 5
"""Seconds that the service waits for its first look at the store before it listens: a slow store is no dead service."""


def create_app() -> FastAPI:
    """The service as the environment's settings describe it; uvicorn calls this once in each worker."""
    settings = Settings()
    logs.configure(settings.log_level)
    registry = Registry(open_store(settings.model_store), settings.model_version, settings.loaded_versions)
    stopping = Stopping(settings.drain_seconds)
    keys, origins = Keys(parts(settings.api_keys.get_secret_value())), parts(settings.cors_origins)
    cors = partial(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=["Retry-After", "X-Request-ID", inference_protocol.HEADER_LENGTH],
    )
    telemetry = os.environ.get(TELEMETRY, "").lower() == "true"
    if telemetry:
        os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", "1")  # seconds: a collector that is away holds up no stop
    express = None if origins or telemetry else Express(registry, settings, keys)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        looked = asyncio.Event()
        watch = Watch(
            registry, settings.poll_seconds, partial(asyncio.get_running_loop().call_soon_threadsafe, looked.set)
        )
        watch.start()
        if (parent := parent_process()) is not None:
            Thread(target=_stop_after, args=(parent,), daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(looked.wait(), FIRST_LOOK)
        stopping.listen()
        gc.collect()
        gc.freeze()  # a look through all that is loaded would hold up whoever waits for 40 ms
        yield {
            "registry": registry,
            "settings": settings,
            "stopping": stopping,
            "express": express,
            "overloaded": cors(overloaded) if origins else overloaded,
        }
        watch.ended.set()
        logs.write_out()

    app = FastAPI(
        title="Digits",
        version="1",
        description=documentation.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in (routes.direct, inference_protocol.direct, routes.router, inference_protocol.router):
        app.include_router(router)
    documentation.install(app, registry, keys=keys.needed)
    pages.install(app)
    problems.install(app)

    # The last one added is the outermost.
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    if keys.needed:
        app.add_middleware(KeyCheck, keys=keys)
    if origins:
        app.add_middleware(cors)
    app.add_middleware(Observer, around=cors if origins else None)
    return app


def _stop_after(parent: BaseProcess) -> None:
    """Stop this worker once its `parent` has ended: nobody would start another one, and the port would stay taken."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


class Watch(Thread):
    """Looks at the store now and then; `looked` is called after each look. A look that hangs holds up no stop."""

    def __init__(self, registry: Registry, seconds: float, looked: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.registry, self.seconds, self.looked = registry, seconds, looked
        self.ended = Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                self.registry.refresh()
            except Exception:
                logger.exception("looking at the store failed; the next look is in %s s", self.seconds)
            if not self.ended.is_set():
                self.looked()
            self.ended.wait(self.seconds)
