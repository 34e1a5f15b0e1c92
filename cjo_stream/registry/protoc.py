"""Compiles Protobuf's text to descriptors, by the protoc that grpcio-tools brings.

It runs as a process of its own, because it is C++ that reads others' text, and with a limit of
time. That takes half a second, once a schema.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from cjo_stream.errors import InputError, RetryError

WITHIN_S: Final = 30.0

BUILT_IN: Final = {
    "confluent/meta.proto": """\
syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
""",
    "confluent/type/decimal.proto": """\
syntax = "proto3";
package confluent.type;
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
""",
}
"""Files that Confluent's registry knows without a reference."""


def compile_files(folder: Path, name: str) -> bytes:
    """Return the descriptors of the file `name` and of all that it imports from `folder`.

    Raises InputError where protoc refuses it, RetryError where it does not end in time.
    """
    out = folder / "descriptors.bin"
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{folder}",
        "--include_imports",
        f"--descriptor_set_out={out}",
        name,
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own command, over files that we wrote
            command, capture_output=True, timeout=WITHIN_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RetryError(f"protoc did not compile a schema ({error}): it is tried again") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").replace(f"{folder}/", "").splitlines()
        said = "; ".join(line for line in lines if "warning" not in line.lower())[:500]
        raise InputError("malformed", f"its schema is not Protobuf's: {said}")
    return out.read_bytes()
