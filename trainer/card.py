"""The model card: the README of an artifact, written from what was measured."""

from math import sqrt

from contract.artifact import Draft, Provenance, SecondReader
from trainer import tables
from trainer.fonts import HANDWRITTEN
from trainer.nondigits import LOOKALIKES, SHAPES
from trainer.numbers import NumberReport
from trainer.pictures import CONFUSION_MATRIX, LEARNING_CURVE, MISTAKES, RELIABILITY
from trainer.printed import FONTS as LEARNED
from trainer.recipe import Recipe
from trainer.report import Evaluation, Report
from trainer.signs import CHARACTERS


def text(draft: Draft, recipe: Recipe, evaluation: Evaluation) -> str:
    """The card in Markdown."""
    facts, rule, report = draft.provenance, draft.acceptance, evaluation.report
    split = ", ".join(f"{count:,} {name}" for name, count in facts.split.items())
    libraries = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    return f"""# Model card: handwritten digits

Reads one handwritten digit from a 28×28 grey image that went through the normalisation `{draft.input.normalisation}`,
which the service applies to any image. {facts.parameters:,} parameters, {facts.macs:,} multiply-accumulates an image.
The tables come out again with `python -m trainer evaluate --pictures {recipe.pictures} --version` and its number.

## On the {len(evaluation.digits):,} test images of MNIST

{tables.accuracy(evaluation).markdown()}

{tables.recall(evaluation).markdown()}

![Confusion matrix]({CONFUSION_MATRIX})

The images it reads wrong, the surest mistake first:

![Mistakes]({MISTAKES})

## On other pictures of these digits

Each row shows the same digits of the test set, {recipe.pictures:,} at random. A picture in which nothing can be seen
counts as read wrong. A share of 98 % of {recipe.pictures:,} has a standard error
of {_standard_error(recipe):.1f} points.

{tables.redrawn(report).title}: enlarged, thinned to their skeleton
and drawn again, with an 8-pixel pen, black on white, anywhere on a canvas of 300 pixels, where the row does not say
otherwise. JPEG's pen is 5 pixels wide, that of digits which are then reduced to 16 or 8 is 20; noise has ink of 60
levels on paper of 200; photographs, uneven light, desks and close cuts have bluish ink of 67 on yellowish paper of 209,
rims ink of 52 on paper of 220; uneven light, desks and rims have noise of 3. Lengths are in pixels, noise and contrast
in grey levels of 255.
{_same_program(draft, recipe)}
Some lose a stroke to the skeleton. The rows below the mean have other digits: those of the test set that they name,
not redrawn, with a line or a dot added to each by {"a" if _saw_digits_alone(draft, recipe) else "the same"} program.

{tables.redrawn(report).markdown()}

{tables.drawn(report).title}, of nobody's handwriting: each of the ten as people of many
schools write it, on a canvas of 120 pixels, with pens of 2 to 10, turned by up to 10 degrees, slanted by up to 0.25,
stretched by 0.75 to 1.15, and bent. No training has seen this program; dots, slashes and feet, below the mean of the
table before this one, were taken up because of what it showed.

{tables.drawn(report).markdown()}

{_printed(draft, recipe, report)}{tables.corrupted(report).title} (Mu & Gilmer 2019, arXiv:1906.02337), written anew.
Figures elsewhere are for all test images and without a normalisation, which undoes translation, scale and brightness:

{tables.corrupted(report).markdown()}

{_second(draft)}{_numbers(draft, evaluation)}## How sure it is

Probabilities are calibrated: logits are divided by {draft.calibration.temperature:.3f} ({draft.calibration.chosen}).

![Reliability diagram]({RELIABILITY})

Beside the ten digits the network has an eleventh output, "no digit". The ten probabilities that it reports leave that
one out; an answer is accepted when its digit has at least {rule.threshold:.4f} of all eleven: {rule.chosen}.
There it accepts {rule.coverage:.2%}, and {rule.accuracy:.2%} of those are right. That was chosen; on the test set it is
measured:

{tables.accepted(report).markdown()}

{tables.non_digits(report).markdown()}

{_non_digits(draft, recipe, report)}

## How it was trained

{facts.dataset} (Y. LeCun, C. Cortes and C. J. C. Burges; CC BY-SA 3.0): {split}.
{facts.epochs} epochs in all, the last of them of {facts.shown:,} pictures, in
{facts.seconds:.0f} s from seed {facts.seed}; {_change(recipe)}{_learned_on(facts, recipe)} {_synthesis(recipe)}
While it was developed, all of these tables were looked at for digits that training held out; the project's
docs/test-set.md lists the models that were measured on test digits, and why.
Source revision {facts.revision}; {libraries}.

![Learning curve]({LEARNING_CURVE})

## What it cannot do

Several digits in one image are no digit to what reads one. All networks know the handwriting of MNIST's American
writers; what the rows below the mean have they saw {_drawn_habits(draft, recipe)}.
A letter that looks like a digit is read as one.
"""


