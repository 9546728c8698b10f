"""Does a network read digits at all? Asked in a process of its own, which may crash.

`digits.png` has a hundred handwritten digits of MNIST's training images, 28×28 each: ten 0s in the first row, ten 1s in
the second, and so on.
"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

DIGITS = Path(__file__).with_name("digits.png")
LEAST = 80
"""Digits of the hundred that have to be read right."""

REFUSED = 3
"""Exit status of the process where the runtime says what is wrong."""

SECONDS, COMPUTING = 60, 10
"""Time in all, and of a core's: a network takes a hundredth of a second."""

MEMORY = 2 * 2**30
"""Bytes of address space."""


def fault(tflite: bytes) -> str | None:
    """What is wrong with a network, or None. Raises `OSError` where the machine cannot tell now."""
    try:
        child = subprocess.run(
            [sys.executable, "-m", "service.selftest"], input=tflite, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"this machine does not get it done within {SECONDS} s") from error
    if child.returncode == -9:
        raise OSError("its process was killed, perhaps for lack of memory")
    if child.returncode == REFUSED:
        return child.stderr.decode(errors="replace").strip().splitlines()[-1]
    if child.returncode:
        return f"crashes the runtime (exit status {child.returncode})"
    right = int(child.stdout)
    return None if right >= LEAST else f"reads {right} of the self-test's 100 digits right, wanted are {LEAST}"


def main() -> None:
    from contract.normalisation import SIZE, normalise
    from service.network import Network

    with suppress(ImportError):  # Windows has no limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING, COMPUTING + 1))
    sheet = np.asarray(Image.open(DIGITS)).reshape(10, SIZE, 10, SIZE).swapaxes(1, 2)
    images = np.stack([normalise(image) for row in sheet for image in row])
    try:
        answers = Network(sys.stdin.buffer.read()).logits(images)[:, :10].argmax(axis=1)
    except (ValueError, RuntimeError, MemoryError) as error:
        sys.stderr.write(f"cannot be run: {error}\n")
        sys.exit(REFUSED)
    sys.stdout.write(str(np.count_nonzero(answers == np.repeat(np.arange(10), 10))))


if __name__ == "__main__":
    main()
