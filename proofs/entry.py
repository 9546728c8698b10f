"""Nobody gets in."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.folder import FolderStore
from proofs.promise import BUNDLED, REPO, SEVEN, Figure, Trial, not_tried, require
from tests import containers
from tests.servers import ServiceProcess, eventually, new_bucket, running_service, s3_server, upload

KEYS = "first-key-of-two", "second-key-of-two"
SECRET = "a-secret-of-the-bucket"  # noqa: S105  # it is one of ours, for an hour
SECRETS = (*KEYS, SECRET)
OPEN = ("/health", "/v2/health", "/docs", "/openapi.json")


def prove(trial: Trial) -> Iterator[Figure]:
    with running_service(trial.folder / "log", model_store=BUNDLED.folder.parent, api_keys=",".join(KEYS)) as service:
        yield _without_a_key(service)
        yield _past_the_key(service)
        yield _traversal(service)
    yield _store_names(trial)
    yield _secrets(trial)
    yield _known_faults(trial)
    yield from _container(trial)


def _without_a_key(service: ServiceProcess) -> Figure:
    """Every route of the OpenAPI page."""
    page = httpx.get(f"{service.url}/openapi.json").json()
    key = KEYS[0]
    wrong: list[dict[str, Any]] = [
        {},
        *({"headers": {"Authorization": value}} for value in (
            "", "Bearer", "Bearer wrong", key, f"Basic {key}", f"Bearer {key}x", f"Bearer {key[:-1]}",
            f"Bearer {key} {key}", f"Bearer {key.upper()}", f"Bearer {','.join(KEYS)}", f"Digest {key}",
            f"Basic {base64.b64encode(f'user:{key}'.encode()).decode()}",
        )),
        {"headers": {"X-API-Key": key}},
        {"headers": {"Proxy-Authorization": f"Bearer {key}"}},
        {"params": {"api_key": key, "key": key, "Authorization": f"Bearer {key}"}},
        {"cookies": {"Authorization": f"Bearer {key}"}},
    ]  # fmt: skip
    routes, tried = 0, 0
    with httpx.Client(base_url=service.url) as client:
        for path, operations in page["paths"].items():
            path = path.replace("{version}", "1").replace("{name}", "digits")  # noqa: PLW2901  # filled in
            for method in operations:
                routes += 1
                for attempt in wrong:
                    client.cookies.clear()
                    client.cookies.update(attempt.get("cookies", {}))
                    others = {name: value for name, value in attempt.items() if name != "cookies"}
                    status = client.request(method, path, **others).status_code
                    expected = path.startswith(OPEN)
                    require((status != 401) == expected, f"{method} {path} with {attempt}: {status}")
                    tried += 1
                client.cookies.clear()
                for right in KEYS:
                    status = client.request(method, path, headers={"Authorization": f"Bearer {right}"}).status_code
                    require(status != 401, f"{method} {path} with a right key: {status}")
    return Figure(
        f"{routes} routes, each with no key, a wrong one, a part of one, a right one in the wrong place",
        f"{tried:,} attempts: all refused but for health and documentation, which are open; each right key lets in",
    )


def _past_the_key(service: ServiceProcess) -> Figure:
    """Other spellings of a guarded path, byte for byte."""
    spellings = [
        "//v1/models", "/./v1/models", "/health/../v1/models", "/docs/../v1/models", "/%76%31/models", "/v1%2fmodels",
        "/V1/models", "/v1/models/", "/v1//models", "/v1/models?x=/health", "/v1/models#/health", "/v1/models;/health",
        "/v2/health/../models/digits", "/v2/health/%2e%2e/models/digits", "http://health/v1/models", "/\\v1/models",
        "/openapi.json/../metrics", "/metrics/", "//metrics", "/%6detrics", "/v1/models%00", "*", "v1/models",
    ]  # fmt: skip
    found: Counter[str] = Counter()
    for path in spellings:
        for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT"):
            status, answer = _raw(service, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            let_in = status.startswith("2") and (b"accuracy" in answer or b"versions" in answer or b"# HELP" in answer)
            require(not let_in and not status.startswith("5"), f"{method} {path}: {status} {answer[:200]!r}")
            found[status] += 1
    return Figure(
        f"{sum(found.values())} other spellings of guarded paths",
        f"none let in: {', '.join(f'{count} × {status}' for status, count in sorted(found.items()))}",
    )


def _raw(service: ServiceProcess, sent: bytes) -> tuple[str, bytes]:
    """The status and the whole answer."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").read()
    return (answer.split(b" ", 2)[1].decode() if b" " in answer else "closed"), answer


