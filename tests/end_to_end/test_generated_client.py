"""A client that openapi-python-client makes from the served description works as it comes."""

import base64
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DATA
from tests.servers import ServiceProcess


@pytest.fixture
def generated(service: ServiceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the package `digits_client`."""
    programs = str(Path(sys.executable).parent)  # ruff, which it formats with, is there too
    command = [
        f"{programs}/openapi-python-client",
        "generate",
        "--url",
        f"{service.url}/openapi.json",
        "--meta",
        "none",
    ]
    command += ["--config", str(DATA / "openapi-python-client.yml"), "--output-path", str(tmp_path / "digits_client")]
    subprocess.run(
        command,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("generated")
def test_generated_client_predicts_and_tells_errors(service: ServiceProcess, seven: bytes) -> None:
    package, predictions, models, types = (
        importlib.import_module(f"digits_client{name}") for name in ("", ".api.predictions", ".models", ".types")
    )
    predict, predict_image = (
        importlib.import_module(f"{predictions.__name__}.{name}") for name in ("predict", "predict_image")
    )
    client = package.Client(base_url=service.url)

    request = models.PredictRequest(images=[base64.b64encode(seven).decode()])
    assert predict.sync(client=client, body=request).predictions[0].digit == 7

    answer = predict_image.sync(client=client, body=types.File(payload=io.BytesIO(seven)), details=True)
    assert answer.predictions[0].digit == 7
    assert answer.predictions[0].normalised

    blank = models.PredictRequest(images=[[[255.0] * 28] * 28])
    problem = predict.sync(client=client, body=blank)
    assert isinstance(problem, models.Problem)
    assert problem.type_ == "/problems/blank-image"


@pytest.mark.usefixtures("generated")
def test_generated_client_asks_for_models(service: ServiceProcess) -> None:
    package = importlib.import_module("digits_client")
    list_models, manifest = (
        importlib.import_module(f"digits_client.api.models.{name}") for name in ("list_models", "model_manifest")
    )
    client = package.Client(base_url=service.url)
    [served] = [model for model in list_models.sync(client=client).models if model.default]
    assert manifest.sync("default", client=client).version == served.version
    assert manifest.sync("999", client=client).status == 404
