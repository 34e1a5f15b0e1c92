"""The schemas of a process: what was fetched stays, what is lacking is fetched in a thread.

    lacks(record)?  ──no──▶  reading(codec, record): how to read it, or an InputError
          │ yes
          ▼
    asked  ──the thread──▶  the registry  ──answer──▶  known
                                 └──none──▶  asked again after a pause that grows

So a registry that is away delays records of unknown schemas alone, and nobody else.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import Counter
from typing import Final

import msgspec

from cjo_stream.core.word import Codec
from cjo_stream.errors import InputError, RetryError
from cjo_stream.registry.client import Client, UnknownError
from cjo_stream.registry.outline import Find, Reading
from cjo_stream.registry.record import compiled
from cjo_stream.registry.wire import headless, schema_id

PAUSE_SHORTEST_S: Final = 0.5
PAUSE_LONGEST_S: Final = 30.0
REFUSED_FOR_S: Final = 60.0
"""After this, a schema that is unknown to the registry, or of no use, is asked for again."""
KNOWN_MAX: Final = 10_000
"""Schemas beyond which refusals are forgotten once they are old."""

_LOG = logging.getLogger(__name__)


class _Known(msgspec.Struct, frozen=True):
    """The answer about one schema."""

    find: Find | None
    codec: Codec | None = None
    refusal: InputError | None = None
    until_s: float = float("inf")


class Schemas:
    """The schemas by their ids. Any thread may ask; one fetches."""

    def __init__(self, client: Client | None) -> None:
        """`client` may be None where no record needs a schema to be read."""
        self._known: dict[int, _Known] = {}
        self._asked: dict[int, None] = {}
        """In the order in which they are fetched."""
        self._counts: Counter[str] = Counter()
        self._away: tuple[float, str] | None = None
        """Since when the registry gives no answer, and the last reason."""
        self._wake = threading.Condition()
        self._is_closed = False
        if client is not None:
            fetch = functools.partial(self._fetch_all, client)
            threading.Thread(target=fetch, name="registry", daemon=True).start()

    def close(self) -> None:
        """Fetch nothing more."""
        with self._wake:
            self._is_closed = True
            self._wake.notify()

    def lacks(self, value: bytes) -> int | None:
        """Return the id of the schema that a record waits for, which is then asked for.

        None if `reading` can be called: then it can until the next `lacks` of a record.
        """
        id_ = schema_id(value)
        if id_ is None:
            return None
        known = self._known.get(id_)
        if known is not None and known.until_s > time.monotonic():
            return None
        with self._wake:
            self._asked.setdefault(id_)
            self._wake.notify()
        return id_

    def reading(self, codec: Codec, value: bytes) -> Reading:
        """Return how a record of a codec is read, and those that begin with its header.

        Raises InputError. `lacks` must have said None of the record.
        """
        id_ = schema_id(value)
        if id_ is None:
            raise headless()
        known = self._known[id_]
        if known.codec is not codec or known.find is None:
            raise _refusal(id_, known, codec)
        return known.find(value)

    def away(self) -> str | None:
        """Return for how long and why the registry has given no answer; None if it has."""
        away = self._away
        if away is None:
            return None
        return f"for {time.monotonic() - away[0]:.0f} s: {away[1]}"

    def take_counts(self) -> dict[tuple[str, ...], int]:
        """Return the counts since the last call: `cjo_registry_requests_total{result}`."""
        with self._wake:
            counts, self._counts = self._counts, Counter()
        return {("cjo_registry_requests_total", result): n for result, n in counts.items()}

    # --- the thread ----------------------------------------------------------------------------

    def _fetch_all(self, client: Client) -> None:
        pause_s = PAUSE_SHORTEST_S
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._asked or self._is_closed)
                if self._is_closed:
                    return
                id_ = next(iter(self._asked))
            answer = _answer(client, id_)
            if isinstance(answer, RetryError):
                self._note_away(id_, answer)
                with self._wake:
                    # One schema that fails again and again must not delay the others.
                    self._asked.pop(id_)
                    self._asked[id_] = None
                    self._wake.wait_for(lambda: self._is_closed, pause_s)
                pause_s = min(2 * pause_s, PAUSE_LONGEST_S)
            else:
                self._note_answer(id_, answer)
                pause_s = PAUSE_SHORTEST_S

    def _note_away(self, id_: int, error: RetryError) -> None:
        _LOG.warning("records of schema %d wait: %s", id_, error)
        with self._wake:
            self._counts["failed"] += 1
        since_s = self._away[0] if self._away else time.monotonic()
        self._away = (since_s, str(error))

    def _note_answer(self, id_: int, answer: _Known) -> None:
        if self._away is not None:
            _LOG.info("the schema registry answers again")
        self._away = None
        with self._wake:
            self._known[id_] = answer
            del self._asked[id_]
            self._counts["found" if answer.refusal is None else "refused"] += 1
            if len(self._known) > KNOWN_MAX:
                # A record of one that has just expired may be on its way to its reader.
                old_s = time.monotonic() - REFUSED_FOR_S
                self._known = {i: k for i, k in self._known.items() if k.until_s > old_s}


def _refusal(id_: int, known: _Known, codec: Codec) -> InputError:
    """Return why a record of a schema cannot be read."""
    if known.refusal is not None:
        return InputError(known.refusal.reason, known.refusal.detail, may_change=True)
    return InputError(
        "malformed",
        f"its schema {id_} is of {known.codec}, but the channel's `in` says `registry: {codec}`: "
        "one of them is wrong",
        may_change=True,
    )


def _answer(client: Client, id_: int) -> _Known | RetryError:
    """Return what the registry says about a schema, or why it says nothing."""
    until_s = time.monotonic() + REFUSED_FOR_S
    try:
        schema = client.schema(id_)
        find = None if schema.codec is Codec.JSON else compiled(schema)
        return _Known(find, schema.codec)
    except RetryError as error:
        return error
    except UnknownError:
        _LOG.warning("the schema registry does not know schema %d, which a record names", id_)
        detail = (
            f"the schema registry has no schema {id_}: was the record written by another "
            "registry (CJO_REGISTRY__URL)? Register its schema there, and send it again"
        )
        return _Known(None, None, InputError("malformed", detail), until_s)
    except InputError as error:
        _LOG.warning("schema %d of the registry cannot be used: %s", id_, error.detail)
        detail = f"schema {id_} of the registry cannot be used: {error.detail}"
        return _Known(None, None, InputError(error.reason, detail), until_s)
    except Exception as error:
        # An answer without a field that it must have; the thread goes on for other schemas.
        _LOG.exception("schema %d could not be read from the registry", id_)
        return RetryError(f"the registry's answer about schema {id_} is unusable ({error!r})")
