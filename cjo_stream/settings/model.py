"""The settings, their types and their defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cjo_stream.core.word import ArchiveForm
from cjo_stream.engine.intake import PARTITIONS_MAX
from cjo_stream.errors import UsageError
from cjo_stream.settings.name import PREFIX, flat, property_name

DEMO_TENANT_KEY: Final = "cjo-stream demo: a public key, for no data of anybody's"
MEMORY_MB_MIN: Final = 192
"""The stores take 128 of it; the rest is for customers."""
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

FILED: Final = re.compile(r"(password|secret|passphrase)\.file$")
"""The end of a property that we read: it names the file of a secret of librdkafka's."""

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
    password_file: Path | None = Field(default=None, description="a file that holds that password")
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
    memory_mb: int = Field(
        default=1024,
        ge=MEMORY_MB_MIN,
        le=1_048_576,
        description="MB of memory for the state that a worker has at hand, of all its partitions "
        f"together, {MEMORY_MB_MIN} or more; 128 of them are for the stores",
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
    metrics_username: str | None = Field(
        default=None,
        pattern=r"^[^:\x00-\x1f\x7f]+$",
        description="a name without a colon, which /metrics asks for; none: it asks for none",
    )
    metrics_password: SecretStr | None = Field(
        default=None, min_length=1, description="the password of that name"
    )
    metrics_password_file: Path | None = Field(
        default=None, description="a file that holds that password"
    )
    metrics_tls_cert: Path | None = Field(
        default=None,
        description="a PEM file: the port speaks TLS with this certificate and those it needs",
    )
    metrics_tls_key: Path | None = Field(
        default=None, description="a PEM file: the certificate's key, without a passphrase"
    )
    tracing: bool = Field(
        default=False,
        description="true: commands carry the trace contexts of events, and steps have spans for "
        "OpenTelemetry; false: neither",
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
        named = {property_name(name): _text(v) for name, v in flat(value).items()}
        return {name: v for name, v in named.items() if not FILED.search(name)}

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


def fields() -> dict[str, FieldInfo]:
    """Return every setting but librdkafka's properties, by its name: `registry.url` is nested."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        if name == "registry":
            found |= {f"{name}.{n}": one for n, one in RegistrySettings.model_fields.items()}
        elif name != "kafka":
            found[name] = field
    return found


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
