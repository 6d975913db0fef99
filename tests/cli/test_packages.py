"""`limequat appraise ima --packages`: which packages the files that do not pass belong to."""

import subprocess
from pathlib import Path
from typing import Any

from ima_lists import binary_list, digest_of
from test_policy_files import PolicyFileTest, policy


class PackagesTest(PolicyFileTest):
    """A machine runs four files of a package, one of which is not what the package has, and one of none."""

    def setUp(self) -> None:
        super().setUp()
        self.names = [f"/usr/lib/tools/{name}" for name in ("a", "b", "c")] + ["/usr/bin/tools"]
        self.list = self.folder / "list"
        self.list.write_bytes(binary_list([*(name.encode() for name in self.names), b"/opt/stranger"]))
        self.policy = self.write("policy.json", policy({"boot_aggregate": [digest_of(b"boot_aggregate")]}, "/tmp/.*"))
        self.package = self.make_package("2.0-1", changed=self.names[1])

    def make_package(self, version: str, changed: str) -> Path:
        """As distributions make them; /usr/bin/tools lies in /bin in it."""
        root = self.folder / version
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(
            f"Package: tools\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: tools\n")
        for name in self.names:
            path = root / name.removeprefix("/usr" if name.startswith("/usr/bin") else "").removeprefix("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"something else" if name == changed else b"content of " + name.encode())
        package = self.folder / f"tools_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, package], check=True, capture_output=True)
        return package

    def installed(self, package: Path) -> Path:
        """The root of a system that has the package."""
        root = self.folder / "root"
        for folder in ("info", "updates"):
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        subprocess.run(["dpkg", "--force-not-root", "--log=/dev/null", f"--root={root}", "--install", package], check=True, capture_output=True)
        return root

    def appraise(self, *sources: object, output: str = "json") -> Any:
        words = [word for source in sources for word in ("--packages", source)]
        done = self.run_limequat("appraise", "ima", self.list, "--policy", self.policy, *words, "-o", output)
        self.assertEqual(done.status, 1, done.err)
        return done.json() if output == "json" else done.out.decode()

    def test_a_package_and_what_of_it_ran(self) -> None:
        same = sorted(set(self.names) - {self.names[1]})
        packages = self.appraise(self.package)["packages"]
        self.assertEqual([{**each, "paths": sorted(each["paths"])} for each in packages],
                         [{"package": self.package.name, "content": "same", "paths": same},
                          {"package": self.package.name, "content": "other", "paths": [self.names[1]]}])
        text = self.appraise(self.package, output="table")
        self.assertIn(f"3 files as in {self.package.name}, the first: ", text)
        self.assertRegex(text, rf"{self.names[1]} .* \(entry \d+, unlike in {self.package.name}\)\n")
        self.assertRegex(text, r"/opt/stranger .* \(entry \d+\)\n")

    def test_the_root_of_a_system(self) -> None:
        root = self.installed(self.package)
        packages = self.appraise(root)["packages"]
        self.assertEqual([(each["package"], each["content"], sorted(each["paths"])) for each in packages],
                         [("tools 2.0-1", "unknown", sorted(self.names))])
        self.assertIn("4 files of tools 2.0-1, the first: ", self.appraise(root, output="table"))

    def test_of_two_versions_the_one_that_ran_is_told(self) -> None:
        older = self.make_package("1.0-1", changed=self.names[0])
        contents = {each["package"]: each["content"] for each in self.appraise(older, self.package)["packages"]}
        self.assertEqual(contents, {older.name: "same", self.package.name: "same"})

    def test_changes_no_verdict(self) -> None:
        with_packages, without = self.appraise(self.package), self.appraise()
        for document in (with_packages, without):
            document.pop("packages", None)
            document.pop("evaluated_at")
        self.assertEqual(with_packages, without)

    def test_what_is_no_package(self) -> None:
        for source, identifier in ((self.list, "collect.archive.kind"), (self.folder, "collect.owners.root"),
                                   (self.folder / "absent", "collect.archive.open")):
            done = self.run_limequat("appraise", "ima", self.list, "--policy", self.policy, "--packages", source)
            self.assertIn(f"[{identifier}]", done.err)
            self.assertNotIn(done.status, (0, 1))
            self.assertEqual(done.json()["verdict"], "error")
