"""The ASGI application."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from contract.store import open_store
from service import inference_protocol, logs, problems, routes
from service.limits import BodyLimit
from service.registry import Registry
from service.settings import Settings

logger = logging.getLogger("service.app")


def create_app() -> FastAPI:
    """The service as the environment's settings describe it; uvicorn calls this once in each worker."""
    settings = Settings()
    logs.configure(settings.log_level)
    registry = Registry(open_store(settings.model_store), settings.model_version, settings.loaded_versions)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        registry.refresh()
        watch = asyncio.create_task(_watch(registry, settings.poll_seconds))
        yield
        watch.cancel()

    app = FastAPI(
        title="Digits",
        version="1",
        description="Reads handwritten digits. Draw one, send it, get the digit and how sure the model is.",
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.registry = registry
    app.state.settings = settings
    app.include_router(routes.router)
    app.include_router(inference_protocol.router)
    app.add_api_route("/", _home, include_in_schema=False)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(logs.AccessLog)
    problems.install(app)
    return app


async def _watch(registry: Registry, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(registry.refresh)
        except Exception:
            logger.exception("looking at the store failed; the next look is in %s s", seconds)


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")
