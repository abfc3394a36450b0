"""Two tests for the command of the harness; on the kernel both pass. Not collected."""

import socket
import threading
import unittest


class Controls(unittest.TestCase):
    def setUp(self):
        socket.create_server(("127.0.0.1", 0)).close()

    def test_passes(self):
        pass

    def test_leaves_a_thread(self):
        threading.Thread(target=threading.Event().wait).start()
