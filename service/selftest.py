"""Does a network read digits at all? Asked in a process of its own, which may crash.

`digits.png` has a hundred handwritten digits of MNIST's training images, 28×28 each: ten 0s in the first row, ten 1s in
the second, and so on.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.line import strip, windows
from contract.normalisation import SIZE, normalise
from contract.spelling import NO_DIGIT, joined, spell
from service.network import LINE, Network

DIGITS = Path(__file__).with_name("digits.png")
LEAST = 80
"""Digits of the hundred that have to be read right."""

NUMBERS = "digits of numbers"
"""What the network for lines reads; the others read digits."""

REFUSED = 3
"""Exit status of the process where the runtime says what is wrong."""

SECONDS, COMPUTING = 60, 10
"""Time in all, and of a core's: a network takes a hundredth of a second."""

MEMORY = 2 * 2**30
"""Bytes of address space."""


def fault(tflite: bytes, line_tflite: bytes | None = None, second_tflite: bytes | None = None) -> str | None:
    """What is wrong with a version's networks, or None. Raises `OSError` where the machine cannot tell now."""
    networks = {"digits": tflite, NUMBERS: line_tflite, "digits at a second look": second_tflite}
    there = {what: network for what, network in networks.items() if network is not None}
    try:
        child = subprocess.run(
            [
                sys.executable,
                "-m",
                "service.selftest",
                *(f"{len(network)} {what}" for what, network in there.items()),
            ],
            input=b"".join(there.values()),
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # else each core's thread takes 40 MB of address space
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"this machine does not get it done within {SECONDS} s") from error
    if child.returncode == -9:
        raise OSError("its process was killed, perhaps for lack of memory")
    if child.returncode == REFUSED:
        return child.stderr.decode(errors="replace").strip().splitlines()[-1]
    if child.returncode:
        return f"crashes the runtime (exit status {child.returncode})"
    for what, right in zip(there, map(int, child.stdout.split()), strict=True):
        if right < LEAST:
            return f"reads {right} of the self-test's 100 {what} right, wanted are {LEAST}"
    return None


def main() -> None:
    with suppress(ImportError):  # Windows has no limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING, COMPUTING + 1))
    sheet = np.asarray(Image.open(DIGITS)).reshape(10, SIZE, 10, SIZE).swapaxes(1, 2)
    try:
        right = []
        for length, what in (argument.split(maxsplit=1) for argument in sys.argv[1:]):
            network = sys.stdin.buffer.read(int(length))
            right.append((_line_right if what == NUMBERS else _digits_right)(network, sheet))
    except (ValueError, RuntimeError, MemoryError) as error:
        sys.stderr.write(f"cannot be run: {error}\n")
        sys.exit(REFUSED)
    sys.stdout.write(" ".join(map(str, right)))


def _digits_right(tflite: bytes, sheet: NDArray[np.uint8]) -> int:
    """How many of the digits on the sheet, uint8 [10, 10, 28, 28], are read right."""
    images = np.stack([normalise(image) for row in sheet for image in row])
    answers = Network(tflite).logits(images)[:, :NO_DIGIT].argmax(axis=1)
    return int(np.count_nonzero(answers == np.repeat(np.arange(10), 10)))


def _line_right(tflite: bytes, sheet: NDArray[np.uint8]) -> int:
    """The same where each column of the sheet is written as the number 01234 and as 56789."""
    network, right = Network(tflite, LINE), 0
    for first in (0, 5):
        for column in range(10):
            ink = strip(np.hstack(list(sheet[first : first + 5, column]))).ink
            frames = [network.logits(window[np.newaxis])[0] for window in windows(ink)]
            found = spell(joined(frames, ink.shape[1]), 1).likelihoods[:, :NO_DIGIT].argmax(axis=1)
            right += int(np.count_nonzero(found == np.arange(first, first + 5))) if len(found) == 5 else 0
    return right


if __name__ == "__main__":
    main()
