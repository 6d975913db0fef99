"""The demo itself, whole: it ends with 0 only if every step was observed."""

import subprocess
import unittest

from e2e_testing import REPOSITORY


class DemoTest(unittest.TestCase):
    def run_demo(self, *words, seconds):
        done = subprocess.run([REPOSITORY / "script" / "demo", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_demo_with_a_real_kernel(self):
        said = self.run_demo(seconds=700)
        for scene in ("Intruder", "Reboot", "New software", "A policy that lags", "Another command line", "The next kernel", "Silence"):
            self.assertIn(scene, said)
        self.assertRegex(said, r"the kernel was started with '[^']* lab\.changed=1'")
        self.assertRegex(said, r"Linux 6\.1\S* became 6\.12\S*: .* no alarm")

    def test_quick_demo(self):
        self.assertIn("Intruder", self.run_demo("--quick", seconds=200))
