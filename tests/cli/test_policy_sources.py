"""Policies made of initial RAM disks and packages, as the distributions' own tools write them."""

import hashlib
import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cli_testing import CliTest


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class PolicySourcesTest(CliTest):
    def setUp(self) -> None:
        super().setUp()
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.folder = Path(self.place.name)
        self.root = self.folder / "root"
        for name, content in (("usr/bin/tool", b"#!/bin/sh\n"), ("usr/lib/a b.so", b"\x7fELF..."), ("etc/tool.conf", b"")):
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (self.root / "usr/bin/tool").chmod(0o755)
        os.link(self.root / "usr/bin/tool", self.root / "usr/bin/same")
        (self.root / "usr/bin/link").symlink_to("tool")

    expected = {"/usr/bin/tool": [sha256(b"#!/bin/sh\n")], "/usr/bin/same": [sha256(b"#!/bin/sh\n")],
                "/usr/lib/a_b.so": [sha256(b"\x7fELF...")], "/etc/tool.conf": [sha256(b"")]}

    def digests(self, *words: object) -> dict:
        done = self.run_limequat("policy", "create", "runtime", "-o", "json", *words)
        self.assertEqual(done.status, 0, done.err)
        return done.json()["digests"]

    def cpio(self, root: Path) -> bytes:
        names = sorted(str(p.relative_to(root)) for p in root.rglob("*"))
        return subprocess.run(["cpio", "-o", "-H", "newc"], cwd=root, input="\n".join(names).encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout

    def test_resume(self) -> None:
        journal, output = self.folder / "journal", self.folder / "absent" / "policy.json"
        words = ("policy", "create", "runtime", "--root", self.root, "--resume", journal, "--output", output)
        time.sleep(2.1)   # what changed just now is not kept
        self.assertEqual(self.run_limequat(*words).status, 6, "there is no place for the policy")
        self.assertTrue(journal.exists(), "what was hashed is kept")
        self.assertEqual(journal.stat().st_mode & 0o777, 0o600)
        output.parent.mkdir()
        done = self.run_limequat(*words)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("3 files hashed before", done.err)
        self.assertEqual(json.loads(output.read_text())["digests"], self.expected)
        self.assertFalse(journal.exists(), "the policy is written")
        self.assertEqual(self.run_limequat(*words, "--hash", "sha512").status, 0)

    def test_resume_is_for_a_root(self) -> None:
        self.assert_error(self.run_limequat("policy", "create", "runtime", "--initrd", "x", "--resume", "y"), 2, "cli.usage")

    def test_verification_keys(self) -> None:
        key = self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
                        "-keyout", self.folder / "private", "-out", key], check=True, capture_output=True)
        done = self.run_limequat("policy", "create", "runtime", "-o", "json", "--root", self.root, "--verification-key", key)
        keys = json.loads(done.json()["verification-keys"])
        self.assertEqual((len(keys["pubkeys"]), len(keys["keyids"])), (1, 1))
        key.write_text("no key")
        self.assert_error(self.run_limequat("policy", "create", "runtime", "--root", self.root, "--verification-key", key), 3, "ima.key")

    def test_initrd(self) -> None:
        plain = self.cpio(self.root)
        early = self.folder / "early"
        (early / "kernel/x86/microcode").mkdir(parents=True)
        (early / "kernel/x86/microcode/AuthenticAMD.bin").write_bytes(b"microcode")
        microcode = self.cpio(early)
        compressors = {"gzip": ["gzip", "-c"], "xz": ["xz", "-c", "--check=crc32"]}
        for name, command in {"plain": ["cat"], **compressors}.items():
            with self.subTest(name):
                packed = subprocess.run(command, input=plain, stdout=subprocess.PIPE, check=True).stdout
                (self.folder / "initrd").write_bytes(microcode + packed)
                self.assertEqual(self.digests("--initrd", self.folder / "initrd"), self.expected)

    def debian(self, compression: str) -> Path:
        package = self.folder / f"{compression}.deb"
        tree = self.folder / f"{compression}.tree"
        (tree / "DEBIAN").mkdir(parents=True)
        subprocess.run(["cp", "-a", f"{self.root}/.", tree], check=True)
        (tree / "DEBIAN/control").write_text("Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n")
        subprocess.run(["dpkg-deb", f"-Z{compression}", "--root-owner-group", "--build", tree, package],
                       check=True, stdout=subprocess.DEVNULL)
        return package

    def test_debian_package(self) -> None:
        for compression in ("none", "gzip", "xz", "zstd"):
            with self.subTest(compression):
                self.assertEqual(self.digests("--package", self.debian(compression)), self.expected)

    def test_rpm_package(self) -> None:
        spec = self.folder / "tool.spec"
        spec.write_text("Name: tool\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nBuildArch: noarch\n%description\nx\n"
                        f"%install\ncp -a {self.root}/. %{{buildroot}}\n%files\n/usr\n/etc\n")
        environment = {**os.environ, "HOME": str(self.folder)}
        for payload in ("w9.gzdio", "w3.zstdio", "w2.xzdio"):
            with self.subTest(payload):
                subprocess.run(["rpmbuild", "-bb", "--define", f"_topdir {self.folder}/rpm", "--define", f"_binary_payload {payload}",
                                "--define", "__os_install_post %{nil}", spec], check=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=environment)
                package, = (self.folder / "rpm/RPMS").rglob("*.rpm")
                self.assertEqual(self.digests("--package", package), self.expected)

    def test_sources_together(self) -> None:
        other = self.folder / "other"
        (other / "etc").mkdir(parents=True)
        (other / "etc/tool.conf").write_bytes(b"changed")
        (self.folder / "initrd").write_bytes(self.cpio(self.root))
        both = self.digests("--root", other, "--initrd", self.folder / "initrd")
        self.assertEqual(both, {**self.expected, "/etc/tool.conf": sorted([sha256(b""), sha256(b"changed")])})

    def test_only_programs(self) -> None:
        found = self.digests("--package", self.debian("gzip"), "--executables")
        self.assertEqual(sorted(found), ["/usr/bin/same", "/usr/bin/tool", "/usr/lib/a_b.so"])

    def test_a_source_is_needed(self) -> None:
        done = self.run_limequat("policy", "create", "runtime", "-o", "json")
        self.assertEqual(done.status, 2)
        self.assertIn("--root, --initrd or --package", done.err)

    def test_what_is_no_archive(self) -> None:
        (self.folder / "text").write_text("text")
        for option in ("--initrd", "--package"):
            done = self.run_limequat("policy", "create", "runtime", "-o", "json", option, self.folder / "text")
            self.assertEqual(done.status, 3)
            self.assertIn(str(self.folder / "text"), done.err)
            self.assert_error(self.run_limequat("policy", "create", "runtime", "-o", "json", option, self.folder / "absent"), 4, "collect.archive.open")


if __name__ == "__main__":
    unittest.main()