def _standard_error(recipe: Recipe) -> float:
    """Of a share of 98 %, in points."""
    return 100 * sqrt(0.98 * 0.02 / recipe.pictures)


def _saw_digits_alone(draft: Draft, recipe: Recipe) -> bool:
    return recipe.small and draft.second is None


def _drawn_habits(draft: Draft, recipe: Recipe) -> str:
    return "never" if _saw_digits_alone(draft, recipe) else "only as drawn by a program"


def _same_program(draft: Draft, recipe: Recipe) -> str:
    if _saw_digits_alone(draft, recipe):
        return "No training image was drawn so."
    return """The same program draws training images,
from other digits: what is measured is how unseen digits in such looks are read."""


def _printed(draft: Draft, recipe: Recipe, report: Report) -> str:
    if not report.printed:
        return ""
    learned = "The networks learned from other fonts, and from another program that draws seven segments.\n"
    return f"""{tables.printed(report).title}: in fonts that no training has seen, 24 to 120
pixels high, turned by up to 5 degrees.
{"" if _saw_digits_alone(draft, recipe) else learned}
{tables.printed(report).markdown()}

"""


def _second(draft: Draft) -> str:
    second = draft.second
    if second is None:
        return ""
    return f"""## A second opinion

Where the first network's score (below) is under {second.ask_below:.4f}, a larger one, second.tflite, is asked about the
same image: {second.parameters:,} parameters, {second.macs:,} multiply-accumulates. Its logits count {second.counts:g}
times, the sum of both is multiplied by {second.weight:g}, "no digit" gains {second.doubt:g}, and all goes on with
these. It is {second.chosen};
of worse images it is asked about more. All tables are of both together.

It learned by Muon (Jordan et al. 2024), from pictures of the same training digits: plain and redrawn ones, non-digits,
and more with something in the way than the full recipe's first network sees: up to a quarter of salt-and-pepper noise,
zigzag and dotted lines across, outlines one pixel wide. Of MNIST-C's corruptions impulse noise and stripe are among
them, and what comes close to zigzag, dotted line and canny edges. More of what is no digit, too: digits that are cut,
0s and 6s whose loop is open, 4s laid over their own mirror image, 1s whose flag is at the wrong end or side, signs
whose strokes end on a grid, stains that are symmetrical or have a texture, symmetrical things that stand, on one foot
or two, and {len(CHARACTERS)} printed characters of other scripts than the Latin one, of mathematics and of maps, as
they are and redrawn; and digits that are printed or displayed.
{_last(draft, second)}{second.epochs} epochs in all, the last of them of {second.shown:,} pictures, in
{second.seconds:.0f} s; the source revision of the last is {second.revision}.

"""


def _last(draft: Draft, second: SecondReader) -> str:
    if second.shown > 4 * draft.provenance.split["training"]:  # by SECOND_SHARES nearly six times as many
        return ""
    return """At last it learned on from plain digits, each once an epoch, 0s with a slash or a dot, 1s with a flag or a
foot, 7s with a bar as well, a fifth as many redrawn ones and ones with something in the way, three tenths as many
non-digits, and a seventh as many that are printed or displayed; half by their labels, half by what it said of the same
pictures before, as it would forget some of the others (learning without forgetting, Li & Hoiem 2016). What it learned
on from may have been made and shown otherwise: the project's docs/test-set.md tells it of the bundled versions.
"""


def _numbers(draft: Draft, evaluation: Evaluation) -> str:
    line = draft.line
    if line is None or evaluation.numbers is None:
        return ""
    table = tables.numbers(evaluation.numbers)
    return f"""## Whole numbers

Another network, line.tflite, reads a whole line: {line.parameters:,} parameters, {line.macs:,} multiply-accumulates
for 256 columns of a strip that is 32 pixels high ({line.strip}). It learned by connectionist temporal classification
(Graves et al. 2006) from numbers written with the training digits, as they are and redrawn, from printed and displayed
digits, 1s of one straight stroke, and numbers with marks among the digits, which are no digits: slashes, bars,
brackets, points and signs, drawn by a program or by matplotlib's fonts. {line.epochs} epochs in all, the
last of them of {line.shown:,} strips, in {line.seconds:.0f} s; the source revision of the last is {line.revision}.

Here all networks read, as they do in the service, and a number is read right when all of its digits are.
Sizes differ by up to 25 %, baselines by 15 %, a number leans to either side; digits are apart by 30 to 80 % of their
height (wide), by 5 to 20 % (narrow), slid together until their ink meets (touching), or 15 % of their width further
(overlapping).

{table.title}:

{table.markdown()}

A digit of a number is accepted from a score of {line.threshold:.4f} on, a number when all of its digits are
({line.chosen}). There {line.coverage:.1%} of the validation numbers are
accepted, and {line.accuracy:.2%} of those are right.

{_marked(evaluation.numbers)}"""


