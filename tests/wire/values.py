"""Packets of all kinds for hypothesis, and the flow that the examples use."""

from hypothesis import strategies as st

from lastack.wire import (
    ABSENT,
    Datagram,
    Flow,
    IcmpMessage,
    IpFields,
    Packet,
    Segment,
    pack_address,
)

CLIENT = pack_address("10.0.0.1")
SERVER = pack_address("10.0.0.2")
FLOW = Flow(CLIENT, 40000, SERVER, 80)
FLOW6 = Flow(pack_address("fd00::1"), 40000, pack_address("fd00::2"), 80)

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
LONG = st.integers(4, 234).map(lambda n: bytes(range(256)) * n)
TEXT = st.binary(max_size=100) | LONG


@st.composite
def flows(draw: st.DrawFn, size: int, ports: st.SearchStrategy[int] = U16) -> Flow:
    address = st.binary(min_size=size, max_size=size)
    return Flow(draw(address), draw(ports), draw(address), draw(ports))


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    timestamps = draw(st.booleans())
    mss = draw(U16)
    wscale = draw(st.just(ABSENT) | U8)
    room = 40 - 12 * timestamps - 4 * bool(mss) - 4 * (wscale != ABSENT)
    sack_ok = draw(st.booleans())
    room -= 4 * (sack_ok and not timestamps)
    return Segment(
        draw(st.sampled_from((4, 16)).flatmap(flows)),
        draw(U32), draw(U32), draw(U8), draw(U16), draw(TEXT), up=draw(U16),
        ecn=draw(st.integers(0, 3)), mss=mss, wscale=wscale, sack_ok=sack_ok,
        tsval=draw(U32) if timestamps else ABSENT, tsecr=draw(U32) if timestamps else 0,
        sack=tuple(draw(st.lists(st.tuples(U32, U32), max_size=(room - 4) // 8))),
        ip=IpFields(draw(U8) & 0xFC, draw(U8)),
    )  # fmt: skip


@st.composite
def datagrams(draw: st.DrawFn) -> Datagram:
    flow = draw(st.sampled_from((4, 16)).flatmap(flows))
    return Datagram(flow, draw(TEXT), tos=draw(U8), ttl=draw(U8))


@st.composite
def icmp_messages(draw: st.DrawFn) -> IcmpMessage:
    size = draw(st.sampled_from((4, 16)))
    kind = draw(st.sampled_from((3, 4, 11, 12) if size == 4 else (1, 2, 3, 4)))
    code = draw(U8)
    mtu = st.just(0)
    if size == 4 and (kind, code) == (3, 4):
        mtu = U16
    elif size == 16 and kind == 2:
        mtu = U32
    return IcmpMessage(
        draw(flows(size, st.just(0))), kind, code, draw(flows(size)), draw(U32), mtu=draw(mtu),
        protocol=draw(st.sampled_from((6, 17))),
    )  # fmt: skip


def packets() -> st.SearchStrategy[Packet]:
    return segments() | datagrams() | icmp_messages()
