"""`--pcr`, `--type` and `--path` choose what `inspect eventlog` and `inspect ima` show; the rest is of the whole log."""

from typing import Any

from cli_testing import DATA, CliTest

_LOG = DATA / "eventlog" / "vm__fw-shim-sb-61.bin"
_LIST = DATA / "ima" / "vm__violation-61.bin"
_MEASURED = DATA / "lab" / "boots" / "systemd-6.12" / "tpm2-measure.log"


class EventLogFilterTest(CliTest):
    def events(self, *words: object, log: object = _LOG) -> list[dict[str, Any]]:
        done = self.run_limequat("inspect", "eventlog", log, *words)
        self.assertEqual(done.status, 0, done.err)
        return done.json()["events"]

    def test_pcrs_and_types(self) -> None:
        whole = self.run_limequat("inspect", "eventlog", _LOG).json()
        some = self.run_limequat("inspect", "eventlog", _LOG, "--pcr", "4-5,7", "--type", "EV_SEPARATOR", "--type", "0x80000007").json()
        events = [event for event in whole.pop("events")
                  if event["pcr"] in (4, 5, 7) and event["type"] in ("EV_SEPARATOR", "EV_EFI_ACTION")]
        self.assertEqual(len(events), 6)
        self.assertEqual(some.pop("events"), events)
        self.assertEqual(some, whole)

    def test_path_finds_device_paths_variables_and_texts(self) -> None:
        def paths(pattern: str) -> list[str]:
            found = self.events("--path", pattern)
            return [str({**event.get("content", {}), **event.get("untrusted_content", {})}) for event in found]
        self.assertIn("BOOTX64.EFI", paths("BOOTX64")[0])
        self.assertEqual(len(paths("SecureBoot")), 1)
        self.assertTrue(all("vmlinuz" in text for text in paths("vmlinuz")))
        self.assertGreater(len(paths("vmlinuz")), 1)
        self.assertEqual([text for text in paths("Boot000?") if "Boot000" not in text], [])
        self.assertGreater(len(paths("Boot000?")), 1)
        self.assertEqual(paths("no such thing"), [])
        self.assertEqual(paths("Boot000"), paths("*Boot000*"))

    def test_filters_together(self) -> None:
        found = self.events("--path", "vmlinuz", "--pcr", "8", "--type", "EV_IPL")
        self.assertTrue(found)
        self.assertEqual({(event["pcr"], event["type"]) for event in found}, {(8, "EV_IPL")})
        self.assertEqual(self.events("--path", "vmlinuz", "--type", "EV_SEPARATOR"), [])

    def test_words_of_user_space(self) -> None:
        phases = self.events("--type", "phase", log=_MEASURED)
        self.assertTrue(phases)
        self.assertEqual({event["type"] for event in phases}, {"phase"})
        self.assertEqual(self.events("--type", "EV_IPL", log=_MEASURED), [])
        self.assertEqual(self.events("--type", "phase"), [])
        self.assertEqual([event["content"]["text"] for event in self.events("--path", "sysinit", log=_MEASURED)], ["sysinit"])

    def test_wrong_usage(self) -> None:
        for words in (("--type", "EV_NONSENSE"), ("--type", "phases"), ("--pcr", "24"), ("--path", "")):
            self.assert_error(self.run_limequat("inspect", "eventlog", _LOG, *words), 2, "cli.usage")

    def test_table(self) -> None:
        text = self.run_limequat("inspect", "eventlog", _LOG, "--path", "SecureBoot", "-o", "table").out.decode()
        self.assertIn("events          ", text)
        self.assertEqual(text.count("EV_"), 1)


class ImaFilterTest(CliTest):
    def test_filters_choose_entries_and_nothing_else(self) -> None:
        whole = self.run_limequat("inspect", "ima", _LIST, "--entries").json()
        entries = whole.pop("measurements")
        for words, chosen in (
            (("--path", "lib"), lambda entry: "lib" in entry["path"]),
            (("--path", "/usr/bin/*"), lambda entry: entry["path"].startswith("/usr/bin/")),
            (("--path", "lib", "--type", "ima-ng", "--pcr", "10"), lambda entry: "lib" in entry["path"]),
            (("--type", "ima-ng"), lambda entry: True),
            (("--type", "ima-sig"), lambda entry: False),
            (("--type", "ima-sig", "--type", "ima-ng"), lambda entry: True),
            (("--pcr", "10"), lambda entry: True),
            (("--pcr", "0-9"), lambda entry: False),
        ):
            shown = self.run_limequat("inspect", "ima", _LIST, *words).json()
            self.assertEqual(shown.pop("measurements"), [entry for entry in entries if chosen(entry)], words)
            self.assertEqual(shown, whole)
        self.assertTrue(any("lib" in entry["path"] for entry in entries))

    def test_without_a_filter_there_are_no_entries(self) -> None:
        self.assertNotIn("measurements", self.run_limequat("inspect", "ima", _LIST).json())

    def test_wrong_usage(self) -> None:
        for words in (("--type", "ima-nonsense"), ("--type", ""), ("--pcr", "x"), ("--path", "")):
            self.assert_error(self.run_limequat("inspect", "ima", _LIST, *words), 2, "cli.usage")
