#!/usr/bin/python3
"""Writes the signed policies of the folder `signed`, with new keys each time.

Needs the Debian package python3-cryptography: another implementation of every signature than the one that is tested.
`verdicts.json` lists the cases: envelope, options of `limequat policy check-signature`, exit status and why.
"""

import base64
import datetime
import json
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(__file__).resolve().parent / "signed"
TYPE = "application/vnd.keylime+json"
AT = datetime.datetime(2026, 11, 25)
POLICY = json.dumps({
    "meta": {"version": 1, "generator": 3, "timestamp": "2026-11-25 09:00:00.000000"}, "release": 0,
    "digests": {"/usr/bin/a": ["a" * 64], "boot_aggregate": ["b" * 64]}, "excludes": ["/var/log/.*"], "keyrings": {},
    "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": None}, "ima-buf": {}, "verification-keys": ""})


def pae(kind, payload):
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def sign(key, message, algorithm=None):
    algorithm = algorithm or hashes.SHA256()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
    return key.sign(message, ec.ECDSA(algorithm))


def entry(signature, key_id=None):
    return {**({"keyid": key_id} if key_id is not None else {}), "sig": base64.b64encode(signature).decode()}


def envelope(signatures, payload=POLICY.encode(), kind=TYPE):
    return {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}


def certify(name, key, issuer=None, *, ca=False, usage=None, until=AT + datetime.timedelta(days=3650)):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_name, issuer_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(AT - datetime.timedelta(days=30)).not_valid_after(until)
               .add_extension(x509.BasicConstraints(ca, None), critical=True))
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(*certificates):
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def as_key_id(*certificates):
    return base64.b64encode(pem(*certificates)).decode()


class Cases:
    def __init__(self):
        self.verdicts = []

    def add(self, name, content, options, status, why):
        path = FOLDER / f"{name}.dsse.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        self.verdicts.append({"envelope": path.name, "options": options, "status": status, "why": why})


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    keys = {"p256": ec.generate_private_key(ec.SECP256R1()), "p256b": ec.generate_private_key(ec.SECP256R1()),
            "p384": ec.generate_private_key(ec.SECP384R1()), "p521": ec.generate_private_key(ec.SECP521R1()),
            "ed25519": ed25519.Ed25519PrivateKey.generate(), "rsa": rsa.generate_private_key(65537, 2048)}
    for name, key in keys.items():
        (FOLDER / f"{name}.pem").write_bytes(key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    message = pae(TYPE, POLICY.encode())
    p256 = entry(sign(keys["p256"], message), "p256")
    cases = Cases()
    key = ["--key", "p256.pem"]

    for name in keys:
        cases.add(name, envelope([entry(sign(keys[name], message), name)]), ["--key", f"{name}.pem"], 0, "signed")
    for name, algorithm in (("p384", hashes.SHA384()), ("p521", hashes.SHA512()), ("rsa", hashes.SHA384()), ("rsa", hashes.SHA512())):
        cases.add(f"{name}-{algorithm.name}", envelope([entry(sign(keys[name], message, algorithm))]), ["--key", f"{name}.pem"], 0, "another hash")
    cases.add("p256-sha1", envelope([entry(sign(keys["p256"], message, hashes.SHA1()))]), key, 1, "SHA-1")
    pkcs1 = keys["rsa"].sign(message, padding.PKCS1v15(), hashes.SHA256())
    cases.add("rsa-pkcs1", envelope([entry(pkcs1)]), ["--key", "rsa.pem"], 1, "RSASSA-PKCS1-v1_5 is not taken")
    r, s = decode_dss_signature(sign(keys["p256"], message))
    cases.add("p256-raw", envelope([entry(r.to_bytes(32, "big") + s.to_bytes(32, "big"))]), key, 1, "r and s without DER")

    cases.add("another-key", envelope([entry(sign(keys["p256b"], message), "p256")]), key, 1, "another key under this key's name")
    cases.add("another-payload", envelope([p256], POLICY.replace("/usr/bin/a", "/usr/bin/b").encode()), key, 1, "payload changed")
    cases.add("another-type", envelope([p256], kind="text/plain"), [*key, "--payload-type", "text/plain"], 1, "type changed")
    cases.add("type-not-expected", envelope([entry(sign(keys["p256"], pae("text/plain", POLICY.encode())))], kind="text/plain"), key, 1,
              "signed, but not as a policy")
    cases.add("type-asked-for", envelope([entry(sign(keys["p256"], pae("text/plain", b"hello")))], b"hello", "text/plain"),
              [*key, "--payload-type", "text/plain"], 0, "signed as what was asked for")
    cases.add("no-encoding", envelope([entry(sign(keys["p256"], POLICY.encode()))]), key, 1, "the payload was signed without its type")
    cases.add("no-signature", envelope([]), key, 1, "no signature")

    both = envelope([p256, entry(sign(keys["ed25519"], message))])
    two = ["--key", "p256.pem", "--key", "ed25519.pem", "--threshold", "2"]
    cases.add("two-keys", both, two, 0, "two keys")
    cases.add("one-key-twice", envelope([p256, entry(sign(keys["p256"], message), "ed25519")]), two, 1, "one key, two signatures")
    cases.add("one-and-a-stranger", envelope([p256, entry(sign(keys["p256b"], message))]), two, 1, "one key and a stranger")

    root_key, middle_key = keys["p384"], keys["p521"]
    root = certify("policy root", root_key, ca=True)
    middle = certify("policy signers", middle_key, (root, root_key), ca=True)
    (FOLDER / "root.pem").write_bytes(pem(root))
    trust = ["--trust", "root.pem", "--at", "2026-11-25T09:00:00Z"]
    signer = keys["p256"]

    def certified(name, status, why, *chain, options=trust):
        cases.add(name, envelope([entry(sign(signer, message), as_key_id(*chain))]), options, status, why)

    plain = certify("signer", signer, (root, root_key))
    certified("certificate", 0, "a certificate of the root", plain)
    certified("certificate-key", 0, "the key is given, not the root", plain, options=key)
    certified("certificate-code-signing", 0, "for signing", certify("signer", signer, (root, root_key), usage=ExtendedKeyUsageOID.CODE_SIGNING))
    certified("certificate-server", 1, "a server's certificate", certify("signer", signer, (root, root_key), usage=ExtendedKeyUsageOID.SERVER_AUTH))
    certified("certificate-chain", 0, "over an authority that came along", certify("signer", signer, (middle, middle_key)), middle)
    certified("certificate-no-chain", 1, "the authority between is missing", certify("signer", signer, (middle, middle_key)))
    certified("certificate-expired", 1, "expired", certify("signer", signer, (root, root_key), until=AT - datetime.timedelta(days=1)))
    certified("certificate-own", 1, "its own root, as Keylime trusts it", certify("policy root", signer))
    certified("certificate-no-trust", 1, "its own root, and another key given", certify("signer", signer), options=["--key", "ed25519.pem"])

    text = json.dumps(envelope([p256]))
    for name, content in (("cut", text[:-1]), ("twice", text[:-1] + ', "payload": "AAAA"}'), ("not-base64", text.replace('"payload": "', '"payload": "*')),
                          ("no-type", text.replace("payloadType", "payloadtype")), ("type-not-ascii", text.replace(TYPE, "app\\u00e9"))):
        cases.add(f"malformed-{name}", content, key, 3, "malformed")
    (FOLDER / "verdicts.json").write_text(json.dumps(cases.verdicts, indent=1) + "\n")


main()
