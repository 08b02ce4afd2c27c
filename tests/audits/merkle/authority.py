"""A timestamp authority for tests: certificates as wanted, and `openssl ts` to answer."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {directory}/serial
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1, millisecs:500
clock_precision_digits = {precision}
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    key: Key | None = None,
    authority: bool = False,
    path_length: int | None = None,
    purposes: tuple[x509.ObjectIdentifier, ...] = (),
    critical: bool = True,
    days: tuple[int, int] = (-2, 300),
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    algorithm: hashes.HashAlgorithm | None = None,
) -> Issued:
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
    for extension, is_critical in extra:
        builder = builder.add_extension(extension, critical=is_critical)
    signing = issuer.key if issuer else own
    over = None if isinstance(signing, ed25519.Ed25519PrivateKey) else algorithm or hashes.SHA256()
    return Issued(certificate=builder.sign(signing, over), key=own)


def for_timestamps(name: str, issuer: Issued, **wishes: object) -> Issued:
    return issue(name, issuer, purposes=(ExtendedKeyUsageOID.TIME_STAMPING,), **wishes)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Answers as `openssl ts` does, with the certificates of its chain in each token."""

    directory: Path
    signer: Issued
    chain: tuple[Issued, ...] = ()
    digest: str = "sha256"
    ess: str = "sha256"
    precision: int = 0

    def _openssl(self, *arguments: str) -> bytes:
        done = subprocess.run(
            ["openssl", "ts", *arguments],  # noqa: S607
            cwd=self.directory, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def respond(self, message: bytes, *, hash_name: str = "sha256", with_certificates: bool = True) -> bytes:
        """Return a TimeStampResp over ``message``."""
        here = self.directory
        here.mkdir(parents=True, exist_ok=True)
        (here / "data").write_bytes(message)
        wish = ["-cert"] if with_certificates else []
        self._openssl("-query", "-data", "data", f"-{hash_name}", "-out", "query", *wish)
        return self.answer((here / "query").read_bytes())

    def answer(self, query: bytes) -> bytes:
        """Return the TimeStampResp to a TimeStampReq."""
        here = self.directory
        here.mkdir(parents=True, exist_ok=True)
        (here / "query").write_bytes(query)
        settings = CONFIGURATION.format(directory=here, digest=self.digest, ess=self.ess, precision=self.precision)
        (here / "tsa.cnf").write_text(settings)
        if not (here / "serial").exists():
            (here / "serial").write_text("01\n")
        (here / "signer.pem").write_bytes(self.signer.certificate.public_bytes(Encoding.PEM))
        key = self.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (here / "key.pem").write_bytes(key)
        chain = [issued.certificate.public_bytes(Encoding.PEM) for issued in self.chain]
        (here / "chain.pem").write_bytes(b"".join(chain))
        given = ["-chain", "chain.pem"] if chain else []
        self._openssl(
            "-reply", "-config", "tsa.cnf", "-section", "here", "-queryfile", "query", "-signer", "signer.pem",
            "-inkey", "key.pem", "-out", "response", *given,
        )  # fmt: skip
        return (here / "response").read_bytes()

    def openssl_verifies(self, token: bytes, message: bytes, root: x509.Certificate) -> bool:
        """Whether `openssl ts -verify` takes the token, with the chain as untrusted certificates."""
        (self.directory / "token").write_bytes(token)
        (self.directory / "checked").write_bytes(message)
        (self.directory / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
        chain = ["-untrusted", "chain.pem"] if self.chain else []
        files = ["-in", "token", "-data", "checked", "-CAfile", "root.pem"]
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-token_in", *files, *chain],  # noqa: S607
            cwd=self.directory,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0
