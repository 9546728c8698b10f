"""`python -m client`: open the window. `python -m client read FILE…`: say what is on images."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from client import keys, preferences
from client.service import Service, address


def main() -> None:
    remembered = preferences.load()
    parser = argparse.ArgumentParser(
        prog="python -m client",
        description="Draw a digit; the service says which it is. Without a command: a window.",
        epilog=f"A service that wants an API key gets the one in {keys.VARIABLE}, or in the desktop's keyring.",
    )
    _add_url(parser, remembered.url, default=remembered.url)
    read = parser.add_subparsers(dest="command").add_parser(
        "read",
        help="say what is on images, for scripts",
        description="Prints a line for each image. Exit status: 0 all read, 3 all read but not sure of one at least, "
        "1 an image or the service failed, 2 wrong use, 130 stopped by Ctrl+C.",
        epilog=parser.epilog,
    )
    _add_url(read, remembered.url, default=argparse.SUPPRESS)
    read.add_argument(
        "names",
        nargs="*",
        metavar="FILE",
        help="an image, a folder of images, a tar archive of them (compressed or not), or - for one on standard input",
    )
    read.add_argument(
        "--list", metavar="FILE", help="read the images it names as well, one a line; - is standard input"
    )
    form = read.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_const", const="json", dest="form", help="print JSON lines")
    form.add_argument("--csv", action="store_const", const="csv", dest="form", help="print CSV")
    read.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write there, with --json or --csv; what it has already is not read again",
    )
    read.add_argument(
        "--single", action="store_true", help="every image is one digit: quicker, as no numbers are looked for"
    )
    read.set_defaults(form="text")
    arguments = parser.parse_args()
    try:
        service = Service(arguments.url)
    except ValueError as error:
        sys.exit(str(error))
    if arguments.command == "read":
        _read(read, service, arguments)
    _open(service, remembered)


def _add_url(parser: argparse.ArgumentParser, remembered: str, *, default: str) -> None:
    last = remembered.replace("%", "%%")
    parser.add_argument(
        "--url",
        type=_address,
        default=default,
        help=f"address of the service; else the last that answered in the window, now {last}",
    )


def _address(text: str) -> str:
    try:
        return address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _read(parser: argparse.ArgumentParser, service: Service, arguments: argparse.Namespace) -> NoReturn:
    from client import sources
    from client.read import FAILED, STOPPED, read

    for stream, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, stream) is None:  # closed by who started this
            setattr(sys, stream, Path(os.devnull).open(mode))  # noqa: SIM115  # as long as this runs
    if arguments.out and arguments.form == "text":
        parser.error("--out wants --json or --csv")
    try:
        names = arguments.names + (sources.listed(arguments.list) if arguments.list else [])
    except OSError as error:
        parser.error(f"{arguments.list}: {error.strerror}")
    except KeyboardInterrupt:
        print("Stopped", file=sys.stderr)
        sys.exit(STOPPED)
    if not names:
        parser.error("name an image, a folder, an archive or a --list")
    status = read(service, names, form=arguments.form, out=arguments.out, single=arguments.single)
    if status in (FAILED, STOPPED):
        os._exit(status)  # what is asked of the service just now is not waited for, and all is printed
    sys.exit(status)


def _open(service: Service, remembered: preferences.Preferences) -> None:
    try:
        import tkinter as tk
    except ImportError:
        sys.exit("This Python has no Tk. On Debian and Ubuntu: apt-get install python3-tk")
    from client import theme
    from client.window import Window

    theme.aware()
    try:
        root = tk.Tk(className="Digits")
    except tk.TclError as error:
        sys.exit(f"No window can be opened here: {error}")
    signal.signal(signal.SIGINT, lambda *_: root.after(0, lambda: window.close()))  # noqa: PLW0108  # made below
    window = Window(root, service, remembered)
    root.mainloop()


if __name__ == "__main__":
    main()
