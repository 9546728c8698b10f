"""`python -m trainer`: train a model, or manage the store. Only trainings and `evaluate` import TensorFlow."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract.artifact import ArtifactError, Manifest
from contract.store import copied, open_store
from trainer.errors import TrainerError
from trainer.recipe import FULL, QUICK

if TYPE_CHECKING:
    from trainer.mnist import Mnist

app = typer.Typer(
    help="Trains digit readers and manages the store of published versions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
StoreOption = Annotated[
    str,
    typer.Option(
        "--store", envvar="DIGITS_MODEL_STORE", help="Folder that holds digits/1, digits/2, …, or s3://bucket/prefix"
    ),
]
Version = Annotated[int, typer.Argument(min=1, help="Number of a published version.")]
console = Console(markup=False, highlight=False)
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder with the four MNIST files, plain or gzipped; else they are fetched, into the folder that "
        "DIGITS_CACHE names or the user's cache.",
    ),
]


@app.command()
def train(
    store: StoreOption = "models",
    data: DataOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Some seconds of plain MNIST, a small network: for a first try.")
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Times everything is shown, to each of two with --more; else {FULL.epochs}, quick {QUICK.epochs}.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31, help="Decides the validation split and everything random.")
    ] = FULL.seed,
    images: Annotated[
        int, typer.Option(min=1200, max=FULL.images, help="Training images used; fewer for a quick try.")
    ] = FULL.images,
    more: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="A version whose first network learns on, twice; half of it stays, half is the mean of both.",
        ),
    ] = None,
) -> None:
    """Fetch and verify MNIST, train, evaluate, and publish the next version."""
    dataset = _mnist(data)
    from trainer.apart import LINE, SECOND, newest
    from trainer.training import like
    from trainer.training import train as run

    recipe = QUICK if quick else FULL
    recipe = replace(recipe, epochs=epochs or recipe.epochs, seed=seed, images=images)
    shelf = open_store(store)
    if more is not None:
        if (seed, images) != (FULL.seed, FULL.images):
            raise typer.BadParameter("has its own --seed and --images: leave them out", param_hint="--more")
        recipe = like(shelf.verify(more), recipe)
        if recipe.small != quick:
            raise typer.BadParameter("is for versions that were trained so, and they for it", param_hint="--quick")
    if newest(LINE, shelf, recipe) is None:
        console.print(
            f"It will read single digits only: {store} has no network for whole numbers that was trained on the same "
            "images. train-line adds one."
        )
    had_second = newest(SECOND, shelf, recipe) is not None
    manifest = run(dataset, recipe, shelf, more)
    console.print(
        f"Published {store}/{manifest.name}/{manifest.version}: "
        f"{manifest.metrics.int8.accuracy:.2%} of the test images right as served (int8), "
        f"{manifest.metrics.float32.accuracy:.2%} in float."
    )
    if had_second and manifest.second is None:
        console.print("It gives no second opinion: asked as well, the second network had no more digits read right.")


@app.command()
def train_line(
    version: Annotated[int, typer.Option(min=1, help="Number of the version whose other networks stay as they are.")],
    store: StoreOption = "models",
    data: DataOption = None,
    numbers: Annotated[int, typer.Option(min=1, help="Numbers written to learn from.")] = FULL.numbers,
    epochs: Annotated[
        int, typer.Option(min=0, help="Times everything is shown; after 0 it stays as it is and is only judged anew.")
    ] = FULL.number_epochs,
    more: Annotated[bool, typer.Option("--more", help="Let the version's own one learn on; half of it stays.")] = False,
) -> None:
    """Train the network that reads whole numbers anew, and publish the next version with it."""
    dataset = _mnist(data)
    from trainer.training import train_line as run

    recipe = replace(FULL, numbers=numbers, number_epochs=epochs)
    manifest = run(dataset, recipe, open_store(store), version, more=more)
    shares = manifest.line.exact if manifest.line else {}
    exact = ", ".join(f"{share:.1%} with {gap} gaps" for gap, share in shares.items())
    console.print(f"Published {store}/{manifest.name}/{manifest.version}; numbers of test digits read right: {exact}.")


@app.command()
def train_second(
    version: Annotated[int, typer.Option(min=1, help="Number of the version whose other networks stay as they are.")],
    store: StoreOption = "models",
    data: DataOption = None,
    epochs: Annotated[
        int, typer.Option(min=0, help="Times everything is shown; after 0 it stays as it is and is only judged anew.")
    ] = FULL.second_epochs,
    more: Annotated[
        bool,
        typer.Option("--more", help="Let the version's own one learn on, half by labels, half by what it said before."),
    ] = False,
) -> None:
    """Train the network that is asked about doubtful digits anew, and publish the next version with it."""
    dataset = _mnist(data)
    from trainer.training import train_second as run

    manifest = run(dataset, replace(FULL, second_epochs=epochs), open_store(store), version, more=more)
    console.print(
        f"Published {store}/{manifest.name}/{manifest.version}: "
        f"{manifest.metrics.int8.accuracy:.2%} of the test images right as served (int8)."
    )


@app.command()
def evaluate(
    version: Annotated[int, typer.Option(min=1, help="Number of a published version.")],
    store: StoreOption = "models",
    data: DataOption = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Show the digits that training held out instead of the test set.")
    ] = False,
    pictures: Annotated[int, typer.Option(min=1, max=10_000, help="Pictures in each row.")] = FULL.pictures,
) -> None:
    """Print the tables of the model card again, from the artifact and the data."""
    shelf = open_store(store)
    manifest = shelf.verify(version)
    dataset = _mnist(data)
    from trainer import tables
    from trainer.dataset import split, test_set
    from trainer.report import evaluate_version

    facts = manifest.provenance
    held_out = split(dataset, facts.seed, facts.images)[1]
    name, digits = ("validation", held_out) if validation else ("test", test_set(dataset))
    found = evaluate_version(name, digits, held_out, shelf, manifest, pictures)
    for table in tables.every(found):
        shown = Table(*table.columns, title=table.title, title_justify="left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
    if found.report.missing:
        console.print(f"Not measured: {', '.join(found.report.missing)}")


@app.command("list")
def list_(store: StoreOption = "models") -> None:
    """List the published versions."""
    shelf = open_store(store)
    pinned = shelf.pinned()
    checked = shelf.checked()
    default = pinned or max(
        (version for version, found in checked.items() if isinstance(found, Manifest)), default=None
    )
    table = Table("version", "published", "test accuracy", "parameters", "state")
    for version, manifest in checked.items():
        mark = "pinned" if version == pinned else "default" if version == default else ""
        if isinstance(manifest, ArtifactError):
            table.add_row(str(version), "", "", "", Text(f"{manifest} {mark}", "red"))
            continue
        table.add_row(
            str(version),
            f"{manifest.created_at:%Y-%m-%d %H:%M}",
            f"{manifest.metrics.int8.accuracy:.2%}",
            f"{manifest.provenance.parameters:,}",
            mark,
        )
    console.print(table if table.rows else f"No version in {shelf.place}. Train one: python -m trainer train")
    if pinned and pinned not in checked:
        console.print(
            f"Version {pinned} is pinned, and not there: a service that starts serves nothing. Pin another, or unpin."
        )


@app.command()
def show(version: Version, store: StoreOption = "models") -> None:
    """Print the manifest of a version, its files checked."""
    console.print_json(open_store(store).verify(version).model_dump_json())


@app.command()
def copy(
    version: Version,
    to: Annotated[str, typer.Option(help="The other store: a folder that holds digits/1, …, or s3://bucket/prefix")],
    store: StoreOption = "models",
) -> None:
    """Publish a version in another store as well, as its next one."""
    manifest = copied(version, open_store(store), open_store(to))
    console.print(f"Published {to}/{manifest.name}/{manifest.version}.")


@app.command()
def pin(version: Version, store: StoreOption = "models") -> None:
    """Make a version the default, whatever is published later."""
    open_store(store).pin(version)
    console.print(f"Version {version} is the default until it is unpinned.")


@app.command()
def unpin(store: StoreOption = "models") -> None:
    """Make the highest version the default again."""
    open_store(store).unpin()
    console.print("The highest version is the default.")


@app.command()
def prune(
    store: StoreOption = "models",
    keep: Annotated[
        int,
        typer.Option(
            min=1,
            help="How many of the newest versions stay, and of those that today's service takes; the pinned and the "
            "most accurate one stay too.",
        ),
    ] = 3,
) -> None:
    """Remove old versions."""
    removed = open_store(store).prune(keep)
    console.print(f"Removed {', '.join(map(str, removed))}." if removed else "Nothing to remove.")


def _mnist(data: Path | None) -> "Mnist":
    """Fetched and verified; only now, as the other commands need neither it nor what is imported after it."""
    from trainer import mnist

    dataset = mnist.load(data)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return dataset


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # workers end and temporary files go, as after Ctrl+C
    try:
        app()
    except (ArtifactError, TrainerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
