"""Which ports the lab listens on."""

import os
import socket
import unittest
from contextlib import AbstractContextManager
from unittest import mock

from limequat_lab.errors import UnavailableError
from limequat_lab.host import LOOPBACK, PORTS_VARIABLE, FreePorts, lab_ports


def told(ports: str) -> AbstractContextManager[object]:
    return mock.patch.dict(os.environ, {PORTS_VARIABLE: ports})


class PortsTest(unittest.TestCase):
    def test_they_are_below_those_of_outgoing_connections(self) -> None:
        with told(""), open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
            self.assertEqual(lab_ports()[-1] + 1, int(limits.read().split()[0]))

    def test_the_variable_says_which(self) -> None:
        with told("21000-21002"):
            self.assertEqual(lab_ports(), range(21000, 21003))

    def test_a_variable_that_says_nothing_is_refused(self) -> None:
        for text in ("21000", "21002-21000", "80-443", "65000-65536", "a-b", "-5"):
            with self.subTest(text), told(text), self.assertRaisesRegex(UnavailableError, PORTS_VARIABLE):
                lab_ports()

    def test_no_port_is_given_twice_and_none_that_is_listened_on(self) -> None:
        with socket.socket() as other:
            other.bind((LOOPBACK, 0))
            first = other.getsockname()[1]
            with told(f"{first}-{first}"), self.assertRaises(UnavailableError):
                FreePorts().take()
        with told(f"{first}-{first}"):
            self.assertEqual(FreePorts().take(), first)
            with self.assertRaises(UnavailableError):
                FreePorts().take()

    def test_neighbours_stay_within_the_range(self) -> None:
        with told("21100-21100"), self.assertRaises(UnavailableError):
            FreePorts().take(neighbours=2)


if __name__ == "__main__":
    unittest.main()
