"""What the window remembers between starts."""

from pathlib import Path
from typing import Annotated

from platformdirs import user_config_path
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from client.service import address

FILE = user_config_path("digits") / "client.json"


class Preferences(BaseModel):
    url: Annotated[str, AfterValidator(address)] = "http://127.0.0.1:8000"
    """Of the service that answered last."""
    dark: bool = False
    pen: Annotated[int, Field(ge=4, le=40)] = 18
    """Width, in the paper's units."""
    place: Annotated[str, Field(pattern=r"^\d+x\d+[+]-?\d+[+]-?\d+$")] | None = None
    """Size and place of the window, as Tk writes them."""


def load(file: Path = FILE) -> Preferences:
    """What `save` wrote; the defaults where there is nothing, or nothing that can be understood."""
    try:
        return Preferences.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return Preferences()


def save(preferences: Preferences, file: Path = FILE) -> None:
    """Raises `OSError`, and then what was saved before is still there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new")
    beside.write_text(preferences.model_dump_json(indent=2) + "\n", encoding="utf-8")
    beside.replace(file)
