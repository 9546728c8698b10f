"""How long training takes: the quick recipe in full, and the reference's own for one epoch of its ten.

Run by `make bench-train`. Both train on MNIST's 60,000 images, a validation split aside, in float; what is timed is the
training alone. `--full` runs all ten epochs of the reference. Nothing else should run meanwhile.
"""

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import reference
from contract.store import Store
from trainer import mnist
from trainer.export import scaled
from trainer.recipe import QUICK
from trainer.training import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all ten epochs of the reference, some ten minutes")
    epochs = reference.EPOCHS if parser.parse_args().full else 1
    data = mnist.load()

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        quick = train(data, QUICK, Store(Path(folder)))
        whole = time.perf_counter() - started

    network = reference.build()
    images, test = scaled(data.train_images), scaled(data.test_images)
    started = time.perf_counter()
    reference.fit(network, images, data.train_labels, epochs)
    theirs = (time.perf_counter() - started) * reference.EPOCHS / epochs
    answers = network.predict(test, batch_size=1000, verbose=0).argmax(axis=1)
    right = (answers == data.test_labels).mean()

    table = Table("recipe", "parameters", "training", "test images right")
    table.add_row(
        f"quick, {QUICK.epochs} epochs",
        f"{quick.provenance.parameters:,}",
        f"{quick.provenance.seconds:.1f} s",
        f"{quick.metrics.int8.accuracy:.2%} (int8)",
    )
    measured = f"{right:.2%}" if epochs == reference.EPOCHS else f"{reference.ACCURACY:.2%} (the notebook's own)"
    note = "" if epochs == reference.EPOCHS else ", from one epoch"
    table.add_row(
        f"reference, {reference.EPOCHS} epochs", f"{network.count_params():,}", f"{theirs:.0f} s{note}", measured
    )
    Console().print(table)
    Console().print(
        f"Training takes 1/{theirs / quick.provenance.seconds:.0f} of the reference's time; "
        f"the whole job, from data to published version, took {whole:.0f} s."
    )


if __name__ == "__main__":
    main()
