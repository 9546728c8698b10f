"""Settings, from environment variables with the prefix `DIGITS_` or from flags of `python -m service`."""

import re
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DAY = 86_400


class Settings(BaseSettings):
    """Reads handwritten digits over HTTP. Each option can also be set in the environment: --port as DIGITS_PORT."""

    model_config = SettingsConfigDict(
        env_prefix="DIGITS_", env_ignore_empty=True, cli_kebab_case=True, cli_prog_name="python -m service"
    )

    model_store: str = Field("models", description="Folder that holds digits/1, digits/2, …, or s3://bucket/prefix.")
    model_version: PositiveInt | None = Field(None, description="Serve this version, whatever the store's pin says.")
    poll_seconds: PositiveFloat = Field(2.0, le=DAY, description="How often the store is looked at for new versions.")
    loaded_versions: PositiveInt = Field(4, description="Versions asked for by number that stay loaded at most.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="Port to listen on; 0 picks a free one.")
    workers: PositiveInt = Field(1, description="Processes that answer requests.")
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys, any of which a request must bring; commas between. Other users of the machine see flags.",
    )
    cors_origins: str = Field("", description="Web pages whose scripts may call, as https://a.example; commas between.")
    max_in_flight: PositiveInt = Field(
        64, description="Requests in flight in one process; more are sent away with 503."
    )
    request_seconds: PositiveFloat = Field(30.0, le=DAY, description="Time for a request to arrive whole.")
    max_body_bytes: PositiveInt = Field(10 * 2**20, description="Largest request body, bytes.")
    max_image_pixels: PositiveInt = Field(25_000_000, description="Largest image, pixels.")
    max_request_pixels: PositiveInt = Field(100_000_000, description="All images of one request together, pixels.")
    max_images: PositiveInt = Field(1024, description="Most images in one request.")
    drain_seconds: NonNegativeFloat = Field(
        2.0, le=DAY, description="After SIGTERM: time of not being ready but answering."
    )
    shutdown_seconds: PositiveInt = Field(10, le=DAY, description="Then: time for requests in flight to finish.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("api_keys")
    @classmethod
    def _has_keys(cls, keys: SecretStr) -> SecretStr:
        if keys.get_secret_value() and not parts(keys.get_secret_value()):
            raise ValueError("there is no key between the commas, so every request would be let in")
        if not all(re.fullmatch(r"[!-~]+", key) for key in parts(keys.get_secret_value())):
            raise ValueError(
                "a key may have letters, digits and signs of ASCII, and no spaces: not every client sends more"
            )
        return keys

    @field_validator("cors_origins")
    @classmethod
    def _has_origins(cls, origins: str) -> str:
        if wrong := [one for one in parts(origins) if not re.fullmatch(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#\s]+", one)]:
            raise ValueError(f"{wrong[0]} is no origin: one is like https://a.example, without a path; * is any")
        return origins

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for worker processes."""
        values = self.model_dump(exclude_none=True) | {"api_keys": self.api_keys.get_secret_value()}
        return {f"DIGITS_{name.upper()}": str(value) for name, value in values.items()}


def parts(text: str) -> list[str]:
    """What stands between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