def _marked(report: NumberReport) -> str:
    if not report.marked:
        return f"Numbers with a mark among them were not measured (apt-get install {HANDWRITTEN.packages}).\n\n"
    table = tables.marked(report)
    return f"""A number with something else in it must not be accepted: it is another number without that.
Whatever the networks say, it is not where a point stands between two digits, or a 1 reaches beyond the others above and
below by a tenth of their height, as slashes and bars do. These have 2 to 7 digits with wide or narrow gaps, and a mark
before, among or behind them, drawn by a font that looks like handwriting, which no training has seen.

{table.title}:

{table.markdown()}

"""


def _akin(draft: Draft, recipe: Recipe) -> str:
    akin = []
    if not _saw_digits_alone(draft, recipe):
        akin.append("signs and outlines to scribbles and shapes, turned digits to letters, stains to clothes")
    which = ["the second network"] * bool(draft.second)
    if draft.provenance.learned_on and not recipe.small:
        which.append("the first, as it learned on,")
    if which:
        akin.append(
            f"to {' and '.join(which)}\nopen, doubled and wrongly flagged digits and other scripts' characters to "
            "letters, things that stand to clothes"
        )
    if not akin:
        return ""
    return f""", though some of what was shown there as no digit is akin to
them: {"; ".join(akin)}"""


def _non_digits(draft: Draft, recipe: Recipe, report: Report) -> str:
    letters = f"""Letters come from {len(HANDWRITTEN.files)} fonts that look like handwriting
and are redrawn with any pen on any paper; left out are those that may be somebody's digit: {" ".join(LOOKALIKES)}."""
    missing = f" Not measured: {', '.join(report.missing)}." if report.missing else ""
    return f"""The last column is why there is an eleventh output. Blank paper is mostly refused before
a network sees it, and else as no digit.
Scribbles are lines through random points, shapes are
{", ".join(SHAPES)}; circles, hexagons and lines are left out, as they may be a 0 or a 1. {letters}{missing}
None of the programs that draw these was used in training{_akin(draft, recipe)}."""


def _learned_on(facts: Provenance, recipe: Recipe) -> str:
    if not facts.learned_on:
        return ""
    others = """other pictures of the same training digits,
one of them from some of the non-digits that the second network is shown, too"""
    pictures = "the same pictures" if recipe.small else others
    return f""" After {facts.epochs - facts.learned_on} of them two copies of it at a time learned on, from {pictures};
it is half the mean of their weights and half what it was before (a model soup, Wortsman et al. 2022), and the curve
below is of one behind the other."""


def _change(recipe: Recipe) -> str:
    if recipe.small:
        return "the pictures of a batch are moved by up to a pixel."
    return """every picture is turned, stretched, slanted, moved, bent and drawn with a
thicker or thinner pen at random whenever it is shown."""


def _synthesis(recipe: Recipe) -> str:
    if recipe.small:
        return "It saw nothing but digits, so of a letter or a scribble it may be sure."
    return f"""Beside them it saw, made from the same training images:

- every digit redrawn with any pen, canvas, paper, slant, aspect and light, as in the row that says so;
- digits with salt-and-pepper noise, a straight line across, edges of the picture in negative, and as outlines. Of
  MNIST-C's corruptions that is impulse noise and stripe itself, and close to canny edges, dotted line and zigzag;
  rotation, shear, scale, translation and blur are near to what redrawing does; spatter and fog it never saw (fog
  helped to set how faint a stroke the normalisation lets through);
- 0s with a slash or a dot, 1s with a flag or a foot, 7s with a bar, redrawn or not;
- not made of them: digits printed in {len(LEARNED)} fonts, those of matplotlib's that have some,
  and such as displays of seven segments show, as they are or redrawn;
- non-digits: digits turned or mirrored so that they are none, halves of two joined, one laid over another, two side by
  side, a small one within a 0; made-up signs of three to six random strokes, irregular outlines, stains and textures.
"""
