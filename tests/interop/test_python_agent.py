"""Keylime's last Python agent under Limequat's servers, as it is: no Content-Type, no `ek_tpm` beside `ekcert`."""

import scenario


class PythonAgentUnderLimequat(scenario.LimequatSite, scenario.WatchedPolling, scenario.AgentScenario):
    programs = ("limequat-registrar", "limequat-verifier")

    @classmethod
    def make_agent(cls, port, contact_port):
        return scenario.python_agent(cls, port, contact_port, repair=False)
