"""`python -m client read`: what is on images, few or a hundred thousand, in their order."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import takewhile
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)

from client import sources
from client.batches import Batches
from client.output import CSV_COLUMNS, Result, as_csv, as_json, as_text, csv_line
from client.service import Service, ServiceAwayError
from client.sources import Source

READ, FAILED, NOT_SURE, STOPPED = 0, 1, 3, 130
"""Exit statuses; 2 is argparse's, for wrong use."""

FORMATS: dict[str, Callable[[Result], str]] = {"text": as_text, "json": as_json, "csv": as_csv}


class OtherImagesError(Exception):
    """A file holds results of other images than those that are to be read."""


def read(service: Service, names: Sequence[str], *, form: str, out: Path | None, single: bool) -> int:
    """Print what is on the images that `names` name, or go on writing it to `out`. Returns the exit status."""
    status = READ
    try:
        with _opened(out) as file, _progress(sources.count(names), shown=not file.isatty()) as advance:
            images, begun = sources.named(names), 0
            if out is not None:
                advance(_skip(images, _written(file, form)))
                begun = _cut_off(file)
            if form == "csv" and not begun:
                print(csv_line(CSV_COLUMNS), file=file)
            for result in Batches(service, single=single).read(images):
                status = max(status, _status(result), key=(READ, NOT_SURE, FAILED).index)
                if result.error and form == "text":
                    print(as_text(result), file=sys.stderr)
                else:
                    print(FORMATS[form](result), file=file, flush=True)
                advance(1)
    except ServiceAwayError as error:
        more = f"; the same command goes on where it stopped in {out}" if out else ""
        print(f"No answer from {service.url}: {error}{more}", file=sys.stderr)
        return FAILED
    except OtherImagesError as error:
        print(f"{out} {error}: name another file, or remove it", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"Stopped{f'; the same command goes on from there in {out}' if out else ''}", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read this has seen enough
        return FAILED
    except OSError as error:
        print(f"{error.filename or out or ''}: {error.strerror or error}", file=sys.stderr)
        return FAILED
    return status


def _status(result: Result) -> int:
    if result.error:
        return FAILED
    return READ if result.accepted else NOT_SURE


def _opened(out: Path | None) -> AbstractContextManager[TextIO]:
    if out is None:
        return nullcontext(sys.stdout)
    out.touch()
    return out.open("r+", encoding="utf-8", errors="surrogateescape", newline="")


def _written(file: TextIO, form: str) -> Iterator[str]:
    """The names of the images whose results are in `file`; a line that was begun does not count."""
    lines = takewhile(lambda line: line.endswith("\n"), file)
    if form == "json":
        yield from map(_name_in, lines)
    else:
        rows = csv.reader(lines)
        if next(rows, list(CSV_COLUMNS)) != list(CSV_COLUMNS):
            raise OtherImagesError("holds other things than results")
        yield from (row[0] if row else "" for row in rows)


def _cut_off(file: TextIO) -> int:
    """Goes to the end of the last whole line of `file`, which ends there from now on: bytes."""
    raw = file.buffer
    file.seek(0)
    end = raw.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        raw.seek(start)
        if (found := raw.read(end - start).rfind(b"\n")) >= 0:
            end = start + found + 1
            break
        end = start
    raw.truncate(end)
    file.seek(end)
    return end


def _name_in(line: str) -> str:
    try:
        return str(json.loads(line)["file"])
    except (ValueError, KeyError, TypeError):
        raise OtherImagesError("holds other things than results") from None


def _skip(images: Iterator[Source], written: Iterable[str]) -> int:
    """Leaves out the images that are `written`. Returns their count. Raises `OtherImagesError`."""
    done = 0
    for name in written:
        image = next(images, None)
        if image is None or image.name != name:
            raise OtherImagesError("holds results of other images")
        done += 1
    return done


@contextmanager
def _progress(total: int | None, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where a person sees it; what it yields is told how many images more are done."""
    console = Console(stderr=True)
    columns = TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


class RateColumn(ProgressColumn):
    def render(self, task: Task) -> str:
        return f"{task.speed:,.0f} images/s" if task.speed else ""
