"""What the Makefile's targets set up first."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def script(folder: Path, pins: str) -> list[str]:
    """The command that makes an environment in `folder` from these `pins`."""
    for name in ("scripts", "requirements"):
        (folder / name).mkdir(exist_ok=True)
    shutil.copy(ROOT / "scripts" / "venv", folder / "scripts")
    (folder / "requirements" / "nothing.txt").write_text(pins)
    return [str(folder / "scripts" / "venv"), sys.executable, "nothing"]


def test_environment_that_works_stays_where_a_newer_one_cannot_be_had(tmp_path: Path) -> None:
    subprocess.run(script(tmp_path, ""), check=True)
    python = tmp_path / ".venv" / "nothing" / "bin" / "python"
    (python.parent / "mark").touch()
    for _ in range(2):
        done = subprocess.run(script(tmp_path, "there-is-no-such-package==1\n"), check=False, capture_output=True)
        assert done.returncode != 0
        assert (python.parent / "mark").exists()
        subprocess.run([python, "-c", "import pip"], check=True)
    subprocess.run(script(tmp_path, ""), check=True)
    assert not (python.parent / "mark").exists()
    assert sorted(path.name for path in (tmp_path / ".venv").iterdir()) == ["nothing", "nothing.lock"]


def test_two_that_set_up_the_same_environment_at_once_make_it_once(tmp_path: Path) -> None:
    both = [subprocess.Popen(script(tmp_path, ""), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=300)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert sum("Setting up .venv/nothing" in words for words in said) == 1, said
    made = tmp_path / ".venv" / "nothing"
    assert (made / "ready").exists()
    subprocess.run([made / "bin" / "python", "-c", "import pip"], check=True)
