"""A new definition set keeps parts of the set in force, and must not change others.

`era` handles values that customers keep under a changed definition.

The text of every version that ever ran stays in all later sets, because its number must never
mean another content; a set's size bounds them (`_fitting`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Migrate, Status
from cjo_stream.definition.build.program import build_journeys
from cjo_stream.definition.build.topology import RANK_MAX, RANK_STEP
from cjo_stream.definition.code import Code
from cjo_stream.definition.content import (
    INFLATED_BYTES_MAX,
    Carried,
    Content,
    decode,
    encode,
    inflated_bytes,
)
from cjo_stream.definition.era import next_eras
from cjo_stream.definition.life import Past, former, next_past
from cjo_stream.definition.load import DefinitionSet, compile_stored, read_carried, source_of
from cjo_stream.definition.meaning import meaning_of
from cjo_stream.definition.section import Definition, keep_first, read_definitions
from cjo_stream.definition.text.node import Node
from cjo_stream.definition.text.report import Report, unknown
from cjo_stream.definition.text.source import Source
from cjo_stream.engine.frame import ITEM_BYTES_MAX
from cjo_stream.engine.rollout import Live
from cjo_stream.errors import DefinitionError, Diagnostic, UsageError

CONTENT_BYTES_MAX: Final = ITEM_BYTES_MAX - 1024
"""Largest stored set: an item of the log, less the rest of that item."""

_NO_CONTENT: Final = ("version", "owner", "about", "status", "canary", "migrate", "map")
"""Keys of a journey that may change without a new version."""

Version = tuple[str, int]


def succeed(
    new: DefinitionSet,
    running: bytes | None,
    live: Live | None = None,
    *,
    retire: bool = False,
) -> bytes:
    """Return the content to publish in place of `running` (None: nothing was applied yet).

    It keeps the text of every version that ever ran. `live` are the live instances; without it
    any earlier version may have some. With `retire`, journeys whose files are gone are retired.

    Raises DefinitionError for journeys that may not follow those in force (`_refuse`), or that
    need removed actions or facts; UsageError for changes of identifier types that would change
    customers' ids, and for a set too large for the log.
    """
    content = decode(new.content)
    _fitting(new.content, content)  # what is too large alone takes minutes to read
    if running is None:
        past = next_past(Past(), _journeys(content).values(), {})
        first = msgspec.structs.replace(content, ranks=_first_ranks(new.program), past=past)
        return _fitting(encode(first), content)
    before = decode(running)
    old = compile_stored(running)
    _check_topology(new.program, old)
    ranks = _fix_ranks(list(new.program.identifiers), before.ranks or _first_ranks(old))
    change = _Change(content, before, old, live, retire=retire)
    change.check()
    composed = msgspec.structs.replace(
        content,
        ranks=ranks,
        eras=next_eras(new.program, old, before.eras),
        past=next_past(before.past, change.journeys.values(), change.left),
        carried=change.carried(),
    )
    return _fitting(encode(_runnable(composed, live)), content)


class _Change:
    """The journeys of a new set beside all versions that ran before."""

    def __init__(
        self,
        content: Content,
        before: Content,
        old: Program,
        live: Live | None,
        *,
        retire: bool,
    ) -> None:
        self._report = Report()
        self._written = _written(content, self._report)
        self.journeys = _journeys(content)
        """The journeys of the new set, drafts included."""
        self._drafts = {
            version
            for version, journey in _journeys(before).items()
            if journey.status is Status.DRAFT
        }
        earlier = _written(before, self._report)
        self._earlier = {key: one for key, one in earlier.items() if key not in self._drafts}
        self._ran = _versions(before)
        self._old = old
        self._live = live
        self._retire = retire
        self._left_before = before.past.left
        self.left: dict[str, str] = {}
        """The journeys without a file, and the status that they are left in."""

    def check(self) -> None:
        """Fill `left`; raises DefinitionError with everything that is refused."""
        for version, journey in self.journeys.items():
            self._check_draft(journey)
            if version in self._earlier:
                self._check_unchanged(journey)
            if journey.migrate is Migrate.FOLLOW:
                self._check_follow(journey)
        names = {name for name, _ in self.journeys}
        for name in sorted({name for name, _ in self._earlier} - names):
            self._leave(name)
        if self._report.errors:
            raise DefinitionError(self._report.diagnostics())

    def carried(self) -> list[Carried]:
        """Return the versions that the new set does not have."""
        gone = sorted(self._earlier.keys() - self.journeys.keys())
        texts = ((one, self._earlier[one].document.text) for one in gone)
        return [Carried(name, version, text) for (name, version), text in texts]

    def _check_draft(self, journey: Journey) -> None:
        has_run = any(name == journey.name for name, _ in self._earlier)
        if journey.status is Status.DRAFT and has_run:
            self._report.error(
                self._where(journey, "status"),
                Code.DRAFT,
                f"journey {journey.name} has run, and cannot be a draft again: leave it live; or "
                "make it draining, so that its instances finish and nobody enters",
            )

    def _check_unchanged(self, journey: Journey) -> None:
        version = journey.name, journey.version
        before, now = self._earlier[version], self._written[version]
        if journey.status is Status.DRAFT or _content_of(now) == _content_of(before):
            return
        next_version = 1 + max(version for name, version in self._earlier if name == journey.name)
        self._report.error(
            self._where(journey, "version"),
            Code.VERSION,
            f"journey {journey.name} changed without a new version: "
            f"make it version {next_version}",
        )

    def _check_follow(self, journey: Journey) -> None:
        """Report states from which instances could not follow, and unknown ones in `map`."""
        others = {
            version: one
            for (name, version), one in self._ran.items()
            if name == journey.name and version != journey.version
        }
        known = {state for one in others.values() for state in one.states}
        fields = self._written[journey.name, journey.version].fields
        for pair in fields.items("map") if others and fields is not None else ():
            if pair.key.value not in known:
                what = f"state of another version of journey {journey.name}"
                self._report.error(pair.key.node, *unknown(what, pair.key.value, known))
        for version in sorted(version for version in others if self._may_follow(journey, version)):
            gone = [
                name
                for name, state in others[version].states.items()
                if state.end is None and name not in journey.map and name not in journey.states
            ]
            if gone:
                self._report.error(
                    self._where(journey, "migrate"),
                    Code.NO_SUCCESSOR,
                    f"instances in {', '.join(gone)} of version {version} of journey "
                    f"{journey.name} cannot follow: name the state that each becomes, as in "
                    f"`map: {{{gone[0]}: {journey.initial}}}`",
                )

    def _may_follow(self, journey: Journey, version: int) -> bool:
        in_force = self._old.journeys.get(journey.name)
        return (in_force is not None and in_force.version == version) or _may_live(
            journey.name, version, self._live
        )

    def _leave(self, name: str) -> None:
        """Note the status of a journey without a file; report one that still runs."""
        in_force = self._old.journeys.get(name)
        if in_force is None:
            self.left[name] = self._left_before.get(name, str(Status.DRAINING))
            return
        if in_force.status in (Status.DRAINING, Status.RETIRED):
            self.left[name] = str(in_force.status)
            return
        self.left[name] = str(Status.RETIRED)
        if not self._retire:
            self._report.error(
                self._where(in_force, "journey"),
                Code.TAKEN_AWAY,
                f"journey {name} is {in_force.status}, and the new set has no file of it. First "
                "apply it as `status: draining` (its instances finish) or `status: retired` (they "
                "end); or apply this set with --retire, which ends them",
            )

    def _where(self, journey: Journey, key: str) -> Node:
        """Return the place of a key in the journey's document, of the new set or the old one."""
        version = journey.name, journey.version
        definition = self._written.get(version) or self._earlier[version]
        assert definition.fields is not None
        return definition.fields.where(key)


