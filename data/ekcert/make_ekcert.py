#!/usr/bin/python3
"""Writes the certificates and revocation lists in data/ekcert/made, and what must be said of each into cases.json.

DER is written by hand below, so that it can be wrong in every way in which vendors' certificates are; `openssl` only makes
keys and signatures.  Nothing here is a certificate of a real TPM.  A run makes new keys, so every file changes.

Of each case: `notes` that must be among those shown, some fields of `inspect`, the verdict of `verify` (with root.der trusted
and intermediate.der at hand), and the checks that must fail.  `reject`: the identifier of the error.
"""

import base64
import json
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "made"
SCRATCH = Path(tempfile.mkdtemp(prefix="ekcert-"))


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    content = bytearray()
    for number in (first * 40 + second, *rest):
        group = [number & 0x7f]
        while number := number >> 7:
            group.insert(0, 0x80 | number & 0x7f)
        content += bytes(group)
    return tlv(0x06, bytes(content))


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def utf8(text: str) -> bytes:
    return tlv(0x0c, text.encode())


def attribute(kind: str, value: bytes) -> bytes:
    return seq(oid(kind), value)


def name(*attributes: bytes) -> bytes:
    """One RDN an attribute."""
    return seq(*(tlv(0x31, each) for each in attributes))


def common_name(text: str) -> bytes:
    return name(attribute("2.5.4.3", utf8(text)))


def time(text: str) -> bytes:
    return tlv(0x17 if len(text) < 15 else 0x18, text.encode())


def extension(kind: str, value: bytes, critical: bytes = b"") -> bytes:
    return seq(oid(kind), critical, tlv(0x04, value))


TRUE, FALSE = tlv(0x01, b"\xff"), tlv(0x01, b"\x00")
NULL = tlv(0x05)
SIGNATURES = {"ec": seq(oid("1.2.840.10045.4.3.2")), "md5": seq(oid("1.2.840.113549.1.1.4"), NULL),
              "rsa": seq(oid("1.2.840.113549.1.1.11"), NULL)}


class Key:
    """A key in a file of `openssl`."""

    def __init__(self, label: str, *kind: str) -> None:
        self.path = SCRATCH / label
        subprocess.run(["openssl", "genpkey", *kind, "-out", self.path], check=True, stderr=subprocess.DEVNULL)
        self.spki = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        self.pem = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout"], check=True, capture_output=True).stdout

    def sign(self, data: bytes, digest: str) -> bytes:
        return subprocess.run(["openssl", "dgst", f"-{digest}", "-sign", self.path], input=data, check=True, capture_output=True).stdout


