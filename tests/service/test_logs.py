"""How the lines of the log go out."""

from service.logs import PIECE, pieces


def test_lines_go_out_in_whole_ones_that_a_pipe_takes_at_once() -> None:
    lines = [f"{place}{'x' * (37 * place % 900)}\n" for place in range(500)]
    found = list(pieces("".join(lines)))
    assert "".join(found) == "".join(lines)
    assert all(piece.endswith("\n") and len(piece) <= PIECE for piece in found)
    assert len(found) < 1.3 * len("".join(lines)) / PIECE


def test_line_that_is_longer_goes_out_by_itself() -> None:
    short, long = "short\n", "x" * 2 * PIECE + "\n"
    assert list(pieces(short + long + short)) == [short, long, short]
    assert list(pieces("")) == [""]
