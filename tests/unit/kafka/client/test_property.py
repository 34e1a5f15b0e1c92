"""librdkafka's properties: a misspelt one is a line that names the nearest, not a traceback."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

import cjo_stream
from cjo_stream import settings
from cjo_stream.cli.app import call
from cjo_stream.errors import UsageError
from cjo_stream.kafka.client.property import NAMES, check_names, connect

COMMANDS = (
    ("worker",),
    ("up",),
    ("topics", "create"),
    ("status",),
    ("settings",),
    ("customer", "show", "email:a@example.com"),
)


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.environment():
        monkeypatch.delenv(name)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_misspelt_property_ends_a_command_in_one_line(
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CJO_KAFKA__BOOTSTRAP_SERVER", "127.0.0.1:1")
    assert call(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "error: librdkafka has no property bootstrap.server (CJO_KAFKA__BOOTSTRAP_SERVER); "
        "did you mean bootstrap.servers (CJO_KAFKA__BOOTSTRAP_SERVERS)?"
    )


def test_a_misspelt_property_of_the_file_is_told_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[kafka]\nsecurity.protocl = "SSL"\n')
    assert call(["--config", str(file), "worker"]) == 2
    assert "did you mean security.protocol " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("security.protocol", "TSL"),
        ("linger.ms", "soon"),
        ("partitioner", "mine"),
        ("delivery.report.only.error", "true"),
        ("error_cb", "print"),
        ("plugin.library.paths", "nowhere"),
        ("logger", "mine"),
        ("default.topic.config", "acks=1"),
    ],
)
def test_a_value_that_librdkafka_refuses_is_a_usage_error(name: str, value: str) -> None:
    with pytest.raises(UsageError):
        connect(Producer, {name: value})


def test_properties_that_refuse_each_other_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="acks"):
        connect(Producer, {"enable.idempotence": True, "acks": "1"})


def test_every_listed_name_is_known_to_the_installed_library() -> None:
    for name in sorted(NAMES - {"delivery.report.only.error"}):
        with pytest.raises(KafkaException) as caught:
            # The second is none: so no client is made.
            Producer({name: "\x01", "none": ""})
        assert f'No such configuration property: "{name}"' not in str(caught.value)
    check_names({"log_level": "3"})


def test_every_client_is_made_where_its_properties_are_judged() -> None:
    """But for the development broker's own, which an operator sets nothing of."""
    makers = {"Producer", "Consumer", "AdminClient"}
    found = set()
    for path in Path(cjo_stream.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in makers:
                found.add(path.name)
    assert found == {"broker.py"}
