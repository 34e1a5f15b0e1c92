"""Settings: one frozen model, read and checked once; only this module reads the environment.

    a variable CJO_<FIELD>  beats  a key of the file given with --config  beats  the default

Every librdkafka property can be set, with `_` for `.`: CJO_KAFKA__SECURITY_PROTOCOL=SASL_SSL,
or in the file `[kafka]` with `security.protocol = "SASL_SSL"`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cjo_stream.core.word import ArchiveForm
from cjo_stream.engine.intake import PARTITIONS_MAX
from cjo_stream.errors import UsageError

PREFIX: Final = "CJO_"
SUPERVISED: Final = "CJO_SUPERVISED"
"""The variable that `up` sets for its children."""
FOREIGN_PREFIXES: Final = ("CJO_BROKER_", "CJO_REQUIRE_", "CJO_STREAM_", "CJO_TEST_", SUPERVISED)
"""Variables of others: of the development broker's script, of the tests, of Kubernetes for a
service with our name, and of the supervisor."""

DEMO_TENANT_KEY: Final = "cjo-stream demo: a public key, for no data of anybody's"
TENANT_KEY_MIN: Final = 16
"""Characters of a tenant key, at least."""
KAFKA_DEFAULTS: Final = {
    "bootstrap.servers": "127.0.0.1:9092",
    # With librdkafka's own 10 s, a process would wait as long after a broker's return.
    "reconnect.backoff.max.ms": "1000",
    # With its 30 s, a host that vanished in silence would keep us as long from another host.
    "socket.connection.setup.timeout.ms": "10000",
}
"""Our defaults where they differ from librdkafka's."""

MASK: Final = "********"
_SECRET = re.compile(r"password|secret|token|\.pem$|jaas|oauthbearer\.config")
_CREDENTIALS = re.compile(r"(?<=://)[^/@]+(?=@)")

