"""What is fetched stays; what is lacking is fetched in a thread, until it is there."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cjo_stream.core.word import Codec
from cjo_stream.errors import InputError, RefusalError, RetryError, UsageError
from cjo_stream.registry import client as client_module
from cjo_stream.registry import schemas as module
from cjo_stream.registry.client import Client, UnknownError
from cjo_stream.registry.library import require
from cjo_stream.registry.schemas import Schemas
from cjo_stream.registry.wire import framed
from cjo_stream.settings import Settings
from tests.world.registry import Registry, avro, proto

pytest.importorskip("fastavro")
pytest.importorskip("grpc_tools")

NUMBER = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]}
MONEY = 'syntax = "proto3"; message Money { int64 cents = 1; }'
PRICE = 'syntax = "proto3"; import "money.proto"; message Price { Money money = 1; }'


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as one:
        one.schemas[1] = avro(NUMBER)
        yield one


def settings(registry: Registry, **given: Any) -> Settings:
    return Settings(registry={"url": registry.url, **given})


@pytest.fixture
def schemas(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Schemas]:
    monkeypatch.setattr(module, "PAUSE_SHORTEST_S", 0.02)
    one = Schemas(Client(settings(registry)))
    yield one
    one.close()


def until(condition: Callable[[], Any], within_s: float = 10) -> Any:
    end_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end_s
        time.sleep(0.005)
    return found


def record(id_: int, body: bytes = b"\x0e") -> bytes:
    return framed(id_, body)


def read(schemas: Schemas, codec: Codec, value: bytes) -> Any:
    return schemas.reading(codec, value).read(value)


def there(schemas: Schemas, id_: int) -> bool:
    return schemas.lacks(record(id_)) is None


def test_a_schema_is_asked_for_once_and_then_known(registry: Registry, schemas: Schemas) -> None:
    assert schemas.lacks(record(1)) == 1
    until(lambda: there(schemas, 1))
    assert read(schemas, Codec.AVRO, record(1)) == {"n": 7}
    registry.down()
    assert there(schemas, 1)
    assert read(schemas, Codec.AVRO, record(1, b"\x02")) == {"n": 1}
    assert registry.asked == ["/schemas/ids/1"]
    assert schemas.take_counts() == {("cjo_registry_requests_total", "found"): 1}


def test_while_the_registry_is_away_unknown_schemas_wait_and_it_is_said(
    registry: Registry, schemas: Schemas, caplog: pytest.LogCaptureFixture
) -> None:
    registry.down()
    assert schemas.lacks(record(1)) == 1
    assert "CJO_REGISTRY__URL" in until(schemas.away)
    assert "records of schema 1 wait" in caplog.text
    registry.up()
    until(lambda: there(schemas, 1))
    assert schemas.away() is None
    counts = schemas.take_counts()
    assert counts["cjo_registry_requests_total", "found"] == 1
    assert counts["cjo_registry_requests_total", "failed"] >= 1


def test_a_schema_that_the_registry_does_not_have_is_refused_and_asked_for_again_later(
    registry: Registry, schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSED_FOR_S", 0.5)
    schemas.lacks(record(9))
    until(lambda: there(schemas, 9))
    with pytest.raises(InputError, match="no schema 9") as caught:
        read(schemas, Codec.AVRO, record(9))
    assert caught.value.reason == "malformed"
    registry.schemas[9] = avro(NUMBER)
    until(lambda: schemas.lacks(record(9)) == 9)
    until(lambda: there(schemas, 9))
    assert read(schemas, Codec.AVRO, record(9)) == {"n": 7}


def test_one_schema_that_gets_no_answer_does_not_delay_another(
    registry: Registry, schemas: Schemas
) -> None:
    registry.schemas[0] = {"schemaType": "AVRO"}  # without its text
    # By a name that is a folder's.
    folder = [{"name": "confluent/type", "subject": "m", "version": 1}]
    registry.subjects["m", "1"] = proto(MONEY)
    registry.schemas[6] = proto(PRICE, references=folder)
    schemas.lacks(record(0))
    schemas.lacks(record(6))
    schemas.lacks(record(1))
    until(lambda: there(schemas, 1))
    assert not there(schemas, 0)
    assert not there(schemas, 6)
    registry.schemas[0] = avro(NUMBER)
    until(lambda: there(schemas, 0))


def test_a_schema_that_cannot_be_used_is_refused_with_the_reason(
    registry: Registry, schemas: Schemas
) -> None:
    registry.schemas[2] = avro({"type": "record"})
    registry.schemas[3] = {"schema": "x", "schemaType": "OTHER"}
    for id_ in (2, 3):
        schemas.lacks(record(id_))
        until(lambda id_=id_: there(schemas, id_))
        with pytest.raises(InputError, match=f"schema {id_}"):
            read(schemas, Codec.AVRO, record(id_))


def test_a_schema_of_another_codec_than_the_channels_is_said(
    registry: Registry, schemas: Schemas
) -> None:
    schemas.lacks(record(1))
    until(lambda: there(schemas, 1))
    with pytest.raises(InputError, match=r"is of avro.*`registry: protobuf`"):
        read(schemas, Codec.PROTOBUF, record(1))


def test_refusals_are_forgotten_once_they_are_old_and_many(
    registry: Registry, schemas: Schemas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSED_FOR_S", 0.001)
    monkeypatch.setattr(module, "KNOWN_MAX", 5)
    for id_ in range(100, 130):
        schemas.lacks(record(id_))
    until(lambda: len(registry.asked) >= 30 and not schemas._asked)
    assert len(schemas._known) <= 7


def test_what_a_schema_names_is_fetched_with_it(registry: Registry) -> None:
    references = [{"name": "money.proto", "subject": "m/oney", "version": 2}]
    registry.schemas[5] = proto(PRICE, references=references)
    with pytest.raises(UnknownError):
        Client(settings(registry)).schema(5)
    # The subject's name travels quoted.
    registry.subjects["m%2Foney", "2"] = proto(MONEY)
    fetched = Client(settings(registry)).schema(5)
    assert (fetched.codec, fetched.references) == (Codec.PROTOBUF, {"money.proto": MONEY})


def test_a_client_enters_by_name_and_password() -> None:
    with Registry(login=("ada", "a secret")) as registry:
        registry.schemas[1] = avro(NUMBER)
        with pytest.raises(RetryError, match="CJO_REGISTRY__USERNAME"):
            Client(settings(registry)).schema(1)
        entering = settings(registry, username="ada", password="a secret")
        assert Client(entering).schema(1).codec is Codec.AVRO
        wrong = settings(registry, username="ada", password="another")
        with pytest.raises(RetryError) as caught:
            Client(wrong).schema(1)
        assert "another" not in str(caught.value)


def test_who_answers_for_a_registry_does_not_choose_whom_we_ask(registry: Registry) -> None:
    with Registry() as another:
        another.schemas[1] = avro(NUMBER)
        registry.moved_to = another.url
        assert Client(settings(registry)).schema(1).codec is Codec.AVRO
        another.asked.clear()
        for elsewhere in (
            another.url.replace("127.0.0.1", "localhost"),
            another.url.replace("http:", "ftp:"),
            "file:///etc/hostname#",
        ):
            registry.moved_to = elsewhere
            with pytest.raises(RetryError, match=r"redirects to another host|answers 307"):
                Client(settings(registry)).schema(1)
        assert another.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {"error_code": 404, "message": "no such page"}), "path included"),
        ((404, b"<html>"), "path included"),
        ((500, {"error_code": 50001, "message": "store"}), "answers 500 store"),
        ((200, b"<html>"), "gives no answer"),
        ((200, [1]), "path included"),
        ((200, {"schemaType": "AVRO"}), "path included"),
        ((200, {"schema": "{}", "references": [{"name": "x"}]}), "path included"),
        ((200, b'{"schema": "\xff"}'), "gives no answer"),
        ((200, b"[" * 100_000), "path included"),
        ((200, b'{"x": ' + b"[" * 100_000), "gives no answer"),
        ((422, {"error_code": 42201, "message": "no number"}), "answers 422 no number"),
        ((500, b'{"x": ' + b"[" * 100_000), "answers 500"),
        ((500, b'{"message": "\xff"}'), "answers 500"),
    ],
)
def test_an_answer_that_says_nothing_about_the_schema_is_waited_out(
    registry: Registry, answer: tuple[int, Any], said: str
) -> None:
    registry.answer = answer
    with pytest.raises(RetryError, match=said):
        Client(settings(registry)).schema(1)
    registry.answer = None
    assert Client(settings(registry)).schema(1).codec is Codec.AVRO


@contextlib.contextmanager
def dripping(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield the port of a server that says what it says at once, then a byte every 50 ms."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with contextlib.suppress(OSError):
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                connection.recv(4_096)
                connection.sendall(answer)
                for _ in range(100):
                    connection.sendall(b" ")
                    time.sleep(0.05)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 500 No\r\nContent-Length: 90\r\n\r\n",
    ],
)
def test_an_answer_that_drips_is_none_once_the_time_is_over(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ANSWER_WITHIN_S", 0.3)
    with dripping(answer) as port:
        client = Client(Settings(registry={"url": f"http://127.0.0.1:{port}"}))
        began_s = time.monotonic()
        with pytest.raises(RetryError, match=r"none that is whole within 0\.3 s|answers 500"):
            client.schema(1)
        assert time.monotonic() - began_s < 3


def test_an_answer_over_tls_has_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl to make a certificate with")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    files = ["-keyout", str(key), "-out", str(certificate)]
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(make, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)

    def asked(answer: bytes) -> Codec:
        with dripping(answer, tls) as port:
            url = f"https://localhost:{port}"
            client = Client(Settings(registry={"url": url, "ca": certificate}))
            return client.schema(1).codec

    text = b'{"schema": "x"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: "
    assert asked(head + b"%d\r\n\r\n" % len(text) + text) is Codec.AVRO
    monkeypatch.setattr(client_module, "ANSWER_WITHIN_S", 0.5)
    with pytest.raises(RetryError, match=r"none that is whole within 0\.5 s"):
        asked(head + b"90\r\n\r\n")


def test_what_the_registry_does_not_take_is_refused_with_its_words(registry: Registry) -> None:
    client = Client(settings(registry))
    assert client.register("a-value", "AVRO", "{}") == 71
    assert registry.posted == [
        ("/subjects/a-value/versions", {"schema": "{}", "schemaType": "AVRO"})
    ]
    registry.answer = (409, {"error_code": 409, "message": "field x was removed"})
    with pytest.raises(RefusalError, match=r"a-value.*field x was removed"):
        client.register("a-value", "AVRO", "{}")
    registry.answer = None
    assert client.register("a-value", "AVRO", "{}") == 73


@pytest.mark.parametrize(
    "answer",
    [(404, {"error_code": 40401, "message": "Subject not found"}), (200, {"x": 1}), (200, b"{}")],
)
def test_an_answer_to_a_registration_that_is_none_is_waited_out(
    registry: Registry, answer: tuple[int, Any]
) -> None:
    registry.answer = answer
    with pytest.raises(RetryError, match="path included"):
        Client(settings(registry)).register("a-value", "AVRO", "{}")


@pytest.mark.parametrize(
    "url",
    ["http://reg..istry:8081", f"http://{'x' * 70}:80", "http://localhost:99999", "http://h:abc"],
)
def test_an_address_that_nothing_can_have_is_no_answer(url: str) -> None:
    with pytest.raises(RetryError, match="Is CJO_REGISTRY__URL right"):
        Client(Settings(registry={"url": url})).ping()


def test_settings_that_name_no_registry_or_no_certificates_are_said(
    registry: Registry, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="CJO_REGISTRY__URL"):
        Client(Settings())
    with pytest.raises(UsageError, match="CJO_REGISTRY__CA"):
        Client(settings(registry, ca=tmp_path / "absent.pem"))
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(UsageError, match="CJO_REGISTRY__CA"):
        Client(settings(registry, ca=tmp_path / "empty.pem"))
    assert Client(settings(registry)).schema(1).codec is Codec.AVRO


@pytest.mark.parametrize("codec", [Codec.AVRO, Codec.PROTOBUF])
def test_libraries_that_are_not_installed_are_named_with_their_extra(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(codec)
    monkeypatch.setitem(sys.modules, "fastavro", None)
    monkeypatch.setitem(sys.modules, "grpc_tools.protoc", None)
    with pytest.raises(UsageError, match=r'pip install "cjo-stream\[registry\]"'):
        require(codec)
    require(Codec.JSON)
    monkeypatch.undo()
    require(codec)
