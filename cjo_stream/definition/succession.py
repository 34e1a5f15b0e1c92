"""A new definition set keeps parts of the set in force, and must not change others.

`era` handles values that customers keep under a changed definition.

The text of every version that ever ran stays in all later sets, because its number must never
mean another content; a set's size bounds them (`_fitting`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from cjo_stream.core.program.journey import Journey
from cjo_stream.core.program.program import Program
from cjo_stream.core.word import Migrate, Status
from cjo_stream.definition.build.program import build_journeys
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
from cjo_stream.definition.known_by import KnownBy, first_ranks
from cjo_stream.definition.life import Past, decided, former, next_past
from cjo_stream.definition.load import (
    DefinitionSet,
    compile_stored,
    name_of,
    read_carried,
    source_of,
)
from cjo_stream.definition.meaning import meaning_of
from cjo_stream.definition.refused import Refusal, What, refusal
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
    """Return the content to publish in place of `running`; the arguments are those of `compose`.

    Raises DefinitionError with every reason why the set may not follow the one in force, and
    UsageError for one too large for the log.
    """
    composed, refusals = compose(new, running, live, retire=retire)
    if refusals or composed is None:
        raise DefinitionError(sorted(one.found for one in refusals))
    return _fitting(composed, decode(new.content))


def compose(
    new: DefinitionSet,
    running: bytes | None,
    live: Live | None = None,
    *,
    retire: bool = False,
) -> tuple[bytes | None, list[Refusal]]:
    """Return the content that follows `running`, and every reason why it may not.

    `running` is None if nothing was applied yet. The content keeps the text of every version that
    ever ran; it is None where it does not compile. `live` are the live instances; without it any
    earlier version may have some. With `retire`, journeys whose files are gone are retired.
    """
    content = decode(new.content)
    _fitting(new.content, content)  # what is too large alone takes minutes to read
    if running is None:
        past = next_past(Past(), _journeys(content).values(), {})
        first = msgspec.structs.replace(content, ranks=first_ranks(new.program), past=past)
        return encode(first), []
    before = decode(running)
    old = compile_stored(running)
    known_by = KnownBy(_definitions(content), _definitions(before), new.program, old)
    refusals = known_by.refusals()
    ranks = before.ranks or first_ranks(old)
    if not refusals:
        ranks, refusals = known_by.ranks(ranks)
    change = _Change(content, before, old, live, retire=retire)
    refusals += change.refusals()
    composed = msgspec.structs.replace(
        content,
        ranks=ranks,
        eras=next_eras(new.program, old, before.eras),
        past=next_past(before.past, change.journeys.values(), change.left),
        carried=change.carried(),
    )
    try:
        return encode(_runnable(composed, live)), refusals
    except DefinitionError as error:
        return None, [*refusals, *map(change.still_named, error.diagnostics)]


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
        self._refusals: list[Refusal] = []
        self._written = _written(content)
        self.journeys = _journeys(content)
        """The journeys of the new set, drafts included."""
        self._drafts = {
            version
            for version, journey in _journeys(before).items()
            if journey.status is Status.DRAFT
        }
        earlier = _written(before)
        self._earlier = {key: one for key, one in earlier.items() if key not in self._drafts}
        self._ran = _versions(before)
        self._old = old
        self._live = live
        self._retire = retire
        self._left_before = before.past.left
        self.left: dict[str, str] = {}
        """The journeys without a file, and the status that they are left in."""

    def refusals(self) -> list[Refusal]:
        """Fill `left`; return why the journeys may not follow those in force."""
        for version, journey in self.journeys.items():
            self._check_draft(journey)
            if version in self._earlier:
                self._check_unchanged(journey)
            if journey.migrate is Migrate.FOLLOW:
                self._check_follow(journey)
        names = {name for name, _ in self.journeys}
        for name in sorted({name for name, _ in self._earlier} - names):
            self._leave(name)
        return self._refusals

    def still_named(self, found: Diagnostic) -> Refusal:
        """Return the refusal for an error in an earlier version, at its place in force if any."""
        for (name, version), one in self._earlier.items():
            if found.file == name_of(name, version):
                source = one.document.source
                line, _ = source.locate(one.document.start)
                if source.name != found.file:
                    found = found._replace(
                        file=source.name,
                        line=found.line + line - 1,
                        message=f"version {version} of journey {name}: {found.message}",
                    )
                return Refusal("still_named", f"{name}.{version}", found)
        return Refusal("still_named", found.file, found)

    def carried(self) -> list[Carried]:
        """Return the versions that the new set does not have."""
        gone = sorted(self._earlier.keys() - self.journeys.keys())
        texts = ((one, self._earlier[one].document.text) for one in gone)
        return [Carried(name, version, text) for (name, version), text in texts]

    def _check_draft(self, journey: Journey) -> None:
        has_run = any(name == journey.name for name, _ in self._earlier)
        if journey.status is Status.DRAFT and has_run:
            self._refuse(
                "draft",
                journey.name,
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
        self._refuse(
            "content_without_version",
            journey.name,
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
                name = f"{journey.name}.{pair.key.value}"
                found = unknown(what, pair.key.value, known)
                self._refuse("removed_state", name, pair.key.node, *found)
        for version in sorted(version for version in others if self._may_follow(journey, version)):
            gone = [
                name
                for name, state in others[version].states.items()
                if state.end is None and name not in journey.map and name not in journey.states
            ]
            for state in gone:
                self._refuse(
                    "removed_state",
                    f"{journey.name}.{state}",
                    self._where(journey, "migrate"),
                    Code.NO_SUCCESSOR,
                    f"instances in {state} of version {version} of journey {journey.name} cannot "
                    "follow: name the state that it becomes, as in "
                    f"`map: {{{state}: {journey.initial}}}`",
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
            self._refuse(
                "taken_away",
                name,
                self._where(in_force, "journey"),
                Code.TAKEN_AWAY,
                f"journey {name} is {in_force.status}, and the new set has no file of it. First "
                "apply it as `status: draining` (its instances finish) or `status: retired` (they "
                "end); or apply this set with --retire, which ends them",
            )

    def _refuse(
        self, what: What, name: str, node: Node, code: Code, message: str, suggestion: str = ""
    ) -> None:
        self._refusals.append(refusal(what, name, node, code, message, suggestion))

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

    Of a version whose instances have ended, the goal that is watched runs on. Raises
    DefinitionError where a part that still runs names what is gone.
    """
    try:
        compile_stored(encode(composed))
    except DefinitionError as error:
        found = error.diagnostics
        carried = [
            msgspec.structs.replace(
                one, is_dormant=one.is_dormant or _may_sleep(one, composed, live, found)
            )
            for one in composed.carried
        ]
        if carried == composed.carried:
            raise DefinitionError(map(_of_earlier, found)) from error
        return _runnable(msgspec.structs.replace(composed, carried=carried), live)
    return composed


