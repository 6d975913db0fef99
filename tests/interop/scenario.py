"""What every pair of an agent and servers must do: register, enrol, attest, follow the list, be caught.

A subclass says who the agent and the servers are.  The tests of a class are one story in the order of their
names; the machine, the servers and the agent are started once.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from authority import Authority
from limequat import POLL_SECONDS, ROOT, LimequatAgent, LimequatServers, program
from machine import Machine, Manufacturer, boot_that_example_accepts
from peers import Installation, KeylimeServers, PythonAgent, Tenant, last_json
from process import Unavailable, free_port, stop_all, wait_until
from relay import Relay

AGENT_ID = "d432fbb3-d2f1-4a97-9ef7-75bd81c00000"
START, GET_QUOTE, PROVIDE_V, FAILED, INVALID_QUOTE = 1, 3, 5, 7, 9
UPDATE = ("/usr/bin/update", b"update 2.0")   # allowed by the policy before it runs
QUOTE_BYTES = 2000   # less than an answer with a quote, more than the end of a TLS connection
INTRUDER = ("/usr/bin/intruder", b"not ours")


class SiteTest(unittest.TestCase):
    """A test class with a folder of its own and services whose logs are shown when a test fails."""

    services = ()
    programs = ()   # of ours, without which the class is skipped
    boot_log = None   # of the machine; None: the usual one

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="lq-interop-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.services = []
        cls.servers = cls.machine = None
        cls.addClassCleanup(cls.end_site)
        try:
            for name in cls.programs:
                program(name)
            cls.set_up_site()
        except Unavailable as reason:
            raise unittest.SkipTest(str(reason)) from None
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{cls.logs()}") from None

    @classmethod
    def set_up_site(cls):
        """Starts what the class needs."""
        raise NotImplementedError

    @classmethod
    def end_site(cls):
        stop_all(cls.services)
        if cls.servers:
            cls.servers.clean()
        if cls.machine:   # last: an agent that ends cleans up in its TPM
            cls.machine.power_off()

    @classmethod
    def make_servers(cls):
        raise NotImplementedError

    @classmethod
    def start_servers(cls):
        cls.servers = cls.make_servers()
        cls.services += cls.servers.services
        cls.servers.start()

    @classmethod
    def start_machine(cls):
        """A machine, and in `maker_trust` the certificates of who made its TPM."""
        manufacturer = Manufacturer(cls.folder / "manufacturer")
        cls.machine = Machine(cls.folder / "machine", manufacturer, cls.boot_log)
        cls.machine.power_on()
        cls.maker_trust = manufacturer.trust_folder()

    @classmethod
    def logs(cls):
        return "\n".join(service.tail() for service in cls.services)


class KeylimeToolsTest(SiteTest):
    """Keylime's own tools beside `limequat`: `keylime` says where they are, `environment` is for them."""

    programs = ("limequat",)

    @classmethod
    def set_up_site(cls):
        cls.keylime = Installation.ensure()
        cls.environment = {**os.environ, **{name: str(value) for name, value in cls.keylime.environment(cls.folder / "keylime").items()}}


