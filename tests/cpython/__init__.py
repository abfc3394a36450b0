"""CPython's own tests of sockets, each in a world of its own.

    python -m tests.cpython run test_socket     # against selected.txt and expected.toml
    python -m tests.cpython select              # make selected.txt anew, on this machine's kernel

The tests are those that the interpreter brings with it, in its package `test`; nothing of them is
copied. The interpreter needs nothing but this project's `src` on its path.
"""
