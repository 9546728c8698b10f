"""Settings, from environment variables with the prefix `DIGITS_` or from flags of `python -m service`."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Reads handwritten digits over HTTP. Each option can also be set in the environment: --port as DIGITS_PORT."""

    model_config = SettingsConfigDict(
        env_prefix="DIGITS_", env_ignore_empty=True, cli_kebab_case=True, cli_prog_name="python -m service"
    )

    model_store: str = Field("models", description="Folder that holds digits/1, digits/2, …")
    model_version: PositiveInt | None = Field(None, description="Serve this version, whatever the store's pin says.")
    poll_seconds: PositiveFloat = Field(2.0, description="How often the store is looked at for new versions.")
    loaded_versions: PositiveInt = Field(4, description="Versions asked for by number that stay loaded at most.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="Port to listen on; 0 picks a free one.")
    workers: PositiveInt = Field(1, description="Processes that answer requests.")
    max_body_bytes: PositiveInt = Field(10 * 2**20, description="Largest request body, bytes.")
    max_image_pixels: PositiveInt = Field(25_000_000, description="Largest image, pixels.")
    max_request_pixels: PositiveInt = Field(100_000_000, description="All images of one request together, pixels.")
    max_images: PositiveInt = Field(256, description="Most images in one request.")
    shutdown_seconds: PositiveInt = Field(10, description="Time for requests in flight to finish after SIGTERM.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR.")

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for worker processes."""
        return {f"DIGITS_{name.upper()}": str(value) for name, value in self.model_dump(exclude_none=True).items()}
