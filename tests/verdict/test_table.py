"""The verdicts as JSON."""

import json

from lastack.verdict import threw_away, to_json, verdict
from lastack.wire import LOOPBACK4, Flow

from .exchange import NAMES, Exchange, Side, World, lost_answer
from .test_book import refuse


def test_the_lost_answer() -> None:
    world = lost_answer()
    (one,) = to_json(world.book, NAMES)["connections"]
    assert {key: one[key] for key in ("client", "server", "opened_at", "ended_at")} == {
        "client": "get:40000",
        "server": "web:80",
        "opened_at": 0.0,
        "ended_at": 0.008,
    }
    assert one["client_states"] == ["SYN-SENT", "ESTABLISHED", "CLOSED"]
    assert one["server_states"] == ["SYN-RECEIVED", "ESTABLISHED", "CLOSED"]
    assert one["bytes"]["server_to_client"] == {
        "accepted": 2000,
        "read": 200,
        "unread": 600,
        "queued": 0,
        "destroyed": 1200,
    }
    assert one["destroyed"][0] == {
        "host": "web",
        "queue": "unread",
        "bytes": 599,
        "at": 0.007,
        "reason": "UNREAD_AT_CLOSE",
    }
    assert one["ending"]["kind"] == "rst"
    assert one["ending"]["first_closer"] == "server"
    assert one["ending"]["reason"] == "UNREAD_AT_CLOSE"
    assert one["ending"]["why"].startswith("RST at 0.007 s")
    assert one["ending"]["remedy"]


def test_time_wait() -> None:
    world = Exchange()
    world.fin(world.client)
    world.fin(world.server)
    found = to_json(world.book, NAMES)
    assert found["time_wait"] == [
        {
            "host": "get",
            "local": "get:40000",
            "remote": "web:80",
            "entered_at": 0.006,
            "expires_at": 60.006,
        }
    ]
    assert found["connections"][0]["client_states"][-1] == "TIME-WAIT"
    assert found["connections"][0]["ended_at"] == 0.007


def test_a_refused_connection_has_no_server_states() -> None:
    world = World()
    refuse(world)
    (one,) = to_json(world.book, NAMES)["connections"]
    assert one["server_states"] == []
    assert one["ending"]["kind"] == "refused"
    assert one["ended_at"] == 0.002


def test_open_has_no_end() -> None:
    (one,) = to_json(Exchange().book, NAMES)["connections"]
    assert one["ended_at"] is None
    assert one["ending"]["reason"] is None


def test_loopback_is_the_host_itself_and_a_stranger_its_address() -> None:
    world = World()
    Side(world, "get", Flow(LOOPBACK4, 1, LOOPBACK4, 2))
    Side(world, "get", Flow(bytes((192, 0, 2, 1)), 1, bytes((192, 0, 2, 2)), 2))
    inside, outside = to_json(world.book, NAMES)["connections"]
    assert (inside["client"], inside["server"]) == ("get:1", "get:2")
    assert (outside["client"], outside["server"]) == ("192.0.2.1:1", "192.0.2.2:2")


def test_it_is_json() -> None:
    found = to_json(lost_answer().book, NAMES)
    assert json.loads(json.dumps(found)) == found


def test_threw_away() -> None:
    whole, lost = Exchange(), lost_answer()
    assert not threw_away(verdict(whole.story, whole.book))
    assert threw_away(verdict(lost.story, lost.book))
