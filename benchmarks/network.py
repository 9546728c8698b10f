"""How long one image takes: the newest version's networks as served, and the reference's, in turn.

Run by `make bench-network`. LiteRT, one thread, the networks alone; nothing else should run meanwhile. *Ours* is the
mean over images of which as many are asked twice as of the validation digits.
"""

import sys
import time

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import reference
from contract.artifact import SECOND_TFLITE, TFLITE
from contract.folder import FolderStore
from tests.servers import REPO

ROUNDS = 30
CALLS = 200


def loaded(tflite: bytes) -> Interpreter:
    interpreter = Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    [source] = interpreter.get_input_details()
    interpreter.set_tensor(source["index"], np.ones(source["shape"], source["dtype"]))
    return interpreter


def seconds(interpreter: Interpreter) -> float:
    """Of one call, the mean of `CALLS`."""
    interpreter.invoke()
    started = time.perf_counter()
    for _ in range(CALLS):
        interpreter.invoke()
    return (time.perf_counter() - started) / CALLS


def main() -> None:
    store = FolderStore(REPO / "models")
    versions = store.versions()
    if not versions:
        sys.exit(f"There is no version in {store.folder} to measure.")
    manifest = store.verify(versions[-1])
    network = reference.build()
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    in_float = converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    noise = np.random.default_rng(0).random((50, 1, 28, 28, 1), np.float32)
    converter.representative_dataset = lambda: ([image] for image in noise)
    in_int8 = converter.convert()
    first, second = f"version {manifest.version}, first network", f"version {manifest.version}, second network"
    measured = {
        first: (manifest.provenance.parameters, store.read(manifest, TFLITE)),
        "reference, float": (network.count_params(), in_float),
        "reference, int8": (network.count_params(), in_int8),
    }
    if manifest.second:
        measured[second] = (manifest.second.parameters, store.read(manifest, SECOND_TFLITE))
    interpreters = [loaded(tflite) for _, tflite in measured.values()]
    rounds = [[seconds(each) for each in interpreters] for _ in track(range(ROUNDS), "Running the networks in turn")]

    parameters = {name: count for name, (count, _) in measured.items()}
    times = dict(zip(measured, np.transpose(rounds), strict=True))
    mean = first
    if manifest.second:
        mean = (
            f"version {manifest.version}, {manifest.second.asked:.1%} of the images asked twice, as validation digits"
        )
        both = f"version {manifest.version}, an image asked twice"
        parameters[mean] = parameters[both] = parameters[first] + parameters[second]
        times[mean] = times[first] + manifest.second.asked * times[second]
        times[both] = times[first] + times[second]
    table = Table("one image, one thread, LiteRT", "parameters", f"median of {ROUNDS} × {CALLS} calls", "times ours")
    for name in sorted(times, key=lambda name: float(np.median(times[name]))):
        ratio = float(np.median(times[name] / times[mean]))
        table.add_row(name, f"{parameters[name]:,}", f"{np.median(times[name]) * 1e6:.1f} µs", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
