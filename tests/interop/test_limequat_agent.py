"""Limequat's agent under Keylime's registrar, verifier and tenant."""

import scenario


class LimequatAgentUnderKeylime(
        scenario.KeylimeMeasuredBoot, scenario.KeylimeSite, scenario.RestartedAgent, scenario.AgentScenario):
    programs = ("limequat", "limequat-agent")

    @classmethod
    def make_agent(cls, port, contact_port):
        return scenario.limequat_agent(cls, port, contact_port)
