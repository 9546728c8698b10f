"""What /openapi.json promises holds."""

import re
import subprocess
import sys
from pathlib import Path

import httpx

from service.protocol import ALWAYS
from tests.servers import ServiceProcess


def test_schemathesis_finds_no_answer_that_is_not_documented(service: ServiceProcess, tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{service.url}/openapi.json",
        "--phases=examples,coverage,fuzzing",
        "--max-examples=25",
        "--exclude-checks=positive_data_acceptance",  # a string that fits the schema need not be an image
        "--seed=1",
        "--no-color",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
    assert re.search(r"Selected: (\d+)/\1\n +Tested: \1\n", result.stdout)


def test_whatever_may_be_sent_away_as_too_much_says_so(service: ServiceProcess) -> None:
    page = httpx.get(f"{service.url}/openapi.json").json()
    silent = {path for path, ways in page["paths"].items() for way in ways.values() if "503" not in way["responses"]}
    assert silent
    assert all(path.encode().startswith(ALWAYS) for path in silent)


def test_answers_name_their_identifier_and_503_when_to_ask_again(service: ServiceProcess) -> None:
    page = httpx.get(f"{service.url}/openapi.json").json()
    headers = page["components"]["headers"]
    answers = [one for ways in page["paths"].values() for way in ways.values() for one in way["responses"].items()]
    assert len(answers) > 40
    for status, answer in answers:
        assert ("Retry-After" in answer["headers"]) == (status == "503")
        assert "X-Request-ID" in answer["headers"]
        assert all(one == {"$ref": f"#/components/headers/{name}"} for name, one in answer["headers"].items())
        assert answer["headers"].keys() <= headers.keys()
    assert "X-Request-ID" in httpx.get(f"{service.url}/v1/models").headers


def test_binary_bodies_of_the_open_protocol_are_named(service: ServiceProcess) -> None:
    page = httpx.get(f"{service.url}/openapi.json").json()
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"):
        asked = page["paths"][path]["post"]
        assert asked["requestBody"]["content"].keys() == {"application/json", "application/octet-stream"}
        assert "Inference-Header-Content-Length" in {
            one["name"] for one in asked["parameters"] if one["in"] == "header"
        }
        assert "Inference-Header-Content-Length" in asked["responses"]["200"]["headers"]


def test_versions_are_whole_numbers_from_1_on(service: ServiceProcess) -> None:
    page = httpx.get(f"{service.url}/openapi.json").json()
    parameters = [one for path in page["paths"].values() for way in path.values() for one in way.get("parameters", [])]
    numbers = [
        kind
        for parameter in parameters
        if parameter["name"] == "version"
        for kind in parameter["schema"].get("anyOf", [parameter["schema"]])
        if kind["type"] == "integer"
    ]
    assert len(numbers) >= 7
    assert all(kind.get("minimum", kind.get("exclusiveMinimum", -1) + 1) == 1 for kind in numbers)


def test_every_example_works(service: ServiceProcess) -> None:
    page = httpx.get(f"{service.url}/openapi.json").json()
    tried = 0
    for path, operations in page["paths"].items():
        for method, operation in operations.items():
            url = path
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    url = url.replace(f"{{{parameter['name']}}}", str(parameter["schema"]["examples"][0]))
            body = operation.get("requestBody", {"content": {"application/json": {"examples": {"none": {}}}}})
            if "application/json" not in body["content"]:
                continue  # a file is the caller's
            for example in body["content"]["application/json"]["examples"].values():
                answer = httpx.request(method, service.url + url, json=example.get("value"))
                assert answer.status_code == 200, (method, url, answer.text)
                tried += 1
    assert tried == len(page["paths"]) - 2 + 2  # the two for image files have none, /v1/predict has three
