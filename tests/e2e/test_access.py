"""Who may do what: every route of every program, with no certificate, a stranger's, and those of the wrong role."""

import json
import ssl
import subprocess

from e2e_testing import REPOSITORY, LabTest


class AccessTest(LabTest):
    """CVE-2026-1709 of Keylime: a rewrite of the server let anybody list and delete machines."""

    PUBLIC = {("GET", "/version"), ("GET", "/api/v1/health")}
    VERIFIER = [("GET", "/v2.6/agents"), ("GET", "/v2.6/agents/light-1"), ("POST", "/v2.6/agents/light-1"),
                ("DELETE", "/v2.6/agents/light-1"), ("GET", "/api/v1/agents"), ("GET", "/api/v1/agents/light-1"),
                ("POST", "/api/v1/agents/light-1"), ("DELETE", "/api/v1/agents/light-1"),
                ("GET", "/api/v1/agents/light-1/findings"), ("GET", "/api/v1/agents/light-1/boot-log"),
                ("GET", "/api/v1/policies"), ("GET", "/api/v1/policies/base"),
                ("PUT", "/api/v1/policies/base"), ("DELETE", "/api/v1/policies/base"), ("DELETE", "/api/v1/boot-policies/base"),
                ("GET", "/api/v1/incidents"), ("POST", "/api/v1/incidents/1/close"),
                ("GET", "/api/v1/boot-policies"), ("GET", "/api/v1/boot-policies/base"), ("PUT", "/api/v1/boot-policies/base"),
                ("GET", "/v2.6/mbpolicies"), ("GET", "/v2.6/mbpolicies/base"), ("POST", "/v2.6/mbpolicies/base"),
                ("PUT", "/v2.6/mbpolicies/base"), ("DELETE", "/v2.6/mbpolicies/base"), ("GET", "/api/v1/policies/base/versions"),
                ("POST", "/api/v1/policies/base/rollback"), ("PUT", "/api/v1/policies/base/key"), ("GET", "/v2.6/allowlists"),
                ("GET", "/v2.6/allowlists/base"), ("POST", "/v2.6/allowlists/base"), ("PUT", "/v2.6/allowlists/base"),
                ("DELETE", "/v2.6/allowlists/base"), ("GET", "/api/v1/labels"), ("GET", "/api/v1/labels/web"),
                ("PUT", "/api/v1/labels/web"), ("DELETE", "/api/v1/labels/web"), ("PATCH", "/api/v1/agents/light-1")]
    REGISTRAR = [("GET", "/v2.6/agents"), ("GET", "/v2.6/agents/light-1"), ("DELETE", "/v2.6/agents/light-1"), ("GET", "/api/v1/agents/light-1")]

    def stranger(self, authority, usage="clientAuth"):
        """A context with a certificate of the authority `authority` of this site, or of one of its own."""
        site = self.lab.site().folder
        key, request, certificate = (self.folder / f"stranger.{suffix}" for suffix in ("key", "csr", "pem"))
        extensions = self.folder / "stranger.ext"
        extensions.write_text(f"extendedKeyUsage = {usage}\nbasicConstraints = CA:FALSE\n")
        openssl = ["openssl"]
        subprocess.run([*openssl, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                        "-out", request, "-subj", "/CN=stranger"], check=True, capture_output=True)
        if authority:
            signer = ["-CA", site / "authorities" / f"{authority}-ca.pem", "-CAkey", site / "authorities" / f"{authority}-ca.key", "-CAcreateserial"]
        else:
            signer = ["-signkey", key]
        subprocess.run([*openssl, "x509", "-req", "-in", request, *signer, "-days", "2", "-extfile", extensions, "-out", certificate],
                       check=True, capture_output=True)
        return self.tls(certificate, key)

    def refused(self, port, method, target, context):
        """Whether the handshake or the answer refuses; the status if there is one."""
        try:
            status, body = self.ask(port, method, target, context, b"{}" if method in ("POST", "PUT", "PATCH") else None)
        except (ssl.SSLError, ConnectionError) as why:
            return True, str(why)
        return status in (401, 403), f"{status} {body[:200]!r}"

    def check_everywhere(self, context):
        ports = self.lab.site().ports
        for port, routes in ((ports.verifier, self.VERIFIER), (ports.registrar_tls, self.REGISTRAR)):
            for method, target in routes:
                refused, said = self.refused(port, method, target, context)
                self.assertTrue(refused, f"{method} {target}: {said}")
        self.assertEqual(self.machine("light-1")["integrity"], "pass", "nothing was changed")

    def test_without_a_certificate(self):
        self.check_everywhere(self.tls())

    def test_with_a_strangers_certificate(self):
        self.check_everywhere(self.stranger(None))

    def test_attack_a16_certificate_of_the_agents_authority_is_no_operator(self):
        self.check_everywhere(self.stranger("agents"))

    def test_attack_a16_certificate_of_the_servers_authority_is_no_operator(self):
        self.check_everywhere(self.stranger("servers"))

    def test_certificate_that_is_not_for_clients(self):
        self.check_everywhere(self.stranger("operators", usage="serverAuth"))

    def test_operators_certificate_works(self):
        """Otherwise the tests above would pass for any reason."""
        refused, said = self.refused(self.lab.site().ports.verifier, "GET", "/api/v1/agents", self.stranger("operators"))
        self.assertFalse(refused, said)

    def test_plain_http_serves_nothing_about_machines(self):
        for method, target in self.REGISTRAR:
            status, body = self.ask(self.lab.site().ports.registrar, method, target, None)
            self.assertIn(status, (400, 401, 403), f"{method} {target}: {status} {body!r}")

    def test_agent_wants_a_certificate(self):
        port = self.lab.machine("light-1").settings.agent_port
        for context in (self.loose(self.tls()), self.loose(self.stranger(None)), self.loose(self.stranger("agents"))):
            with self.assertRaises((ssl.SSLError, ConnectionError, OSError)):
                self.ask(port, "GET", "/version", context)
        status, body = self.ask(port, "GET", "/version", self.loose(self.operator_tls()))
        self.assertEqual((status, json.loads(body)["code"]), (200, 200))

    @staticmethod
    def loose(context):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def test_refusal_of_keylimes_api_has_keylimes_shape(self):
        status, body = self.ask(self.lab.site().ports.verifier, "GET", "/v2.6/agents", self.tls())
        self.assertEqual(status, 403)
        self.assertEqual(json.loads(body)["errors"][0]["status"], "403")

    def test_every_route_is_in_the_lists_above(self):
        """A new route must be tried here."""
        listed = {(method, pattern) for method, pattern in (*self.VERIFIER, *self.REGISTRAR, *self.PUBLIC)}
        self.assertGreater(len(listed), 15)
        sources = REPOSITORY / "limequat"
        for service in ("verifier", "registrar"):
            for source in (sources / service).glob("api*.cc"):
                for line in source.read_text().split("router.Add(Method::k")[1:]:
                    method = line.partition(",")[0].upper()
                    pattern = line.split('"')[1].replace("{version}", "v2.6").replace("{id}", "light-1").replace("{name}", "base").replace("{number}", "1").replace("{label}", "web")
                    self.assertIn((method, pattern), listed, source.name)
