"""Starts the Python agent of Keylime 6.6.0; run by the interpreter of that agent's own environment.

What that release fixes in its code and a test must choose comes from the environment:
  INTEROP_IMA_LOG, INTEROP_BOOT_LOG   the measurement lists (constants there)
  INTEROP_REPAIR=1                    makes its registration acceptable to Keylime's 7.14.3 registrar:
                                      that one wants a Content-Type, and `ek_tpm` beside `ekcert`
"""

import os

import requests
from keylime import config, keylime_agent, registrar_client

config.IMA_ML = os.environ["INTEROP_IMA_LOG"]
config.MEASUREDBOOT_ML = os.environ["INTEROP_BOOT_LOG"]
config.MOUNT_SECURE = False   # no tmpfs is mounted on the test machine


def repair_registration():
    send = requests.Session.request
    register = registrar_client.doRegisterAgent
    endorsement_key = {}

    def remember_key(ip, port, agent, ek_tpm, *rest, **named):
        endorsement_key["ek_tpm"] = ek_tpm if isinstance(ek_tpm, str) else ek_tpm.decode()
        return register(ip, port, agent, ek_tpm, *rest, **named)

    def send_repaired(session, method, url, **named):
        body = named.pop("data", None)
        if body is not None:
            fields = registrar_client.json.loads(body)
            if "aik_tpm" in fields:
                fields.update(endorsement_key)
            named["json"] = fields
        return send(session, method, url, **named)

    registrar_client.doRegisterAgent = remember_key
    requests.Session.request = send_repaired


if os.environ.get("INTEROP_REPAIR") == "1":
    repair_registration()
keylime_agent.main()