def _content_of(definition: Definition) -> object:
    """Return what a version does: equal if neither layout nor short forms differ."""
    return meaning_of(definition, *_NO_CONTENT).signature


def _may_live(journey: str, version: int, live: Live | None) -> bool:
    if live is None:
        return True
    return any(live.get(journey, {}).get(version, {}).values())


def _runnable(composed: Content, live: Live | None) -> Content:
    """Return a set that compiles: earlier versions that do not, and need not, are dormant.

    Raises DefinitionError where a version that still runs names what is gone.
    """
    try:
        compile_stored(encode(composed))
    except DefinitionError as error:
        broken = {found.file for found in error.diagnostics}
        carried = [
            msgspec.structs.replace(
                one,
                is_dormant=source_of(one).name in broken and not _runs_on(one, composed, live),
            )
            for one in composed.carried
        ]
        if carried == composed.carried:
            raise DefinitionError(map(_of_earlier, error.diagnostics)) from error
        return _runnable(msgspec.structs.replace(composed, carried=carried), live)
    return composed


def _runs_on(one: Carried, composed: Content, live: Live | None) -> bool:
    """Return whether an earlier version may have instances that go on in it, or get new ones."""
    new = next((j for j in _journeys(composed).values() if j.name == one.journey), None)
    status = new.status if new is not None else composed.past.left.get(one.journey)
    if status == Status.RETIRED:
        return False
    journey = _versions(composed)[one.journey, one.version]
    is_watched = journey.goal is not None and journey.goal.within_ms is not None
    is_former = new is not None and one.version == former(new, composed.past)
    leaves = new is not None and new.migrate is not Migrate.DRAIN and new.canary >= 1
    return is_watched or is_former or (not leaves and _may_live(one.journey, one.version, live))