class AgentScenario(SiteTest):
    """The story.  `make_servers` and `make_agent` say of whom."""

    @classmethod
    def make_agent(cls, port, contact_port):
        raise NotImplementedError

    @classmethod
    def set_up_site(cls):
        cls.installation = Installation.ensure()
        cls.start_machine()
        cls.ek_trust = cls.maker_trust
        cls.start_servers()
        port = free_port()
        cls.relay = Relay(port)
        cls.addClassCleanup(cls.relay.close)
        cls.agent = cls.make_agent(port, cls.relay.port)
        cls.services.append(cls.agent)
        cls.agent.start()
        cls.tenant = Tenant(
            cls.installation, cls.folder / "tenant", registrar_port=cls.servers.registrar_tls_port,
            verifier_port=cls.servers.verifier_port, identity=cls.servers.identity, server_ca=cls.servers.server_ca,
            ek_trust=cls.ek_trust)
        wait_until(cls.registered, "the agent is registered and active", 20, [cls.agent])

    # --- what the servers know ------------------------------------------------------

    @classmethod
    def registered(cls):
        """The registrar's record of the machine once it is active."""
        answer = cls.servers.registrar_api().get(f"/v2.6/agents/{AGENT_ID}")
        return answer.results if answer.status == 200 else None

    @classmethod
    def status(cls):
        answer = cls.servers.verifier_api().get(f"/v2.6/agents/{AGENT_ID}")
        if answer.status != 200:
            raise AssertionError(f"status of the machine: {answer.status} {answer.body!r}")
        return answer.results

    def wait_for_attestations(self, more, what):
        """Waits until `more` further attestations have succeeded; the state is good all the time."""
        first = self.status()["attestation_count"]

        def enough():
            status = self.status()
            if status["operational_state"] in (FAILED, INVALID_QUOTE):
                raise AssertionError(f"while waiting until {what}: {json.dumps(status, indent=1)}")
            return status["attestation_count"] >= first + more and status

        return wait_until(enough, what, 20, self.services)

    # --- the story ------------------------------------------------------------------

    def test_1_registers(self):
        record = self.registered()
        self.assertEqual(record["agent_id"], AGENT_ID)
        self.assertEqual((record["ip"], int(record["port"])), ("127.0.0.1", self.relay.port))
        self.assertEqual(record["regcount"], 1)
        for member in ("aik_tpm", "ek_tpm", "ekcert"):
            self.assertTrue(record[member], member)
        self.assertTrue(record["mtls_cert"].startswith("-----BEGIN CERTIFICATE-----"))

    def test_2_tenant_enrols_and_it_attests(self):
        path, content = UPDATE
        policy = self.machine.write_runtime_policy(also={path: hashlib.sha256(content).hexdigest()})
        tpm_policy = {"7": self.machine.tpm.read("sha256", 7).hex()}
        self.tenant.check("add", "-u", AGENT_ID, "-t", "127.0.0.1", "-tp", self.relay.port,
                          "--runtime-policy", policy, "--tpm_policy", json.dumps(tpm_policy))
        status = self.wait_for_attestations(3, "the machine attests")
        self.assertIn(status["operational_state"], (GET_QUOTE, PROVIDE_V))
        self.assertEqual(status["attestation_status"], "PASS")
        self.assertEqual(status["has_runtime_policy"], 1)
        self.assertEqual(json.loads(status["tpm_policy"])["mask"], "0x480")
        self.assertEqual((status["hash_alg"], status["sign_alg"]), ("sha256", "rsassa"))
        self.assertGreaterEqual(status["last_received_quote"], status["last_successful_attestation"])

    def test_3_allowed_program_changes_nothing(self):
        self.machine.run_program(*UPDATE)
        self.wait_for_attestations(2, "the machine attests with a longer list")

    def test_6_intruder_is_caught(self):
        counted = self.status()["attestation_count"]
        self.machine.run_program(*INTRUDER)
        status = wait_until(
            lambda: (now := self.status())["operational_state"] in (FAILED, INVALID_QUOTE) and now,
            "the intruder is noticed", 20, self.services)
        self.assertEqual(status["operational_state"], INVALID_QUOTE)
        self.assertEqual(status["attestation_status"], "FAIL")
        self.assertEqual(status["last_event_id"], "ima.validation.ima-ng.not_in_allowlist")
        self.assertGreaterEqual(status["attestation_count"], counted)


class TenantCommands:
    """Mixed in: what else Keylime's tenant asks and how it ends."""

    def test_4_tenant_lists_and_shows(self):
        record = last_json(self.tenant.check("regstatus", "-u", AGENT_ID))[AGENT_ID]
        self.assertEqual(record["operational_state"], "Registered")
        self.assertEqual(record["aik_tpm"], self.registered()["aik_tpm"])
        shown = last_json(self.tenant.check("status", "-u", AGENT_ID))[AGENT_ID]
        self.assertEqual(shown["operational_state"], "Get Quote")
        self.assertGreater(shown["attestation_count"], 0)
        self.assertEqual(last_json(self.tenant.check("reglist")), {"uuids": [AGENT_ID]})
        self.assertEqual(last_json(self.tenant.check("cvlist")), {"uuids": [[AGENT_ID]]})

    def test_4_tenant_is_refused_a_second_enrolment(self):
        status, output = self.tenant.run("add", "-u", AGENT_ID, "--runtime-policy",
                                         self.machine.write_runtime_policy())
        self.assertEqual(status, 1)
        self.assertIn("responded indicating a conflict for agent", output)

    def test_8_tenant_deletes_it(self):
        self.tenant.check("delete", "-u", AGENT_ID)
        self.assertEqual(last_json(self.tenant.check("cvlist")), {"uuids": []})
        self.assertEqual(self.servers.verifier_api().get(f"/v2.6/agents/{AGENT_ID}").status, 404)
        self.tenant.check("regdelete", "-u", AGENT_ID)
        self.assertEqual(last_json(self.tenant.check("reglist")), {"uuids": []})
        self.assertEqual(self.tenant.run("status", "-u", AGENT_ID)[0], 1)


