"""The recorded registration, enrolment and quotes, played again at a registrar and a verifier."""

import base64
import json

from authority import self_signed
from credential import EndorsementKey, activation_tag
from process import wait_until
from recording import Recording, StandInAgent
from scenario import AGENT_ID, INVALID_QUOTE, START
from wire import Endpoint

UNKNOWN_ID = "00000000-0000-4000-8000-000000000001"   # as in the recording
AGENT_OF_OURS = "00000000-0000-4000-8000-00000000000a"


class ServerReplay:
    """Mixed into a SiteTest that has `servers`; the tests are one story in the order of their names.

    The endorsement key is ours, since activation needs it, and so is the agent's transport certificate.  The
    enrolment leaves out what Limequat does not do yet: a payload's key half (`v`) and a measured-boot policy; the
    runtime policy, recorded under a name, is in the request itself.  Every other member is as recorded.
    """

    @classmethod
    def set_up_replay(cls):
        cls.recording = Recording("pull-pass")
        cls.tour = Recording("tenant-tour")
        identity = self_signed(cls.folder / "stand-in", AGENT_ID)
        recorded_quote = cls.recording.find("server-agent", "GET", "/quotes/integrity")
        cls.stand_in = StandInAgent(identity, cls.servers.client_cas, recorded_quote)
        cls.addClassCleanup(cls.stand_in.close)
        cls.request = cls.recording.find("agent-registrar", "POST", f"/agents/{AGENT_ID}")
        cls.registration = json.loads(cls.request.request_body)
        cls.key = EndorsementKey(cls.folder, base64.b64decode(cls.registration["ek_tpm"]))
        certificate = cls.folder / "ek.crt"
        cls.ek_authority.certify_key("TPM", cls.key.public_key, certificate)
        cls.registration.update(
            ek_tpm=base64.b64encode(cls.key.public).decode(), ekcert=certificate.read_text(),
            port=cls.stand_in.port, mtls_cert=cls.stand_in.certificate)

    def assert_as_recorded(self, exchange, answer):
        found = exchange.compare(answer)
        self.assertFalse(found, f"{exchange.method} {exchange.target}:\n" + "\n".join(found))

    def test_1_registration(self):
        registrar = Endpoint(self.servers.registrar_port)
        version = self.recording.find("agent-registrar", "GET", "/version")
        answer = version.replay(registrar)
        self.assert_as_recorded(version, answer)
        self.assertEqual(answer.results["current_version"], "2.6")
        self.assertIn("2.6", answer.results["supported_versions"])

        answer = self.request.replay(registrar, body=json.dumps(self.registration))
        self.assert_as_recorded(self.request, answer)
        blob = base64.b64decode(answer.results["blob"])
        recorded = base64.b64decode(self.request.results["blob"])
        self.assertEqual((len(blob), blob[:10]), (len(recorded), recorded[:10]))

        secret = self.key.open(blob, base64.b64decode(self.registration["aik_tpm"]))
        activation = self.recording.find("agent-registrar", "PUT", f"/agents/{AGENT_ID}")
        answer = activation.replay(registrar, body=json.dumps({"auth_tag": activation_tag(secret, AGENT_ID)}))
        self.assert_as_recorded(activation, answer)

    def test_2_operator_reads_the_registrar(self):
        registrar = self.servers.registrar_api()
        for scenario, path, query in ((self.recording, "/version", ""), (self.tour, "/agents/", "")):
            exchange = scenario.find("tenant-registrar", "GET", path, query=query)
            self.assert_as_recorded(exchange, exchange.replay(registrar))
        exchange = self.recording.find("tenant-registrar", "GET", f"/agents/{AGENT_ID}")
        answer = exchange.replay(registrar)
        self.assert_as_recorded(exchange, answer)
        for member in ("aik_tpm", "ek_tpm", "ip", "port", "mtls_cert"):
            self.assertEqual(answer.results[member], self.registration[member], member)
        self.assertEqual(answer.results["regcount"], 1)
        for method in ("GET", "DELETE"):
            exchange = self.tour.find("tenant-registrar", method, f"/agents/{UNKNOWN_ID}", 404)
            self.assert_as_recorded(exchange, exchange.replay(registrar))

    def test_3_enrolment(self):
        verifier = self.servers.verifier_api()
        for scenario, path, query in ((self.recording, "/version", ""), (self.tour, "/agents/", "verifier=")):
            exchange = scenario.find("tenant-verifier", "GET", path, query=query)
            self.assert_as_recorded(exchange, exchange.replay(verifier))
        exchange = self.recording.find("tenant-verifier", "POST", f"/agents/{AGENT_ID}")
        named = self.recording.find("tenant-verifier", "POST", "/allowlists/rp1", 201)
        enrolment = json.loads(exchange.request_body)
        enrolment.update(
            runtime_policy=json.loads(named.request_body)["runtime_policy"], runtime_policy_name="", mb_policy_name="",
            v=None, cloudagent_port=self.stand_in.port, mtls_cert=self.stand_in.certificate,
            verifier_port=str(self.servers.verifier_port))
        self.assertNotIn("Content-Type", exchange.request_headers)
        self.assert_as_recorded(exchange, exchange.replay(verifier, body=json.dumps(enrolment)))

        exchange = self.recording.find("tenant-verifier", "GET", f"/agents/{AGENT_ID}")
        answer = exchange.replay(verifier)
        recorded = {**exchange.results, "v": None, "has_mb_refstate": 0}
        self.assertEqual(answer.results["operational_state"], START)
        status = answer.results
        for member in ("tpm_policy", "meta_data"):   # JSON inside of strings, whose spaces may differ
            self.assertEqual(json.loads(status[member]), json.loads(recorded[member]), member)
        for member in recorded.keys() - {"tpm_policy", "meta_data", "port", "verifier_ip", "verifier_port",
                                         "attestation_period", "maximum_attestation_interval"}:
            self.assertEqual(status.get(member), recorded[member], member)
        self.assertEqual(status.keys(), recorded.keys())
        for member in ("port", "verifier_port"):
            self.assertIsInstance(status[member], int, member)
        for member in ("attestation_period", "maximum_attestation_interval"):
            self.assertRegex(status[member], r"^\d+s$", member)

        exchange = self.tour.find("tenant-verifier", "POST", f"/agents/{AGENT_ID}", 409)
        self.assert_as_recorded(exchange, exchange.replay(verifier, body=json.dumps(enrolment)))
        listed = [exchange for exchange in self.tour.flow("tenant-verifier")
                  if exchange.query == "verifier=" and exchange.results["uuids"]][0]
        answer = listed.replay(verifier)
        self.assert_as_recorded(listed, answer)
        self.assertEqual(answer.results, {"uuids": [[AGENT_ID]]})

    def test_4_verifier_asks_as_recorded(self):
        wait_until(self.stand_in.quote_queries, "the verifier asks for a quote", 10, self.services)
        query = self.stand_in.quote_queries()[0]
        self.assertEqual([name for name, _ in query], ["nonce", "mask", "partial", "ima_ml_entry"])
        values = dict(query)
        self.assertRegex(values["nonce"], r"^[A-Za-z0-9]{20,64}$")
        self.assertTrue(int(values["mask"], 16) & 1 << 10, values["mask"])
        self.assertEqual((values["partial"], values["ima_ml_entry"]), ("0", "0"))
        for target, subject in self.stand_in.requests:
            self.assertTrue(subject, f"no client certificate for {target}")
            self.assertTrue(target.startswith(("/version", "/v2.6/")), target)

    def test_5_attack_a03_recorded_quote_is_refused(self):
        """The recorded quote is genuine, whole and what the policy allows; only the nonce is not ours."""
        self.stand_in.release.set()
        verifier = self.servers.verifier_api()

        def refused():
            status = verifier.get(f"/v2.6/agents/{AGENT_ID}").results
            return status["operational_state"] == INVALID_QUOTE and status

        status = wait_until(refused, "the quote is refused", 20, self.services)
        self.assertEqual(status["attestation_count"], 0)
        self.assertEqual(status["last_successful_attestation"], 0)
        self.assertEqual(status["attestation_status"], "FAIL")
        self.assertEqual(status["last_event_id"], "qoute_validation.quote_validation")
        self.assertIsInstance(status["severity_level"], int)

    def test_6_deletion(self):
        verifier, registrar = self.servers.verifier_api(), self.servers.registrar_api()
        exchange = self.tour.find("tenant-verifier", "DELETE", f"/agents/{AGENT_ID}")
        self.assert_as_recorded(exchange, exchange.replay(verifier))
        exchange = self.tour.find("tenant-verifier", "GET", f"/agents/{AGENT_ID}", 404)
        self.assert_as_recorded(exchange, exchange.replay(verifier))
        exchange = self.tour.find("tenant-registrar", "DELETE", f"/agents/{AGENT_ID}")
        self.assert_as_recorded(exchange, exchange.replay(registrar))


