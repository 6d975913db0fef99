"""The Limequat lab: machines with a TPM to attest, on one computer, for demonstrations and tests.

`lab.Lab` is the whole; `guest.Guest` is one real kernel in QEMU and `light.LightMachine` one TPM
with recorded evidence and no kernel.  Only Python's standard library is used.  docs/lab.md is the
manual.
"""
