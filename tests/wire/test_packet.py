"""Packets as values: equal when all but their number is equal."""

from __future__ import annotations

import pytest

from lastack.wire import ACK, Datagram, Flow, IcmpMessage, IpFields, Packet, Segment, copy_packet

FLOW = Flow(bytes((10, 0, 0, 1)), 1000, bytes((10, 0, 0, 2)), 80)

PACKETS: list[Packet] = [
    Segment(
        FLOW, 1, 2, ACK, 3, b"x", up=4, ecn=1, mss=1460, wscale=7, sack_ok=True, tsval=5, tsecr=6,
        sack=((1, 2),), number=9,
    ),
    Datagram(FLOW, b"x", tos=1, ttl=9, number=9),
    IcmpMessage(FLOW, 3, 4, FLOW, 7, mtu=1400, protocol=17, number=9),
]  # fmt: skip

OTHER = {
    Flow: Flow(*FLOW[:3], 81), IpFields: IpFields(8, 64), bytes: b"other", tuple: ((8, 9),),
    int: 99, bool: False,
}  # fmt: skip


def fields(packet: Packet) -> list[str]:
    kind = type(packet)
    # a compiled class names its fields otherwise (make compiled)
    names = getattr(kind, "__slots__", None) or kind.__mypyc_attrs__  # type: ignore[attr-defined]
    # length follows from flags and text
    other = {"number", "length"}
    return [name for name in names if name not in other and not name.startswith("__")]


@pytest.mark.parametrize("packet", PACKETS, ids=lambda packet: type(packet).__name__)
def test_a_copy_differs_in_its_number_only(packet: Packet) -> None:
    twin = copy_packet(packet, 11)
    assert twin == packet
    assert hash(twin) == hash(packet)
    assert (twin.number, packet.number) == (11, 9)


@pytest.mark.parametrize(
    ("packet", "name"),
    [(packet, name) for packet in PACKETS for name in fields(packet)],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_any_other_field_makes_two_packets(packet: Packet, name: str) -> None:
    twin = copy_packet(packet, packet.number)
    setattr(twin, name, OTHER[type(getattr(twin, name))])
    assert twin != packet
