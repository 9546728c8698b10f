"""A bad artifact never serves."""

import itertools
import json
import logging
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx

from contract.artifact import LINE_TFLITE, MANIFEST, SECOND_TFLITE, TFLITE, Manifest
from contract.folder import FolderStore
from contract.store import fingerprint
from proofs import mutations
from proofs.load import Load
from proofs.promise import BUNDLED, SEVEN, Figure, Trial, predicted, require
from service.registry import Registry
from tests.networks import crashing, ignorant
from tests.servers import ServiceProcess, eventually, metric, running_service

OTHERS = {TFLITE: LINE_TFLITE, LINE_TFLITE: TFLITE, SECOND_TFLITE: LINE_TFLITE}
"""Each network of the bundled version, and one of another shape."""

_numbers = itertools.count(1000)


def prove(trial: Trial) -> Iterator[Figure]:
    store = FolderStore(trial.folder / "models")
    good = BUNDLED.versions()[-1]
    shutil.copytree(BUNDLED.folder / str(good), store.folder / str(good))
    yield from _damaged(store, good, trial)
    with running_service(trial.folder / "log", model_store=trial.folder / "models", poll_seconds=0.05) as service:
        yield from _hostile(service, store, good, trial)
    yield _killed_worker(trial)


def put(store: FolderStore, good: int, change: Callable[[dict[str, bytes]], None]) -> int:
    """The version `good` once more under a number that none had, with its files changed. Nothing is checked."""
    folder = store.folder / str(good)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    number = next(_numbers)
    files[MANIFEST] = files[MANIFEST].replace(b'"version": %d' % good, b'"version": %d' % number, 1)
    change(files)
    hidden = store.folder / ".hidden"
    hidden.mkdir()
    for name, content in files.items():
        (hidden / name).write_bytes(content)
    hidden.rename(store.folder / str(number))
    return number


