"""The endpoint with a login and a certificate, asked over real HTTPS."""

import base64
import contextlib
import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cjo_stream.errors import UsageError
from cjo_stream.settings import Settings
from cjo_stream.telemetry import Health, Metrics, access_of, serve
from cjo_stream.telemetry.endpoint import CONNECTIONS_MAX
from tests.world.certificate import Authority

PASSWORD = "a päss:word"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@contextmanager
def serving(folder: Path, **given: object) -> Iterator[int]:
    access = access_of(Settings(**given))  # type: ignore[arg-type]  # settings of any type
    health = Health(ready=lambda: "2 partitions are being restored")
    endpoint = serve(Metrics(), health, "127.0.0.1", 0, folder, access)
    try:
        yield endpoint.port
    finally:
        endpoint.close()


def get(
    port: int, path: str, trusted: ssl.SSLContext | None = None, login: str | None = None
) -> tuple[int, str]:
    if trusted is None:
        asked: http.client.HTTPConnection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=5
        )
    else:
        asked = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=trusted)
    headers = {} if login is None else {"Authorization": login}
    asked.request("GET", path, headers=headers)
    answer = asked.getresponse()
    if answer.status == 401:
        assert answer.getheader("WWW-Authenticate", "").startswith("Basic ")
    text = answer.read().decode()
    asked.close()
    return answer.status, text


def basic(name: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def test_metrics_are_for_who_has_the_login_and_health_for_everybody(
    tmp_path: Path, authority: Authority
) -> None:
    certificate, key = authority.written(tmp_path, "127.0.0.1")
    given = {"metrics_username": "prometheus", "metrics_password": PASSWORD,
             "metrics_tls_cert": certificate, "metrics_tls_key": key}  # fmt: skip
    trusted = authority.trusted()
    with serving(tmp_path, **given) as port:
        for right in (basic("prometheus", PASSWORD), basic("prometheus", PASSWORD, "bAsIc")):
            status, text = get(port, "/metrics", trusted, right)
            assert (status, "cjo_build_info" in text) == (200, True)
        for wrong in (
            None,
            "",
            "Basic",
            "Basic ===",
            "Basic é",
            basic("prometheus", "a päss"),
            basic("prometheus:a päss", "word2"),
            basic("", PASSWORD),
            basic("prometheus", PASSWORD, "Bearer"),
            basic("prometheus", PASSWORD)[6:],
        ):
            told = get(port, "/metrics", trusted, wrong)
            assert told == (401, "a name and a password are needed\n"), wrong
            assert get(port, "/metrics?x", trusted, wrong)[0] == 401
        assert get(port, "/healthz", trusted) == (200, "ok\n")
        assert get(port, "/readyz", trusted) == (503, "2 partitions are being restored\n")


def test_who_does_not_know_the_authority_or_speaks_no_tls_reads_nothing(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = authority.written(tmp_path, "127.0.0.1")
    caplog.set_level(logging.INFO)
    with serving(tmp_path, metrics_tls_cert=certificate, metrics_tls_key=key) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            get(port, "/metrics", ssl.create_default_context())
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            get(port, "/metrics")
        old = authority.trusted()
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            get(port, "/metrics", old)
        assert get(port, "/metrics", authority.trusted())[0] == 200
    assert [one.getMessage() for one in caplog.records if one.levelno > logging.INFO] == []


def test_a_slow_handshake_keeps_nobody_waiting(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.written(tmp_path, "127.0.0.1")
    with (
        serving(tmp_path, metrics_tls_cert=certificate, metrics_tls_key=key) as port,
        socket.create_connection(("127.0.0.1", port)),
    ):
        assert get(port, "/healthz", authority.trusted()) == (200, "ok\n")


@pytest.mark.parametrize("has_tls", [False, True])
def test_who_only_waits_keeps_nobody_out(
    tmp_path: Path, authority: Authority, has_tls: bool
) -> None:
    given, trusted = {}, None
    if has_tls:
        certificate, key = authority.written(tmp_path, "127.0.0.1")
        given = {"metrics_tls_cert": certificate, "metrics_tls_key": key}
        trusted = authority.trusted()
    before = threading.active_count()
    with serving(tmp_path, **given) as port, contextlib.ExitStack() as waiting:
        opened = []
        for _ in range(3 * CONNECTIONS_MAX):
            one = waiting.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            one.sendall(b"G")
            opened.append(one)
        assert get(port, "/healthz", trusted) == (200, "ok\n")
        with contextlib.suppress(ConnectionError):
            while opened[0].recv(1000):
                pass  # the oldest has met its end
        # Of those that were closed, some threads are still ending.
        assert threading.active_count() < before + 2 * CONNECTIONS_MAX


def test_a_certificate_that_is_renewed_is_shown_without_a_restart(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = authority.written(tmp_path, "127.0.0.1")
    later = Authority()
    with serving(tmp_path, metrics_tls_cert=certificate, metrics_tls_key=key) as port:
        assert get(port, "/healthz", authority.trusted())[0] == 200
        (tmp_path / "new").mkdir()
        new_certificate, new_key = later.written(tmp_path / "new", "127.0.0.1")
        # Half of the change: they do not fit, so the old pair stays, with one warning.
        new_certificate.replace(certificate)
        for _ in range(2):
            assert get(port, "/healthz", authority.trusted())[0] == 200
        (told,) = [one for one in caplog.records if one.levelno == logging.WARNING]
        assert "new certificate cannot be used (KEY_VALUES_MISMATCH)" in told.getMessage()
        new_key.replace(key)
        assert get(port, "/healthz", later.trusted())[0] == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            get(port, "/healthz", authority.trusted())
        key.unlink()
        assert get(port, "/healthz", later.trusted())[0] == 200


def test_a_certificate_that_cannot_be_used_is_refused_until_it_can(
    tmp_path: Path, authority: Authority
) -> None:
    certificate, key = authority.written(tmp_path, "127.0.0.1")
    good = key.read_bytes()

    def start() -> None:
        with serving(tmp_path, metrics_tls_cert=certificate, metrics_tls_key=key) as port:
            assert get(port, "/healthz", authority.trusted())[0] == 200

    spoilt = {
        "No such file": None,
        "KEY_VALUES_MISMATCH": Authority().pair("127.0.0.1")[1],
        "PEM": b"no key",
        "cannot be used": authority.pair("127.0.0.1", passphrase=b"secret")[1],
    }
    for why, content in spoilt.items():
        key.unlink(missing_ok=True)
        if content is not None:
            key.write_bytes(content)
        with pytest.raises(UsageError, match="set CJO_METRICS_TLS_CERT") as told:
            start()
        assert why in str(told.value)
    key.write_bytes(good)
    start()


def test_a_login_over_the_network_in_clear_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    access = access_of(Settings(metrics_username="me", metrics_password="secret"))
    for host, warnings in (("127.0.0.1", 0), ("localhost", 0), ("0.0.0.0", 1)):
        caplog.clear()
        serve(Metrics(), Health(), host, 0, tmp_path, access).close()
        told = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
        assert len(told) == warnings
        assert all("in clear: set CJO_METRICS_TLS_CERT" in one for one in told)
