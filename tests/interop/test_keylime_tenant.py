"""Keylime's tenant as the operator of Limequat's servers, with Limequat's agent."""

import scenario


class KeylimeTenantAtLimequat(
        scenario.LimequatSite, scenario.WatchedPolling, scenario.TenantCommands, scenario.RestartedAgent,
        scenario.SignedPolicy, scenario.MeasuredBoot, scenario.RuntimePolicies,
        scenario.AgentScenario):
    programs = ("limequat", "limequat-agent", "limequat-registrar", "limequat-verifier")

    @classmethod
    def make_agent(cls, port, contact_port):
        return scenario.limequat_agent(cls, port, contact_port)
