"""No input brings it down."""

import base64
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx

from proofs import fuzz, hostile
from proofs.promise import BUNDLED, REPO, BrokenPromiseError, Figure, Trial, not_tried, require
from tests.servers import ServiceProcess, running_service

SLOWEST = 10.0
"""Seconds that the worst file may take, on a core that others use too."""

MEMORY = 600e6
"""Bytes that the process may have had at most: the container has 1 GiB."""


def prove(trial: Trial) -> Iterator[Figure]:
    with running_service(trial.folder / "log", model_store=BUNDLED.folder.parent) as service:
        yield _hostile_files(service)
        yield _schemathesis(service, trial)
    yield from _fuzzed(trial)


def _hostile_files(service: ServiceProcess) -> Figure:
    statuses: Counter[int] = Counter()
    slowest = 0.0, ""
    count = 0
    with httpx.Client(base_url=service.url, timeout=60) as client:
        for name, content, readable in hostile.files():
            count += 1
            text = base64.b64encode(content).decode()
            for path, options in (
                ("/v1/predict/image", {"content": content, "headers": {"Content-Type": "image/png"}}),
                ("/v1/numbers/image", {"content": content, "headers": {"Content-Type": "image/png"}}),
                ("/v1/predict", {"json": {"images": [text]}}),
            ):
                begun = time.monotonic()
                answer = client.post(path, **options)
                slowest = max(slowest, (time.monotonic() - begun, name))
                statuses[answer.status_code] += 1
                require(answer.status_code in (200, 413, 422), f"{name} at {path}: {answer.status_code} {answer.text}")
                if readable is not None and path != "/v1/numbers/image":
                    require((answer.status_code == 200) == readable, f"{name}: {answer.status_code} {answer.text}")
                if readable and path == "/v1/predict/image":
                    digit = answer.json()["predictions"][0]["digit"]
                    require(digit == 1, f"the 1 on {name} is read as {digit}")
            client.get("/health/ready").raise_for_status()
    require(slowest[0] < SLOWEST, f"{slowest[1]} took {slowest[0]:.1f} s")
    require(service.peak_bytes() < MEMORY, f"{service.peak_bytes() / 1e6:.0f} MB were needed")
    return Figure(
        f"{count} hostile and odd files, each to three endpoints",
        f"{', '.join(f'{number} × {status}' for status, number in sorted(statuses.items()))}; the slowest took "
        f"{slowest[0]:.1f} s ({slowest[1]}), the process never had more than {service.peak_bytes() / 1e6:.0f} MB",
    )


def _schemathesis(service: ServiceProcess, trial: Trial) -> Figure:
    result = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json",
            f"--phases=examples,coverage,fuzzing{',stateful' * (not trial.short)}",
            f"--max-examples={trial.count(250, 10)}",
            "--exclude-checks=positive_data_acceptance",  # a string that fits the schema need not be an image
            f"--seed={trial.seed}", "--no-color",
        ],
        cwd=trial.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    require(result.returncode == 0, result.stdout[-3000:])
    cases = re.search(r"(\d+) generated, (\d+) passed", result.stdout)
    if cases is None or cases[1] != cases[2]:
        raise BrokenPromiseError(result.stdout[-3000:])
    return Figure("schemathesis over the served OpenAPI", f"{int(cases[1]):,} cases, none failed")


def _fuzzed(trial: Trial) -> Iterator[Figure]:
    if find_spec("atheris") is None:
        yield not_tried("atheris", "it has no package for this machine")
        return
    seconds = trial.count(300, 5)
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda one: _fuzz(one, seconds, trial.folder), fuzz.TARGETS)
        for target, figure in zip(fuzz.TARGETS, found, strict=True):
            yield Figure(f"atheris on the {target} path, {seconds} s, beside the others", figure)


def _fuzz(target: str, seconds: int, folder: Path) -> str:
    work = folder / target
    work.mkdir()
    result = subprocess.run(
        [
            sys.executable, "-m", "proofs.fuzz", target, str(work), str(REPO / "proofs/corpus" / target),
            f"-max_total_time={seconds}",
        ],
        cwd=REPO, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(REPO)},
    )  # fmt: skip
    require(result.returncode == 0, f"{target}: {result.stderr[-4000:]}")
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", result.stderr)
    coverage = re.findall(r"cov: (\d+)", result.stderr)
    if not runs or not coverage:
        raise BrokenPromiseError(f"{target}: {result.stderr[-4000:]}")
    return f"{sum(map(int, runs)):,} inputs, {coverage[-1]} branches reached, no fault"
