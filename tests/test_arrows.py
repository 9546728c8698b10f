"""Imports run one way: rooms know the contract, and nothing of each other."""

import subprocess
import sys
from pathlib import Path

from tests.servers import REPO


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [f"{Path(sys.executable).parent}/lint-imports", "--no-cache", "--config", f"{REPO}/pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_rooms_import_only_what_they_may() -> None:
    result = lint(REPO)
    assert result.returncode == 0, result.stdout


def test_a_forbidden_import_would_be_found(tmp_path: Path) -> None:
    for room in ("contract", "service", "client", "trainer"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "contract" / "messages.py").touch()
    (tmp_path / "client" / "__init__.py").write_text("import service\n")
    (tmp_path / "service" / "__init__.py").write_text("import tensorflow\n")
    result = lint(tmp_path)
    assert result.returncode == 1
    assert "Rooms do not import each other BROKEN" in result.stdout
    assert "Only the trainer knows TensorFlow BROKEN" in result.stdout