def _traversal(service: ServiceProcess) -> Figure:
    """Out of the store, by version and by name."""
    version = BUNDLED.versions()[-1]
    ways = [
        "..",
        "../..",
        "....//",
        "..\\..",
        "%2e%2e",
        "%2e%2e%2f",
        "..%2f..%2f",
        "%252e%252e%252f",
        "..%c0%af",
        "/etc",
    ]
    targets = ["manifest.json", "etc/passwd", "default.json", "model.keras", "../pyproject.toml", "%00README.md"]
    names = [f"{way}/{target}" for way in ways for target in targets] + [
        "model.tflite",
        "model.keras",
        ".",
        "README.md/..",
    ]
    paths = [f"/v1/models/{version}/files/{name}" for name in names]
    paths += [f"/v1/models/{way}/files/README.md" for way in ways] + [f"/v1/models/{way}" for way in ways]
    paths += [f"/v1/models/{number}" for number in ("0", "-1", "1e3", "٣", "1.0", "9" * 30, "default%00")]
    statuses: Counter[str] = Counter()
    for path in paths:
        status, answer = _raw(
            service,
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEYS[0]}\r\nConnection: close\r\n\r\n".encode(),
        )
        require(status in ("400", "404", "422"), f"{path}: {status} {answer[:300]!r}")
        require(b"root:" not in answer and b"[project]" not in answer, f"{path} gives a file away")
        statuses[status] += 1
    return Figure(
        f"{len(paths)} ways out of the store, by version and by the name of a file",
        f"none found: {', '.join(f'{count} × {status}' for status, count in sorted(statuses.items()))}",
    )


def _store_names(trial: Trial) -> Figure:
    """What lies in a store and is no version."""
    root = trial.folder / "models"
    folder = root / "digits"
    odd = ["0", "01", "-1", "+1", "1.0", "٣", "1 ", " 1", "1\n", "..1", "default", "1e3", "²", "9" * 400]
    for name in odd:
        with suppress(OSError):  # longer than a name may be
            (folder / name).mkdir(parents=True)
    (folder / "7").symlink_to("/etc")
    (folder / "8").write_text("a file")
    store = FolderStore(root)
    seen = store.versions()
    require(seen in ([], [7]), f"taken for versions: {seen}")
    problems = [str(problem) for problem in store.checked().values()]
    require(all("manifest.json" in problem for problem in problems), f"{problems}")
    return Figure(
        f"{len(odd) + 2} names in a store that are no version", "none is taken for one that passes its checks"
    )


