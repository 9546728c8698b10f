"""What the window remembers between starts: the service's address."""

from pathlib import Path

from platformdirs import user_config_path
from pydantic import BaseModel, ValidationError

FILE = user_config_path("digits") / "client.json"


class Preferences(BaseModel):
    url: str = "http://127.0.0.1:8000"


def load(file: Path = FILE) -> Preferences:
    """What `save` wrote; the defaults where there is nothing, or nothing that can be understood."""
    try:
        return Preferences.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return Preferences()


def save(preferences: Preferences, file: Path = FILE) -> None:
    """Raises `OSError`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(preferences.model_dump_json(indent=2) + "\n", encoding="utf-8")
