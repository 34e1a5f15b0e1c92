"""Commands read back as JSON from their topics, in whatever form they are there."""

from __future__ import annotations

from typing import Final

from cjo_stream.core.record import Action
from cjo_stream.core.word import Codec
from cjo_stream.errors import RefusalError
from cjo_stream.registry.client import Client, UnknownError
from cjo_stream.registry.outline import Find
from cjo_stream.registry.record import compiled, text_of
from cjo_stream.registry.wire import body, schema_id
from cjo_stream.settings import Settings

_FIELDS: Final = tuple(name for name in Action.__struct_encode_fields__ if name != "cut")
"""Those that every command has, null or not."""


class Texts:
    """The JSON texts of commands, whether they are written by a registry's schemas or not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._readers: dict[int, Find | None] = {}
        """By a schema's id; None: its records are JSON."""

    def text(self, value: bytes) -> bytes:
        """Return the JSON text of a command.

        Raises RetryError if the registry is away, RefusalError if it has no such schema.
        """
        id_ = schema_id(value)
        if id_ is None:
            return value
        if id_ not in self._readers:
            self._readers[id_] = self._reader(id_)
        find = self._readers[id_]
        if find is None:
            return body(value)
        found = find(value).read(value)
        return text_of({name: found.get(name) for name in _FIELDS} | found)

    def _reader(self, id_: int) -> Find | None:
        try:
            schema = Client(self._settings).schema(id_)
        except UnknownError:
            raise RefusalError(
                f"a record names schema {id_}, which the schema registry does not have: set "
                "CJO_REGISTRY__URL to the registry that dispatch writes by"
            ) from None
        return None if schema.codec is Codec.JSON else compiled(schema)
