"""An authority that signs certificates of servers, good ones and bad ones."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY: Final = dt.timedelta(days=1)


class Authority:
    """A root certificate with its key."""

    def __init__(self, name: str = "authority of the tests") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        until = dt.datetime.now(dt.UTC) + 30 * DAY
        built = self._built(self._name, self._key.public_key(), until)
        usage = x509.KeyUsage(*(n in (5, 6) for n in range(9)))  # it signs certificates, and lists
        built = built.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        built = built.add_extension(usage, critical=True)
        self._root = built.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """Return the root certificate."""
        return self._root.public_bytes(serialization.Encoding.PEM)

    def trusted(self) -> ssl.SSLContext:
        """Return what a client that trusts this authority alone has."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def pair(
        self, *hosts: str, ends_in: dt.timedelta = 2 * DAY, passphrase: bytes = b""
    ) -> tuple[bytes, bytes]:
        """Return a certificate for hosts and addresses, and its key, both as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        until = dt.datetime.now(dt.UTC) + ends_in
        built = self._built(subject, key.public_key(), until).add_extension(
            x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False
        )
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        built = built.add_extension(use, critical=False)
        locked = (
            serialization.BestAvailableEncryption(passphrase)
            if passphrase
            else serialization.NoEncryption()
        )
        return (
            built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked
            ),
        )

    def written(
        self, folder: Path, *hosts: str, ends_in: dt.timedelta = 2 * DAY
    ) -> tuple[Path, Path]:
        """Write a pair into a folder; return the files of the certificate and of the key."""
        paths = (folder / "certificate.pem", folder / "key.pem")
        for path, content in zip(paths, self.pair(*hosts, ends_in=ends_in), strict=True):
            path.write_bytes(content)
        return paths

    def _built(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: dt.datetime
    ) -> x509.CertificateBuilder:
        own, theirs = self._key.public_key(), x509.SubjectKeyIdentifier.from_public_key(key)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - 60 * DAY)
            .not_valid_after(until)
            .add_extension(theirs, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