_MISSPELT: Final = 0.85
"""How similar (difflib's ratio) a name must be to another to count as its misspelling."""
_WITH_UNDERSCORE: Final = {"log.level": "log_level"}
"""The properties whose own names contain a `_`."""

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class RegistrySettings(BaseModel):
    """Where the schema registry is, and how to enter."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s@]+(/[^\s@]*)?$",
        repr=False,
        description="the schema registry's address, as https://registry:8081",
    )
    username: str | None = Field(
        default=None, min_length=1, description="the name for basic authentication, if any"
    )
    password: SecretStr | None = Field(
        default=None, description="the password for basic authentication"
    )
    ca: Path | None = Field(
        default=None,
        description="a PEM file of the certificates to trust; none: those of the system",
    )

    @field_validator("url")
    @classmethod
    def _in_ascii(cls, value: str | None) -> str | None:
        if value is not None and not value.isascii():
            raise PydanticCustomError(
                "ascii",
                "an address has ASCII characters alone: write the host as its xn-- name, and "
                "other characters of the path as %XX",
            )
        return value


class Settings(BaseSettings):
    """The settings of an installation. Make it with `load`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    topic_prefix: str = Field(
        default="cjo.",
        pattern=r"^[A-Za-z0-9_.-]{1,80}$",
        description="what the names of all topics begin with: letters, digits, . _ -",
    )
    tenant_key: SecretStr | None = Field(
        default=None,
        min_length=TENANT_KEY_MIN,
        description="a secret of your own, 16 characters or more, the same for all processes",
    )
    tenant_key_file: Path | None = Field(
        default=None,
        description="a file that holds the tenant key, in place of CJO_TENANT_KEY",
    )
    partitions: int = Field(
        default=4,
        ge=1,
        le=PARTITIONS_MAX,
        description=f"partitions of the internal and effect topics, 1 to {PARTITIONS_MAX}; fixed "
        "for good",
    )
    replication_factor: int = Field(
        default=1, ge=1, le=32, description="copies of each topic that the broker keeps"
    )
    data_dir: Path = Field(
        default=Path("cjo-data"), description="the folder for local state, one for each machine"
    )
    slot: _Name = Field(
        default="0", description="the name of this worker, one for each: letters, digits, . _ -"
    )
    group: _Name = Field(
        default="cjo", description="the name of this installation's consumer groups"
    )
    checkpoint_url: str | None = Field(
        default=None,
        repr=False,
        description="where checkpoints are kept: a folder, file:///folder or s3://bucket/path",
    )
    checkpoint_interval_s: float = Field(
        default=300.0, ge=1.0, description="seconds between the checkpoints of a partition"
    )
    checkpoints_kept: int = Field(
        default=3, ge=1, le=100, description="checkpoints kept of each partition, 1 to 100"
    )
    archive: str | None = Field(
        default=None,
        min_length=1,
        repr=False,
        description="where intake archives the events that it accepts: a folder, file:///folder "
        "or s3://bucket/path; none: no archive",
    )
    archive_format: ArchiveForm = Field(
        default=ArchiveForm.JSONL,
        description="the form of archived files: jsonl (packed by gzip) or parquet",
    )
    archive_interval_s: float = Field(
        default=300.0,
        ge=1.0,
        le=3_600.0,
        description="seconds that accepted events of a partition wait for their file, 1 to 3600",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="the port of /metrics, /healthz and /readyz; 0 for any free one; none: off",
    )
    metrics_host: str = Field(
        default="127.0.0.1", min_length=1, description="the address that the port is opened on"
    )
    learn_interval_s: float = Field(
        default=300.0, ge=0.0, description="seconds between the models that `learn` publishes"
    )
    session_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=3_600_000,
        description="ms after which a silent worker's partitions go to others",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="json, text, or auto: text on a terminal, else json"
    )
    registry: RegistrySettings = Field(
        default_factory=RegistrySettings,
        description="the schema registry's address, with what it takes to enter",
    )
    kafka: dict[str, str] = Field(
        default_factory=dict, repr=False, description="librdkafka properties, by their names"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let variables beat the arguments, which are the values of the file."""
        return env_settings, init_settings

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("kafka", mode="before")
    @classmethod
    def _dotted(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {_property(name): _text(v) for name, v in _flat(value).items()}

    def kafka_properties(self) -> dict[str, str]:
        """Return the librdkafka properties that are common to all clients of the broker."""
        return {**KAFKA_DEFAULTS, **self.kafka}

    @property
    def tenant_key_is_demo(self) -> bool:
        """Whether the tenant key is the demo's, which is public."""
        return self.tenant_key_bytes() == DEMO_TENANT_KEY.encode()

    def require_tenant_key(self) -> None:
        """Raise UsageError if the tenant key is the demo's, which is public."""
        if self.tenant_key_is_demo:
            raise UsageError(
                "the demo's tenant key is public: set CJO_TENANT_KEY to a secret of your own, the "
                "same for all processes of this installation, and never change it"
            )

    def tenant_key_bytes(self) -> bytes:
        """Return the tenant key; the demo's if none is set."""
        key = self.tenant_key.get_secret_value() if self.tenant_key else DEMO_TENANT_KEY
        return key.encode()


class Setting(NamedTuple):
    """One setting in force."""

    name: str
    value: str
    """As text; secrets are masked."""
    source: str
    """The variable, `file` or `default`."""
    description: str


def load(config: Path | None = None) -> Settings:
    """Return the settings in force; raises UsageError, which names the setting and its values."""
    given = _with_key(_file_values(config))
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [_sentence(name, why, given) for name, why in _findings(error)]
        raise UsageError("\n".join(lines)) from None
    except ValueError as error:
        # pydantic-settings: a variable must contain JSON and does not.
        raise UsageError(f"{error}: see `cjo-stream settings --help`") from None


def _with_key(given: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the tenant key of the file that is named for it, if one is."""
    variable = _variable("tenant_key_file")
    named = _environment().get(variable) or given.get("tenant_key_file")
    if not named:
        return given
    if _environment().get(_variable("tenant_key")) or given.get("tenant_key"):
        raise UsageError(f"the tenant key is set twice: unset CJO_TENANT_KEY or {variable}")
    try:
        key = Path(named).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(
            f"{variable}: {named} cannot be read ({why}): name a file that holds the tenant key"
        ) from None
    if len(key) < TENANT_KEY_MIN:
        raise UsageError(
            f"{variable}: {named} holds {len(key)} characters: put a key of {TENANT_KEY_MIN} or "
            "more into it, such as `openssl rand -hex 32` prints"
        )
    return {**given, "tenant_key": key}


def sources(settings: Settings, config: Path | None = None) -> list[Setting]:
    """Return every setting with its source; Kafka's properties one by one."""
    given = _file_values(config)
    found = []
    for name, field in fields().items():
        value: Any = settings
        for part in name.split("."):
            value = getattr(value, part)
        shown = "" if value is None else _masked(name, str(value))
        source = _source(name, given)
        if name == "tenant_key" and settings.tenant_key_file:
            source = "tenant_key_file"
        found.append(Setting(name, shown, source, field.description or ""))
    in_file = {_property(name) for name in given.get("kafka", {})}
    for name, value in sorted(settings.kafka_properties().items()):
        variable = _variable("kafka", name)
        source = "file" if name in in_file else "default"
        source = variable if _environment().get(variable) else source
        found.append(Setting(f"kafka.{name}", _masked(name, value), source, "librdkafka"))
    return found


def fields() -> dict[str, FieldInfo]:
    """Return every setting but librdkafka's properties, by its name: `registry.url` is nested."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        if name == "registry":
            found |= {f"{name}.{n}": one for n, one in RegistrySettings.model_fields.items()}
        elif name != "kafka":
            found[name] = field
    return found


def is_supervised() -> bool:
    """Return whether this process is a child of `up`."""
    return SUPERVISED in os.environ


def unknown_variables() -> list[str]:
    """Return a sentence about each variable that has our prefix and is no setting.

    Raises UsageError where one is probably a setting, misspelt. Others may belong to another
    program: Kubernetes sets such variables for a service whose name begins like ours.
    """
    known = {_variable(*name.split(".")) for name in [*fields(), "kafka"]}
    unknown, misspelt = [], []
    for name in sorted(_environment()):
        if name in known or name.startswith((_variable("kafka") + "__", *FOREIGN_PREFIXES)):
            continue
        if near := difflib.get_close_matches(name, sorted(known), 1, _MISSPELT):
            misspelt.append(f"there is no variable {name}; did you mean {near[0]}?")
            continue
        if name.startswith(kafka := _variable("kafka")):
            hint = f"librdkafka's properties are written {kafka}__NAME, with two `_`"
        else:
            hint = "`cjo-stream settings` lists them"
        unknown.append(f"the variable {name} is no setting and has no effect; {hint}")
    if misspelt:
        raise UsageError("\n".join(misspelt))
    return unknown


def _environment() -> dict[str, str]:
    """Return the variables with our prefix, by their names in capitals."""
    named = ((name.upper(), value) for name, value in os.environ.items())
    return {name: value for name, value in named if name.startswith(PREFIX)}


def _file_values(config: Path | None) -> dict[str, Any]:
    """Return the values of a settings file; raises UsageError."""
    if config is None:
        return {}
    try:
        given = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{config} cannot be read ({error.strerror}): name another file with --config"
        ) from None
    except ValueError as error:
        raise UsageError(f"{config} is not valid TOML: {error}: mend that place") from None
    for name in given:
        if name not in Settings.model_fields:
            near = difflib.get_close_matches(name, sorted(Settings.model_fields), 1)
            meant = f"did you mean `{near[0]}`?" if near else "`cjo-stream settings` lists them"
            raise UsageError(f"{config}: there is no setting `{name}`; {meant}")
    if isinstance(given.get("kafka"), dict):
        # In the form of the variables, so that a variable beats the file.
        given["kafka"] = {n.replace(".", "_"): v for n, v in _flat(given["kafka"]).items()}
    return given


def _flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return a table's values by dotted name: TOML reads a bare `a.b` as two tables."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


def _property(name: str) -> str:
    """Return a librdkafka property by its name in a variable or the file, `_` for `.` or not."""
    dotted = name.replace("_", ".")
    return _WITH_UNDERSCORE.get(dotted, dotted)


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _findings(error: ValidationError) -> list[tuple[str, str]]:
    """Return (name, reason) of each wrong setting."""
    findings = ((".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
    return list(dict(reversed(list(findings))).items())[::-1]


def _sentence(name: str, why: str, given: Mapping[str, Any]) -> str:
    field = fields().get(name) or Settings.model_fields.get(name.split(".")[0])
    wanted = field.description if field else None
    source = _source(name, given)
    where = f"`{name}` in the settings file" if source == "file" else _variable(*name.split("."))
    return f"{where}: {why[:1].lower()}{why[1:]}; set it to {wanted or 'something else'}"


def _source(name: str, given: Mapping[str, Any]) -> str:
    variable = _variable(*name.split("."))
    if _environment().get(variable):
        return variable
    return "file" if _is_given(name, given) else "default"


def _is_given(name: str, given: Mapping[str, Any]) -> bool:
    table, _, inner = name.partition(".")
    found = given.get(table)
    return inner in found if inner and isinstance(found, Mapping) else found is not None


def _variable(*names: str) -> str:
    return PREFIX + "__".join(names).upper().replace(".", "_")


def _masked(name: str, value: str) -> str:
    if name == "tenant_key" or _SECRET.search(name):
        return MASK
    return _CREDENTIALS.sub(MASK, value)
