"""A schema registry of a few lines, over HTTP on loopback: what Confluent's API says, and no more.

It can be away: then nothing listens on its port. `tests/kafka` has a real one.
"""

from __future__ import annotations

import base64
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cjo_stream.kafka.local.broker import free_port

AVRO_EVENT = {
    "type": "record",
    "name": "Event",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": ["null", "string"], "default": None},
        {"name": "type", "type": "string"},
        {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "identifiers", "type": {"type": "map", "values": "string"}},
        {
            "name": "attributes",
            "type": {
                "type": "record",
                "name": "Attributes",
                "fields": [
                    {"name": "product", "type": "string"},
                    {"name": "total", "type": "double"},
                    {"name": "pieces", "type": "int"},
                ],
            },
        },
    ],
}
PROTO_EVENT = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
message Attributes { string product = 1; double total = 2; int64 pieces = 3; }
message Event {
  string id = 1;
  string type = 2;
  google.protobuf.Timestamp time = 3;
  map<string, string> identifiers = 4;
  Attributes attributes = 5;
}
"""
EVENT_INDEXES = bytes([2, 2])
"""Event is the second message of its file."""


class Registry:
    """A context manager. `schemas` are the answers about ids, `subjects` about (name, version)."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.port = free_port()
        self.login = login
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[tuple[str, str], dict[str, Any]] = {}
        self.asked: list[str] = []
        self.posted: list[tuple[str, Any]] = []
        self.answer: tuple[int, Any] | None = None
        """What it says to everything, if anything."""
        self.moved_to: str | None = None
        """Where it sends who asks, if anywhere."""
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                self._say(*registry.found(self.path, self.headers.get("Authorization")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                registry.posted.append((self.path, body))
                self._say(*(registry.answer or (200, {"id": 70 + len(registry.posted)})))

            def _say(self, status: int, body: Any) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status if registry.moved_to is None else 307)
                if registry.moved_to is not None:
                    self.send_header("Location", registry.moved_to + self.path)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def found(self, path: str, authorization: str | None) -> tuple[int, Any]:
        if self.answer is not None:
            return self.answer
        if self.login is not None:
            pair = base64.b64encode(":".join(self.login).encode()).decode()
            if authorization != f"Basic {pair}":
                return 401, {"error_code": 401, "message": "Unauthorized"}
        match path.strip("/").split("/"):
            case ["schemas", "ids", id_] if int(id_) in self.schemas:
                return 200, self.schemas[int(id_)]
            case ["subjects", subject, "versions", version] if (subject, version) in self.subjects:
                return 200, self.subjects[subject, version]
            case ["schemas", "ids", _]:
                return 404, {"error_code": 40403, "message": "Schema not found"}
            case ["subjects", *_]:
                return 404, {"error_code": 40401, "message": "Subject not found"}
        return 404, b"<html>"

    def __enter__(self) -> Registry:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


def avro(schema: Any, **more: Any) -> dict[str, Any]:
    """Return a registry's answer about an Avro schema."""
    return {"schema": json.dumps(schema), **more}


def proto(text: str, **more: Any) -> dict[str, Any]:
    """Return a registry's answer about a Protobuf schema."""
    return {"schema": text, "schemaType": "PROTOBUF", **more}


def proto_event(event: dict[str, Any]) -> bytes:
    """Return an event as a message of PROTO_EVENT, by hand."""

    def field(number: int, data: bytes) -> bytes:
        return _varint(number << 3 | 2) + _varint(len(data)) + data

    seconds, ms = divmod(event["time"], 1_000)
    attributes = event["attributes"]
    when = b"\x08" + _varint(seconds) + b"\x10" + _varint(ms * 1_000_000)
    pairs = (
        field(1, name.encode()) + field(2, value.encode())
        for name, value in event["identifiers"].items()
    )
    return b"".join(
        [
            field(1, event["id"].encode()),
            field(2, event["type"].encode()),
            field(3, when),
            *(field(4, pair) for pair in pairs),
            field(
                5,
                field(1, attributes["product"].encode())
                + b"\x11"
                + struct.pack("<d", attributes["total"])
                + b"\x18"
                + _varint(attributes["pieces"]),
            ),
        ]
    )


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
