"""The API key: from the environment, else from the keyring of the desktop; never in a file in clear."""

import os

VARIABLE = "DIGITS_API_KEY"
NAME = "digits"


class NoKeyringError(Exception):
    """There is none here, or it is locked; the text says what is the matter."""


def find(url: str) -> str | None:
    """The key for the service at `url`, if there is one."""
    if key := os.environ.get(VARIABLE, "").strip():
        return key
    import keyring

    try:
        return keyring.get_password(NAME, url)
    except Exception:  # each desktop's keyring raises errors of its own; without one there is no key
        return None


def keep(url: str, key: str) -> None:
    """Keep `key` for the service at `url`; an empty one is forgotten. Raises `NoKeyringError`."""
    import keyring

    try:
        if key:
            keyring.set_password(NAME, url, key)
        elif keyring.get_password(NAME, url) is not None:
            keyring.delete_password(NAME, url)
    except Exception as error:  # each desktop's keyring raises errors of its own
        raise NoKeyringError(str(error)) from error
