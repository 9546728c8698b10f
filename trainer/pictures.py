"""The pictures of the model card."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

matplotlib.use("Agg")

CONFUSION_MATRIX = "confusion_matrix.png"
LEARNING_CURVE = "learning_curve.png"
DPI = 120


def confusion_matrix(counts: list[list[int]], target: Path) -> None:
    """Rows: the digit written; columns: the digit read. The diagonal is set apart so that mistakes can be seen."""
    matrix = np.array(counts)
    mistakes = matrix * (1 - np.eye(10, dtype=int))
    figure = Figure(figsize=(7, 6.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.where(mistakes, mistakes, np.nan), cmap="Reds", vmin=0, vmax=max(5, mistakes.max() * 1.6))
    for (written, read), count in np.ndenumerate(matrix):
        if written == read:
            axes.text(read, written, str(count), ha="center", va="center", color="0.45", fontsize=9)
        elif count:
            axes.text(read, written, str(count), ha="center", va="center", color="black", fontsize=11, weight="bold")
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xticks(np.arange(-0.5, 10), minor=True)
    axes.set_yticks(np.arange(-0.5, 10), minor=True)
    axes.grid(which="minor", color="0.9")
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("digit read")
    axes.set_ylabel("digit written")
    axes.set_title(f"Confusion matrix, int8, test set: {mistakes.sum()} mistakes in {matrix.sum():,}")
    figure.savefig(target, dpi=DPI)


def learning_curve(history: dict[str, list[float]], chosen_epoch: int, target: Path) -> None:
    """Loss and error rate for each epoch, as `keras.callbacks.History` has them; the epoch kept is marked."""
    epochs = np.arange(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    loss, error = figure.subplots(1, 2)
    loss.plot(epochs, history["loss"], label="training, redrawn")
    loss.plot(epochs, history["val_loss"], label="validation")
    loss.set_ylabel("cross-entropy")
    error.plot(epochs, 1 - np.array(history["accuracy"]), label="training, redrawn")
    error.plot(epochs, 1 - np.array(history["val_accuracy"]), label="validation")
    error.set_ylabel("error rate")
    for axes in (loss, error):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.axvline(chosen_epoch, color="0.6", linestyle=":", label="kept")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.25)
        axes.legend()
    loss.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    error.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    figure.savefig(target, dpi=DPI)
