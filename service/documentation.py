"""`/openapi.json`, and `/docs`, which shows it: Swagger UI from a package, so that it works without the Internet."""

from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from contract.messages import NumberRequest, PredictRequest, Problem
from service.inference_protocol import HEADER_LENGTH, LENGTH, Failure, InferRequest
from service.keys import guarded
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
        schema = app.openapi_schema
        if schema is None:
            schema = generate()
            _add_bodies(schema)
            _name_problems(schema)
            if keys:
                _ask_for_keys(schema)
            _name_headers(schema)
        _name_version(schema, registry)  # which may be another by now
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _add_bodies(schema: dict[str, Any]) -> None:
    """The models of the bodies that direct routes refer to."""
    bodies = [(kind, "validation") for kind in (PredictRequest, NumberRequest, InferRequest)]
    _, schemas = models_json_schema(bodies, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # a list of pairs it is
    schema["components"]["schemas"] |= schemas["$defs"]


def _name_version(schema: dict[str, Any], registry: Registry) -> None:
    """Have the examples ask a version that is there."""
    with suppress(NoModelError):
        version = registry.default().manifest.version
        for operation in _operations(schema):
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "version" and parameter["schema"].get("type") == "integer":
                    parameter["schema"]["examples"] = [version]


def _name_problems(schema: dict[str, Any]) -> None:
    """Put problems under the media type that they are sent in: FastAPI knows no other than JSON for a model."""
    for operation in _operations(schema):
        for response in operation["responses"].values():
            content = response.get("content", {})
            if MEDIA_TYPE in content and "application/json" in content:
                content[MEDIA_TYPE] |= content.pop("application/json")


def _name_headers(schema: dict[str, Any]) -> None:
    """What every answer brings, and one that says to ask again; not those of HTTP's that every client knows."""
    for operation in _operations(schema):
        for status, response in operation["responses"].items():
            names = ("X-Request-ID", "Retry-After") if status == "503" else ("X-Request-ID",)
            named = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            response.setdefault("headers", {}).update(named)
    schema["components"]["headers"] = {
        "X-Request-ID": {
            "description": "The caller's, if it sent a proper one; else another. None where nothing was read",
            "schema": {"type": "string"},
        },
        "Retry-After": {"description": "Seconds, where it is known", "schema": {"type": "integer"}},
        HEADER_LENGTH: LENGTH,
    }


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for operations in schema["paths"].values() for operation in operations.values())


def _ask_for_keys(schema: dict[str, Any]) -> None:
    schema.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in schema["paths"].items():
        if guarded(path):
            for operation in operations.values():
                operation["security"] = [{"key": []}]
                kind, model = ("application/json", Failure) if path.startswith("/v2") else (MEDIA_TYPE, Problem)
                content = {kind: {"schema": schema_reference(model)}}
                operation["responses"]["401"] = {"description": "Wrong key", "content": content}
