"""What `limequat policy create` and `policy learn` make is what `keylime-policy create` makes of the same input."""

import bz2
import gzip
import hashlib
import json
import lzma
import os
import shutil
import struct
import subprocess
from pathlib import Path

import scenario
from limequat import program

BOOTS = Path(__file__).resolve().parents[2] / "data/lab/boots"
# Left out by Keylime of every root; Limequat leaves out the pseudo file systems among them.
ALSO_SKIPPED = ("/lost+found", "/media", "/mnt", "/snap", "/tmp", "/var")
FILES = {"usr/bin/tool": b"#!/bin/sh\n", "usr/lib/a b.so": b"\x7fELF...", "usr/lib/\u00fc.so": b"\x7fELF.", "etc/empty": b"",
         "usr/skipped/file": b"1", "var/lib/state": b"2", "proc/version": b"3", "boot/vmlinuz": b"4" * 100_000}


class KeylimePolicyTest(scenario.KeylimeToolsTest):
    @classmethod
    def set_up_site(cls):
        super().set_up_site()
        cls.root = cls.folder / "root"
        for name, content in FILES.items():
            path = cls.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        os.link(cls.root / "usr/bin/tool", cls.root / "usr/bin/same")
        (cls.root / "usr/bin/link").symlink_to("tool")

    def theirs(self, kind, *words):
        """What Keylime makes, or None if it makes nothing."""
        path = self.folder / "theirs.json"
        path.unlink(missing_ok=True)
        subprocess.run([self.keylime.servers / "bin/keylime-policy", "create", kind, "-o", path, *map(str, words)], env=self.environment,
                       cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return json.loads(path.read_text()) if path.exists() and path.stat().st_size else None

    def ours(self, *words):
        path = self.folder / "ours.json"
        path.unlink(missing_ok=True)
        subprocess.run([program("limequat"), "policy", *map(str, words), "--output", path], stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=60)
        return json.loads(path.read_text()) if path.exists() else None

    @staticmethod
    def comparable(policy):
        """A runtime policy without its time, in one order."""
        out = {**policy, "meta": {name: value for name, value in policy["meta"].items() if name != "timestamp"}}
        for name in ("digests", "keyrings", "ima-buf"):
            out[name] = {key: sorted(values) for key, values in policy[name].items()}
        out["excludes"] = sorted(policy["excludes"])
        keys = policy["verification-keys"]
        out["verification-keys"] = json.loads(keys) if keys else ""
        return out

    def assert_same(self, theirs, ours):
        self.maxDiff = None
        self.assertIsNotNone(theirs)
        self.assertIsNotNone(ours)
        self.assertEqual(self.comparable(theirs), self.comparable(ours))

    @property
    def skips(self):
        return [word for path in ALSO_SKIPPED for word in ("--skip", path)]

    def key(self, name, *options):
        private, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", *options, "-nodes", "-subj", f"/CN={name}", "-keyout", private, "-out", certificate],
                       check=True, capture_output=True)
        return certificate

    def ec_key(self, name):
        return self.key(name, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")

    def measured_list(self, *buffers):
        """An IMA list in ASCII: boot_aggregate, files, and buffers under their names."""
        names = [(name, hashlib.sha256(name.encode()).digest(), None) for name in ("boot_aggregate", "/usr/bin/a", "/usr/bin/b")]
        lines = []
        for name, digest, content in [*names, *((name, hashlib.sha256(content).digest(), content) for name, content in buffers)]:
            fields = [b"sha256:\0" + digest, name.encode() + b"\0", *([content] if content else [])]
            template = hashlib.sha1(b"".join(struct.pack("<I", len(field)) + field for field in fields)).hexdigest()
            kind = "ima-buf" if content else "ima-ng"
            lines.append(f"10 {template} {kind} sha256:{digest.hex()} {name}" + (f" {content.hex()}" if content else ""))
        path = self.folder / "list"
        path.write_text("\n".join(lines) + "\n")
        return path


class RuntimeTest(KeylimePolicyTest):
    def test_a_root(self):
        theirs = self.theirs("runtime", "--rootfs", self.root)
        self.assert_same(theirs, self.ours("create", "runtime", "--root", self.root, *self.skips))
        self.assertEqual(set(theirs["digests"]), {"/usr/bin/tool", "/usr/bin/same", "/usr/lib/a_b.so", "/usr/lib/\u00fc.so", "/etc/empty",
                                                  "/usr/skipped/file", "/boot/vmlinuz"})

    def test_a_root_with_what_is_skipped(self):
        theirs = self.theirs("runtime", "--rootfs", self.root, "--skip-path", f"{self.root}/usr/skipped,{self.root}/boot")
        self.assert_same(theirs, self.ours("create", "runtime", "--root", self.root, *self.skips, "--skip", "/usr/skipped", "--skip", "/boot"))
        self.assertNotIn("/boot/vmlinuz", theirs["digests"])

    def test_names_that_are_not_utf8(self):
        """Python writes each byte that is no text as a lone surrogate; so do we, and read it."""
        root = self.folder / "bytes"
        path = os.fsencode(root) + b"/usr/bin/\xc3\xa9\xff\xc3"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(b"1")
        theirs = self.theirs("runtime", "--rootfs", root)
        self.assert_same(theirs, self.ours("create", "runtime", "--root", root, *self.skips))
        self.assertEqual(set(theirs["digests"]), {"/usr/bin/\u00e9\udcff\udcc3"})
        base = self.folder / "base.json"
        base.write_text(json.dumps(theirs))
        self.assertIn("/usr/bin/\u00e9\udcff\udcc3", self.ours("merge", base, base)["digests"])

    def test_other_hashes(self):
        for name in ("sha1", "sha384", "sha512"):
            with self.subTest(name):
                theirs = self.theirs("runtime", "--rootfs", self.root, "--algo", name)
                self.assert_same(theirs, self.ours("create", "runtime", "--root", self.root, *self.skips, "--hash", name))

    def test_excluded_paths(self):
        excludes = self.folder / "excludes"
        excludes.write_text("/var/log/.*\n/tmp/(a|b)\n")
        theirs = self.theirs("runtime", "--rootfs", self.root, "--excludelist", excludes)
        self.assert_same(theirs, self.ours("create", "runtime", "--root", self.root, *self.skips, "--exclude", "/var/log/.*", "--exclude",
                                           "/tmp/(a|b)"))

    def test_a_base(self):
        base = self.folder / "base.json"
        before = self.theirs("runtime", "--rootfs", self.root)
        before["digests"] = {"/usr/bin/old": ["1" * 128], "/usr/bin/tool": ["2" * 128]}
        before.update({"excludes": ["/old"], "keyrings": {".ima": ["3" * 64]}, "ima-buf": {"state": ["4" * 64]}})
        base.write_text(json.dumps(before))
        theirs = self.theirs("runtime", "--rootfs", self.root, "--base-policy", base)
        self.assert_same(theirs, self.ours("create", "runtime", "--root", self.root, *self.skips, "--base", base, "--hash", "sha512"))
        self.assertEqual(len(theirs["digests"]["/usr/bin/tool"]), 2)

    def test_quirk_a_base_of_digests_of_64_digits(self):
        """Keylime cannot tell SHA-256 from SM3 in it, then computes no digest of any file, and says nothing."""
        base = self.folder / "base.json"
        before = self.theirs("runtime", "--rootfs", self.root)
        before["digests"] = {"/usr/bin/old": ["1" * 64]}
        base.write_text(json.dumps(before))
        self.assertEqual(set(self.theirs("runtime", "--rootfs", self.root, "--base-policy", base)["digests"]), {"/usr/bin/old"})
        self.assertIn("/usr/bin/tool", self.ours("create", "runtime", "--root", self.root, "--base", base)["digests"])

    def test_initial_ram_disks(self):
        archive, early = (self.cpio({"etc/a": b"a", "usr/bin/b c": b"b"}), self.cpio({"kernel/x86/microcode/AuthenticAMD.bin": b"microcode"}))
        packed = {"cpio": archive, "gz": gzip.compress(archive), "bz2": bz2.compress(archive), "xz": lzma.compress(archive, check=lzma.CHECK_CRC32),
                  "zst": self.packed(archive, "zstd", "-q", "-c"), "lz4": self.packed(archive, "lz4", "-c")}
        for name, content in packed.items():
            for front in (b"", early):
                with self.subTest(name, early=bool(front)):
                    folder = self.folder / "boot"
                    folder.mkdir(exist_ok=True)
                    (folder / "initrd.img-6.1.0").write_bytes(front + content)
                    theirs = self.theirs("runtime", "--ramdisk-dir", folder)
                    self.assert_same(theirs, self.ours("create", "runtime", "--initrd", folder / "initrd.img-6.1.0"))
                    self.assertEqual(set(theirs["digests"]), {"/etc/a", "/usr/bin/b_c"})

    def test_quirk_lz4_as_linux_unpacks_it(self):
        """Linux reads the legacy format alone, Keylime the other one alone."""
        initrd = self.folder / "legacy" / "initrd.img-6.1.0"
        initrd.parent.mkdir()
        initrd.write_bytes(self.packed(self.cpio({"etc/a": b"a"}), "lz4", "-l", "-c"))
        self.assertIsNone(self.theirs("runtime", "--ramdisk-dir", initrd.parent))
        self.assertEqual(set(self.ours("create", "runtime", "--initrd", initrd)["digests"]), {"/etc/a"})

    def packed(self, content, *command):
        """As Keylime unpacks it: by the same program."""
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout

    def cpio(self, files):
        """With entries for folders, as real ones have them: Keylime makes none by itself."""
        root = self.folder / "initrd-root"
        shutil.rmtree(root, ignore_errors=True)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        return subprocess.run(["cpio", "-o", "-H", "newc"], cwd=root, input="\n".join(names).encode(), capture_output=True, check=True).stdout

    def test_keys_that_sign_files(self):
        first, second = self.ec_key("first"), self.key("second", "-newkey", "rsa:2048")
        theirs = self.theirs("runtime", "--rootfs", self.root, "--add-ima-signature-verification-key", first,
                             "--add-ima-signature-verification-key", second)
        self.assert_same(theirs, self.ours("create", "runtime", "--root", self.root, *self.skips, "--verification-key", first,
                                           "--verification-key", second))
        self.assertEqual(len(json.loads(theirs["verification-keys"])["pubkeys"]), 2)


class ListTest(KeylimePolicyTest):
    """Keylime takes any list, and boot_aggregate out of it; with us --unattested says so, and boot_aggregate is for the quote."""

    def setUp(self):
        self.certificates = [self.der(self.ec_key(name)) for name in ("one", "two")]
        self.list = self.measured_list((".ima", self.certificates[0]), (".platform", self.certificates[1]), ("selinux-state", b"enforcing=1"))

    def der(self, certificate):
        return subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], capture_output=True, check=True).stdout

    def learned(self, *words):
        policy = self.ours("learn", self.list, "--unattested", *words)
        self.assertIs(policy["meta"].pop("unattested"), True)
        return policy

    def made(self, *words):
        policy = self.theirs("runtime", "-m", self.list, *words)
        policy["digests"].pop("boot_aggregate")
        return policy

    def test_files(self):
        self.assert_same(self.made(), self.learned())

    def test_keys_and_buffers(self):
        theirs = self.made("--keyrings", "--ima-buf")
        self.assert_same(theirs, self.learned("--keyrings", "--ima-buf"))
        self.assertEqual((set(theirs["keyrings"]), set(theirs["ima-buf"])), ({".ima", ".platform"}, {"selinux-state"}))
        self.assert_same(self.made("--keyrings"), self.learned("--keyrings"))
        self.assert_same(self.made("--ima-buf"), self.learned("--ima-buf"))

    def test_ignored_keyrings(self):
        theirs = self.made("--keyrings", "--ignored-keyrings", ".platform")
        self.assert_same(theirs, self.learned("--keyrings", "--ignored-keyring", ".platform"))
        self.assertEqual((set(theirs["keyrings"]), theirs["ima"]["ignored_keyrings"]), ({".ima"}, [".platform"]))


class MeasuredBootTest(KeylimePolicyTest):
    def test_reference_states_of_real_boots(self):
        """Of a boot without shim and GRUB Keylime makes a state that lists no kernel, which no boot passes; Limequat says so and makes none."""
        made = 0
        for log in sorted(BOOTS.glob("*-6.1/eventlog")):
            for words in ((), ("--without-secureboot",)):
                with self.subTest(log.parent.name, words=words):
                    theirs = self.theirs("measured-boot", "-e", log, *words)
                    expected = theirs if theirs and "kernels" in theirs else None
                    self.assertEqual(self.ours("create", "measured-boot", log, *words), expected)
                    made += expected is not None
        self.assertGreaterEqual(made, 5)
