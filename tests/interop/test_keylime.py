"""The control: Keylime's own agent under Keylime's own servers.

If this fails, the peers or the harness are at fault, and failures of the others may say nothing about us.
"""

import scenario


class PythonAgentUnderKeylime(scenario.KeylimeSite, scenario.TenantCommands, scenario.AgentScenario):
    @classmethod
    def make_agent(cls, port, contact_port):
        return scenario.python_agent(cls, port, contact_port, repair=True)
