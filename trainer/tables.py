"""The tables of an evaluation, for the model card and for the terminal."""

from dataclasses import dataclass
from statistics import fmean

from contract.artifact import Metrics, TestMetrics
from trainer.report import COVERAGE, SEED, Kind, Report, Row


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def accuracy(metrics: TestMetrics) -> Table:
    """The plain digits, by both models."""
    columns = ("model", "right", "wrong", "expected calibration error")
    rows = [_metrics("int8, as served", metrics.int8), _metrics("float, as trained", metrics.float32)]
    return Table(f"The {metrics.images:,} plain digits", columns, rows)


def recall(metrics: TestMetrics) -> Table:
    columns = ("digit", *(str(digit) for digit in range(10)))
    return Table("Of each digit, read right (int8)", columns, [("recall", *map(_share, metrics.int8.recall))])


def redrawn(report: Report) -> Table:
    title = f"Redrawn digits, seed {SEED}; expected calibration error {_share(report.redrawn_calibration_error)}"
    return _rows(title, report.redrawn)


def corrupted(report: Report) -> Table:
    return _rows(f"Digits with MNIST-C's corruptions, seed {SEED}", report.corrupted)


def non_digits(report: Report) -> Table:
    columns = ("no digits", "images", "refused as blank", "accepted", f"accepted at {COVERAGE:.0%} coverage")
    return Table(f"What is no digit, seed {SEED}", columns, [_kind(kind) for kind in report.non_digits])


def _metrics(name: str, metrics: Metrics) -> tuple[str, ...]:
    return name, _share(metrics.accuracy), _share(metrics.error), _share(metrics.expected_calibration_error)


def _rows(title: str, rows: list[Row]) -> Table:
    total = Row(
        name="mean",
        images=sum(row.images for row in rows),
        right=fmean(row.right for row in rows),
        accepted=fmean(row.accepted for row in rows),
        accepted_wrong=fmean(row.accepted_wrong for row in rows),
    )
    columns = ("how", "images", "right", "accepted", "accepted and wrong")
    return Table(title, columns, [_row(row) for row in (*rows, total)])


def _row(row: Row) -> tuple[str, ...]:
    return row.name, f"{row.images:,}", _share(row.right), _share(row.accepted), _share(row.accepted_wrong)


def _kind(kind: Kind) -> tuple[str, ...]:
    shares = (kind.blank, kind.accepted, kind.accepted_at_coverage)
    return kind.name, f"{kind.images:,}", *map(_share, shares)


def _share(share: float) -> str:
    return f"{share:.2%}"
