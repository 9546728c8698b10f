"""How long training takes: the quick recipe in full, and the reference's own for one epoch of its ten.

Run by `make bench-train`. Both see the same training images; the reference's epoch is timed after a first one, in which
TensorFlow sets itself up. What is timed is the training alone. `--full` runs all ten epochs of the reference. Nothing
else should run meanwhile.
"""

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contract.folder import FolderStore
from trainer import mnist
from trainer.recipe import QUICK


def main() -> None:
    from benchmarks import reference  # here, so that the trainer's workers need not load TensorFlow for it
    from trainer.dataset import split
    from trainer.export import scaled
    from trainer.training import fit, publish

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all ten epochs of the reference, some 25 minutes")
    full = parser.parse_args().full
    data = mnist.load()

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        quick = publish(fit(data, QUICK), None, None, data, QUICK, FolderStore(Path(folder)))
        whole = time.perf_counter() - started

    network = reference.build()
    training, _ = split(data, QUICK.seed, QUICK.images)
    images = scaled(training.images)
    times = reference.fit(network, images, training.labels, reference.EPOCHS if full else 2)
    theirs = sum(times) if full else times[-1] * reference.EPOCHS
    answers = network.predict(scaled(data.test_images), batch_size=1000, verbose=0).argmax(axis=1)
    right = (answers == data.test_labels).mean()

    table = Table("recipe", "parameters", "training", "test images right")
    table.add_row(
        f"quick, epochs: {QUICK.epochs}",
        f"{quick.provenance.parameters:,}",
        f"{quick.provenance.seconds:.1f} s",
        f"{quick.metrics.int8.accuracy:.2%} (int8)",
    )
    table.add_row(
        f"reference, epochs: {reference.EPOCHS}",
        f"{network.count_params():,}",
        f"{theirs:.0f} s" + ("" if full else ", from one epoch"),
        f"{right:.2%}" if full else f"{reference.ACCURACY:.2%} (the notebook's own)",
    )
    Console().print(table)
    Console().print(
        f"Training takes 1/{theirs / quick.provenance.seconds:.0f} of the reference's time; "
        f"the whole job, from data to published version, took {whole:.0f} s."
    )


if __name__ == "__main__":
    main()
