"""Answers in words, the same in the window and on the command line."""

from contract.messages import Prediction

AT_ALL = 0.9
"""A digit so likely that is not accepted all the same is doubted to be one."""


def likeliest(prediction: Prediction) -> tuple[int, int]:
    """The likeliest digit, and the next."""
    ranked = sorted(range(10), key=prediction.probabilities.__getitem__, reverse=True)
    return ranked[0], ranked[1]


def sentence(prediction: Prediction) -> str:
    """How sure the service is."""
    if prediction.accepted:
        return f"{percent(prediction.confidence)} sure"
    first, second = likeliest(prediction)
    one, other = (f"{digit} ({percent(prediction.probabilities[digit])})" for digit in (first, second))
    if prediction.confidence >= AT_ALL:
        return f"Not sure: is it a digit? If so {one}, else {other}."
    return f"Not sure: {one} or {other}?"


def percent(share: float) -> str:
    """As many digits as matter; nothing is as sure as 100 %."""
    text = f"{share:.0%}" if share < 0.99 else f"{min(share, 0.9999):.2%}"
    return text.replace("%", " %")
