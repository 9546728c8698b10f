"""`python -m deploy.sbom IMAGE`: what is in an image, as a software bill of materials in CycloneDX's JSON."""

import json
import subprocess
import sys

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

PYTHON = """
import importlib.metadata as m, json
print(json.dumps(sorted((one.metadata["Name"], one.version) for one in m.distributions())))
"""


def bill(image: str) -> Bom:
    """Python's packages and Debian's. Raises `CalledProcessError` where the image cannot be run."""
    bom = Bom()
    bom.metadata.component = Component(name=image, type=ComponentType.CONTAINER)
    for name, version in json.loads(_run(image, "/venv/bin/python", "-c", PYTHON)):
        bom.components.add(_package("pypi", None, name, version))
    for line in _run(image, "dpkg-query", "-W", "-f", "${Package} ${Version}\n").splitlines():
        bom.components.add(_package("deb", "debian", *line.split()))
    return bom


def _package(kind: str, namespace: str | None, name: str, version: str) -> Component:
    url = PackageURL(kind, namespace, name, version)
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url))


def _run(image: str, program: str, *arguments: str) -> str:
    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", program, image, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    print(JsonV1Dot6(bill(sys.argv[1])).output_as_string(indent=2))  # noqa: T201  # what it is for
