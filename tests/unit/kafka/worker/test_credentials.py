import ssl
import subprocess
from pathlib import Path

import pytest
from faust.auth import GSSAPICredentials, SASLCredentials, SSLCredentials

from cjo_stream.errors import UsageError
from cjo_stream.kafka.worker.faust import broker_urls, credentials


def test_every_bootstrap_server_reaches_faust() -> None:
    properties = {"bootstrap.servers": "a:9092, b:9093,"}
    assert broker_urls(properties) == ["kafka://a:9092", "kafka://b:9093"]


def test_a_plain_broker_asks_for_nothing() -> None:
    assert credentials({}) is None
    assert credentials({"security.protocol": "PLAINTEXT"}) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "scram-sha-512"])
@pytest.mark.parametrize("name", ["sasl.mechanism", "sasl.mechanisms"])
def test_passwords_reach_faust(mechanism: str, name: str) -> None:
    got = credentials(
        {
            "security.protocol": "SASL_PLAINTEXT",
            name: mechanism,
            "sasl.username": "me",
            "sasl.password": "secret",
        }
    )
    assert isinstance(got, SASLCredentials)
    assert (got.username, got.password) == ("me", "secret")
    assert got.mechanism.value == mechanism.upper()
    assert got.protocol.value == "SASL_PLAINTEXT"


def test_a_password_over_tls_checks_the_broker() -> None:
    got = credentials(
        {"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "me"}
    )
    assert isinstance(got, SASLCredentials)
    assert got.protocol.value == "SASL_SSL"
    assert got.ssl_context is not None
    assert got.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert got.ssl_context.check_hostname


def test_a_client_certificate_reaches_faust(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=me"]
    subprocess.run(
        [*command, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    properties = {
        "security.protocol": "SSL",
        "ssl.ca.location": str(certificate),
        "ssl.certificate.location": str(certificate),
        "ssl.key.location": str(key),
        "ssl.endpoint.identification.algorithm": "none",
    }
    with pytest.raises(UsageError, match="give the certificate and its key as files"):
        credentials({**properties, "ssl.keystore.location": "one.p12"})
    with pytest.raises(UsageError, match="to PEM files that are there"):
        credentials({**properties, "ssl.key.location": str(tmp_path / "none.pem")})
    # A key with a passphrase that nobody gave: no terminal is asked for it.
    locked = tmp_path / "locked.pem"
    how = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", key, "-out", locked]
    subprocess.run(how, check=True, capture_output=True)
    with pytest.raises(UsageError, match=r"and ssl\.key\.password to the key's"):
        credentials({**properties, "ssl.key.location": str(locked)})
    given = {"ssl.key.location": str(locked), "ssl.key.password": "secret"}
    assert isinstance(credentials({**properties, **given}), SSLCredentials)
    for system in ("probe", "/etc/ssl/certs"):
        assert isinstance(credentials({**properties, "ssl.ca.location": system}), SSLCredentials)
    got = credentials(properties)
    assert isinstance(got, SSLCredentials)
    assert got.context.verify_mode is ssl.CERT_REQUIRED
    assert not got.context.check_hostname
    assert [ca["subject"] for ca in got.context.get_ca_certs()] == [((("commonName", "me"),),)]
    unchecked = credentials({**properties, "enable.ssl.certificate.verification": "false"})
    assert isinstance(unchecked, SSLCredentials)
    assert unchecked.context.verify_mode is ssl.CERT_NONE


def test_kerberos_reaches_faust() -> None:
    got = credentials(
        {"security.protocol": "sasl_plaintext", "sasl.kerberos.service.name": "broker"}
    )
    assert isinstance(got, GSSAPICredentials)
    assert got.kerberos_service_name == "broker"


@pytest.mark.parametrize(
    "properties",
    [
        {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER"},
        {"security.protocol": "sasl"},
        {"security.protocol": "ssl", "ssl.keystore.location": "x.p12"},
        {"security.protocol": "ssl", "ssl.ca.location": "/nowhere.pem"},
    ],
)
def test_what_faust_cannot_keep_is_refused(properties: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        credentials(properties)
