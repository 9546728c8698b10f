"""`python -m client`: open the window."""

import argparse
import sys

import httpx

from client import preferences
from client.service import Service


def main() -> None:
    remembered = preferences.load()
    parser = argparse.ArgumentParser(prog="python -m client", description="Draw a digit; the service says which it is.")
    parser.add_argument(
        "--url", type=_url, default=remembered.url, help="address of the service; remembered (now %(default)s)"
    )
    url = parser.parse_args().url
    try:
        service = Service(url)
    except (ValueError, ImportError, OSError) as error:
        sys.exit(f"Proxy or certificates, as the environment sets them, cannot be used: {error}")
    if url != remembered.url:
        try:
            preferences.save(remembered.model_copy(update={"url": url}))
        except OSError as error:
            print(f"The address cannot be remembered: {error}", file=sys.stderr)
    _open(service)


def _url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} should look like http://127.0.0.1:8000")
    return text.rstrip("/")


def _open(service: Service) -> None:
    try:
        import tkinter as tk
    except ImportError:
        sys.exit("This Python has no Tk. On Debian and Ubuntu: apt-get install python3-tk")
    from client.window import Window

    try:
        root = tk.Tk(className="Digits")
    except tk.TclError as error:
        sys.exit(f"No window can be opened here: {error}")
    Window(root, service)
    root.mainloop()


if __name__ == "__main__":
    main()
