"""`python -m client read`: what is on images, few or a hundred thousand, in their order."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from errno import EINVAL
from functools import partial
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
from client.written import OtherImagesError, Written

READ, FAILED, NOT_SURE, STOPPED = 0, 1, 3, 130
"""Exit statuses; 2 is argparse's, for wrong use."""

FORMATS: dict[str, Callable[[Result], str]] = {"text": as_text, "json": as_json, "csv": as_csv}


def read(service: Service, names: Sequence[str], *, form: str, out: Path | None, single: bool) -> int:
    """Print what is on the images that `names` name, or go on writing it to `out`. Returns the exit status."""
    try:
        return _read(service, names, form, out, single=single)
    except ServiceAwayError as error:
        reason = str(error).rstrip(".")
        more = f"; the same command goes on where it stopped in {out}" if out else ""
        print(f"No answer from {service.url}: {reason}{more}", file=sys.stderr)
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
        print(f"{error.filename or out or 'standard output'}: {error.strerror or error}", file=sys.stderr)
        return FAILED


def _read(service: Service, names: Sequence[str], form: str, out: Path | None, *, single: bool) -> int:
    if out and out.exists() and not out.is_file():
        raise OSError(EINVAL, "is no file; without --out, results go to standard output", str(out))
    statuses = {READ}
    images = sources.named(names)
    written = Written(out, form) if out else None
    done = _skip(images, written, statuses) if written else 0
    with _opened(out) as file, _progress(names, shown=not file.isatty()) as advance:
        advance(done)
        if form == "csv" and not (written and written.end):
            print(csv_line(CSV_COLUMNS), file=file, flush=True)
        for result in Batches(service, partial(print, file=sys.stderr), single=single).read(images):
            statuses.add(_status(result.error, accepted=result.accepted))
            if result.error and form == "text":
                print(as_text(result), file=sys.stderr)
            else:
                print(FORMATS[form](result), file=file, flush=True)
            advance(1)
    return max(statuses, key=(READ, NOT_SURE, FAILED).index)


def _skip(images: Iterator[Source], written: Written, statuses: set[int]) -> int:
    """Leaves out the images that are `written`. Returns their count. Raises `OtherImagesError`."""
    done = 0
    for name, error, accepted in written:
        image = next(images, None)
        if image is None or image.name != name:
            raise OtherImagesError("holds results of other images")
        statuses.add(_status(error, accepted=accepted))
        done += 1
    written.cut()
    return done


def _status(error: str, *, accepted: bool) -> int:
    if error:
        return FAILED
    return READ if accepted else NOT_SURE


def _opened(out: Path | None) -> AbstractContextManager[TextIO]:
    if out is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Whatever the system's encoding, as for `out`; names of files are printed as they are.
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
        return nullcontext(sys.stdout)
    return out.open("a", encoding="utf-8", errors="surrogateescape", newline="\n")


@contextmanager
def _progress(names: Sequence[str], *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where a person sees it; what it yields is told how many images more are done."""
    console = Console(stderr=True)
    shown = shown and console.is_terminal
    columns = TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not shown) as bar:
        task = bar.add_task("", total=sources.count(names) if shown else None)
        yield lambda count: bar.advance(task, count)


class RateColumn(ProgressColumn):
    def render(self, task: Task) -> str:
        return f"{task.speed:,.0f} images/s" if task.speed else ""
