"""Which state of the sources a training ran from."""

import os
import subprocess
from pathlib import Path


def source_revision() -> str:
    """The commit this runs from, "+" behind it where files differ from it; in a container, what its build was told."""
    if told := os.environ.get("DIGITS_REVISION"):
        return told
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.check_output(command, cwd=Path(__file__).parent, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
