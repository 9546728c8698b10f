"""Results that stand in a file already: a reading goes on behind them."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from client.output import CSV_COLUMNS

CSV_HEAD, JSON_START = ",".join(CSV_COLUMNS).encode(), b'{"file": '
"""What a file of results begins with."""


class OtherImagesError(Exception):
    """A file holds something else than results of the images that are to be read."""


class Written:
    """What a file holds in the format `form`, "json" or "csv"; none where there is no file."""

    def __init__(self, file: Path, form: str) -> None:
        self._file = file
        self._parse = _from_json if form == "json" else _from_csv
        self._headed = form == "csv"
        self.end = 0
        """Bytes up to the last whole line that was iterated over."""

    def __iter__(self) -> Iterator[tuple[str, str, bool]]:
        """Of each result the name of its image, the error, and whether it is accepted. Raises `OtherImagesError`."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            record = b""
            for line in file:
                record += line
                if not record.endswith(b"\n") or (self._headed and record.count(b'"') % 2):
                    continue  # a line break within a name, or a line that was begun
                text = record.decode(errors="surrogateescape")
                if self._headed and self.end == 0:
                    if text.rstrip("\r\n") != CSV_HEAD.decode():
                        raise OtherImagesError("holds other things than results")
                else:
                    yield _parsed(self._parse, text)
                self.end += len(record)
                record = b""
        if self.end == 0 and not self._may_be_begun(record):
            raise OtherImagesError("holds other things than results")

    def _may_be_begun(self, record: bytes) -> bool:
        """Whether a reading may have been stopped while it wrote this at the start of the file."""
        if self._headed:
            return CSV_HEAD.startswith(record)
        return JSON_START.startswith(record[: len(JSON_START)]) and not record.endswith(b"}")

    def cut(self) -> None:
        """Ends the file where the last whole line that was iterated over ends."""
        self._file.touch()
        with self._file.open("r+b") as file:
            file.truncate(self.end)


def _parsed(parse: Callable[[str], tuple[str, str, bool]], text: str) -> tuple[str, str, bool]:
    try:
        return parse(text)
    except (ValueError, KeyError, TypeError, IndexError, csv.Error, RecursionError):
        raise OtherImagesError("holds other things than results") from None


def _from_json(text: str) -> tuple[str, str, bool]:
    found = json.loads(text)
    file, error = found["file"], found.get("error", "")
    return str(file), str(error), False if error else bool(found["accepted"])


def _from_csv(text: str) -> tuple[str, str, bool]:
    [row] = csv.reader([text])
    named = dict(zip(CSV_COLUMNS, row, strict=True))
    return named["file"], named["error"], named["accepted"] == "true"
