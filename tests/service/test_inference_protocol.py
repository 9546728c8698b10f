"""The Open Inference Protocol, as NVIDIA's unmodified client speaks it, and by hand."""

import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from numpy.typing import NDArray

from contract.messages import PredictResponse
from contract.normalisation import normalise
from tests.servers import ServiceProcess
from trainer.mnist import Mnist

HEADER_LENGTH = "Inference-Header-Content-Length"


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(service.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> NDArray[np.uint8]:
    return mnist.train_images[:20]


def image_input(images: NDArray[np.uint8], *, binary: bool) -> triton.InferInput:
    tensor = triton.InferInput("image", images.shape, "UINT8")
    tensor.set_data_from_numpy(images, binary_data=binary)
    return tensor


def expected(service: ServiceProcess, images: NDArray[np.uint8]) -> PredictResponse:
    answer = httpx.post(f"{service.url}/v1/predict", json={"images": images.tolist()})
    return PredictResponse.model_validate_json(answer.raise_for_status().content)


def test_client_finds_server_and_model(client: triton.InferenceServerClient, service: ServiceProcess) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert not client.is_model_ready("letters")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    metadata = client.get_model_metadata("digits")
    assert metadata["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, -1, -1]}]
    assert [output["datatype"] for output in metadata["outputs"]] == ["INT64", "FP32", "BOOL"]
    served = httpx.get(f"{service.url}/v1/models/default").json()["version"]
    assert metadata["versions"] == [str(served)]
    assert client.is_model_ready("digits", str(served))
    assert not client.is_model_ready("digits", "99")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_client_gets_what_the_api_says(
    client: triton.InferenceServerClient,
    service: ServiceProcess,
    digits: NDArray[np.uint8],
    binary_in: bool,
    binary_out: bool,
) -> None:
    asked = [
        triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("digit", "probabilities", "accepted")
    ]
    result = client.infer("digits", [image_input(digits, binary=binary_in)], outputs=asked, request_id="a-7")
    answer = expected(service, digits)
    assert result.get_response()["id"] == "a-7"
    assert result.get_response()["model_version"] == str(answer.model.version)
    assert result.as_numpy("digit").tolist() == [prediction.digit for prediction in answer.predictions]
    assert result.as_numpy("accepted").tolist() == [prediction.accepted for prediction in answer.predictions]
    probabilities = [prediction.probabilities for prediction in answer.predictions]
    assert result.as_numpy("probabilities") == pytest.approx(np.array(probabilities), abs=1e-6)
    assert result.as_numpy("digit").dtype == np.int64
    assert result.as_numpy("accepted").dtype == np.bool_


def test_without_outputs_named_all_come(client: triton.InferenceServerClient, digits: NDArray[np.uint8]) -> None:
    result = client.infer("digits", [image_input(digits, binary=True)])
    assert result.as_numpy("probabilities").shape == (20, 10)


def test_normalised_images_go_straight_to_the_network(
    client: triton.InferenceServerClient, digits: NDArray[np.uint8]
) -> None:
    images = np.stack([normalise(image) for image in digits])
    straight = client.infer("digits", [image_input(images, binary=True)], parameters={"normalise": False})
    usual = client.infer("digits", [image_input(digits, binary=True)])
    assert np.array_equal(straight.as_numpy("probabilities"), usual.as_numpy("probabilities"))


def test_drawings_of_any_size_are_normalised(client: triton.InferenceServerClient) -> None:
    paper = np.full((1, 200, 320), 255, np.uint8)
    paper[0, 30:170, 150:160] = 0
    assert client.infer("digits", [image_input(paper, binary=True)]).as_numpy("digit").tolist() == [1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"inputs": []}, "inputs"),
        ({"inputs": [{"name": "digit", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 0, 9, 9]}]}, "image"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "FP32", "data": [0, 0, 9, 9]}]}, "UINT8"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 3], "datatype": "UINT8", "data": [0, 0, 9, 9]}]}, "6 whole"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 0, 9, 256]}]}, "255"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 0, 9, "x"]}]}, "whole"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [[0, 0], [9]]}]}, "lengths"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8"}]}, "whole"),
        ({"inputs": [{"name": "image", "shape": [1, -2, 2], "datatype": "UINT8", "data": []}]}, "shape"),
        ({"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [9] * 4}]}, "image 0"),
        ({"inputs": [{"name": "image", "shape": [10**2000] * 3, "datatype": "UINT8", "data": []}]}, "shape"),
        ({"outputs": [{"name": "softmax"}]}, "outputs"),
        ({"parameters": {"normalise": False}}, "28"),
    ],
)
def test_what_is_wrong_is_said_as_the_protocol_has_it(
    service: ServiceProcess, change: dict[str, object], says: str
) -> None:
    good = {"inputs": [{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 255, 0, 0]}]}
    answer = httpx.post(f"{service.url}/v2/models/digits/infer", json=good | change)
    assert answer.status_code == 422
    assert answer.json().keys() == {"error"}
    assert says in answer.json()["error"]


