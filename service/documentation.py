"""`/openapi.json`, and `/docs`, which shows it: Swagger UI from a package, so that it works without the Internet."""

from contextlib import suppress
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from contract.messages import NumberRequest, PredictRequest, Problem
from service.inference_protocol import Failure, InferRequest
from service.keys import GUARDED, OPEN
from service.pages import Files, page
from service.problems import MEDIA_TYPE
from service.registry import NoModelError, Registry
from service.routing import schema_reference

DESCRIPTION = """Reads handwritten digits. Draw one, send it, get the digit and how sure the model is.

The examples work as they stand: press *Execute*. For image files choose one first. Errors are
`application/problem+json` (RFC 9457), and say what to change. `/v2` speaks the Open Inference Protocol,
in errors too."""


def install(app: FastAPI, registry: Registry, *, keys: bool) -> None:
    """Add the page and what it needs to `app`; with `keys`, say which calls want one. Swagger UI sets styles inline."""
    swagger = str(files("fastapi_swagger").joinpath("resources"))
    app.mount("/static/swagger", Files(swagger), name="swagger")
    app.add_api_route("/docs", page("docs.html", style="'self' 'unsafe-inline'"), include_in_schema=False)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        page = app.openapi_schema
        if page is None:
            page = generate()
            _add_bodies(page)
            _name_problems(page)
            if keys:
                _ask_for_keys(page)
        _name_version(page, registry)  # which may be another by now
        return page

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _add_bodies(page: dict[str, Any]) -> None:
    """The models of the bodies that direct routes refer to."""
    bodies = [(kind, "validation") for kind in (PredictRequest, NumberRequest, InferRequest)]
    _, schemas = models_json_schema(bodies, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # a list of pairs it is
    page["components"]["schemas"] |= schemas["$defs"]


def _name_version(page: dict[str, Any], registry: Registry) -> None:
    """Have the examples ask a version that is there."""
    with suppress(NoModelError):
        version = registry.default().manifest.version
        for operations in page["paths"].values():
            for operation in operations.values():
                for parameter in operation.get("parameters", []):
                    if parameter["name"] == "version" and parameter["schema"].get("type") == "integer":
                        parameter["schema"]["examples"] = [version]


def _name_problems(page: dict[str, Any]) -> None:
    """Put problems under the media type that they are sent in: FastAPI knows no other than JSON for a model."""
    for operations in page["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                content = response.get("content", {})
                if MEDIA_TYPE in content and "application/json" in content:
                    content[MEDIA_TYPE] |= content.pop("application/json")


def _ask_for_keys(page: dict[str, Any]) -> None:
    page.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in page["paths"].items():
        if path.startswith(GUARDED) and not path.startswith(OPEN):
            for operation in operations.values():
                operation["security"] = [{"key": []}]
                kind, schema = ("application/json", Failure) if path.startswith("/v2") else (MEDIA_TYPE, Problem)
                content = {kind: {"schema": schema_reference(schema)}}
                operation["responses"]["401"] = {"description": "Wrong key", "content": content}
