"""The pictures of the model card."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter
from numpy.typing import NDArray

from trainer.digits import Digits
from trainer.evaluation import ECE_BINS
from trainer.report import Answers, Evaluation

CONFUSION_MATRIX = "confusion_matrix.png"
LEARNING_CURVE = "learning_curve.png"
RELIABILITY = "reliability.png"
MISTAKES = "mistakes.png"
DPI = 120
SHOWN = 100
"""Mistakes on the sheet, at most."""


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


def learning_curve(history: dict[str, list[float]], target: Path) -> None:
    """Loss and error rate for each epoch, as `keras.callbacks.History` has them."""
    epochs = np.arange(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    loss, error = figure.subplots(1, 2)
    loss.plot(epochs, history["loss"], label="training set, as shown")
    loss.plot(epochs, history["val_loss"], label="validation digits")
    loss.set_ylabel("cross-entropy")
    error.plot(epochs, 1 - np.array(history["accuracy"]), label="training set, as shown")
    error.plot(epochs, 1 - np.array(history["val_accuracy"]), label="validation digits")
    error.set_ylabel("error rate")
    for axes in (loss, error):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.25)
        axes.legend()
    loss.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    error.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    figure.savefig(target, dpi=DPI)


def reliability(answers: Answers, labels: NDArray[np.uint8], target: Path) -> None:
    """How often answers of one confidence are right, in 15 bins, and how many there are of each."""
    confidence, right = answers.probabilities.max(axis=1), answers.right(labels)
    edges = np.linspace(0, 1, ECE_BINS + 1)
    counts, _ = np.histogram(confidence, edges)
    hits, _ = np.histogram(confidence[right], edges)
    sums, _ = np.histogram(confidence, edges, weights=confidence)
    filled = counts > 0
    figure = Figure(figsize=(6, 6), layout="constrained")
    share, number = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    share.plot([0, 1], [0, 1], color="0.7", linestyle=":", label="perfectly calibrated")
    share.bar(edges[:-1][filled], (hits / np.maximum(counts, 1))[filled], 1 / ECE_BINS, align="edge", alpha=0.35)
    share.plot((sums / np.maximum(counts, 1))[filled], (hits / np.maximum(counts, 1))[filled], "o", label="this model")
    share.set_ylabel("share read right")
    share.legend(loc="upper left")
    number.bar(edges[:-1], counts, 1 / ECE_BINS, align="edge", alpha=0.35)
    number.set_yscale("log")
    number.set_ylabel("images")
    number.set_xlabel("confidence")
    share.set_title("Reliability, int8, test set")
    figure.savefig(target, dpi=DPI)


def mistakes(digits: Digits, answers: Answers, target: Path) -> None:
    """The digits that are read wrong, with what they are and what they are taken for, the surest mistake first."""
    read, confidence = answers.probabilities.argmax(axis=1), answers.probabilities.max(axis=1)
    wrong = np.flatnonzero(~answers.right(digits.labels))
    wrong = wrong[np.argsort(-confidence[wrong])][:SHOWN]
    columns = 10
    rows = max(1, -(-len(wrong) // columns))
    figure = Figure(figsize=(columns, 1.25 * rows + 0.4), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, i in zip(figure.axes, wrong, strict=False):
        axes.imshow(digits.images[i], cmap="gray_r")
        axes.set_title(f"{digits.labels[i]} read as {read[i]}\n{confidence[i]:.0%}", fontsize=7)
    figure.savefig(target, dpi=DPI)


def draw(evaluation: Evaluation, folder: Path) -> None:
    """The pictures of the model card that show what was measured, into `folder`."""
    confusion_matrix(evaluation.metrics.int8.confusion_matrix, folder / CONFUSION_MATRIX)
    reliability(evaluation.answers, evaluation.digits.labels, folder / RELIABILITY)
    mistakes(evaluation.digits, evaluation.answers, folder / MISTAKES)
