"""The command channel against a server that behaves well, badly or not at all."""

import base64
import socket
import threading
import unittest

import lab_testing  # noqa: F401  (finds the package)
from limequat_lab.channel import Channel, CommandError
from limequat_lab.errors import UnavailableError
from limequat_lab.host import LOOPBACK


class ChannelTest(unittest.TestCase):
    def serve(self, answer: bytes, answers: bool = True) -> Channel:
        """A channel to a server that reads one request to its end and answers it."""
        server = socket.create_server((LOOPBACK, 0))
        self.addCleanup(server.close)
        self.request = bytearray()
        done = threading.Event()
        self.addCleanup(done.set)

        def once() -> None:
            with server.accept()[0] as link:
                while chunk := link.recv(4096):
                    self.request.extend(chunk)
                if answers:
                    link.sendall(answer)
                else:
                    done.wait(30)

        thread = threading.Thread(target=once, daemon=True)
        thread.start()
        return Channel(server.getsockname()[1], "secret")

    def test_a_request_is_token_script_and_input(self) -> None:
        self.assertEqual(self.serve(b"out\nput\n0\n").check("cat", b"in\0put"), b"out\nput")
        line, _, rest = bytes(self.request).partition(b"\n")
        token, script = line.split()
        self.assertEqual((token, base64.b64decode(script), rest), (b"secret", b"cat", b"in\0put"))

    def test_another_status_than_0_is_told_with_the_output(self) -> None:
        self.assertEqual(self.serve(b"\n3\n").run("x").status, 3)
        with self.assertRaisesRegex(CommandError, "status 1.*\nno such file"):
            self.serve(b"no such file\n1\n").check("cat /x")

    def test_an_answer_without_its_end_is_no_answer(self) -> None:
        for answer in (b"", b"output", b"output\n", b"output\n0", b"output\n-1\n"):
            with self.assertRaises(UnavailableError, msg=answer):
                self.serve(answer).run("x")

    def test_silence_ends_after_the_timeout(self) -> None:
        with self.assertRaises(UnavailableError):
            self.serve(b"", answers=False).run("x", timeout=0.2)

    def test_nobody_there(self) -> None:
        with socket.create_server((LOOPBACK, 0)) as server:
            port = server.getsockname()[1]
        with self.assertRaises(UnavailableError):
            Channel(port, "secret").run("x")


if __name__ == "__main__":
    unittest.main()
