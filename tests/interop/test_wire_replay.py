"""Recorded conversations of Keylime's peers, played again: at Keylime's servers (the control) and at ours."""

import replay
import scenario
from authority import Authority
from limequat import LimequatAgent
from peers import Installation
from process import free_port, wait_until
from wire import Endpoint


class ReplayAtKeylime(scenario.KeylimeSite, replay.ServerReplay, scenario.SiteTest):
    @classmethod
    def set_up_site(cls):
        cls.installation = Installation.ensure()
        cls.ek_authority = Authority(cls.folder / "tpm-maker", "Maker of TPMs")
        cls.start_servers()
        cls.set_up_replay()


class ReplayAtLimequat(scenario.LimequatSite, replay.ServerReplay, replay.AgentReplay, scenario.SiteTest):
    programs = ("limequat-agent", "limequat-registrar", "limequat-verifier")

    @classmethod
    def set_up_site(cls):
        cls.ek_authority = Authority(cls.folder / "tpm-maker", "Maker of TPMs")
        cls.ek_trust = cls.ek_authority.folder
        cls.start_servers()
        cls.set_up_replay()
        cls.start_machine()
        port = free_port()
        agent = LimequatAgent(cls.folder, cls.machine, cls.servers, replay.AGENT_OF_OURS, port, port)
        cls.services.append(agent.start())

        def registered():
            answer = cls.servers.registrar_api().get(f"/v2.6/agents/{replay.AGENT_OF_OURS}")
            return answer.results if answer.status == 200 else None

        record = wait_until(registered, "the agent is registered", 20, [agent])
        cls.agent_api = Endpoint(port, pinned=record["mtls_cert"], identity=cls.servers.identity)
