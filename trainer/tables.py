"""The tables of an evaluation, for the model card and for the terminal."""

from dataclasses import dataclass
from statistics import fmean

from contract.artifact import Metrics
from trainer.evaluation import COVERAGE
from trainer.numbers import SEED as NUMBERS_SEED
from trainer.numbers import NumberReport
from trainer.report import Evaluation, Kind, Report, Row


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        lines = [self.columns, ("---",) * len(self.columns), *self.rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def accuracy(evaluation: Evaluation) -> Table:
    """The plain digits, by both models."""
    metrics = evaluation.metrics
    columns = ("model", "right", "wrong", "expected calibration error")
    rows = [_metrics("int8, as served", metrics.int8), _metrics("float, as trained", metrics.float32)]
    return Table(f"The {metrics.images:,} digits of the {evaluation.name} set", columns, rows)


def recall(evaluation: Evaluation) -> Table:
    columns = ("digit", *(str(digit) for digit in range(10)))
    shares = (f"{share:.2%}" for share in evaluation.metrics.int8.recall)
    return Table("Of each digit, read right (int8)", columns, [("recall", *shares)])


def accepted(report: Report) -> Table:
    """The plain digits again, by the rule of acceptance."""
    row = report.plain
    right = 1 - row.accepted_wrong / max(row.accepted, 1e-9)
    columns = ("images", "accepted", "right among those", "accepted and wrong")
    cells = (f"{row.images:,}", f"{row.accepted:.2%}", f"{right:.2%}", f"{row.accepted_wrong:.2%}")
    return Table("What it accepts of them", columns, [cells])


def redrawn(report: Report) -> Table:
    error = f"{report.redrawn_calibration_error:.2%}"
    table = _rows(f"Redrawn digits, seed {report.seed}; expected calibration error {error}", report.redrawn)
    table.rows.extend(_row(row) for row in report.habits)
    return table


def drawn(report: Report) -> Table:
    return _rows(f"Digits from strokes, seed {report.seed}", report.drawn)


def printed(report: Report) -> Table:
    return _rows(f"Digits that nobody wrote, seed {report.seed}", report.printed)


def corrupted(report: Report) -> Table:
    return _rows(f"Digits with MNIST-C's corruptions, seed {report.seed}", report.corrupted)


def non_digits(report: Report) -> Table:
    at_coverage = f"accepted where {COVERAGE:.0%} of validation digits are"
    columns = (
        "non-digits",
        "images",
        "refused as blank",
        "accepted",
        at_coverage,
        "there by the ten probabilities alone",
    )
    return Table(f"What is no digit, seed {report.seed}", columns, [_kind(kind) for kind in report.non_digits])


def numbers(report: NumberReport) -> Table:
    title = f"Whole numbers of 1 to 8 of these digits, seed {NUMBERS_SEED}; expected calibration error "
    columns = (*report.exact, "accepted", "right among those")
    cells = (f"{share:.1%}" for share in (*report.exact.values(), report.accepted, report.accepted_right))
    return Table(title + f"{report.calibration_error:.2%}", columns, [tuple(cells)])


def marked(report: NumberReport) -> Table:
    shares = (f"{share:.1%}" for share in report.marked.values())
    title = f"Accepted of {report.each} numbers with each kind of mark among their digits, seed {NUMBERS_SEED}"
    return Table(title, tuple(report.marked), [tuple(shares)])


def every(evaluation: Evaluation) -> list[Table]:
    """All tables, in the order of the model card."""
    report = evaluation.report
    return [
        accuracy(evaluation),
        recall(evaluation),
        accepted(report),
        redrawn(report),
        drawn(report),
        *([printed(report)] if report.printed else []),
        corrupted(report),
        non_digits(report),
        *([numbers(evaluation.numbers)] if evaluation.numbers else []),
        *([marked(evaluation.numbers)] if evaluation.numbers and evaluation.numbers.marked else []),
    ]


def _metrics(name: str, metrics: Metrics) -> tuple[str, ...]:
    return (
        name,
        f"{metrics.accuracy:.2%}",
        f"{metrics.error:.2%}",
        f"{metrics.expected_calibration_error:.2%}",
    )


def _rows(title: str, rows: list[Row]) -> Table:
    mean = Row(
        name="mean",
        images=rows[0].images,
        right=fmean(row.right for row in rows),
        accepted=fmean(row.accepted for row in rows),
        accepted_wrong=fmean(row.accepted_wrong for row in rows),
    )
    columns = ("how", "digits", "right", "accepted", "accepted and wrong")
    return Table(title, columns, [_row(row) for row in (*rows, mean)])


def _row(row: Row) -> tuple[str, ...]:
    return row.name, f"{row.images:,}", f"{row.right:.1%}", f"{row.accepted:.1%}", f"{row.accepted_wrong:.1%}"


def _kind(kind: Kind) -> tuple[str, ...]:
    shares = (kind.blank, kind.accepted, kind.accepted_at_coverage, kind.confident_at_coverage)
    return kind.name, f"{kind.images:,}", *(f"{share:.1%}" for share in shares)