def _may_sleep(
    one: Carried, composed: Content, live: Live | None, found: Iterable[Diagnostic]
) -> bool:
    """Return whether an earlier version has errors, and none of them where it still runs."""
    source = source_of(one)
    places = [(each.line, each.column) for each in found if each.file == source.name]
    if not places:
        return False
    journeys = [decided(j, composed.past) for j in _journeys(composed).values()]
    new = next((j for j in journeys if j.name == one.journey), None)
    status = new.status if new is not None else composed.past.left.get(one.journey)
    if status == Status.RETIRED:
        return True
    is_former = new is not None and one.version == former(new, composed.past)
    leaves = new is not None and new.migrate is not Migrate.DRAIN and new.canary >= 1
    if is_former or (not leaves and _may_live(one.journey, one.version, live)):
        return False
    [definition] = read_carried([one], Report())
    goal = definition.fields.get("goal") if definition.fields is not None else None
    if goal is None or goal.value.get("within") is None:
        return True
    begin, end = source.locate(goal.node.start), source.locate(goal.node.end)
    return not any(begin <= place < end for place in places)


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


def _written(content: Content) -> dict[Version, Definition]:
    """Return the documents of all versions of journeys in a set, earlier ones included."""
    found = _definitions(content) + read_carried(content.carried, Report())
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
