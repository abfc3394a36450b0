"""`lastack run` from outside: what it prints, what it exits with."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from lastack.cli import main
from lastack.profile import PROFILES

from .conftest import Run, valid

PAIR = ("a=server.py", "b=client.py a")
LOSING = ("a=hasty.py", "b=patient.py a")


def test_the_output_has_host_and_time_in_order(lastack: Run) -> None:
    ran = lastack("run", "--delay", "5ms", *PAIR)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0].split(maxsplit=3) == ["0.015", "s", "a", "server heard b'hello'"]
    assert lines[1].split(maxsplit=3) == ["0.020", "s", "b", "client heard b'answer' b''"]


def test_the_ladder_shows_segments_calls_and_states(lastack: Run) -> None:
    text = lastack("run", *PAIR).stdout
    for part in ("SYN seq 0", "SYN|ACK seq 0", "ACK seq 1 len 5", "FIN|ACK seq 7",
                 "sendall 5 bytes = ok", "ESTABLISHED", "FIN-WAIT-1", "LAST-ACK"):  # fmt: skip
        assert part in text, part
    assert "Ending    FIN, the server (a) closed first" in text
    assert "TIME-WAIT on a: a:80" in text
    assert re.search(r"^b → a +5 +5 +0 +0 +0$", text, re.MULTILINE)
    last = text.splitlines()[-1]
    assert re.fullmatch(r"0\.006 s of virtual time in \d+\.\d\d s of real time \(seed 0\)", last)


def test_without_the_ladder_the_ending_stays(lastack: Run) -> None:
    text = lastack("run", "--no-ladder", *PAIR).stdout
    assert "SYN seq" not in text
    assert "Ending    FIN" in text


def test_json_obeys_its_schema(lastack: Run) -> None:
    shape = valid(lastack("run", "--json", "--seed", "3", *PAIR).stdout, "run")
    assert (shape["schema"], shape["seed"], shape["virtual_seconds"]) == (1, 3, 0.006)
    (connection,) = shape["connections"]
    assert connection["server"] == "a:80"
    assert connection["client_states"][-2:] == ["LAST-ACK", "CLOSED"]
    assert connection["server_states"][-1] == "TIME-WAIT"
    assert (connection["ending"]["kind"], connection["ending"]["first_closer"]) == ("fin", "server")
    (entry,) = shape["time_wait"]
    assert entry["expires_at"] - entry["entered_at"] == pytest.approx(60)
    assert [program["command"] for program in shape["programs"]] == ["server.py", "client.py a"]


def test_lost_bytes_are_an_exit_status_when_asked(lastack: Run) -> None:
    assert lastack("run", *LOSING).returncode == 0
    ran = lastack("run", "--strict", "--json", *LOSING)
    assert ran.returncode == 3
    (connection,) = valid(ran.stdout, "run")["connections"]
    assert connection["ending"]["kind"] == "rst"
    assert connection["bytes"]["client_to_server"]["unread"] == 4
    assert lastack("run", "--strict", *PAIR).returncode == 0


def test_a_program_that_raises_is_told_with_its_traceback(lastack: Run) -> None:
    ran = lastack("run", "a=raises.py")
    assert ran.returncode == 1
    texts = [line[14:] for line in ran.stdout.splitlines()]
    assert texts[0] == "before"
    assert texts[1] == "Traceback (most recent call last):"
    assert texts[4] == "RuntimeError: no luck"
    assert "a failed: exit status 1" in ran.stdout
    assert "lastack/run" not in ran.stdout


def test_an_unknown_host_is_no_name(lastack: Run) -> None:
    ran = lastack("run", "--json", "a=server.py", "b=client.py nobody")
    assert ran.returncode == 1
    output = valid(ran.stdout, "run")["programs"][1]["output"]
    assert output[-1] == "socket.gaierror: [Errno -2] Name or service not known"
    assert not any("lastack/run" in line for line in output)


def test_a_deadlock_names_who_waits_for_what(lastack: Run) -> None:
    ran = lastack("run", "a=deadlock.py")
    assert ran.returncode == 1
    assert "deadlock: no event is pending" in ran.stdout
    assert ran.stdout.count("a, MainThread: waits for a lock") == 1
    assert "deadlock.py:5 in <module>" in ran.stdout


def test_a_loop_without_a_call_is_ended(lastack: Run) -> None:
    ran = lastack("run", "--patience", "0.5s", "a=spin.py")
    assert ran.returncode == 1
    assert re.search(r"a, MainThread has run for [\d.]+ s of real time without a wait", ran.stdout)
    assert "spin.py:" in ran.stdout


def test_until_cuts_off_what_hangs(lastack: Run) -> None:
    ran = lastack("run", "--until", "20m", "--json", "a=hung.py")
    assert ran.returncode == 1
    shape = valid(ran.stdout, "run")
    (program,) = shape["programs"]
    assert (program["exit"], program["stopped"]) == (None, False)
    assert program["hung"].startswith("a, MainThread: sleeps 600 s")
    assert shape["virtual_seconds"] == 1200


def test_profiles_of_all_hosts_and_of_one(lastack: Run) -> None:
    def linger(*words: str) -> list[float]:
        shape = valid(lastack("run", "--json", *words, *PAIR).stdout, "run")
        return [entry["expires_at"] - entry["entered_at"] for entry in shape["time_wait"]]

    book = linger("--profile", "textbook")
    assert book != [pytest.approx(60)]
    assert linger("--profile", "b=textbook") == [pytest.approx(60)]
    assert linger("--profile", "linux", "--profile", "a=textbook") == book


@pytest.mark.parametrize("name", list(PROFILES))
def test_a_profile_that_nobody_ran_says_so(lastack: Run, name: str) -> None:
    unseen = [name] if PROFILES[name].unproven else []
    words = ("run", "--profile", name, "--profile", f"b={name}")
    told = lastack(*words, *PAIR)
    assert (told.returncode, told.stderr) == (0, "")
    assert ("nobody ran that TCP" in told.stdout) == bool(unseen)
    assert valid(lastack(*words, "--json", *PAIR).stdout, "run")["from_documents"] == unseen


def test_a_program_starts_later(lastack: Run) -> None:
    ran = lastack("run", "--json", "a=clock.py 1 first", "b@1.5s=clock.py 0 second")
    first, second = valid(ran.stdout, "run")["programs"]
    assert first["output"] == ["first 2026-01-01T00:00:01+00:00"]
    assert second["output"] == ["second 2026-01-01T00:00:01.500000+00:00"]


def test_a_background_program_does_not_hold_the_run(lastack: Run) -> None:
    ran = lastack("run", "--json", "a+=ticker.py", "b=clock.py 2.5 done")
    ticker, clock = valid(ran.stdout, "run")["programs"]
    assert ran.returncode == 0
    assert (ticker["stopped"], ticker["exit"], ticker["output"]) == (True, None, ["tick"] * 3)
    assert (clock["stopped"], clock["exit"]) == (False, 0)


def test_a_server_is_stopped_when_its_clients_are_done(lastack: Run) -> None:
    ran = lastack("run", "--json", "a=forever.py", "b=client.py a", "c@1s=client.py a")
    shape = valid(ran.stdout, "run")
    assert ran.returncode == 0
    assert [program["stopped"] for program in shape["programs"]] == [True, False, False]
    assert shape["virtual_seconds"] < 2


def test_the_same_seed_is_checked_in_a_fresh_process(lastack: Run) -> None:
    ran = lastack("run", "--no-ladder", "--check-determinism", "--loss", "10%", *PAIR)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.fullmatch(
        r"deterministic: \d+ events, the same in a fresh process", ran.stdout.splitlines()[-1]
    )


def test_what_is_not_deterministic_is_shown(lastack: Run) -> None:
    ran = lastack("run", "--json", "--check-determinism", "a=strange.py")
    assert ran.returncode == 1
    head, first, second = ran.stderr.splitlines()
    assert re.fullmatch(r"not deterministic: event \d+ differs", head)
    assert first.split() != second.split()
    valid(ran.stdout, "run")


def test_loss_and_delay_and_rate_matter(lastack: Run) -> None:
    def seconds(*words: str) -> float:
        shape = json.loads(lastack("run", "--json", *words, *PAIR).stdout)
        return float(shape["virtual_seconds"])

    usual = seconds()
    assert seconds("--delay", "40ms") == pytest.approx(40 * usual)
    assert seconds("--rate", "10k") > usual
    assert seconds("--loss", "0.4") > usual
    assert seconds("--wire") == usual


WRONG = [
    ((), "Missing argument"),
    (("a",), "write NAME='PROGRAM ARGS'"),
    (("1a=server.py",), "write NAME='PROGRAM ARGS'"),
    (("a-=server.py",), "write NAME='PROGRAM ARGS'"),
    (("a=",), "a: no program"),
    (("a=nope.py",), "a: no such file: nope.py"),
    (("a=.",), "a: no such file: ."),
    (("a=-m",), "-m wants a module"),
    (("a=-m nope.mod",), "a: no module named nope.mod"),
    (("a=server.py 'x",), "No closing quotation"),
    (("a@xx=server.py",), "'xx' is no time"),
    (("--delay", "5x", *PAIR), "'5x' is no time"),
    (("--jitter", "-1", *PAIR), "'-1' is no time"),
    (("--loss", "101%", *PAIR), "not between 0% and 100%"),
    (("--loss", "nan", *PAIR), "not between 0% and 100%"),
    (("--loss", "often", *PAIR), "is no share"),
    (("--rate", "fast", *PAIR), "is no rate"),
    (("--mtu", "10", *PAIR), "68<=x<=65536"),
    (("--queue", "-5", *PAIR), "'--queue'"),
    (("--seed", "x", *PAIR), "not a valid integer"),
    (("--until", "later", *PAIR), "'later' is no time"),
    (("--profile", "amiga", *PAIR), "no profile 'amiga'; there are"),
    (("--profile", "c=linux", *PAIR), "no host is named 'c'"),
    (("--trace", "no/such/place", "a=raises.py"), "--trace no/such/place: No such file"),
    (("--nonsense", *PAIR), "No such option"),
]


@pytest.mark.parametrize(("words", "part"), WRONG, ids=lambda value: str(value))
def test_a_wrong_command_line_is_one_line_and_2(
    words: tuple[str, ...], part: str, desk: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(desk)
    monkeypatch.setenv("PYTHONHASHSEED", "0")  # else the command begins again in a new process
    monkeypatch.setattr(sys, "argv", ["lastack", "run", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert line.startswith("lastack: ")
    assert part in line


def test_the_process_ends_like_that_too(lastack: Run) -> None:
    ran = lastack("run", "a=nope.py")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "lastack: a: no such file: nope.py (see lastack run --help)\n"


def test_ascii_terminals_get_ascii(lastack: Run) -> None:
    ran = lastack("run", *PAIR, PYTHONIOENCODING="ascii", LC_ALL="C", NO_COLOR="1")
    assert ran.returncode == 0
    assert ran.stdout.isascii()
    assert "\x1b" not in ran.stdout


def test_nothing_but_long_output_of_programs_is_wider_than_80_columns(lastack: Run) -> None:
    ran = lastack("run", *LOSING, COLUMNS="80")
    assert max(map(len, ran.stdout.splitlines())) <= 80


def test_faults_on_the_command_line(lastack: Run) -> None:
    ran = lastack(
        "run", "--json", "--at", "10ms=kill:a", "--at", "1s=reboot:a", "--at",
        "2s=restart-network:b", "--at", "3s=power-cut:a", *PAIR,
    )  # fmt: skip
    shape = valid(ran.stdout, "run")
    assert shape["virtual_seconds"] == 3
    assert [(program["command"], program["ended_by"]) for program in shape["programs"]] == [
        ("server.py", None), ("client.py a", None), ("server.py", "power cut"),
    ]  # fmt: skip
    text = lastack("run", "--at", "4500us=power-cut:a", "--until", "100s", *PAIR).stdout
    assert "power cut" in text
    assert "a was switched off" in text
    assert not [line for line in text.splitlines() if len(line) > 80]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("kill:a", "--at 'kill:a': write TIME=FAULT:HOST, as in 2s=kill:web"),
        ("2s=kill", "--at '2s=kill': write TIME=FAULT:HOST, as in 2s=kill:web"),
        ("2s=drop:a", "--at '2s=drop:a': no fault 'drop'; there are kill, restart, power-cut, "
                      "power-on, reboot, restart-network"),
        ("soon=kill:a", "'soon' is no time; write 40ms, 1.5s, 2m or 1h"),
        ("2s=kill:c", "--at: no host is named 'c'"),
    ],
)  # fmt: skip
def test_faults_that_cannot_be(lastack: Run, fault: str, complaint: str) -> None:
    ran = lastack("run", "--at", fault, *PAIR)
    assert ran.returncode == 2
    assert complaint in ran.stderr
    assert ran.stderr.count("\n") == 1
