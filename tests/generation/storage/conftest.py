"""An internet of the test's own, where outputs lie."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.generation.storage.servers import Internet
from tests.media import mp4

NAMES = ["outputs.example", "moved.example", "*.hops.example", "rebinding.example"]


@pytest.fixture(scope="session")
def video() -> bytes:
    """Is a small real MP4."""
    return mp4()


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    """Is all that can be reached: names and public addresses that lead to servers on loopback."""
    found = Internet()
    monkeypatch.setattr("socket.getaddrinfo", found.getaddrinfo)
    monkeypatch.setattr("generation.storage.connections.create_connection", found.create_connection)
    return found


@pytest.fixture(scope="session")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the test's own")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def certificate(_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Is a certificate for NAMES that this test trusts."""
    monkeypatch.setattr("generation.storage.connections.where", lambda: str(_certificate))
    return _certificate
