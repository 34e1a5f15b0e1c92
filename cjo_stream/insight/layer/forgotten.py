"""What a layer keeps so that nothing of an erased customer comes in again, however late.

Of each identifier that the customer had there is its hash under the tenant key, as it stands in
customers' ids, and the time of the erasure. Without the key nobody can tell whom it names. An
event up to that time is not taken; a later one is of somebody who came back, as in the engine.

Records of the customer may be read after the erasure. They are not taken, but tell of identifiers
that the layer did not know of; so they are taken out too, unless a record of somebody who stays
names them at or before the erasure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from cjo_stream.core.message import CUSTOMER_ID_DIGITS, seed_of
from cjo_stream.errors import RefusalError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.ingest.tenant import check_fingerprint, fingerprint
from cjo_stream.insight.layer.erasure import left_of
from cjo_stream.insight.layer.manifest import Manifest, Part
from cjo_stream.insight.layer.reading import Layer
from cjo_stream.insight.layer.table import EVENTS, FORGOTTEN, IDENTITIES, Row, Table
from cjo_stream.insight.layer.who import Who

_CACHED: Final = 65_536
_KIND, _CUSTOMER = IDENTITIES.places["kind"], IDENTITIES.places["customer_id"]
_NAMES, _TIME = IDENTITIES.places["identifiers"], IDENTITIES.places["time"]
_NAMED, _AT = EVENTS.places["identifiers"], EVENTS.places["time"]
_RECEIVED = EVENTS.places["received"]
_BRINGING: Final = ("created", "linked", "unmerged")
"""Kinds of changes by which a customer has identifiers."""
_ENGINES: Final = re.compile(f"[0-9a-f]{{{CUSTOMER_ID_DIGITS}}}")
"""The id of a customer of the engine."""
_STAYING: Final = """
kind <> 'erased' AND "time" <= $until AND list_has_any(identifiers, $names::VARCHAR[])
"""


class Forgotten:
    """The hashes of a layer, and what late records tell until the next manifest."""

    def __init__(self, folder: Folder, manifest: Manifest, tenant_key: bytes) -> None:
        """Read them; raises RefusalError where they are under another key."""
        if manifest.key:
            check_fingerprint(tenant_key, manifest.key, f"the layer {folder.url}")
        self._folder, self._tenant_key = folder, tenant_key
        self._hash_of = lru_cache(_CACHED)(self._hashed)
        parts = [one for one in manifest.parts if one.table == FORGOTTEN.name]
        self._hashes: dict[str, int] = dict(Layer.rows_of(folder, FORGOTTEN, parts))
        self._latest = max(self._hashes.values(), default=0)
        """The time of the latest erasure: most events are later, and need no hash."""
        self._late: dict[str, int] = {}
        """Identifiers that late records name, and until when events of theirs are to leave."""
        self.withheld = manifest.withheld
        """Events that were not taken, of all time."""
        self.has_changed = False
        """Whether the table is to be drawn anew."""

    @property
    def key(self) -> str:
        """The fingerprint of the tenant key; empty while nobody was erased."""
        return fingerprint(self._tenant_key) if self._hashes else ""

    @property
    def has_late(self) -> bool:
        """Whether late records name an identifier that was not known to be of who was erased."""
        return bool(self._late)

    def drawn(self) -> dict[Table, list[Row]]:
        """Return the rows of the table."""
        return {FORGOTTEN: sorted(self._hashes.items())}

    def until(self, name: str) -> int | None:
        """Return until when an identifier was an erased customer's; None if it never was."""
        return self._hashes.get(self._hash_of(name))

    # --- what comes in

    def left_of(self, table: Table, row: Row, who: Who) -> Row | None:
        """Return what is left of a row that comes in; None if it is of an erased customer."""
        if table is EVENTS and row[_NAMED] and min(row[_AT], row[_RECEIVED]) > self._latest:
            return row
        if table is IDENTITIES and row[_KIND] == "unmerged":
            self._spare(row, who)
        left = left_of(table, row, who, self.until)
        if left is None:
            self.withheld += table is EVENTS
            if table is IDENTITIES:
                self._note_late(row, who.people.erased[row[_CUSTOMER]])
        return left

    def _spare(self, row: Row, who: Who) -> None:
        """Take back what was forgotten: an unmerge had given it to somebody else before."""
        if row[_CUSTOMER] not in who.people.erased:
            for name in row[_NAMES]:
                if (until := self.until(name)) is not None and row[_TIME] <= until:
                    self._take_back(name)

    def _note_late(self, row: Row, until: int) -> None:
        if row[_KIND] in _BRINGING:
            self._late |= {name: until for name in row[_NAMES] if self.until(name) != until}
        elif row[_KIND] == "detached":  # it was nobody's any more when the customer was erased
            for name in row[_NAMES]:
                self._late.pop(name, None)
                if self.until(name) == until:
                    self._take_back(name)

    def _take_back(self, name: str) -> None:
        del self._hashes[self._hash_of(name)]
        self.has_changed = True

    # --- an erasure is carried out

    def forget(self, parts: Sequence[Part], who: Who, before: Collection[str]) -> None:
        """Note the identifiers of customers who were erased; `before` were by the last manifest.

        Those of late records become `who.people.erased_names`. Raises RefusalError where the
        customers' ids are made with another key.
        """
        people = who.people
        changes = [one for one in parts if one.table == IDENTITIES.name]
        self._check_key(changes)
        people.note_erased(self._known_late(changes, people.erased))
        unnamed = {
            seed_of(id_): people.erased[id_]
            for id_ in people.unnamed
            if id_ not in before and _ENGINES.fullmatch(id_)
        }
        if unnamed:
            people.note_erased(self._names_of(unnamed, parts))
        new = {self._hash_of(name): at for name, at in people.erased_names.items()}
        for hash_, at in (*unnamed.items(), *new.items()):
            if at > self._hashes.get(hash_, at - 1):
                self._hashes[hash_] = at
                self._latest = max(at, self._latest)
                self.has_changed = True

    def _known_late(self, changes: Sequence[Part], erased: Mapping[str, int]) -> dict[str, int]:
        """Return the identifiers of late records that nobody who stays has had before."""
        late, self._late = self._late, {}
        if late:
            asked = {"names": sorted(late), "until": max(late.values())}
            for row in Layer.rows_of(self._folder, IDENTITIES, changes, _STAYING, asked):
                if row[_CUSTOMER] not in erased:
                    for name in row[_NAMES]:
                        if row[_TIME] <= late.get(name, row[_TIME] - 1):
                            del late[name]
        return late

    def _names_of(self, hashes: Mapping[str, int], parts: Sequence[Part]) -> dict[str, int]:
        """Return the identifiers of events with these hashes: no change of theirs was read."""
        of = [one for one in parts if one.table == EVENTS.name]
        names = Layer.values_of(self._folder, EVENTS, of, "identifiers")
        found = ((name, self._hashed(name)) for name in names)
        return {name: hashes[hash_] for name, hash_ in found if hash_ in hashes}

    def _check_key(self, changes: Sequence[Part]) -> None:
        created = "kind = 'created' AND len(identifiers) > 0"
        for row in Layer.rows_of(self._folder, IDENTITIES, changes, created):
            if _ENGINES.fullmatch(row[_CUSTOMER]):
                if self._hashed(row[_NAMES][0]) != seed_of(row[_CUSTOMER]):
                    raise RefusalError(
                        "a customer is to be erased, and CJO_TENANT_KEY is not the key that these "
                        "records were made with: without it the layer could not tell whose events "
                        "come later. Set CJO_TENANT_KEY to that key"
                    )
                return

    def _hashed(self, name: str) -> str:
        type_, _, value = name.partition(":")
        return identifier_hash(self._tenant_key, type_, value)
