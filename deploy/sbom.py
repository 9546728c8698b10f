"""`python -m deploy.sbom IMAGE`: what is in an image, as a software bill of materials in CycloneDX's JSON."""

import json
import subprocess
import sys

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

PYTHON = """
import importlib.metadata, json, platform
found = sorted((one.metadata["Name"], one.version) for one in importlib.metadata.distributions())
print(json.dumps({"python": platform.python_version(), "packages": found}))
"""


def bill(image: str) -> Bom:
    """Python, its packages and Debian's. Raises `CalledProcessError` where the image cannot be run."""
    bom = Bom()
    bom.metadata.component = Component(name=image, type=ComponentType.CONTAINER)
    found = json.loads(_run(image, "/venv/bin/python", "-c", PYTHON))
    bom.components.add(_package("generic", None, "python", found["python"]))
    for name, version in found["packages"]:
        bom.components.add(_package("pypi", None, name, version))
    for line in _run(
        image, "dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n"
    ).splitlines():
        status, name, version, architecture = line.split()
        if status == "installed":
            bom.components.add(_package("deb", "debian", name, version, {"arch": architecture}))
    return bom


def _package(
    kind: str, namespace: str | None, name: str, version: str, qualifiers: dict[str, str] | None = None
) -> Component:
    url = PackageURL(kind, namespace, name, version, qualifiers)
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url))


def _run(image: str, program: str, *arguments: str) -> str:
    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", program, image, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    print(JsonV1Dot6(bill(sys.argv[1])).output_as_string(indent=2))  # noqa: T201  # what it is for