def test_parameters_may_be_null(service: ServiceProcess) -> None:
    tensor = {"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 255, 0, 0], "parameters": None}
    asked = {"inputs": [tensor], "outputs": [{"name": "digit", "parameters": None}], "parameters": None, "id": None}
    assert httpx.post(f"{service.url}/v2/models/digits/infer", json=asked).status_code == 200


def test_data_is_sent_in_one_way_alone(service: ServiceProcess) -> None:
    tensor = {"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": [0, 255, 0, 0]}
    for said, parameters in (("no binary_data_size", {}), ("both", {"binary_data_size": 4})):
        text = json.dumps({"inputs": [tensor | {"parameters": parameters}]})
        answer = httpx.post(
            f"{service.url}/v2/models/digits/infer",
            content=text.encode() + b"\0\xff\0\0",
            headers={HEADER_LENGTH: str(len(text))},
        )
        assert answer.status_code == 422
        assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("shape", "fits"), [((1, 40, 30), True), ((1, 30, 40), False), ((2, 20, 30), False), ((40, 30, 1), False)]
)
def test_nested_data_has_the_shape_that_it_says(service: ServiceProcess, shape: tuple[int, ...], fits: bool) -> None:
    data = [np.diag([255] * 30 + [0] * 10)[:, :30].tolist()]
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "data": data}
    answer = httpx.post(f"{service.url}/v2/models/digits/infer", json={"inputs": [tensor]})
    assert answer.status_code == (200 if fits else 422)
    assert fits or "data is [1, 40, 30]" in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "99999"])
def test_wrong_header_length_is_an_error(service: ServiceProcess, length: str) -> None:
    answer = httpx.post(f"{service.url}/v2/models/digits/infer", content=b"{}", headers={HEADER_LENGTH: length})
    assert answer.status_code == 422
    assert HEADER_LENGTH in answer.json()["error"]


def test_tensor_of_another_size_than_announced_is_an_error(client: triton.InferenceServerClient) -> None:
    tensor = image_input(np.zeros((1, 28, 28), np.uint8), binary=True)
    tensor.set_shape([1, 28, 29])
    with pytest.raises(triton.InferenceServerException, match="784"):
        client.infer("digits", [tensor])


@pytest.mark.parametrize(
    "path",
    [
        "letters",
        "letters/infer",
        "digits/versions/99",
        "digits/versions/99/infer",
        "digits/versions/x",
    ],
)
def test_unknown_models_and_versions(service: ServiceProcess, path: str) -> None:
    url = f"{service.url}/v2/models/{path}"
    answer = httpx.post(url, json={}) if path.endswith("infer") else httpx.get(url)
    assert answer.status_code == (422 if path.endswith("x") else 404)
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("version", ["01", "1.0", "1_0", "+1", "0"])
def test_version_in_another_spelling_is_none(service: ServiceProcess, version: str) -> None:
    assert httpx.get(f"{service.url}/v2/models/digits/versions/{version}/ready").status_code == 422
    assert httpx.post(f"{service.url}/v2/models/digits/versions/{version}/infer", json={}).status_code == 422


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "nothing", 404), ("GET", "models/digits/infer", 405)])
def test_whatever_goes_wrong_is_said_in_the_protocols_form(
    service: ServiceProcess, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, f"{service.url}/v2/{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("body", ["", "[]"])
def test_body_that_is_no_object_is_said_plainly(service: ServiceProcess, body: str) -> None:
    answer = httpx.post(f"{service.url}/v2/models/digits/infer", content=body)
    assert answer.status_code == 422
    assert not answer.json()["error"].startswith(":")
