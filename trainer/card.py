"""The model card: the README of an artifact, written from its manifest's facts."""

from contract.artifact import Draft, Metrics
from trainer.pictures import CONFUSION_MATRIX, LEARNING_CURVE


def text(draft: Draft) -> str:
    """The card in Markdown."""
    facts, test = draft.provenance, draft.metrics
    recall = zip(draft.labels, test.int8.recall, strict=True)
    split = ", ".join(f"{count:,} {name}" for name, count in facts.split.items())
    libraries = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    return f"""# Model card: handwritten digits

Reads one handwritten digit from a 28×28 grey image that went through the normalisation `{draft.input.normalisation}`,
which the service applies to any image. {facts.parameters:,} parameters, {facts.macs:,} multiply-accumulates an image.

## On the {test.images:,} test images of MNIST, measured once

| model | right | wrong | expected calibration error |
|---|---|---|---|
{_row("int8, as served", test.int8)}
{_row("float, as trained", test.float32)}

![Confusion matrix]({CONFUSION_MATRIX})

| digit | {" | ".join(draft.labels)} |
|---|{"---|" * 10}
| recall | {" | ".join(f"{share:.2%}" for _, share in recall)} |

## How sure it is

Probabilities are calibrated: logits are divided by {draft.calibration.temperature:.3f} ({draft.calibration.chosen}).
An answer is accepted when its {draft.acceptance.score} is at least {draft.acceptance.threshold:.4f}:
{draft.acceptance.chosen}. That accepts {draft.acceptance.coverage:.2%} of the validation images.

## How it was trained

{facts.dataset}: {split}. {facts.epochs} epochs in {facts.seconds:.0f} s from seed {facts.seed}, every image redrawn at
random each time (rotation, scale, slant, position, pen width); some ones a second time with a flag drawn to them. The
epoch with the least validation loss was kept.
Source revision {facts.revision}; {libraries}.

![Learning curve]({LEARNING_CURVE})

## What it cannot do

It answers one digit for every image, and was shown nothing but digits: of a letter or a scribble it may be sure.
It was trained on the handwriting of MNIST's American writers, where a crossed 7 is rarer than in Europe. Several digits
in one image are read as one.
"""


def _row(name: str, metrics: Metrics) -> str:
    return f"| {name} | {metrics.accuracy:.2%} | {metrics.error:.2%} | {metrics.expected_calibration_error:.2%} |"
