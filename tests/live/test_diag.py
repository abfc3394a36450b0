"""What the kernel says about a socket in every state, and what is left when it is destroyed."""

import socket
import subprocess
import threading

import pytest

from lastack.live import Row, Unsupported, count, kill, look, need_linux, sockets
from lastack.state import State

from .lab import Stage, eventually, fill, private, private_as_nobody, row

HOME = socket.inet_aton("127.0.0.1")
S = 1_000_000_000


@private
def test_an_empty_machine_has_no_sockets() -> None:
    assert sockets() == []
    assert count() == {}


@private
def test_a_listener_tells_its_accept_queue_and_the_connections_in_it(stage: Stage) -> None:
    listener = stage.listener(8080)
    client = stage.client(listener)
    found = row("state listening")
    assert (found.state, found.local, found.remote[1]) == (State.LISTEN, (HOME, 8080), 0)
    assert (found.recv_queue, found.send_queue) == (1, 8)
    waiting = row("state established sport = :8080")
    assert waiting.in_accept_queue
    assert not waiting.orphan
    assert waiting.remote == (HOME, client.getsockname()[1])
    accepted, _ = listener.accept()
    stage.keep(accepted)
    assert row("state listening").recv_queue == 0
    assert not row("state established sport = :8080").in_accept_queue


@private
def test_a_socket_that_is_only_bound_is_listed(stage: Stage) -> None:
    stage.bound(8080)
    found = row("")
    assert found.bound_only
    assert (found.state, found.local) == (State.CLOSED, (HOME, 8080))
    # the kernel does not apply ports to these
    assert sockets("sport = :8081") == []
    assert len(sockets("sport = :8080")) == 1
    assert found.inode > 0


@private
def test_ipv6_and_mapped_ipv4(stage: Stage) -> None:
    listener = stage.listener(8080, host="::")
    client = stage.keep(socket.create_connection(("127.0.0.1", 8080)))
    stage.keep(listener.accept()[0])
    found = row("state listening")
    assert (found.family, found.local) == (socket.AF_INET6, (bytes(16), 8080))
    assert found.v6only is False
    accepted = row("state established sport = :8080")
    assert accepted.family == socket.AF_INET6
    assert accepted.remote == (bytes(10) + b"\xff\xff" + HOME, client.getsockname()[1])


@private
def test_time_wait_has_no_owner_and_sixty_seconds(stage: Stage) -> None:
    stage.server_side("time-wait", 8080)
    found = row("sport = :8080")
    assert (found.state, found.timer) == (State.TIME_WAIT, "time-wait")
    assert 55 * S < found.expires_in <= 60 * S
    assert (found.inode, found.orphan) == (0, True)


@private
def test_fin_wait_2_ends_alone_only_when_nobody_owns_it(stage: Stage) -> None:
    stage.server_side("fin-wait-2", 8080)
    stage.server_side("fin-wait-2 owned", 8081)
    orphan, owned = row("sport = :8080"), row("sport = :8081")
    assert (orphan.state, orphan.timer, orphan.orphan) == (State.FIN_WAIT_2, "fin-wait-2", True)
    assert 55 * S < orphan.expires_in <= 60 * S
    assert (owned.state, owned.timer, owned.orphan) == (State.FIN_WAIT_2, "", False)
    assert owned.expires_in == 0
    assert owned.shutdown == 2


@pytest.mark.parametrize(
    ("name", "state"), [("fin-wait-1", State.FIN_WAIT_1), ("last-ack", State.LAST_ACK)]
)
@private
def test_a_peer_that_does_not_read_is_probed(stage: Stage, name: str, state: State) -> None:
    stage.server_side(name, 8080)

    def probed() -> list[Row]:
        return [r for r in sockets("sport = :8080", info=True) if r.timer == "persist"]

    # until the peer's last ACK has come, the tail of what it did take may be sent again
    found = eventually(probed)[0]
    assert (found.state, found.orphan) == (state, True)
    assert found.expires_in > 0
    assert found.tcp_info is not None
    assert 0 < found.tcp_info.notsent_bytes <= found.send_queue


@private
def test_close_wait_and_what_the_connection_has_carried(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8080))
    client.sendall(b"request")
    server.recv(3)
    client.shutdown(socket.SHUT_WR)
    found = row("state close-wait", info=True)
    assert not found.orphan
    assert not found.in_accept_queue
    assert found.recv_queue == 4 + 1  # the FIN counts
    assert found.tcp_info is not None
    assert found.tcp_info.bytes_received == 7 + 1
    assert found.tcp_info.snd_wnd > 0
    assert row("state fin-wait-2").recv_queue == 0


@private
def test_syn_sent_waits_for_an_answer(stage: Stage) -> None:
    stage.connecting()
    found = row("")
    assert (found.state, found.timer) == (State.SYN_SENT, "retransmit")
    assert 0 < found.expires_in <= 3 * S
    assert found.remote == (socket.inet_aton("10.7.0.2"), 80)


