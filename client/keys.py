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
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(NAME, url)
    except KeyringError:
        return None


def keep(url: str, key: str) -> None:
    """Keep `key` for the service at `url`; an empty one is forgotten. Raises `NoKeyringError`."""
    import keyring
    from keyring.errors import KeyringError

    try:
        if key:
            keyring.set_password(NAME, url, key)
        elif keyring.get_password(NAME, url) is not None:
            keyring.delete_password(NAME, url)
    except KeyringError as error:
        raise NoKeyringError(str(error)) from error
