"""Systems by their documents: what their sentences say of close(), one exchange each."""

from __future__ import annotations

import errno

import pytest

from lastack.matrix import Case, Fate, Pending, Row, play
from lastack.profile import BSD44, FREEBSD, LINUX, MACOS, PROFILES, TEXTBOOK, WINDOWS, Profile
from tests.exchange import Lab

BSD = (FREEBSD, BSD44, MACOS)


def close_of(
    profile: Profile, pending: Pending, *, blocking: bool = True, unread: bool = False
) -> Row:
    return play(Case(1, 1, blocking, pending, unread), profile)


@pytest.mark.parametrize(("profile", "returned", "waited"), [
    (TEXTBOOK, "EWOULDBLOCK", 1.0),
    (LINUX, 0, 1.0),
    (FREEBSD, "EWOULDBLOCK", 1.0),
    (BSD44, "EWOULDBLOCK", 0.01),
    (MACOS, 0, 0.01),
    (WINDOWS, 0, 1.0),
], ids=lambda value: getattr(value, "name", str(value)))  # fmt: skip
def test_the_time_is_up(profile: Profile, returned: object, waited: float) -> None:
    row = close_of(profile, Pending.SILENT)
    assert row.to_json()["returned"] == returned
    assert row.to_json()["waited"] == pytest.approx(waited, abs=0.001)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_only_the_textbook_and_windows_destroy_at_the_limit(profile: Profile) -> None:
    destroyed = close_of(profile, Pending.SILENT).data is Fate.DESTROYED
    assert destroyed == (profile.name in ("textbook", "windows"))


@pytest.mark.parametrize("profile", BSD, ids=lambda profile: profile.name)
def test_bsd_does_not_wait_on_a_nonblocking_socket(profile: Profile) -> None:
    row = close_of(profile, Pending.SLOW, blocking=False)
    assert (row.returned, row.waited) == ("", 0)
    assert row.data is Fate.BACKGROUND_DELIVERED


def test_winsock_refuses_to_close_a_nonblocking_socket() -> None:
    row = close_of(WINDOWS, Pending.SLOW, blocking=False)
    assert (row.returned, row.waited) == ("EWOULDBLOCK", 0)
    assert "F." not in row.wire


@pytest.mark.parametrize(("profile", "first"), [
    (FREEBSD, "F."), (BSD44, "F."), (MACOS, "R."), (WINDOWS, "R."),
], ids=lambda value: getattr(value, "name", str(value)))  # fmt: skip
def test_unread_data(profile: Profile, first: str) -> None:
    assert close_of(profile, Pending.NONE, unread=True).wire[0] == first


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_field_says_where_it_comes_from(profile: Profile) -> None:
    for cell in profile.cells():
        assert cell.grade in ("measured", "source", "manual", "chosen")
        assert cell.source


def test_errnos_are_linux_numbers() -> None:
    assert FREEBSD.linger.expiry_errno == errno.EWOULDBLOCK


@pytest.mark.parametrize(("profile", "told"), [
    (LINUX, errno.EADDRINUSE), (FREEBSD, errno.EADDRINUSE), (WINDOWS, errno.EACCES),
], ids=lambda value: getattr(value, "name", str(value)))  # fmt: skip
def test_so_reuseaddr_in_vain(profile: Profile, told: int) -> None:
    """The port is bound by a socket without SO_REUSEADDR; the new one sets it."""
    lab = Lab(profile)
    first, second = lab.socket("a"), lab.socket("a")
    first.bind(bytes(4), 80, lab.now)
    second.binding.reuseaddr = True
    with pytest.raises(OSError, match="Errno") as failure:
        second.bind(bytes(4), 80, lab.now)
    assert failure.value.errno == told