class AgentReplay:
    """Mixed into a SiteTest that has a `machine`, and in `agent_api` an Endpoint of the agent on it."""

    def test_7_versions(self):
        exchange = Recording("pull-pass").find("server-agent", "GET", "/version")
        answer = exchange.replay(self.agent_api)
        self.assertFalse(exchange.compare(answer))
        self.assertEqual(answer.results, exchange.results)

    def test_8_quotes(self):
        recording = Recording("pull-pass")
        identity = recording.find("server-agent", "GET", "/quotes/identity")
        answer = self._ask(identity, identity.target)
        self._assert_quote(identity, answer, 0)
        for partial, entry in ((0, 0), (1, self.machine.entry_count())):
            exchange = recording.find("server-agent", "GET", "/quotes/integrity",
                                      query=self._query_of(recording, partial))
            target = exchange.target.replace("ima_ml_entry=54", f"ima_ml_entry={entry}")
            answer = self._ask(exchange, target)
            self._assert_quote(exchange, answer, 0xFFFF)
            results = answer.results
            self.assertEqual(results["ima_measurement_list_entry"], entry)
            expected = "" if entry else self.machine.ima_log.read_text()
            self.assertEqual(results["ima_measurement_list"], expected)
            self.assertEqual(base64.b64decode(results["mb_measurement_list"]), self.machine.boot_log.read_bytes())

    @staticmethod
    def _query_of(recording, partial):
        return next(exchange.query for exchange in recording.flow("server-agent")
                    if f"partial={partial}" in exchange.query)

    def _ask(self, exchange, target):
        answer = exchange.replay(self.agent_api, target=target)
        found = exchange.compare(answer)
        self.assertFalse(found, f"{target}:\n" + "\n".join(found))
        for member in ("hash_alg", "enc_alg", "sign_alg"):
            self.assertEqual(answer.results[member], exchange.results[member], member)
        return answer

    def _assert_quote(self, exchange, answer, mask):
        """The signed structure holds the nonce of the request and selects the mask and PCR 16."""
        attest = base64.b64decode(answer.results["quote"][1:].partition(":")[0])
        nonce = exchange.query.partition("nonce=")[2].partition("&")[0].encode()
        self.assertIn(len(nonce).to_bytes(2, "big") + nonce, attest)
        selection = b"\0\0\0\1\0\x0b\3" + (mask | 1 << 16).to_bytes(3, "little")
        self.assertIn(selection, attest)