@private
def test_counting_and_listing_agree_in_one_pass_and_message_by_message(stage: Stage) -> None:
    listener = stage.listener(8080)
    for _ in range(30):  # messages of one length
        client, server = stage.pair(listener)
        server.close()
        client.close()
    eventually(lambda: len(sockets("state time-wait")) == 30)
    assert count("state time-wait") == {State.TIME_WAIT: 30}
    stage.server_side("established", 8081)  # and of others
    stage.server_side("close-wait", 8082)
    stage.bound(8083)
    listed = sockets()
    assert len({found.cookie for found in listed}) == len(listed) == 30 + 1 + 2 + 2 + 1
    by_state = {state: sum(r.state is state for r in listed) for state in State}
    assert count() == {state: number for state, number in by_state.items() if number}
    assert count("sport = :8082") == {State.CLOSE_WAIT: 1}
    assert {r.local[1] for r in listed if r.state is State.TIME_WAIT} == {8080}


@private
def test_look_follows_one_socket_until_it_is_gone(stage: Stage) -> None:
    client, server = stage.server_side("established", 8080)
    first = row("sport = :8080")
    client.sendall(b"five!")
    now = eventually(lambda: look(first))
    assert now is not None
    assert (now.cookie, now.recv_queue) == (first.cookie, 5)
    server.recv(5)
    server.close()
    now = look(first)
    assert now is None or now.state is not State.ESTABLISHED
    bound = stage.bound(8081)
    held = row("sport = :8081")
    again = look(held)
    assert again is not None
    assert again.inode == held.inode
    bound.close()
    assert look(held) is None


@pytest.mark.parametrize(
    "state",
    [
        "established", "close-wait", "last-ack", "fin-wait-1", "fin-wait-2", "fin-wait-2 owned",
        "time-wait",
    ],
)  # fmt: skip
@private
def test_a_destroyed_socket_gives_its_port_back(stage: Stage, state: str) -> None:
    stage.server_side(state, 8080, reuse=False)
    found = row("sport = :8080")
    with pytest.raises(OSError, match="in use"):
        stage.bound(8080)
    kill(found)
    assert look(found) is None
    stage.bound(8080)
    with pytest.raises(ProcessLookupError):
        kill(found)


@private
def test_what_owner_and_peer_see_of_a_destroyed_connection(stage: Stage) -> None:
    client, server = stage.server_side("established", 8080)
    kill(row("sport = :8080"))
    with pytest.raises(ConnectionAbortedError):
        server.recv(1)
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@private
def test_a_newer_socket_with_the_same_addresses_is_not_touched(stage: Stage) -> None:
    client, server = stage.server_side("established", 8080)
    old = row("sport = :8080")
    address = client.getsockname()
    for sock in (server, client):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    listener = stage.listener(8080)
    again = stage.keep(socket.socket())
    again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    again.bind(address)
    again.connect(listener.getsockname())
    new = row("state established sport = :8080")
    assert (new.local, new.remote) == (old.local, old.remote)
    assert new.cookie != old.cookie
    with pytest.raises(ProcessLookupError):
        kill(old)
    assert look(old) is None
    assert look(new) is not None


@private
def test_listeners_and_bound_sockets_are_not_destroyed(stage: Stage) -> None:
    stage.listener(8080)
    stage.bound(8081)
    for found in sockets():
        with pytest.raises(ValueError, match="owner"):
            kill(found)
    assert len(sockets()) == 2


@private_as_nobody
def test_an_ordinary_user_sees_everything_and_destroys_nothing(stage: Stage) -> None:
    stage.server_side("established", 8080)
    found = row("sport = :8080", info=True)
    assert found.inode > 0
    assert found.tcp_info is not None
    assert found.mark is None
    with pytest.raises(PermissionError, match="CAP_NET_ADMIN"):
        kill(found)
    assert look(found) is not None


@private
def test_root_is_told_the_mark(stage: Stage) -> None:
    sock = stage.bound(8080)
    sock.setsockopt(socket.SOL_SOCKET, 36, 7)  # SO_MARK
    sock.listen(1)
    assert row("").mark == 7


@private
def test_the_listing_is_that_of_ss(stage: Stage) -> None:
    for port, state in enumerate(
        ("established", "close-wait", "fin-wait-1", "fin-wait-2", "time-wait", "last-ack"), 8080
    ):
        stage.server_side(state, port)
    stage.connecting()
    text = subprocess.run(["ss", "-Htan"], check=True, capture_output=True, text=True).stdout
    theirs = sorted((words[0], words[3], words[4]) for words in map(str.split, text.splitlines()))
    names = {"ESTABLISHED": "ESTAB"}
    ours = sorted(
        (names.get(r.state.value, r.state.value), _plain(r.local), _plain(r.remote))
        for r in sockets()
    )
    assert ours == theirs


def _plain(end: tuple[bytes, int]) -> str:
    return f"{socket.inet_ntoa(end[0])}:{end[1]}"


@private
def test_many_threads_may_ask_at_once(stage: Stage) -> None:
    listener = stage.listener(8080)
    fill(stage.pair(listener)[0])
    seen: list[list[Row]] = []

    def ask() -> None:
        seen.append(sockets())

    # threads begin in the namespace of the thread that starts them
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(rows) for rows in seen] == [3, 3, 3, 3]


def test_another_system_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(Unsupported, match=r"^this thing needs Linux.*darwin$"):
        need_linux("this thing")
    with pytest.raises(Unsupported):
        sockets()
