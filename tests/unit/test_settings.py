from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cjo_stream import settings
from cjo_stream.errors import UsageError
from cjo_stream.kafka.client.property import NAMES
from cjo_stream.settings import (
    DEMO_TENANT_KEY,
    KAFKA_DEFAULTS,
    MASK,
    Settings,
    load,
    sources,
    unknown_variables,
)
from cjo_stream.store.rocks import BLOCK_CACHE_BYTES


@pytest.fixture(autouse=True)
def _no_variables_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.environment():
        monkeypatch.delenv(name)


def file_of(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_without_anything_set_there_are_defaults() -> None:
    assert load().partitions == 4
    assert load().kafka_properties()["bootstrap.servers"] == "127.0.0.1:9092"
    assert load().tenant_key_is_demo
    assert (load().metrics_port, load().metrics_host) == (None, "127.0.0.1")


def test_a_variable_beats_the_file_and_the_file_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = file_of(tmp_path, 'partitions = 8\ngroup = "of-the-file"\n')
    monkeypatch.setenv("CJO_PARTITIONS", "16")
    got = load(config)
    assert (got.partitions, got.group, got.slot) == (16, "of-the-file", "0")
    told = {one.name: one.source for one in sources(got, config)}
    assert told["partitions"] == "CJO_PARTITIONS"
    assert told["group"] == "file"
    assert told["slot"] == "default"


def test_any_librdkafka_property_is_passed_from_variables_and_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = file_of(
        tmp_path,
        '[kafka]\nsecurity.protocol = "SSL"\n"sasl.username" = "me"\n'
        "linger_ms = 5\nsocket.keepalive.enable = true\n",
    )
    monkeypatch.setenv("CJO_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("CJO_KAFKA__BOOTSTRAP_SERVERS", "one:9092,two:9092")
    assert load(config).kafka_properties() == {
        **KAFKA_DEFAULTS,
        "bootstrap.servers": "one:9092,two:9092",
        "security.protocol": "SASL_SSL",
        "sasl.username": "me",
        "linger.ms": "5",
        "socket.keepalive.enable": "true",
    }


def test_what_is_wrong_is_named_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJO_PARTITIONS", "none")
    monkeypatch.setenv("CJO_LOG_FORMAT", "xml")
    with pytest.raises(UsageError) as caught:
        load()
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("CJO_PARTITIONS: ")
    assert "1 to 512" in lines[0]
    assert lines[1].startswith("CJO_LOG_FORMAT: ")


def test_what_is_wrong_in_the_file_is_said_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`slot` in the settings file"):
        load(file_of(tmp_path, 'slot = "../up"\n'))
    with pytest.raises(UsageError, match="did you mean `partitions`"):
        load(file_of(tmp_path, "partition = 3\n"))
    with pytest.raises(UsageError, match="not valid TOML"):
        load(file_of(tmp_path, "partitions 3\n"))
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "absent.toml")


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a-very-well-kept-secret"
    monkeypatch.setenv("CJO_TENANT_KEY", secret)
    monkeypatch.setenv("CJO_KAFKA__SASL_PASSWORD", secret)
    monkeypatch.setenv("CJO_KAFKA__SSL_KEY_PEM", secret)
    monkeypatch.setenv("CJO_CHECKPOINT_URL", f"s3://me:{secret}@bucket/path")
    got = load()
    assert secret not in repr(got)
    shown = sources(got)
    assert secret not in "".join(one.value for one in shown)
    assert {one.name for one in shown if one.value == MASK} == {
        "tenant_key",
        "kafka.sasl.password",
        "kafka.ssl.key.pem",
    }


def test_no_secret_of_librdkafka_is_shown() -> None:
    told = ("password", "secret", "passphrase", "key.pem", "oauthbearer.config", "jaas.config")
    for name in NAMES:
        if name.endswith(told):
            shown = {one.name: one.value for one in sources(Settings(kafka={name: "hidden"}))}
            assert shown[f"kafka.{name}"] == MASK, name


def test_a_short_tenant_key_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CJO_TENANT_KEY", "short-one")
    with pytest.raises(UsageError, match="CJO_TENANT_KEY") as caught:
        load()
    assert "short-one" not in str(caught.value)


def test_the_demos_key_is_known_as_that_however_it_is_set() -> None:
    assert Settings(tenant_key=DEMO_TENANT_KEY).tenant_key_is_demo
    assert not Settings(tenant_key="a-key-of-one's-own").tenant_key_is_demo


def test_a_misspelt_variable_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJO_TENANT_KYE", "x")
    monkeypatch.setenv("CJO_LOGLEVEL", "x")
    with pytest.raises(UsageError) as caught:
        unknown_variables()
    assert str(caught.value).splitlines() == [
        "there is no variable CJO_LOGLEVEL; did you mean CJO_LOG_LEVEL?",
        "there is no variable CJO_TENANT_KYE; did you mean CJO_TENANT_KEY?",
    ]


def test_a_variable_of_somebody_else_is_told_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CJO_KAFKA__SASL_USERNAME", "me")
    monkeypatch.setenv("CJO_BROKER_PORT", "20000")
    monkeypatch.setenv("CJO_INTAKE_PORT_8080_TCP_ADDR", "10.0.0.1")
    monkeypatch.setenv("CJO_KAFKA_SASL_USERNAME", "me")
    of_kubernetes, one_underscore = unknown_variables()
    assert "CJO_INTAKE_PORT_8080_TCP_ADDR" in of_kubernetes
    assert "CJO_KAFKA__NAME, with two `_`" in one_underscore


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJO_METRICS_PORT", "")
    assert load().metrics_port is None


def test_the_schema_registry_is_set_by_variables_and_file_and_its_password_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = file_of(tmp_path, '[registry]\nurl = "http://one:8081"\nusername = "me"\n')
    monkeypatch.setenv("CJO_REGISTRY__URL", "https://two:8081/path")
    monkeypatch.setenv("CJO_REGISTRY__PASSWORD", "a-very-well-kept-secret")
    got = load(config)
    assert (got.registry.url, got.registry.username) == ("https://two:8081/path", "me")
    assert "a-very-well-kept-secret" not in repr(got)
    told = {one.name: (one.value, one.source) for one in sources(got, config)}
    assert told["registry.url"] == ("https://two:8081/path", "CJO_REGISTRY__URL")
    assert told["registry.username"] == ("me", "file")
    assert told["registry.password"] == (MASK, "CJO_REGISTRY__PASSWORD")
    assert told["registry.ca"] == ("", "default")


def test_a_registry_setting_that_is_wrong_or_misspelt_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CJO_REGISTRY__URL", "me:hidden@registry")
    with pytest.raises(UsageError, match=r"CJO_REGISTRY__URL: .*https://registry:8081") as caught:
        load()
    assert "hidden" not in str(caught.value)
    for address in ("http://régistry:8081", "http://registry/é"):
        monkeypatch.setenv("CJO_REGISTRY__URL", address)
        with pytest.raises(UsageError, match=r"CJO_REGISTRY__URL: .* as its xn-- name"):
            load()
    monkeypatch.setenv("CJO_REGISTRY__URL", "http://me:hidden@registry")
    with pytest.raises(UsageError, match="CJO_REGISTRY__URL"):
        load()
    monkeypatch.delenv("CJO_REGISTRY__URL")
    with pytest.raises(UsageError, match=r"registry.*uri"):
        load(file_of(tmp_path, '[registry]\nuri = "http://one:8081"\n'))
    monkeypatch.setenv("CJO_REGISTRY_URL", "http://one:8081")
    with pytest.raises(UsageError, match="did you mean CJO_REGISTRY__URL"):
        unknown_variables()


def test_the_tenant_key_may_be_the_text_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text("a-key-of-one's-own-in-a-file\n")
    monkeypatch.setenv("CJO_TENANT_KEY_FILE", str(file))
    got = load()
    assert got.tenant_key_bytes() == b"a-key-of-one's-own-in-a-file"
    told = {one.name: one for one in sources(got)}
    assert (told["tenant_key"].value, told["tenant_key"].source) == (MASK, "tenant_key_file")
    assert told["tenant_key_file"].source == "CJO_TENANT_KEY_FILE"


def test_a_file_without_a_tenant_key_is_refused_until_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    monkeypatch.setenv("CJO_TENANT_KEY_FILE", str(file))
    with pytest.raises(UsageError, match=r"cannot be read \(No such file or directory\): name"):
        load()
    file.write_bytes(b"\xff" * 32)
    with pytest.raises(UsageError, match=r"cannot be read \(it is no text\): name a file"):
        load()
    file.write_text("short\n")
    with pytest.raises(UsageError, match="holds 5 characters: put a key of 16 or more") as told:
        load()
    assert "short" not in str(told.value)
    file.write_text("a-key-of-one's-own")
    assert load().tenant_key_bytes() == b"a-key-of-one's-own"


def test_a_tenant_key_that_is_set_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = file_of(tmp_path, 'tenant_key_file = "key"\n')
    monkeypatch.setenv("CJO_TENANT_KEY", "a-key-of-one's-own")
    with pytest.raises(UsageError, match="set twice: unset CJO_TENANT_KEY or CJO_TENANT_KEY_FILE"):
        load(config)
    monkeypatch.delenv("CJO_TENANT_KEY")
    config.write_text('tenant_key = "a-key-of-one\'s-own"\n')
    assert load(config).tenant_key_bytes() == b"a-key-of-one's-own"


SECRETS = {
    "CJO_METRICS_PASSWORD": "metrics_password",
    "CJO_REGISTRY__PASSWORD": "registry.password",
    "CJO_KAFKA__SASL_PASSWORD": "kafka.sasl.password",
    "CJO_KAFKA__SSL_KEY_PASSWORD": "kafka.ssl.key.password",
    "CJO_KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET": "kafka.sasl.oauthbearer.client.secret",
}


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_may_be_the_text_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    file, name = tmp_path / "secret", SECRETS[variable]
    monkeypatch.setenv("CJO_METRICS_USERNAME", "me")
    monkeypatch.setenv("CJO_METRICS_PASSWORD", "of the metrics")
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(f"{variable}_FILE", str(file))
    with pytest.raises(UsageError, match=f"{variable}_FILE: .*cannot be read .*: name a file"):
        load()
    file.write_text("\n")
    with pytest.raises(UsageError, match=f"{variable}_FILE: .* is empty: put the (pass|sec)"):
        load()
    file.write_text("well kept\n")
    got = load()
    told = {one.name: one for one in sources(got)}
    assert told[name].value == MASK
    assert told[name].source in (f"{name}_file", f"{name}.file")
    if name.startswith("kafka."):
        assert got.kafka_properties() == {**KAFKA_DEFAULTS, name[6:]: "well kept"}
    else:
        assert told[f"{name}_file"].value == str(file)
        value: Any = got
        for part in name.split("."):
            value = getattr(value, part)
        assert value.get_secret_value() == "well kept"
    assert "well kept" not in repr(got)
    monkeypatch.setenv(variable, "another")
    with pytest.raises(UsageError, match=f"is set twice: unset {variable} or {variable}_FILE"):
        load()


def test_the_settings_file_names_files_of_secrets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, other = tmp_path / "secret", tmp_path / "other"
    secret.write_text("well kept")
    other.write_text("better kept")
    config = file_of(
        tmp_path,
        f'[kafka]\n"sasl.password.file" = "{secret}"\nsasl.username = "me"\n'
        f'[registry]\npassword_file = "{secret}"\nurl = "https://one"\n',
    )
    got = load(config)
    assert (got.kafka["sasl.password"], got.kafka["sasl.username"]) == ("well kept", "me")
    assert got.registry.url == "https://one"
    assert got.registry.password is not None
    monkeypatch.setenv("CJO_KAFKA__SASL_PASSWORD_FILE", str(other))
    assert load(config).kafka["sasl.password"] == "better kept"


def test_settings_of_the_metrics_go_in_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = {
        "CJO_METRICS_USERNAME": ("CJO_METRICS_PASSWORD", "set CJO_METRICS_PASSWORD_FILE"),
        "CJO_METRICS_PASSWORD": ("CJO_METRICS_USERNAME", "set CJO_METRICS_USERNAME"),
        "CJO_METRICS_TLS_CERT": ("CJO_METRICS_TLS_KEY", "set CJO_METRICS_TLS_KEY"),
        "CJO_METRICS_TLS_KEY": ("CJO_METRICS_TLS_CERT", "set CJO_METRICS_TLS_CERT"),
    }
    for one, (other, said) in pairs.items():
        with monkeypatch.context() as patch:
            patch.setenv(one, "something")
            with pytest.raises(UsageError, match=said):
                load()
            patch.setenv(other, "something")
            load()
    monkeypatch.setenv("CJO_METRICS_USERNAME", "a:b")
    with pytest.raises(UsageError, match=r"CJO_METRICS_USERNAME: .* a name without a colon"):
        load()


def test_the_least_memory_has_room_for_customers_beside_the_stores() -> None:
    least = Settings(memory_mb=192)
    assert least.memory_mb << 20 > BLOCK_CACHE_BYTES
    with pytest.raises(ValidationError):
        Settings(memory_mb=191)
