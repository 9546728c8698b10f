"""`python -m proofs [--short] [PROMISE …]`: try them, print what was found, fail where one is broken."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proofs.promise import Proof, Trial

PROMISES = {
    "store": "A reader of the store sees a whole version or none",
    "artifacts": "A bad artifact never serves",
    "versions": "No request is lost while models change",
    "input": "No input brings it down",
    "rudeness": "Slow and rude clients harm nobody",
    "soak": "It stays up and small",
    "stopping": "It stops cleanly",
    "entry": "Nobody gets in",
    "drawings": "The client loses no drawing",
}
"""By the module that tries them."""

console = Console(width=None if sys.stdout.isatty() else 150)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proofs", description=__doc__)
    parser.add_argument("promises", nargs="*", metavar="PROMISE", help=", ".join(PROMISES))
    parser.add_argument("--short", action="store_true", help="a tenth of everything or less: under three minutes")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if unknown := set(args.promises).difference(PROMISES):
        parser.error(f"there is no promise {', '.join(sorted(unknown))}; there are {', '.join(PROMISES)}")

    broken = 0
    table = Table("promise", "tried", "found", show_lines=True)
    started = time.monotonic()
    for name in args.promises or PROMISES:
        console.rule(f"{name}: {PROMISES[name]}", align="left")
        began = time.monotonic()
        broken += not _kept(name, args.short, args.seed, table)
        console.print(f"{time.monotonic() - began:.0f} s", style="dim")
    console.print(table)
    minutes = (time.monotonic() - started) / 60
    console.print(f"{broken or 'No'} promise{'s' * (broken > 1)} broken; {minutes:.1f} minutes.")
    sys.exit(1 if broken else 0)


def _kept(name: str, short: bool, seed: int, table: Table) -> bool:
    prove: Proof = import_module(f"proofs.{name}").prove
    folder = Path(tempfile.mkdtemp(prefix=f"digits-{name}-"))
    try:
        for figure in prove(Trial(folder, short, seed)):
            console.print(f"{figure.tried}: {figure.found}", highlight=False, markup=False)
            table.add_row(name, escape(figure.tried), escape(figure.found))
    except (Exception, SystemExit) as broken:
        console.print_exception()
        table.add_row(name, "[red]BROKEN[/]", escape(f"{broken}\nLogs and inputs: {folder}"))
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return True


if __name__ == "__main__":
    for setting in [one for one in os.environ if one.startswith("DIGITS_")]:
        del os.environ[setting]  # what is proved is what ships
    main()
