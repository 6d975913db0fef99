"""A TCP relay in front of an agent, which counts: so a test sees whether a server still talks to it."""

import socket
import threading


class Relay:
    """Hands connections at `port` on to `target`; `answered` counts the bytes that came back.

    Nothing more comes back by a connection that either side has closed.
    """

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answered = 0
        self._answers = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def connected(self):
        """Whether a connection is left by which something may come back."""
        return any(answer.is_alive() for answer in self._answers)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:   # closed
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:   # the agent is not running: as if nobody listened here
                client.close()
                continue
            server.settimeout(None)
            answer = threading.Thread(target=self._copy, args=(server, client, True), daemon=True)
            answer.start()
            self._answers = [*filter(threading.Thread.is_alive, self._answers), answer]
            threading.Thread(target=self._copy, args=(client, server, False), daemon=True).start()

    def _copy(self, source, sink, answer):
        try:
            while data := source.recv(1 << 16):
                if answer:
                    self.answered += len(data)
                sink.sendall(data)
        except OSError:
            pass
        for link in (source, sink):
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:   # the other direction has ended it
                pass
        source.close()