def _secrets(trial: Trial) -> Figure:
    """Keys and credentials in what the service says, to whomever."""
    said: list[str] = []
    with ExitStack() as stopped, pytest.MonkeyPatch.context() as patch:
        url = new_bucket(stopped.enter_context(s3_server("python", "-m", "tests.moto_server", "-p", "PORT")), patch)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        upload(BUNDLED, url)
        log = trial.folder / "secrets"
        with running_service(
            log, model_store=url, api_keys=",".join(KEYS), poll_seconds=0.2, log_level="DEBUG"
        ) as service:
            for headers in ({}, *({"Authorization": f"Bearer {key}"} for key in ("wrong", *KEYS))):
                for method, path, content in (
                    ("POST", "/v1/predict/image", SEVEN),
                    ("POST", "/v1/predict/image", b"broken"),
                    ("POST", f"/v1/predict?key={KEYS[0]}", b"{"),
                    ("GET", "/metrics", b""),
                    ("GET", "/v1/models", b""),
                    ("GET", "/v1/models/99", b""),
                    ("GET", "/openapi.json", b""),
                    ("GET", "/health/ready", b""),
                ):
                    answer = httpx.request(
                        method, service.url + path, content=content, headers=headers | {"Content-Type": "image/png"}
                    )
                    said.append(f"{answer.headers} {answer.text}")
            stopped.close()  # the bucket is gone now
            eventually(lambda: "cannot be read" in log.read_text(), 60)
    said += [log.with_suffix(".errors").read_text(), *log.read_text().splitlines()]
    leaks = [text for text in said if any(secret in text for secret in SECRETS)]
    require(not leaks, f"{len(leaks)} leaks, as {leaks[:1]}")
    return Figure(
        f"two API keys and a bucket's secret, looked for in {len(said)} answers, lines of log and errors",
        "none found, nor once the bucket is away",
    )


def _known_faults(trial: Trial) -> Figure:
    """Of what the service's image installs, by PyPI's data, where that can be reached."""
    what = "pip-audit over the packages of the service's image"
    if trial.short:  # it may be another one each day, whatever is tried
        return not_tried(what, "not in the short form")
    command = [
        str(Path(sys.executable).with_name("pip-audit")), "-r", "requirements/service.txt", "--require-hashes",
        "--disable-pip", "--format", "json", "--progress-spinner", "off",
    ]  # fmt: skip
    try:
        result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, timeout=300)
        packages = json.loads(result.stdout)["dependencies"]
    except (ValueError, subprocess.TimeoutExpired):
        packages = []
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        return not_tried(what, "its data cannot be reached from here; by hand: make audit")
    faults = [f"{package['name']} {fault['id']}" for package in audited for fault in package["vulns"]]
    require(not faults, f"known faults: {faults}")
    return Figure(what, f"{len(audited)} of {len(packages)} packages known, no known fault")


def _container(trial: Trial) -> Iterator[Figure]:
    """The service as `docker compose up` runs it."""
    what = "the container"
    if trial.short or shutil.which("docker") is None:
        yield not_tried(what, "not in the short form" if trial.short else "there is no engine")
        return
    if subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=60).returncode:
        yield not_tried(what, "no engine answers")
        return
    os.environ["DIGITS_PORT"] = str(containers.PORT)
    try:
        containers.compose("build", "service")
        containers.compose("up", "-d", "service")
        container = containers.compose("ps", "-q", "service")
        status = containers.run("docker", "exec", container, "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        for fact in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            require(int(facts[fact], 16) == 0, f"{fact}: {facts[fact]}")
        require(facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2", status)
        require(facts["Uid"].split()[0] != "0", "it is root")
        for path in ("/x", "/app/x", "/venv/x", "/models/x", "/etc/x"):
            attempt = subprocess.run(["docker", "exec", container, "touch", path], capture_output=True, check=False)
            require(attempt.returncode != 0, f"{path} can be written")
        yield Figure(what, "no capability, no new privileges, seccomp, not root, nothing but /tmp can be written")

        from deploy.sbom import bill

        kinds = Counter(str(one.purl).partition("/")[0] for one in bill("digits-service").components)
        require(kinds["pkg:pypi"] > 10 and kinds["pkg:deb"] > 10, f"{kinds}")
        yield Figure(
            "bill of materials of the image (CycloneDX, make sbom)",
            f"{kinds['pkg:pypi']} packages of Python's, {kinds['pkg:deb']} of Debian's",
        )
    finally:
        containers.compose("down", "--volumes")