def ec_key(label: str) -> Key:
    return Key(label, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")


def rsa_key(label: str, bits: int) -> Key:
    return Key(label, "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")


def signed(tbs: bytes, key: Key, algorithm: str) -> bytes:
    signature = key.sign(tbs, "md5" if algorithm == "md5" else "sha256")
    return seq(tbs, SIGNATURES[algorithm], tlv(0x03, b"\0", signature))


ROOT, MIDDLE, OTHER, VICTIM = ec_key("root"), ec_key("middle"), ec_key("other"), ec_key("victim")
RSA, SHORT, MD5_CA = rsa_key("rsa", 2048), rsa_key("short", 1024), rsa_key("md5", 2048)
ROOT_NAME, MIDDLE_NAME, MD5_NAME = (common_name(f"Made {label}") for label in ("Root", "Intermediate", "Old Authority"))
VALID = seq(time("200101000000Z"), time("20991231235959Z"))
IDENTITY = ("id:49465800", "SLB 9670", "id:0728")
CRL_URI = b"http://example.invalid/intermediate.crl"


def key_usage(bits: int) -> bytes:
    unused = (bits & -bits).bit_length() - 1
    return extension("2.5.29.15", tlv(0x03, bytes([unused, bits])), TRUE)


def usage(*oids: str) -> bytes:
    return extension("2.5.29.37", seq(*map(oid, oids)))


def identity(*values: bytes) -> list[bytes]:
    return [attribute(f"2.23.133.2.{i}", value) for i, value in enumerate(values, 1)]


def alternative(directory: bytes, critical: bytes = TRUE) -> bytes:
    return extension("2.5.29.17", seq(tlv(0xa4, directory)), critical)


def specification(family: bytes, revision: bytes) -> bytes:
    return seq(oid("2.23.133.2.16"), tlv(0x31, seq(family, integer(0), revision)))


def assertions(*members: bytes) -> bytes:
    return seq(oid("2.23.133.2.18"), tlv(0x31, seq(*members)))


def directory_attributes(*attributes: bytes) -> bytes:
    return extension("2.5.29.9", seq(*attributes))


BASIC = extension("2.5.29.19", seq(), TRUE)
AUTHORITY = extension("2.5.29.19", seq(TRUE), TRUE)
EK = usage("2.23.133.8.1")
SAN = alternative(name(*identity(*map(utf8, IDENTITY))))
SPEC = directory_attributes(specification(utf8("2.0"), integer(138)))
AIA = extension("1.3.6.1.5.5.7.1.1", seq(seq(oid("1.3.6.1.5.5.7.48.2"), tlv(0x86, b"http://example.invalid/intermediate.crt"))))
CDP = extension("2.5.29.31", seq(seq(tlv(0xa0, tlv(0xa0, tlv(0x86, CRL_URI))))))
ENCIPHER, AGREE, SIGN, CERT_SIGN, CA_USAGE = 0x20, 0x08, 0x80, 0x04, 0x06
_serial = [0x1000]


def certificate(key: bytes, extensions: list[bytes], *, issuer: bytes = MIDDLE_NAME, by: Key = MIDDLE, subject: bytes = seq(),
                serial: bytes | None = None, validity: bytes = VALID, algorithm: str = "ec") -> bytes:
    _serial[0] += 1
    tbs = seq(tlv(0xa0, integer(2)), serial or integer(_serial[0]), SIGNATURES[algorithm], issuer, validity, subject, key,
              tlv(0xa3, seq(*extensions)))
    return signed(tbs, by, algorithm)


def revocation(serials: list[int], *, issuer: bytes = MIDDLE_NAME, by: Key = MIDDLE, update: tuple[str, str] = ("200101000000Z", "20991231235959Z"),
               extensions: tuple[bytes, ...] = (), entry: bytes = b"", algorithm: str = "ec") -> bytes:
    entries = seq(*(seq(integer(serial), time("210101000000Z"), entry) for serial in serials)) if serials else b""
    tail = tlv(0xa0, seq(*extensions)) if extensions else b""
    tbs = seq(integer(1), SIGNATURES[algorithm], issuer, *(time(each) for each in update), entries, tail)
    return signed(tbs, by, algorithm)


CASES: dict[str, dict[str, object]] = {}
LEAF = {"key": {"type": "ecc", "bits": 256, "curve": "P-256", "algorithm": "id-ecPublicKey"},
        "tpm": {"manufacturer": "id:49465800", "vendor": "Infineon", "model": "SLB 9670", "version": "id:0728"}, "eku": ["2.23.133.8.1"]}
RSA_LEAF = {**LEAF, "key": {"type": "rsa", "bits": 2048, "curve": None, "algorithm": "rsaEncryption"}}


def case(label: str, content: bytes, notes: tuple[str, ...] = (), fields: dict[str, object] | None = None, *,
         failed: tuple[str, ...] = (), only: bool = True, **more: object) -> bytes:
    """A file, its notes (all of them if `only`) and the checks that fail."""
    (OUT / label).write_bytes(content)
    CASES[label] = {"notes": sorted(notes), "only": only, "fields": LEAF if fields is None else fields,
                    "failed": sorted(f"tpm.ekcert.{each}" for each in failed), **more}
    return content


def reject(label: str, content: bytes, identifier: str) -> None:
    (OUT / label).write_bytes(content)
    CASES[label] = {"reject": identifier}


def leaf(extensions: list[bytes] | None = None, **more: object) -> bytes:
    return certificate(VICTIM.spki, [key_usage(AGREE), EK, SAN, BASIC, SPEC] if extensions is None else extensions, **more)


def authorities() -> bytes:
    made = [AUTHORITY, key_usage(CA_USAGE)]
    (OUT / "root.der").write_bytes(certificate(ROOT.spki, made, issuer=ROOT_NAME, by=ROOT, subject=ROOT_NAME))
    intermediate = certificate(MIDDLE.spki, made, issuer=ROOT_NAME, by=ROOT, subject=MIDDLE_NAME, serial=integer(0x77))
    (OUT / "intermediate.der").write_bytes(intermediate)
    # As STMicroelectronics' first authorities: the number begins with zeros.
    padded = certificate(MIDDLE.spki, made, issuer=ROOT_NAME, by=ROOT, subject=MIDDLE_NAME, serial=tlv(0x02, b"\0\0\0\x77"))
    (OUT / "intermediate_padded_serial.der").write_bytes(padded)
    (OUT / "other_root.der").write_bytes(certificate(OTHER.spki, made, issuer=ROOT_NAME, by=OTHER, subject=ROOT_NAME))
    (OUT / "old_authority.der").write_bytes(certificate(MD5_CA.spki, made, issuer=MD5_NAME, by=MD5_CA, subject=MD5_NAME, algorithm="rsa"))
    (OUT / "intermediate_without_lists.der").write_bytes(
        certificate(MIDDLE.spki, [AUTHORITY, key_usage(CERT_SIGN)], issuer=ROOT_NAME, by=ROOT, subject=MIDDLE_NAME))
    (OUT / "ek.pem").write_bytes(VICTIM.pem)
    (OUT / "other.pem").write_bytes(OTHER.pem)
    return intermediate


def forms() -> None:
    """What the profile says, and how else it is written."""
    case("profile_ecc.der", leaf([key_usage(AGREE), EK, SAN, BASIC, AIA, CDP, directory_attributes(
        specification(utf8("2.0"), integer(159)),
        assertions(integer(0), TRUE, tlv(0x80, b"\0"), tlv(0x81, b"\0"), tlv(0x82, b"\2"),
                   tlv(0xa3, tlv(0x16, b"3.1"), tlv(0x0a, b"\4"), tlv(0x0a, b"\2"), TRUE),
                   tlv(0xa4, tlv(0x16, b"140-2"), tlv(0x0a, b"\2"), FALSE), tlv(0x85, b"\xff")))]), (), {
            **LEAF, "aia": ["http://example.invalid/intermediate.crt"], "crl_distribution_points": [CRL_URI.decode()],
            "subject": "", "issuer": "CN = Made Intermediate", "key_usage": ["keyAgreement"], "ca": False, "chain": [],
            "not_before": "2020-01-01T00:00:00Z", "not_after": "2099-12-31T23:59:59Z",
            "specification": {"family": "2.0", "level": 0, "revision": 159},
            "security_assertions": {"version": 0, "field_upgradable": True, "ek_generation_type": "internal",
                                    "ek_generation_location": "tpmManufacturer", "ek_certificate_generation_location": "ekCertSigner",
                                    "common_criteria": "3.1 EAL4+", "fips": "140-2 level 2", "iso9000_certified": True}})
    case("profile_rsa.der", certificate(RSA.spki, [key_usage(ENCIPHER), EK, SAN, BASIC, SPEC]), (), RSA_LEAF)
    explicit = assertions(TRUE, *(tlv(0xa0 + i, tlv(0x0a, b"\1")) for i in range(3)),
                          tlv(0xa3, seq(tlv(0x16, b"3.1"), tlv(0x0a, b"\4"), tlv(0x0a, b"\1"), TRUE, tlv(0xa0, tlv(0x0a, b"\2")))),
                          tlv(0xa4, seq(tlv(0x16, b"140-2"), tlv(0x0a, b"\2"))), tlv(0xa5, TRUE))
    case("assertions_explicit.der", leaf([key_usage(AGREE), EK, SAN, BASIC, directory_attributes(explicit)]), (), {
        **LEAF, "specification": None, "security_assertions": {
            "version": 0, "field_upgradable": True, "ek_generation_type": "injected", "ek_generation_location": "platformManufacturer",
            "ek_certificate_generation_location": "platformManufacturer", "common_criteria": "3.1 EAL4+", "fips": "140-2 level 2",
            "iso9000_certified": True}})
    damaged = directory_attributes(assertions(tlv(0x80, b"\x7f"), tlv(0x99, b"")), specification(integer(2), integer(1)))
    case("attributes_damaged.der", leaf([key_usage(AGREE), EK, SAN, BASIC, damaged]),
         ("ekcert.assertions_unreadable", "ekcert.specification_unreadable"))
    case("attributes_trailing.der", leaf([key_usage(AGREE), EK, SAN, BASIC, directory_attributes(integer(1))]),
         ("ekcert.directory_attributes_unreadable",))
    unordered = sorted(identity(*(tlv(0x13, each.encode()) for each in IDENTITY)), reverse=True)
    case("one_rdn.der", leaf([key_usage(AGREE), EK, alternative(seq(tlv(0x31, *unordered))), BASIC]), ("certificate.set_order",))
    strings = identity(tlv(0x16, IDENTITY[0].encode()), tlv(0x1e, IDENTITY[1].encode("utf-16-be")), tlv(0x14, IDENTITY[2].encode()))
    case("string_types.der", leaf([key_usage(AGREE), EK, alternative(name(*strings)), BASIC]))
    case("not_text.der", leaf([key_usage(AGREE), EK, alternative(name(*identity(integer(1)))), BASIC]),
         ("ekcert.attribute_unreadable", "ekcert.no_identity"), {"tpm": None}, failed=("chain", "validity"))
    case("in_subject.der", leaf([key_usage(AGREE), EK, BASIC], subject=name(*identity(*map(utf8, IDENTITY)))), ("ekcert.identity_in_subject",))
    twice = alternative(name(*identity(*map(utf8, IDENTITY)), *identity(utf8("id:494E5443"))))
    case("attribute_repeated.der", leaf([key_usage(AGREE), EK, twice, BASIC]), ("ekcert.attribute_repeated",))
    directory = tlv(0xa4, name(*identity(*map(utf8, IDENTITY))))
    case("identity_repeated.der", leaf([key_usage(AGREE), EK, extension("2.5.29.17", seq(directory, directory), TRUE), BASIC]), ("ekcert.identity_repeated",))
    case("no_identity.der", leaf([key_usage(AGREE), EK, BASIC]), ("ekcert.no_identity",), {"tpm": None})
    case("san_not_critical.der", leaf([key_usage(AGREE), EK, alternative(name(*identity(*map(utf8, IDENTITY))), b""), BASIC]),
         ("certificate.alternative_name_not_critical",))
    for label, text, wanted in (("text", "INTC", "id:494E5443"), ("small", "id:494e5443", "id:494E5443"), ("bare", "494E5443", "id:494E5443"),
                                ("short", "IFX", "id:49465800"), ("blank", "STM", "id:53544D20"), ("unknown", "a vendor", "a vendor")):
        tpm = {"manufacturer": wanted, "model": "M", "version": "id:1",
               "vendor": {"id:494E5443": "Intel", "id:49465800": "Infineon", "id:53544D20": "STMicroelectronics"}.get(wanted, "")}
        case(f"manufacturer_{label}.der", leaf([key_usage(AGREE), EK, alternative(name(*identity(utf8(text), utf8("M"), utf8("id:1")))), BASIC]),
             ("ekcert.manufacturer_form",), {"tpm": tpm})
    case("attribute_padded.der", leaf([key_usage(AGREE), EK, alternative(name(*identity(*(utf8(each + "\0 ") for each in IDENTITY)))), BASIC]),
         ("ekcert.attribute_padded",))
    case("specification_12.der", leaf([key_usage(AGREE), EK, SAN, BASIC, directory_attributes(specification(utf8("1.2"), integer(116)))]),
         ("ekcert.tpm12",))


def leniencies() -> None:
    """What vendors issued although it is not as the standards want it."""
    parameters = seq(tlv(0xa2, seq(oid("1.2.840.113549.1.1.9"), tlv(0x04, b"TCPA"))))
    bits = RSA.spki[RSA.spki.index(NULL) + 2:]
    oaep = seq(seq(oid("1.2.840.113549.1.1.7"), parameters), bits)
    case("key_oaep.der", certificate(oaep, [EK, SAN, BASIC]), ("certificate.key_algorithm", "ekcert.no_key_usage"),
         {**RSA_LEAF, "key": {**RSA_LEAF["key"], "algorithm": "rsaesOaep"}})
    amd = [key_usage(ENCIPHER), seq(oid("2.5.29.37"), FALSE, tlv(0x04, seq(oid("2.23.133.8.1")))), extension("2.5.29.19", seq(FALSE), FALSE), SAN,
           directory_attributes(specification(utf8("id:322E3000"), tlv(0x02, b"\x89")))]
    case("amd.der", leaf(amd, serial=tlv(0x02, b"\x89\x01")),
         ("certificate.default_encoded", "certificate.serial_negative", "ekcert.family_in_hexadecimal", "ekcert.key_usage_of_rsa", "ekcert.revision_negative"),
         {**LEAF, "specification": {"family": "2.0", "level": 0, "revision": 137}, "serial": "-76ff"})
    case("serial_padded.der", leaf(serial=tlv(0x02, b"\0\0\x12\x34")), ("certificate.serial_not_minimal",), {**LEAF, "serial": "1234"})
    case("serial_padded_ones.der", leaf(serial=tlv(0x02, b"\xff\xff\x81\x01")), ("certificate.serial_negative", "certificate.serial_not_minimal"))
    padded = bytearray(leaf(serial=tlv(0x02, b"\0\0\x12\x34")))
    padded[-1] ^= 1
    case("serial_padded_forged.der", bytes(padded), ("certificate.serial_not_minimal",), failed=("chain", "validity"))
    case("serial_zero.der", leaf(serial=integer(0)), ("certificate.serial_zero",))
    case("serial_long.der", leaf(serial=tlv(0x02, b"\x11" * 24)), ("certificate.serial_long",))
    short = seq(time("2001010000Z"), time("20991231235959Z"))
    case("time_without_seconds.der", leaf(validity=short), ("certificate.time_form",))
    case("time_of_both_kinds.der", leaf(validity=seq(time("20200101000000Z"), time("20991231235959Z"))), ("certificate.time_form",))
    swtpm = extension("2.5.29.15", tlv(0x03, b"\x07\x20\x00"), TRUE)
    case("key_usage_long.der", certificate(RSA.spki, [swtpm, EK, SAN, BASIC]), ("certificate.key_usage_not_minimal",), RSA_LEAF)
    odd = extension("1.3.6.1.5.5.7.1.1", seq(seq(oid("1.3.6.1.5.5.7.48.2"), tlv(0x86, b"http://example.invalid/a b.cer"))))
    case("uri_with_blank.der", leaf([key_usage(AGREE), EK, SAN, BASIC, odd]), ("certificate.uri",))
    case("boolean.der", leaf([key_usage(AGREE), EK, SAN, extension("2.5.29.19", seq(), tlv(0x01, b"\1"))]), ("certificate.boolean",))
    case("attributes_critical.der", leaf([key_usage(AGREE), EK, SAN, BASIC, extension("2.5.29.9", seq(specification(utf8("2.0"), integer(138))), TRUE)]))
    # Infineon SLB9635: the key identifier names the issuer, where the issuer's issuer belongs.
    wrong = extension("2.5.29.35", seq(tlv(0xa1, tlv(0xa4, MIDDLE_NAME)), tlv(0x82, b"\x77")))
    case("key_identifier_of_issuer.der", leaf([key_usage(AGREE), EK, SAN, BASIC, wrong]))
    case("key_identifier_forged.der", leaf([key_usage(AGREE), EK, SAN, BASIC, wrong], by=OTHER), failed=("chain", "validity"))
    case("key_usage_signing.der", leaf([key_usage(SIGN), EK, SAN, BASIC]), ("ekcert.key_usage_signing",))


def refusals() -> None:
    """What is read, and does not verify."""
    strange = ("ekcert.not_for_endorsement",)
    case("no_usage.der", leaf([key_usage(AGREE), SAN, BASIC]), strange, {"eku": []}, failed=("profile",))
    case("usage_of_attestation.der", leaf([key_usage(SIGN), usage("2.23.133.8.3"), SAN, BASIC]), (*strange, "ekcert.key_usage_signing"), {},
         failed=("chain", "validity", "profile"))
    case("authority.der", leaf([key_usage(CERT_SIGN | AGREE), EK, SAN, AUTHORITY]), strange, {"ca": True}, failed=("profile",))
    case("basic_authority.der", leaf([EK, SAN, AUTHORITY]), ("ekcert.no_key_usage",), {"ca": True}, failed=("profile",))
    case("key_usage_of_authority.der", leaf([key_usage(CERT_SIGN), EK, SAN, BASIC]), (*strange, "ekcert.key_usage_signing"), failed=("profile",))
    case("key_usage_data.der", leaf([key_usage(0x10), EK, SAN, BASIC]), (*strange, "ekcert.key_usage_signing"), failed=("profile",))
    case("key_short.der", certificate(SHORT.spki, [key_usage(ENCIPHER), EK, SAN, BASIC]), (), {}, failed=("profile",))
    curve = Key("k1", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1")
    case("key_other_curve.der", certificate(curve.spki, [key_usage(AGREE), EK, SAN, BASIC]), (), {}, failed=("profile",))
    ed25519 = Key("ed", "-algorithm", "ED25519")
    case("key_ed25519.der", certificate(ed25519.spki, [key_usage(SIGN), EK, SAN, BASIC]), ("ekcert.key_usage_signing",), {}, failed=("profile",))
    unknown = seq(seq(oid("1.2.3.4")), tlv(0x03, b"\0\1"))
    case("key_unknown.der", certificate(unknown, [key_usage(SIGN), EK, SAN, BASIC]), ("ekcert.key_usage_signing",), {}, only=False,
         failed=("chain", "validity", "profile"))
    case("expired.der", leaf(validity=seq(time("200101000000Z"), time("210101000000Z"))), failed=("validity",), allow_expired=True)
    case("expired_odd_time.der", leaf(validity=seq(time("2001010000Z"), time("2101010000Z"))), ("certificate.time_form",), failed=("validity",))
    case("future.der", leaf(validity=seq(time("20900101000000Z"), time("20991231235959Z"))), failed=("validity",))
    case("md5.der", leaf(issuer=MD5_NAME, by=MD5_CA, algorithm="md5"), failed=("chain", "validity"), trust="old_authority.der")
    case("old.der", leaf(issuer=MD5_NAME, by=MD5_CA, algorithm="rsa"), trust="old_authority.der")
    case("critical_unknown.der", leaf([key_usage(AGREE), EK, SAN, BASIC, extension("1.2.3.4", NULL, TRUE)]), failed=("chain", "validity"))
    forged = bytearray(leaf())
    forged[-1] ^= 1
    case("forged.der", bytes(forged), failed=("chain", "validity"))
    case("another_root.der", leaf(by=OTHER, issuer=ROOT_NAME), failed=("chain", "validity"))
    # Version 1 has no extensions, so nothing says what it is for.
    tbs = seq(integer(7), SIGNATURES["ec"], MIDDLE_NAME, VALID, common_name("old"), VICTIM.spki)
    case("version_1.der", signed(tbs, MIDDLE, "ec"), (*strange, "ekcert.no_key_usage", "ekcert.no_identity"), {"tpm": None, "eku": []}, failed=("profile",))


def containers(intermediate: bytes) -> None:
    """What lies in NV indices and files."""
    plain = leaf()
    padding, size = ("certificate.padding",), len(plain)
    for byte in (0x00, 0xff, 0x11):
        case(f"padded_{byte:02x}.bin", plain + bytes([byte]) * 300, padding)
    case("trailing.bin", plain + b"abc", ("certificate.trailing",))
    full = b"\x10\x02" + plain
    case("tcg_header.bin", b"\x10\x01\x00" + len(full).to_bytes(2, "big") + full + b"\xff" * 99, ("certificate.padding", "certificate.tcg_header"))
    case("tcg_header_only.bin", b"\x10\x01\x00" + size.to_bytes(2, "big") + plain, ("certificate.tcg_header",))
    for width, order in ((2, "big"), (2, "little"), (4, "big"), (4, "little")):
        case(f"prefix_{width}_{order}.bin", (size + 10).to_bytes(width, order) + plain + bytes(10), ("certificate.length_prefix", "certificate.padding"))
    case("prefix_shorter.bin", (size + 3).to_bytes(2, "big") + plain + b"\0\0\0\xff\xff", ("certificate.length_prefix", "certificate.padding"))
    chain = {**LEAF, "chain": [{"subject": "CN = Made Intermediate", "issuer": "CN = Made Root", "not_before": "2020-01-01T00:00:00Z",
                                "not_after": "2099-12-31T23:59:59Z"}]}
    case("chain.bin", plain + intermediate, (), chain, alone=True)
    case("chain_padded.bin", plain + bytes(200) + intermediate + b"\xff" * 50, padding, chain, alone=True)
    case("chain_damaged.bin", plain + seq(b"\x30" * 70), ("certificate.chain_unreadable",))
    case("leading_zeros.bin", bytes(7) + plain, padding)
    text = base64.b64encode(plain)
    case("base64.txt", base64.encodebytes(plain))
    case("base64url.txt", text.translate(bytes.maketrans(b"+/", b"-_")).rstrip(b"="))

    def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
        return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()

    case("chain.pem", b"# the certificate\n" + pem(plain) + pem(intermediate), (), chain, alone=True)
    case("padded.pem", pem(plain + b"\xff" * 80), padding)
    case("x509.pem", pem(plain, "X509 CERTIFICATE"))
    case("damaged_second.pem", pem(plain) + b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", ("certificate.chain_unreadable",))
    case("empty_second.pem", pem(plain) + pem(b"abc"), ("certificate.chain_unreadable",))
    reject("empty.bin", b"", "crypto.certificate.der")
    reject("blank.bin", b"\xff" * 500, "crypto.certificate.der")
    reject("cut.der", plain[:-1], "crypto.certificate.der")
    reject("no_certificate.der", seq(seq(integer(1)), seq(integer(2))), "crypto.certificate.der")
    reject("indefinite.der", b"\x30\x80" + plain[4:] + b"\0\0", "crypto.certificate.der")
    reject("tcg_header_long.bin", b"\x10\x01\x00\xff\xff" + full, "crypto.certificate.der")
    reject("tcg_partial.bin", b"\x10\x01\x01" + len(full).to_bytes(2, "big") + full, "crypto.certificate.der")
    reject("prefix_long.bin", (size + 1).to_bytes(2, "big") + plain, "crypto.certificate.der")
    reject("prefix_short.bin", (size - 1).to_bytes(2, "big") + plain, "crypto.certificate.der")
    reject("other.pem", OTHER.pem, "crypto.certificate.pem")
    reject("repeated_extension.der", leaf([key_usage(AGREE), EK, EK, SAN]), "crypto.certificate.extension")
    reject("no_time.der", leaf(validity=seq(time("yesterday"), time("20991231235959Z"))), "crypto.certificate.time")


def lists() -> None:
    """Revocation lists; `profile_ecc.der` is the certificate that they are about."""
    der = (OUT / "profile_ecc.der").read_bytes()
    at = der.index(b"\xa0\x03\x02\x01\x02") + 5
    serial = int.from_bytes(der[at + 2:at + 2 + der[at + 1]], "big")
    point = lambda *flags: extension("2.5.29.28", seq(*flags), TRUE)   # noqa: E731
    at_uri = lambda uri: tlv(0xa0, tlv(0xa0, tlv(0x86, uri)))   # noqa: E731
    made = {
        "root.crl": revocation([], issuer=ROOT_NAME, by=ROOT),
        "root_revokes.crl": revocation([0x77], issuer=ROOT_NAME, by=ROOT),
        "good.crl": revocation([serial + 1000]),
        "revokes.crl": revocation([serial]),
        "revokes_expired.crl": revocation([serial], update=("200101000000Z", "210101000000Z")),
        "expired.crl": revocation([], update=("200101000000Z", "210101000000Z")),
        "future.crl": revocation([], update=("20900101000000Z", "20991231235959Z")),
        "endless.crl": signed(seq(integer(1), SIGNATURES["ec"], MIDDLE_NAME, time("200101000000Z")), MIDDLE, "ec"),
        "forged.crl": revocation([], by=OTHER),
        "of_another.crl": revocation([], issuer=common_name("Another"), by=OTHER),
        "authorities_only.crl": revocation([], extensions=(point(tlv(0x82, b"\xff")),)),
        "users_only.crl": revocation([], extensions=(point(tlv(0x81, b"\xff")),)),
        "at_point.crl": revocation([], extensions=(point(at_uri(CRL_URI)),)),
        "at_another_point.crl": revocation([], extensions=(point(at_uri(b"http://example.invalid/2.crl")),)),
        "indirect.crl": revocation([], extensions=(point(tlv(0x84, b"\xff")),)),
        "some_reasons.crl": revocation([], extensions=(point(tlv(0x83, b"\x06\x40")),)),
        "scope_damaged.crl": revocation([], extensions=(extension("2.5.29.28", NULL, TRUE),)),
        "delta.crl": revocation([], extensions=(extension("2.5.29.27", integer(1), TRUE),)),
        "critical.crl": revocation([], extensions=(extension("1.2.3.4", NULL, TRUE),)),
        "entry_of_another.crl": revocation([serial], entry=seq(extension("2.5.29.29", seq(tlv(0xa4, ROOT_NAME)), TRUE))),
        "entry_critical.crl": revocation([serial + 1000], entry=seq(extension("1.2.3.4", NULL, TRUE))),
        "old.crl": revocation([], issuer=MD5_NAME, by=MD5_CA, algorithm="rsa"),
        "old_md5.crl": revocation([], issuer=MD5_NAME, by=MD5_CA, algorithm="md5"),
        "cut.crl": revocation([])[:-1],
        "trailing.crl": revocation([]) + b"\0",
        "no_time.crl": revocation([], update=("yesterday", "20991231235959Z")),
    }
    for label, content in made.items():
        (OUT / label).write_bytes(content)
    both = b"".join(f"-----BEGIN X509 CRL-----\n{base64.encodebytes(made[each]).decode()}-----END X509 CRL-----\n".encode()
                    for each in ("root.crl", "good.crl"))
    (OUT / "both.crl.pem").write_bytes(both)
    (OUT / "damaged.crl.pem").write_bytes(both + b"-----BEGIN X509 CRL-----\n!\n")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    intermediate = authorities()
    forms()
    leniencies()
    refusals()
    containers(intermediate)
    lists()
    (OUT / "cases.json").write_text(json.dumps(CASES, indent=1, sort_keys=True) + "\n")
    print(f"{len(CASES)} cases")


main()