class SignedPolicy:
    """Mixed in: the tenant enrols the machine again with a policy that is signed, before an incident is open that would stay."""

    def test_5_tenant_enrols_with_a_signed_policy(self):
        key, public, envelope = (self.folder / name for name in ("policy.key", "policy.pem", "policy.dsse.json"))
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key], check=True,
                       capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
        key.chmod(0o600)
        subprocess.run([program("limequat"), "policy", "sign", self.machine.write_runtime_policy(), "--key", key, "--output", envelope],
                       check=True, capture_output=True)
        self.tenant.check("delete", "-u", AGENT_ID)
        self.tenant.check("add", "-u", AGENT_ID, "-t", "127.0.0.1", "-tp", self.relay.port,
                          "--runtime-policy", envelope, "--runtime-policy-sig-key", public)
        status = self.wait_for_attestations(2, "the machine attests under a signed policy")
        self.assertEqual(status["attestation_status"], "PASS")
        self.assertEqual(status["has_runtime_policy"], 1)


class MeasuredBoot:
    """Mixed in: the tenant stores a reference state and enrols the machine again with it, by name and as a file."""

    def reference(self):
        path = self.folder / "reference.json"
        path.write_bytes((ROOT / "data" / "policy" / "boot" / "shim-grub.reference.json").read_bytes())
        return path

    def enrol_again(self, *options):
        self.tenant.check("delete", "-u", AGENT_ID)
        self.tenant.check("add", "-u", AGENT_ID, "-t", "127.0.0.1", "-tp", self.relay.port,
                          "--runtime-policy", self.machine.write_runtime_policy(), *options)
        status = self.wait_for_attestations(2, "the machine attests under a measured-boot policy")
        self.assertEqual(status["attestation_status"], "PASS")
        self.assertEqual(status["has_mb_refstate"], 1)
        self.assertEqual(json.loads(status["tpm_policy"])["mask"], "0xffff")

    def test_5_tenant_enrols_with_measured_boot(self):
        reference = self.reference()
        self.enrol_again("--mb-policy", reference)
        self.tenant.check("addmbpolicy", "--mb-policy-name", "interop", "--mb-policy", reference)
        self.assertEqual(self.tenant.run("addmbpolicy", "--mb-policy-name", "interop", "--mb-policy", reference)[0], 1)
        self.enrol_again("--mb-policy-name", "interop")
        self.assertIn("interop", self.tenant.check("listmbpolicy"))
        self.assertIn("scrtm_and_bios", self.tenant.check("showmbpolicy", "--mb-policy-name", "interop"))


class RuntimePolicies:
    """Mixed in: the tenant keeps a runtime policy under a name of its own, and enrols the machine again under it."""

    def test_5_tenant_keeps_runtime_policies(self):
        named = ("--runtime-policy-name", "interop")
        sent = (*named, "--runtime-policy", self.machine.write_runtime_policy())
        self.assertEqual(self.tenant.run("updateruntimepolicy", *sent)[0], 1)
        self.tenant.check("addruntimepolicy", *sent)
        self.assertEqual(self.tenant.run("addruntimepolicy", *sent)[0], 1)
        self.tenant.check("updateruntimepolicy", *sent)
        self.assertIn("interop", self.tenant.check("listruntimepolicy"))
        self.assertIn("boot_aggregate", self.tenant.check("showruntimepolicy", *named))
        self.tenant.check("delete", "-u", AGENT_ID)
        self.tenant.check("add", "-u", AGENT_ID, "-t", "127.0.0.1", "-tp", self.relay.port, *named)
        status = self.wait_for_attestations(2, "the machine attests under a policy by its name")
        self.assertEqual(status["attestation_status"], "PASS")
        self.assertEqual(status["has_runtime_policy"], 1)
        self.tenant.run("deleteruntimepolicy", *named)
        self.assertIn("interop", self.tenant.check("listruntimepolicy"), "a machine is held to it")
        self.tenant.check("delete", "-u", AGENT_ID)
        self.tenant.check("deleteruntimepolicy", *named)
        self.assertNotIn("interop", self.tenant.check("listruntimepolicy"))
        self.tenant.check("add", "-u", AGENT_ID, "-t", "127.0.0.1", "-tp", self.relay.port,
                          "--runtime-policy", self.machine.write_runtime_policy())
        self.wait_for_attestations(2, "the machine attests under the policy that came along")


