"""What the Makefile's targets set up first."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_two_that_set_up_the_same_environment_at_once_make_it_once(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "venv", tmp_path / "scripts")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "nothing.txt").touch()
    command = [str(tmp_path / "scripts" / "venv"), sys.executable, "nothing"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=300)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sum("Setting up .venv/nothing" in words for words in said) == 1, said
    made = tmp_path / ".venv" / "nothing"
    assert (made / "ready").exists()
    subprocess.run([made / "bin" / "python", "-c", "import pip"], check=True)
