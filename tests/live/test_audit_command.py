"""`lastack audit`: which commands it takes, and that the program stays as it is."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.audited import LASTACK, PAIR, audited, lastack

UNREAD = PAIR + "client, server = pair(); client.sendall(b'x'); server.close(); client.close()\n"


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("words", [
    [sys.executable, "unread.py"], [sys.executable, "-m", "unread"], ["unread.py"],
    ["-m", "unread"], ["./script"], ["./long"],
])  # fmt: skip
def test_commands_that_are_python(tmp_path: Path, words: list[str]) -> None:
    write(tmp_path / "unread.py", UNREAD)
    write(tmp_path / "script", f"#!{sys.executable} -B\n{UNREAD}", 0o755)
    shell = f"""#!/bin/sh\n'''exec' "{sys.executable}" "$0" "$@"\n' '''\n"""
    write(tmp_path / "long", shell + UNREAD, 0o755)
    done = lastack("audit", *words, cwd=tmp_path)
    assert done.returncode == 0
    assert "1 byte unread: Linux sends an RST" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(("words", "says"), [
    (["ls"], "ls is no Python program"),
    (["/bin/sh", "-c", "true"], "/bin/sh is no Python program"),
    (["./shell"], "./shell is no Python program"),
    (["nowhere.py"], "there is no command and no file 'nowhere.py'"),
    (["text"], "text is not executable, and its name does not end in .py"),
    (["-m"], "-m wants a module"),
    ([], "Missing argument"),
    (["--output", "no/where", "unread.py"], "--output no/where: No such file or directory"),
])  # fmt: skip
def test_what_cannot_be_audited_is_one_line(tmp_path: Path, words: list[str], says: str) -> None:
    write(tmp_path / "text", "hello")
    write(tmp_path / "unread.py", UNREAD)
    write(tmp_path / "shell", "#!/bin/sh\necho python\n", 0o755)
    done = lastack("audit", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_program_sees_nothing_of_the_audit(tmp_path: Path) -> None:
    customized = tmp_path / "site"
    customized.mkdir()
    write(customized / "sitecustomize.py", "answer = 42\n")
    source = """
        import sitecustomize
        print(sitecustomize.answer, sys.argv, __name__)
        print([entry for entry in sys.path if "lastack-" in entry])
        """
    done = audited(tmp_path, source, env={"PYTHONPATH": str(customized)})
    assert done.stdout == "42 ['program.py'] __main__\n[]\n"
    assert done.stderr == ""


def test_warnings_of_unclosed_sockets_stay_where_they_were(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        import warnings
        warnings.simplefilter("always")
        def forget():
            socket.socket()  # here
        forget()
        """,
    )
    assert f"program.py:{done.lines['here']}: ResourceWarning: unclosed <socket" in done.stderr


def test_errors_are_the_kernels(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        client, server = pair()
        for call in (lambda: client.bind(client.getsockname()), lambda: os.close(1 << 20),
                     lambda: socket.socket().listen(-1, 2), lambda: os.dup(1 << 20)):
            try:
                call()
            except Exception as error:
                print(type(error).__name__, getattr(error, "errno", None))
        server.close(), server.close(), client.close()
        """,
    )
    assert done.stdout.split("\n")[:4] == [
        "OSError 22", "OSError 9", "TypeError None", "OSError 9",
    ]  # fmt: skip
    assert done.status == 0


def test_a_program_that_closes_every_descriptor(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        client, server = pair()
        client.sendall(b"x")
        server.close()
        os.closerange(3, 256)
        client.detach()
        files = [open("file", "w") for _ in range(20)]
        client, server = pair()
        client.sendall(b"x")
        server.close()
        client.close()
        print(os.path.getsize("file"))
        """,
    )
    assert done.stdout == "0\n"
    assert [told["unread"] for told in done.endings] == [1, 1]


def test_a_signal_reaches_the_program_and_its_status_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "server.py", PAIR + "print('up', flush=True)\nsocket.socketpair()[0].recv(1)")
    process = subprocess.Popen(
        [*LASTACK, "audit", "server.py"], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "ended by SIGTERM" in stderr


def test_a_python_that_takes_no_audit_is_said_so(tmp_path: Path) -> None:
    write(tmp_path / "unread.py", UNREAD)
    done = lastack("audit", sys.executable, "-I", "unread.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "the program took no audit: python -I" in done.stderr


def test_text_fits_80_columns_and_advises(tmp_path: Path) -> None:
    source = PAIR + "\n".join((
        "client, server = pair(); client.sendall(bytes(30_000)); server.sendall(bytes(9))",
        "def a_function_with_a_rather_long_name_so_that_the_line_is_broken():",
        "    linger(server, 0); server.close()",
        "a_function_with_a_rather_long_name_so_that_the_line_is_broken()",
        "client, server = pair(); linger(client, 1); client.close()",
    ))  # fmt: skip
    write(tmp_path / "a_long_name_of_a_program.py", source)
    done = lastack("audit", "a_long_name_of_a_program.py", cwd=tmp_path)
    assert done.stderr.startswith("a_long_name_of_a_program.py:14 in\n  a_function_with")
    assert "30,000 bytes unread: Linux sends an RST" in done.stderr
    assert "SO_LINGER with l_linger 0: an RST instead of a FIN" in done.stderr
    assert "SO_LINGER 1 s: close() waits" in done.stderr
    assert "Read the request to its end before close()" in done.stderr
    assert not [line for line in done.stderr.splitlines() if len(line) > 80]


def test_the_report_goes_to_a_file(tmp_path: Path) -> None:
    write(tmp_path / "unread.py", UNREAD + "print('out'); print('err', file=sys.stderr)\n")
    done = lastack("audit", "-o", "report", "unread.py", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert "1 byte unread" in (tmp_path / "report").read_text()
