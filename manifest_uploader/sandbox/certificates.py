"""Makes throw-away certificates for a sandbox that uses https."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from manifest_uploader.sandbox.sockets import OptionInvalid

_LIFE = timedelta(days=825)
_RENEW = timedelta(days=30)


@dataclass(frozen=True)
class Certificates:
    """The files of the authority's certificate and of the server's certificate with its key."""

    ca: Path
    server: Path


def make_certificates(folder: Path, name: str = "localhost") -> Certificates:
    """Return the folder's certificates; make them if they are missing or old.

    They are valid for this machine's loopback addresses and the name.
    """
    made = Certificates(folder / "ca.pem", folder / "server.pem")
    if made.ca.exists() and made.server.exists() and not _is_old(made.server):
        return made
    folder.mkdir(parents=True, exist_ok=True)
    _write(made, name)
    return made


def _is_old(path: Path) -> bool:
    age = datetime.now(UTC) - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return age > _LIFE - _RENEW


def _write(made: Certificates, name: str) -> None:
    try:
        from cryptography import x509  # noqa: PLC0415 - an extra, and only for --tls
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        message = (
            "--tls needs the package cryptography; install it with: "
            f"{sys.executable} -m pip install cryptography"
        )
        raise OptionInvalid(message) from error
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _named(x509, "sandbox authority")
    names = [
        x509.DNSName(name),
        *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", "::1")),
    ]
    root = (
        _builder(x509, authority, authority, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(x509), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        _builder(x509, _named(x509, "127.0.0.1"), authority, server_key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    made.ca.write_bytes(root.public_bytes(pem))
    secret = server_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.server.touch(mode=0o600)
    made.server.write_bytes(secret + leaf.public_bytes(pem))


def _named(x509: Any, name: str) -> Any:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _builder(x509: Any, subject: Any, issuer: Any, key: Any) -> Any:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
    )


def _usage(x509: Any) -> Any:
    wanted = {"key_cert_sign", "crl_sign"}
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name in wanted for name in names})
