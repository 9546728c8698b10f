"""Builds both images, runs the service, trains into its volume, and watches the new version being served.

Run by `make test-containers`; uses whatever engine DOCKER_HOST names.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.servers import REPO, free_port
from trainer import mnist

PROJECT = f"digits-test-{os.getpid()}"
PORT = free_port()
URL = f"http://127.0.0.1:{PORT}"
BASE_IMAGE = "python:3.11-slim-bookworm"
MOST_ADDED = 250e6
"""Bytes that the service image may add to its base."""


def run(*command: str) -> str:
    print("$", *command, flush=True)
    return subprocess.run(command, cwd=REPO, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def compose(*arguments: str) -> str:
    modern = (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    )
    return run(*(["docker", "compose"] if modern else ["docker-compose"]), "--project-name", PROJECT, *arguments)


def inspect(name: str, template: str) -> str:
    return run("docker", "inspect", "--format", template, name)


def predict(image: bytes) -> dict[str, Any]:
    answer = httpx.post(f"{URL}/v1/predict/image", content=image, headers={"Content-Type": "image/png"})
    answer.raise_for_status()
    parsed: dict[str, Any] = answer.json()
    return parsed


def wait(what: str, seconds: float, holds: Callable[[], bool]) -> None:
    print(f"waiting until {what}", flush=True)
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if holds():
                return
        if time.monotonic() > deadline:
            print(compose("logs", "--tail", "50"))
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.5)


def check(what: str, holds: bool) -> None:
    print("ok  " if holds else "FAIL", what, flush=True)
    if not holds:
        sys.exit(1)


def main() -> None:
    seven = (REPO / "tests/data/7.png").read_bytes()
    mnist.load()

    compose("--profile", "train", "build")
    if not run("docker", "images", "--quiet", BASE_IMAGE):
        run("docker", "pull", BASE_IMAGE)  # BuildKit keeps base images to itself
    added = int(inspect("digits-service", "{{.Size}}")) - int(inspect(BASE_IMAGE, "{{.Size}}"))
    check(f"the service adds {added / 1e6:.0f} MB to its base", added <= MOST_ADDED)
    found = run(
        "docker", "run", "--rm", "--entrypoint", "/venv/bin/python", "digits-service", "-c",
        "import importlib.util as u; print(u.find_spec('tensorflow'))",
    )  # fmt: skip
    check("the service image has no TensorFlow", found == "None")

    compiled = "from contract import native; print(native.load() is not None)"
    for image in ("digits-service", "digits-trainer"):
        found = run("docker", "run", "--rm", "--entrypoint", "/venv/bin/python", image, "-c", compiled)
        check(f"in {image} the normalisation is compiled", found == "True")

    compose("up", "-d", "service")
    container = compose("ps", "-q", "service")
    wait("the service is ready", 60, lambda: httpx.get(f"{URL}/health/ready").is_success)
    wait("its healthcheck says so", 60, lambda: inspect(container, "{{.State.Health.Status}}") == "healthy")

    answer = predict(seven)
    bundled = answer["model"]["version"]
    check("a picture from outside is read as 7", answer["predictions"][0]["digit"] == 7)
    check("it does not run as root", run("docker", "exec", container, "id", "-u") != "0")
    check("its root is read-only", inspect(container, "{{.HostConfig.ReadonlyRootfs}}") == "true")
    status = run("docker", "exec", container, "cat", "/proc/1/status")
    check("it has no capability", "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status)
    check("its memory is limited", int(inspect(container, "{{.HostConfig.Memory}}")) == 2**30)

    print(compose("run", "--rm", "trainer", "train", "--quick"))
    print(compose("run", "--rm", "trainer", "list"))
    wait("the new version is served", 30, lambda: predict(seven)["model"]["version"] == bundled + 1)
    check("without a restart", inspect(container, "{{.RestartCount}}") == "0")
    compose("run", "--rm", "trainer", "pin", str(bundled))
    wait("the pinned version is served", 30, lambda: predict(seven)["model"]["version"] == bundled)


if __name__ == "__main__":
    os.environ |= {"DIGITS_PORT": str(PORT), "DIGITS_DATA": str(mnist.CACHE)}
    try:
        main()
        print("1 passed, 0 failed")
    finally:
        compose("--profile", "train", "down", "--volumes", "--remove-orphans")
