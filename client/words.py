"""Answers in words, the same in the window and on the command line."""

from contract.messages import NumberResponse, Prediction

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
    one, other = (f"{digit} ({percent(prediction.probabilities[digit])})" for digit in likeliest(prediction))
    if prediction.confidence >= AT_ALL:
        return f"Not sure: perhaps no digit. If it is one, {one}, else {other}."
    return f"Not sure: {one} or {other}?"


def of_number(number: NumberResponse) -> str:
    """How sure the service is of all digits together."""
    sure = percent(number.confidence)
    if number.accepted:
        return f"{sure} sure of all {len(number.digits)} digits"
    if number.confidence >= AT_ALL:
        return f"Not sure: perhaps not all are digits. If they are: {sure}"
    return f"Not sure of all digits: {sure}"


def percent(share: float) -> str:
    """As many digits as matter; nothing is as sure as 100 %. The space does not break."""
    if 0.0005 <= share < 0.01:
        return "<1\N{NO-BREAK SPACE}%"
    text = f"{share:.0%}" if share < 0.99 else f"{min(share, 0.9999):.2%}"
    return text.replace("%", "\N{NO-BREAK SPACE}%")
