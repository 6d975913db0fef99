"""Keylime's Rust agent (pull) under Limequat's servers; only where $RUST_AGENT names one."""

import scenario
from rust_agent import RustAgent


class RustAgentUnderLimequat(
        scenario.LimequatSite, scenario.WatchedPolling, scenario.RestartedAgent, scenario.MeasuredBoot,
        scenario.AgentScenario):
    programs = ("limequat-registrar", "limequat-verifier")

    @classmethod
    def set_up_site(cls):
        RustAgent.program()
        super().set_up_site()

    @classmethod
    def make_agent(cls, port, contact_port):
        return RustAgent(cls.folder, cls.machine, cls.servers, scenario.AGENT_ID, port, contact_port)
