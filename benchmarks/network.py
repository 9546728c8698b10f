"""How long one image takes: the bundled network as served (int8), and the reference's (float), in turn.

Run by `make bench-network`. LiteRT, one thread, the network alone; nothing else should run meanwhile.
"""

import statistics
import time

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import reference
from contract.artifact import TFLITE
from contract.store import Store
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
    store = Store(REPO / "models")
    manifest = store.verify(store.versions()[-1])
    network = reference.build()
    ours = loaded(store.read(manifest, TFLITE))
    theirs = loaded(tf.lite.TFLiteConverter.from_keras_model(network).convert())
    pairs = [(seconds(ours), seconds(theirs)) for _ in track(range(ROUNDS), "Running both networks in turn")]
    our_time, their_time = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    table = Table("one image, one thread, LiteRT", "parameters", f"median of {ROUNDS} × {CALLS} calls")
    table.add_row(
        f"bundled version {manifest.version}, int8", f"{manifest.provenance.parameters:,}", f"{our_time * 1e6:.1f} µs"
    )
    table.add_row("reference, float", f"{network.count_params():,}", f"{their_time * 1e6:.1f} µs")
    Console().print(table)
    Console().print(f"The bundled network is {ratio:.1f} times as fast (median of the rounds' ratios).")


if __name__ == "__main__":
    keras.utils.disable_interactive_logging()
    main()
