"""The inner part of the normalisation once more, in C: the same pictures, in a small part of the time.

`python -m contract.native` compiles native.c, by the package `ziglang` or by the compiler that `CC` names. Where that
was not done, everything works and takes longer. The library is called after its source, the machine and the flags: an
outdated one is not loaded.
"""

import ctypes
import logging
import os
import platform
import shlex
import subprocess
import sys
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("native.c")
FLAGS = ("-O3", "-std=c11", "-Wall", "-Wextra", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared")
"""No operations are fused and none is reordered, so that results are the same everywhere."""

DONE, BLANK, NOT_HERE = range(3)
"""What the functions return: done; there is nothing on the paper; left to Python."""


def library() -> Path:
    kind = " ".join((sys.platform, platform.machine(), *FLAGS)).encode()
    return SOURCE.with_name(f"native-{sha256(SOURCE.read_bytes() + kind).hexdigest()[:12]}.so")


@cache
def load() -> ctypes.CDLL | None:
    """What was compiled, if it was."""
    if not (path := library()).exists():
        return None
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        logging.getLogger(__name__).warning("%s cannot be loaded, so all takes longer: %s", path.name, error)
        return None
    address, number = ctypes.c_void_p, ctypes.c_int
    for function in (loaded.digits_normalise, loaded.digits_place, loaded.digits_png):
        function.argtypes = address, number, number, address
    loaded.digits_writing.argtypes = address, number, number, ctypes.c_double, address
    loaded.digits_unfilter.argtypes = address, number, number, number, address
    return loaded


def address(values: Any) -> int:
    """Of a bytearray, or of the values of a numpy array that is contiguous; its own `ctypes.data` takes long."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(values))
    except TypeError:  # an array that may not be written
        place: int = values.__array_interface__["data"][0]
        return place


def main() -> None:
    """Compile where that was not done, for any processor of this architecture."""
    if library().exists():
        return
    compiler = shlex.split(os.environ.get("CC", ""))
    if not compiler:
        if find_spec("ziglang") is None:
            sys.exit("There is no compiler: install the package ziglang, or name one in the variable CC.")
        compiler = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"]
    path = library()
    new = path.with_suffix(f".{os.getpid()}")
    try:
        subprocess.run([*compiler, *FLAGS, "-o", str(new), str(SOURCE), "-lm"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        new.unlink(missing_ok=True)
        sys.exit(f"{SOURCE.name} was not compiled: {error}")
    new.replace(path)
    for outdated in set(path.parent.glob("native-*.so")) - {path}:
        outdated.unlink()


if __name__ == "__main__":
    main()