class RestartedAgent:
    """Mixed into a scenario whose agent keeps its keys."""

    def test_5_killed_agent_comes_back(self):
        before = self.registered()
        self.agent.kill()
        self.machine.tpm.flush_transient()
        self.agent.start()
        record = wait_until(lambda: (now := self.registered()) and now["regcount"] == 2 and now,
                            "the agent registers again", 20, [self.agent])
        for member in ("aik_tpm", "ek_tpm", "ekcert", "mtls_cert"):
            self.assertEqual(record[member], before[member], member)
        self.wait_for_attestations(2, "attestation goes on after the restart")


class KeylimeSite:
    """Mixed into a scenario under Keylime's servers."""

    verifier_options = {}   # more settings of the verifier

    @classmethod
    def make_servers(cls):
        authority = Authority(cls.folder / "site-ca", "Site")
        for stem in ("server", "client"):
            authority.issue(stem, stem)
        return KeylimeServers(cls.installation, cls.folder, authority, **cls.verifier_options)


class KeylimeMeasuredBoot:
    """Mixed into a scenario under Keylime's servers: their policy `example`, and a reference state that we made."""

    verifier_options = {"MEASURED_BOOT_POLICY_NAME": "example"}
    boot_log = boot_that_example_accepts()

    def make_reference(self):
        path = self.folder / "reference.json"
        subprocess.run([program("limequat"), "policy", "create", "measured-boot", self.machine.boot_log, "--output", path],
                       check=True, capture_output=True)
        return path

    def enrol_with(self, reference):
        self.tenant.check("delete", "-u", AGENT_ID)
        self.tenant.check("add", "-u", AGENT_ID, "-t", "127.0.0.1", "-tp", self.relay.port,
                          "--runtime-policy", self.machine.write_runtime_policy(), "--mb-policy", reference)

    def test_5_keylime_attests_a_measured_boot(self):
        reference = self.make_reference()
        another = json.loads(reference.read_text())
        another["kernels"][0]["kernel_cmdline"] = "another"
        changed = self.folder / "another.json"
        changed.write_text(json.dumps(another))
        self.enrol_with(changed)
        status = wait_until(lambda: (now := self.status())["operational_state"] in (FAILED, INVALID_QUOTE) and now,
                            "another command line is refused", 20, self.services)
        self.assertEqual(status["last_event_id"], "measured_boot.policy_example")
        self.enrol_with(reference)
        status = self.wait_for_attestations(2, "the machine attests under our reference state")
        self.assertEqual(status["attestation_status"], "PASS")
        self.assertEqual(status["has_mb_refstate"], 1)


class LimequatSite:
    """Mixed into a scenario under our servers."""

    @classmethod
    def make_servers(cls):
        return LimequatServers(cls.folder, cls.ek_trust)


class WatchedPolling:
    """Mixed in: what our verifier does after a failure and after a deletion, seen from the agent's side."""

    def test_7_polling_goes_on_after_the_failure(self):
        counted = self.status()["attestation_count"]
        seen = self.relay.answered
        wait_until(lambda: self.relay.answered > seen + 2 * QUOTE_BYTES, "more quotes are fetched", 20, self.services)
        status = self.status()
        self.assertEqual(status["operational_state"], INVALID_QUOTE)
        self.assertEqual(status["attestation_count"], counted)

    def test_9_nothing_is_asked_after_the_deletion(self):
        self.servers.verifier_api().call("DELETE", f"/v2.6/agents/{AGENT_ID}")
        # The question that the deletion cut off may still have been answered.
        wait_until(lambda: not self.relay.connected(), "the verifier hangs up", 20, self.services)
        seen = self.relay.answered
        time.sleep(3 * POLL_SECONDS)
        self.assertLess(self.relay.answered, seen + QUOTE_BYTES)


def limequat_agent(cls, port, contact_port):
    return LimequatAgent(cls.folder, cls.machine, cls.servers, AGENT_ID, port, contact_port)


def python_agent(cls, port, contact_port, repair):
    return PythonAgent(cls.installation, cls.folder, cls.machine, cls.servers, AGENT_ID, port, contact_port, repair)
