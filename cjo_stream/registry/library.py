"""The libraries of the extra `cjo-stream[registry]`, imported where something needs them."""

from __future__ import annotations

from typing import Any

from cjo_stream.core.word import Codec
from cjo_stream.errors import UsageError


def require(codec: Codec) -> None:
    """Raise UsageError where a codec's libraries are not installed."""
    if codec is Codec.AVRO:
        import_fastavro()
    elif codec is Codec.PROTOBUF:
        import_protobuf()


def import_fastavro() -> Any:
    """Return fastavro; raises UsageError if it is not installed."""
    try:
        import fastavro
    except ImportError as error:
        raise _missing("Avro", error) from error
    return fastavro


def import_protobuf() -> Any:
    """Return the package google.protobuf; raises UsageError if it or protoc is not installed."""
    try:
        import google.protobuf.descriptor_pb2
        import google.protobuf.descriptor_pool
        import google.protobuf.message
        import google.protobuf.message_factory
        import grpc_tools.protoc  # noqa: F401 - run as a process of its own
    except ImportError as error:
        raise _missing("Protobuf", error) from error
    return google.protobuf


def _missing(what: str, error: ImportError) -> UsageError:
    return UsageError(
        f"a channel's `registry` needs libraries for {what} that are not installed ({error}): "
        'pip install "cjo-stream[registry]"'
    )
