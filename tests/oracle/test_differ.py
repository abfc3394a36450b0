"""When two runs of a program say the same."""

import pytest

from lastack.oracle import differences, same_line


@pytest.mark.parametrize(
    ("first", "second", "share", "same"),
    [
        ("read 100 bytes", "read 100 bytes", 0.2, True),
        ("read 100 bytes", "read 119 bytes", 0.2, True),
        ("read 100 bytes", "read 130 bytes", 0.2, False),
        ("read 100 bytes", "read 101 bytes", 0.0, False),
        ("read 0 bytes", "read 100 bytes", 0.2, False),
        ("close took 1.0 s", "close took 1.1 s", 0.0, True),
        ("close took 1.0 s", "close took 1.4 s", 0.0, False),
        ("ECONNRESET", "EPIPE", 0.2, False),
        ("read 1 of 2", "read 1", 0.2, False),
    ],
)
def test_words_exactly_and_numbers_nearly(
    first: str, second: str, share: float, same: bool
) -> None:
    assert same_line(first, second, share) is same
    assert same_line(second, first, share) is same


def test_a_missing_line_is_a_difference() -> None:
    assert differences(["one", "two"], ["one"]) == [("two", "")]
    assert differences([], ["one"]) == [("", "one")]
    assert differences(["one 10"], ["one 11"]) == []
