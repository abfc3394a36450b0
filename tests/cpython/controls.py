"""Tests for the harness itself: one for each thing that may come of a test. Not collected."""

import ctypes
import re
import socket
import sys
import threading
import unittest


class Controls(unittest.TestCase):
    def test_passes(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            socket.create_connection(listener.getsockname()).close()

    def test_fails(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            socket.create_connection(listener.getsockname()).close()
            print("what it printed")
            self.assertEqual(1, 2)

    def test_fails_in_a_subtest(self):
        with self.subTest(number=1):
            self.assertEqual(1, 2)

    def test_raises(self):
        raise ValueError("an error")

    def test_is_skipped(self):
        self.skipTest("no reason")

    @unittest.expectedFailure
    def test_passes_unexpectedly(self):
        pass

    @unittest.expectedFailure
    def test_fails_as_it_should(self):
        self.fail()

    def test_waits_for_ever(self):
        threading.Event().wait(7200)

    def test_serves_for_ever(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.accept()

    def test_leaves_a_thread(self):
        threading.Thread(target=threading.Event().wait).start()

    def test_exits(self):
        sys.exit(3)

    def test_computes_for_ever(self):
        re.match("(a+)+$", "a" * 64 + "b")  # in C: nothing interrupts it

    def test_takes_the_process_along(self):
        ctypes.string_at(0)

    def test_and_one_after_them_passes(self):
        pass