def _damaged(store: FolderStore, good: int, trial: Trial) -> Iterator[Figure]:
    """Files that are not what the manifest says, and manifests that are not what they were."""
    rng, times = random.Random(trial.seed), trial.count(500, 15)
    logging.getLogger("service.registry").disabled = True  # thousands of refusals are what is wanted here
    registry = Registry(store, None, 1)
    registry.refresh()
    manifest = store.manifest(good)
    names = sorted(manifest.files)
    for name in names:
        others = [other for other in names if other != name]

        def damage(files: dict[str, bytes], name: str = name, others: list[str] = others) -> None:
            kind = rng.choice([*mutations.ANY, None])
            changed = kind(files[name], rng) if kind else files[rng.choice(others)]
            files[name] = changed if changed != files[name] else b""

        for _ in range(times):
            _require_refused(registry, store, put(store, good, damage), good)
    yield Figure(
        f"{times} mutations of each of {len(names)} files: bits flipped, cut short, made longer, overwritten, "
        "reordered, another file in its place",
        "each refused with its reason, the old version served on",
    )

    found: Counter[str] = Counter()
    for kind, how in ((mutations.lying, "a lie"), *((kind, "damage") for kind in mutations.ANY)):

        def change(files: dict[str, bytes], kind: mutations.Mutation = kind) -> None:
            files[MANIFEST] = kind(files[MANIFEST], rng)

        for _ in range(times if how == "a lie" else times // len(mutations.ANY)):
            version = put(store, good, change)
            registry.refresh()
            [summary] = [one for one in registry.summaries() if one.version == version]
            if summary.state == "refused":
                require(bool(summary.reason), f"version {version} is refused without a reason")
                found[f"{how}, refused"] += 1
            else:
                served = registry.default().manifest
                _require_same_networks(served, manifest)
                told = all(
                    getattr(served, part) == getattr(manifest, part)
                    for part in ("calibration", "acceptance", "line", "second")
                )
                found[f"{how} about {'what is only told' if told else 'how sure it is'}, served"] += 1
            shutil.rmtree(store.folder / str(version))
            registry.refresh()
            require(registry.default().manifest.version == good, "the old version does not serve on")
    yield Figure(
        f"{sum(found.values())} mutations of the manifest",
        "; ".join(f"{count} {what}" for what, count in sorted(found.items())),
    )


def _require_refused(registry: Registry, store: FolderStore, version: int, good: int) -> None:
    registry.refresh()
    summaries = {one.version: one for one in registry.summaries()}
    one = summaries[version]
    require(one.state == "refused" and bool(one.reason), f"version {version} is {one.state}: {one.reason}")
    require(registry.default().manifest.version == good, f"version {registry.default().manifest.version} serves")
    shutil.rmtree(store.folder / str(version))


def _require_same_networks(served: Manifest, good: Manifest) -> None:
    for name in OTHERS:
        require(served.files[name] == good.files[name], f"another {name} is served")


def _hostile(service: ServiceProcess, store: FolderStore, good: int, trial: Trial) -> Iterator[Figure]:
    """Networks whose checksum is right: what is wrong shows only when they are run."""
    rng = random.Random(trial.seed)
    read = {name: (store.folder / str(good) / name).read_bytes() for name in OTHERS}
    made = [
        (name, what, network)
        for name, other in OTHERS.items()
        for what, network in (
            ("crashes the runtime", crashing(read[name])),
            ("has no knowledge", ignorant(read[name])),
            ("is of another shape", read[other]),
            ("is empty", b""),
            ("is noise", rng.randbytes(len(read[name]))),
        )
    ]
    times = trial.count(30, 1)
    mutated = [(name, kind(read[name], rng)) for name in OTHERS for kind in mutations.ANY for _ in range(times)]
    pid = service.process.pid
    with Load(service.port, SEVEN, connections=2, rate=30) as load:
        for name, what, network in made:
            state, reason = _tried(service, store, good, name, network)
            refused = state == "refused" and bool(reason) and "waits" not in reason
            require(refused, f"a {name} that {what} is {state}: {reason}")
        states = Counter(_tried(service, store, good, name, network)[0] for name, network in mutated)
    load.require_all_right()
    require(service.process.poll() is None and service.process.pid == pid, "the service died")
    yield Figure(
        f"{len(made)} networks with a right checksum that crash the runtime, know nothing, are of another shape, are "
        "empty or noise",
        "each refused with its reason, tried in a process that nobody needs",
    )
    yield Figure(
        f"{len(mutated)} mutations of the networks, their checksums made right",
        f"{states['refused']} refused; {states['serving']} read the self-test's digits and served; {len(load.right):,} "
        f"requests meanwhile, all right, p99 {_p99(load):.0f} ms",
    )


def _p99(load: Load) -> float:
    times = sorted(load.times())
    return float(times[int(0.99 * len(times))])


def _tried(service: ServiceProcess, store: FolderStore, good: int, name: str, network: bytes) -> tuple[str, str]:
    """What becomes of a version with this network: its state and the reason."""

    def change(files: dict[str, bytes]) -> None:
        manifest = json.loads(files[MANIFEST])
        manifest["files"][name] = fingerprint(network).model_dump()
        files[MANIFEST] = json.dumps(manifest).encode()
        files[name] = network

    version = put(store, good, change)
    found: dict[str, str] = {}

    def judged() -> bool:
        models = httpx.get(f"{service.url}/v1/models").json()["models"]
        found.update(next((one for one in models if one["version"] == version), {}))
        return found.get("state") in ("refused", "serving")

    eventually(judged, 70)
    shutil.rmtree(store.folder / str(version))
    store.pin(good)  # back, whatever served
    eventually(lambda: httpx.get(f"{service.url}/v1/models/default").json()["version"] == good)
    store.unpin()
    return found["state"], found.get("reason") or ""


def _killed_worker(trial: Trial) -> Figure:
    times, took = trial.count(20, 2), []
    with running_service(trial.folder / "workers", model_store=BUNDLED.folder.parent, workers=2) as service:
        version = BUNDLED.versions()[-1]
        eventually(lambda: metric(service, "digits_served_version") == 2 * version)
        for _ in range(times):
            workers = service.workers()
            workers[0].kill()
            begun = time.monotonic()
            eventually(lambda: len(service.workers()) == 2 and service.workers() != workers, 20)  # noqa: B023
            eventually(lambda: metric(service, "digits_served_version") == 2 * version, 20)
            took.append(time.monotonic() - begun)
            for _ in range(10):
                predicted(service).raise_for_status()
    return Figure(
        f"one of two workers killed outright, {times} times", f"back after {max(took):.1f} s at most, both serve"
    )
