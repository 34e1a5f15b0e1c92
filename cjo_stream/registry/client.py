"""The registry's HTTP interface (Confluent's, which Apicurio, Karapace and Redpanda have too).

GET  /schemas/ids/ID                          a schema by its id
GET  /subjects/SUBJECT/versions/VERSION       a schema that another one names
POST /subjects/SUBJECT/versions               register a schema
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Final, NoReturn, TypeVar

import msgspec

from cjo_stream.core.word import Codec
from cjo_stream.errors import InputError, RefusalError, RetryError, UsageError
from cjo_stream.registry.deadline import Deadline
from cjo_stream.registry.record import Fetched
from cjo_stream.settings import Settings

ANSWER_WITHIN_S: Final = 5.0
ANSWER_BYTES_MAX: Final = 16 << 20
REFERENCES_MAX: Final = 100
_MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_KINDS: Final = {"AVRO": Codec.AVRO, "PROTOBUF": Codec.PROTOBUF, "JSON": Codec.JSON}
_UNKNOWN: Final = frozenset((40401, 40402, 40403))
"""Codes of a subject, version or schema that does not exist; any other 404 is a wrong URL."""
_REFUSED: Final = frozenset((401, 403))


_NO_ANSWER: Final = (
    OSError,
    http.client.HTTPException,
    msgspec.MsgspecError,
    ArithmeticError,
    ValueError,
    RecursionError,
)
"""Of an address that cannot be used, a connection that breaks, and an answer that is no JSON."""
_Answer = TypeVar("_Answer")


class _Reference(msgspec.Struct):
    name: str
    subject: str
    version: int


class _Schema(msgspec.Struct, rename={"text": "schema", "kind": "schemaType"}):
    text: str
    kind: str | None = None
    """Left out where it is Avro's."""
    references: list[_Reference] | None = None


class _Registered(msgspec.Struct):
    id: int


class UnknownError(Exception):
    """The registry says that a schema does not exist."""


class Client:
    """A registry, by the installation's settings."""

    def __init__(self, settings: Settings) -> None:
        """Raises UsageError where the settings name no registry, or no usable certificate."""
        given = settings.registry
        if given.url is None:
            raise UsageError(
                "the topology has a channel with `registry`: set CJO_REGISTRY__URL to the schema "
                "registry's address, as https://registry:8081"
            )
        self._url = given.url.rstrip("/")
        self._login: str | None = None
        if given.username is not None:
            password = given.password.get_secret_value() if given.password else ""
            pair = f"{given.username}:{password}".encode()
            self._login = f"Basic {base64.b64encode(pair).decode()}"
        try:
            self._tls = ssl.create_default_context(cafile=given.ca)
        except OSError as error:
            raise UsageError(
                f"CJO_REGISTRY__CA: {given.ca} has no certificates ({error}): name a PEM file"
            ) from None

    def schema(self, id_: int) -> Fetched:
        """Return a schema with all that it names.

        Raises UnknownError if the registry has no such id, InputError if the schema is of no use,
        RetryError if the registry gives no answer.
        """
        found = self._ask(f"/schemas/ids/{id_}", _Schema)
        codec = _KINDS.get(found.kind or "AVRO")
        if codec is None:
            raise InputError("malformed", f"its schema {id_} is neither Avro, Protobuf nor JSON")
        references: dict[str, str] = {}
        if codec is not Codec.JSON:
            self._follow(found, references)
        return Fetched(codec, found.text, references)

    def ping(self) -> None:
        """Return once the registry has answered; raises RetryError if it does not."""
        with contextlib.suppress(UnknownError):  # no schema has the id 0
            self._ask("/schemas/ids/0", _Schema)

    def register(self, subject: str, kind: str, text: str) -> int:
        """Register a schema; return its id, also if it was registered before.

        Raises RefusalError if the registry does not take it, RetryError if it gives no answer.
        """
        path = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        try:
            return self._ask(path, _Registered, {"schema": text, "schemaType": kind}).id
        except UnknownError:
            # There is nothing that it could not know: a subject begins with its first schema.
            raise self._no_registry(path) from None

    def _follow(self, schema: _Schema, found: dict[str, str]) -> None:
        """Add what a schema names, what is named by others first."""
        for one in schema.references or []:
            if one.name in found:
                continue
            if len(found) >= REFERENCES_MAX:
                raise InputError(
                    "malformed", f"its schema names more than {REFERENCES_MAX} others"
                )
            subject = urllib.parse.quote(one.subject, safe="")
            named = self._ask(f"/subjects/{subject}/versions/{one.version}", _Schema)
            self._follow(named, found)
            found.setdefault(one.name, named.text)

    def _ask(self, path: str, type_: type[_Answer], body: dict[str, str] | None = None) -> _Answer:
        try:
            return msgspec.json.decode(self._answer(path, body), type=type_)
        except msgspec.ValidationError:
            raise self._no_registry(path) from None
        except _NO_ANSWER as error:
            raise RetryError(
                f"the schema registry at {self._url} gives no answer ({_reason(error)}): it is "
                "asked again. Is CJO_REGISTRY__URL right?"
            ) from None

    def _answer(self, path: str, body: dict[str, str] | None) -> bytes:
        """Return the bytes of an answer; raises one of NO_ANSWER, or what `_refuse` does."""
        request = urllib.request.Request(  # noqa: S310 - the settings take http and https alone
            self._url + path,
            data=None if body is None else msgspec.json.encode(body),
            headers={"Accept": f"{_MEDIA_TYPE}, application/json", "Content-Type": _MEDIA_TYPE},
        )
        if self._login is not None:
            # Never passed on to where an answer may redirect us.
            request.add_unredirected_header("Authorization", self._login)
        with Deadline(ANSWER_WITHIN_S) as deadline:
            try:
                with deadline.opened(request, self._tls) as answer:
                    found: bytes = answer.read(ANSWER_BYTES_MAX)
            except urllib.error.HTTPError as error:
                self._refuse(error, path, is_question=body is None)
            except _NO_ANSWER:
                deadline.check()
                raise
            # An answer that was cut off may end as a whole one does.
            deadline.check()
            return found

    def _refuse(self, error: urllib.error.HTTPError, path: str, *, is_question: bool) -> NoReturn:
        """Raise what an answer other than 200 means."""
        try:
            said = msgspec.json.decode(error.read(ANSWER_BYTES_MAX))
        except _NO_ANSWER:
            said = None
        code, message = (
            (said.get("error_code"), str(said.get("message", ""))[:2_000])
            if isinstance(said, dict)
            else (None, "")
        )
        if error.code == 404:
            if code in _UNKNOWN:
                raise UnknownError
            raise self._no_registry(path)
        if error.code in _REFUSED:
            raise RetryError(
                f"the schema registry at {self._url} refuses us ({error.code}): set "
                "CJO_REGISTRY__USERNAME and CJO_REGISTRY__PASSWORD; it is asked again"
            )
        if error.code in (409, 422) and not is_question:
            raise RefusalError(
                f"the schema registry refuses a schema ({path.split('/')[2]}): {message}. Mend "
                "that, or lower the subject's compatibility"
            )
        raise RetryError(
            f"the schema registry at {self._url} answers {error.code} {message}: it is asked again"
        )

    def _no_registry(self, path: str) -> RetryError:
        return RetryError(
            f"nothing at {self._url}{path} answers as a schema registry: set CJO_REGISTRY__URL to "
            "its address, path included (Apicurio: http://host:8080/apis/ccompat/v7)"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__
