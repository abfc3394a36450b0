"""How much the queues hold, as far as the wire shows it."""

import pytest

from lastack.profile import LINUX
from lastack.tcp import Buffers


@pytest.mark.parametrize(
    ("receive", "mss", "window"),
    [
        (131072, 1460, 44 * 1460),  # what tcp_rmem[1] gives (docs/kernel-notes/buffers.md)
        (131072, 1448, 45 * 1448),
        (540000, 1460, 184 * 1460),  # more than the field of a SYN can tell
        (540000, 600, 450 * 600),
        (2304, 1460, 1152),
    ],
)
def test_the_window_of_the_syn(receive: int, mss: int, window: int) -> None:
    rules = LINUX.with_field("receive_default", receive).buffers
    assert Buffers(rules).first_window(mss) == window