def _of_earlier(found: Diagnostic) -> Diagnostic:
    """Return an error of an earlier version, with the remedy."""
    return found._replace(
        message=f"{found.message}. Customers may still be in this version: keep what it uses"
    )


def _fitting(composed: bytes, content: Content) -> bytes:
    """Return a set unchanged; raises UsageError if it is too large for the log or for readers."""
    size, inflated = len(composed), inflated_bytes(composed)
    if size <= CONTENT_BYTES_MAX and inflated <= INFLATED_BYTES_MAX:
        return composed
    alone = len(encode(content))
    longest = max(content.sources, key=lambda path: len(content.sources[path]))
    raise UsageError(
        f"the definition set has {size:,} bytes compressed and {inflated:,} unpacked; the most "
        f"is {CONTENT_BYTES_MAX:,} and {INFLATED_BYTES_MAX:,}. Its files have {alone:,} bytes "
        f"compressed ({longest} is the longest): shorten texts and comments. The rest is "
        "earlier versions of journeys, which must stay; if the files alone fit, and cannot be "
        "shortened, use a new installation (CJO_TOPIC_PREFIX, or another state folder), which "
        "begins without those versions"
    )


def _written(content: Content, report: Report) -> dict[Version, Definition]:
    """Return the documents of all versions of journeys in a set, earlier ones included."""
    found = _definitions(content) + read_carried(content.carried, report)
    return {
        (one.name, one.fields.value("version")): one
        for one in found
        if one.kind == "journey" and one.fields is not None
    }


def _definitions(content: Content) -> list[Definition]:
    sources = [Source(path, text) for path, text in content.sources.items()]
    return keep_first(read_definitions(sources, Report()), Report())


def _journeys(content: Content) -> dict[Version, Journey]:
    """Return the journeys of a set's own files, drafts included, as far as they compile."""
    built = build_journeys(_definitions(content), content)
    return {(one.name, one.version): one for one in built}


def _versions(content: Content) -> dict[Version, Journey]:
    """Return all versions in a set, drafts included, as far as they compile."""
    documents = _definitions(content)
    others = [one for one in documents if one.kind != "journey"]
    earlier = build_journeys([*others, *read_carried(content.carried, Report())], content)
    return {(one.name, one.version): one for one in earlier} | _journeys(content)


def _check_topology(new: Program, old: Program) -> None:
    if new.topology != old.topology:
        raise UsageError(
            f"topology {old.topology} is in force here, not {new.topology}: "
            "apply its folder, or name another installation (CJO_TOPIC_PREFIX)"
        )
    gone = [name for name in old.identifiers if name not in new.identifiers]
    if gone:
        raise UsageError(
            f"customers are known by identifiers of type {', '.join(gone)}, and an applied type "
            f"must stay: declare {', '.join(gone)} in its old place. No channel needs to send it"
        )
    for name in sorted(new.identifiers.keys() & old.identifiers.keys()):
        before, after = old.identifiers[name].normalise, new.identifiers[name].normalise
        if before != after:
            raise UsageError(
                f"identifier type {name} was applied with normalise {before or 'none'}, by which "
                "customers are known: keep it, and declare a new type with the other"
            )
        if after == "phone" and new.region != old.region:
            raise UsageError(
                f"values of {name}, by which customers are known, depend on the region "
                f"{old.region or 'none'}: keep it, and declare a new type for numbers of another "
                "region"
            )


def _first_ranks(program: Program) -> dict[str, int]:
    return {name: type_.rank for name, type_ in program.identifiers.items()}


def _fix_ranks(types: list[str], fixed: dict[str, int]) -> dict[str, int]:
    """Return ranks for all types ever applied; a new type gets one between its neighbours."""
    kept = [fixed[name] for name in types if name in fixed]
    if kept != sorted(kept):
        order = sorted((name for name in types if name in fixed), key=fixed.__getitem__)
        raise UsageError(
            "identifier types were applied in another order, on which customers' ids depend: "
            f"keep {', '.join(order)}"
        )
    ranks = dict(fixed)
    below = 0
    for position, name in enumerate(types):
        if name not in ranks:
            following = [ranks[later] for later in types[position + 1 :] if later in fixed]
            ranks[name] = _rank_between(below, min(following, default=None), ranks, name)
        below = ranks[name]
    return ranks


def _rank_between(below: int, above: int | None, taken: dict[str, int], name: str) -> int:
    """Return a free rank after `below`, in the middle of the gap before `above`."""
    limit = RANK_MAX + 1 if above is None else above
    wanted = below + RANK_STEP if above is None else (below + above) // 2
    used = set(taken.values())
    free = [rank for rank in range(below + 1, limit) if rank not in used]
    if not free:
        raise UsageError(
            f"no rank is left for identifier type {name} in this place: declare it further down"
        )
    return min(free, key=lambda rank: (abs(rank - wanted), rank))
