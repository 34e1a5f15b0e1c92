"""One seed is one world: definitions, a stream, and every way through it that must agree.

    reference    against the engine in memory with 1 and with 5 partitions, byte for byte
    records      if kinds are switched off, the effects are those with all, without these kinds
    on disk      some seeds also through `run` with a state folder, killed in the middle
    promises     what the effects say of themselves

With 1 partition all effects have one order. With 5 each customer's own have: between customers
only the time of a due orders them.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from cjo_stream import ingest
from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.event import Event
from cjo_stream.definition import DefinitionSet, load
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import DefinitionError, InputError
from tests.adversary.limit import failure_of
from tests.adversary.smallest import smallest as smallest_of
from tests.differential import engine, promise
from tests.differential.reference import BusyError, Reference
from tests.differential.stream import DAY, Raw, Span, draw_records, raw_records
from tests.differential.topology import Document, draw_definitions, keys_used, text_of

KEY = b"a key for tests"
RECORDS_MAX = 60
RECORDS_EACH = 15
"""Of a person, at most, where a world has many."""
EFFECTS_MAX = 1_000
"""What goes beyond is no world of a second: its stream ends before."""
FEW_RAISED = msgspec.structs.replace(BOUNDS, raised=100)
"""So that this is found out soon; the world itself runs by the product's bounds."""
MANY_PARTITIONS = 5
ON_DISK_SHARE = 0.1

Place = tuple[str | int, ...]
"""Where something stands in a list of documents: keys and numbers, from the outside in."""


class World(NamedTuple):
    """All that a seed decides."""

    documents: list[Document]
    records: list[Raw]
    drain_ms: int
    kills: tuple[float, ...] | None
    """Where a run on disk is killed, as shares of the records; None: there is no such run."""


def draw_world(seed: int, span: Span | None = None, people: int | None = None) -> World:
    """Return the world of a seed.

    `span` says when its records come. With so many `people` there are more records.
    """
    draw = Random(seed)
    documents = draw_definitions(draw)
    records_max = draw.choice((8, 25, RECORDS_MAX))
    definitions = loaded(with_all_records(documents))
    reference = Reference(
        definitions.program, ingest.decoder(definitions.program, KEY), EFFECTS_MAX, FEW_RAISED
    )
    if people is not None:
        records_max = people * RECORDS_EACH
    records = draw_records(draw, reference, records_max, span, people)
    drain_ms = draw.choice((0, DAY, 10 * DAY))
    try:
        reference.run_to(reference.high + drain_ms)
    except BusyError:
        drain_ms = 0
    kills = tuple(sorted(draw.random() for _ in range(draw.randint(1, 3))))
    return World(documents, records, drain_ms, kills if draw.random() < ON_DISK_SHARE else None)


def run(seed: int) -> Counter[str]:
    """Run a seed's world every way; return what was met, by name. Raises AssertionError."""
    return compare(draw_world(seed))


def compare(world: World) -> Counter[str]:
    """Run a world every way; return what was met, by name. Raises AssertionError."""
    definitions = loaded(world.documents)
    records = raw_records(world.records)
    reference = told(definitions, records, world.drain_ms)
    decode = ingest.decoder(definitions.program, KEY)
    wanted = [plain(effect) for effect in reference.effects]
    rows = reference.rows()
    for partitions in (1, MANY_PARTITIONS):
        effects, found_rows = engine.run_in_memory(
            definitions, decode, records, world.drain_ms, partitions
        )
        found = [plain(effect) for effect in engine.of_customers(effects)]
        if partitions == 1:
            same(wanted, found, "1 partition")
        one, other = by_customer(wanted), by_customer(found)
        for key in sorted({*one, *other}):
            same(one[key], other[key], f"{partitions} partitions, {key or 'nobody'}")
        same(rows, found_rows, f"{partitions} partitions, the rows of customers")
    whole = told(loaded(with_all_records(world.documents)), records, world.drain_ms)
    all_effects = [plain(effect) for effect in whole.effects]
    kept = recorded(all_effects, world.documents)
    same(kept, wanted, "without the records that are switched off")
    same(whole.rows(), rows, "with all records, the rows of customers")
    looked = promise.check(_case(world, definitions, records, whole))
    if world.kills is not None:
        _compare_on_disk(world, definitions, records, wanted, rows)
    return _met(world, whole, all_effects) + Counter(
        {f"promise {name}": times for name, times in looked.items()}
    )


def case_of(world: World) -> promise.Case:
    """Return a world as the oracle sees it, by the reference."""
    definitions, records = loaded(with_all_records(world.documents)), raw_records(world.records)
    return _case(world, definitions, records, told(definitions, records, world.drain_ms))


def told(definitions: DefinitionSet, records: Sequence[RawRecord], drain_ms: int) -> Reference:
    """Return a reference that has had all records, and time until they are drained."""
    reference = Reference(definitions.program, ingest.decoder(definitions.program, KEY))
    for record in records:
        reference.take(record)
    reference.run_to(reference.high + drain_ms)
    return reference


def loaded(documents: list[Document]) -> DefinitionSet:
    """Return documents compiled; raises DefinitionError."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "all.yaml").write_text(text_of(documents))
        return load(Path(folder))


def with_all_records(documents: list[Document]) -> list[Document]:
    """Return documents that switch no kind of records off."""
    return [
        {key: value for key, value in one.items() if not (key == "records" and "topology" in one)}
        for one in documents
    ]


def recorded(effects: Sequence[Any], documents: list[Document]) -> list[Any]:
    """Return the effects of kinds that documents do not switch off."""
    [topology] = [one for one in documents if "topology" in one]
    off = {kind for kind, word in topology.get("records", {}).items() if word == "off"}
    acts = topology.get("records", {}).get("decision") != "decide"

    def is_recorded(kind: str, value: bytes) -> bool:
        if kind == "decision" and not acts:
            return "act" not in json.loads(value)["request"]
        return kind not in off

    return [one for one in effects if is_recorded(one[0], one[3])]


def smallest(seed: int) -> str:
    """Return the smallest form of what a seed broke: definitions and records, as text."""
    world = draw_world(seed)
    broken = failure(world)
    if broken is None:
        return f"seed {seed} breaks nothing"

    def breaks(world: World) -> bool:
        return failure(world) == broken

    def breaks_with(records: list[Raw]) -> bool:
        return breaks(world._replace(records=records))

    if world.kills is not None and breaks(world._replace(kills=None)):
        world = world._replace(kills=None)
    world = world._replace(records=smallest_of(world.records, breaks_with))
    for depth in range(1, 12):
        world = _smaller_at(world, depth, breaks)
    world = world._replace(records=smallest_of(world.records, breaks_with))
    return f"seed {seed} breaks: {_why(world)}\n\n{_shown(world)}"


def failure(world: World) -> str | None:
    """Return in short how a world breaks; None where it does not, or does not load."""
    failed = failure_of(lambda: compare(world))
    if failed is None or failed.startswith(DefinitionError.__name__):
        return None
    return ":".join(failed.split(":")[:2])


# --- what is compared


def _case(
    world: World,
    definitions: DefinitionSet,
    records: Sequence[RawRecord],
    reference: Reference,
) -> promise.Case:
    decode = ingest.decoder(definitions.program, KEY)
    events: list[Event] = []
    for decoded in map(decode, records):
        if not isinstance(decoded, InputError):
            events += decoded if isinstance(decoded, list) else [decoded]
    effects = [plain(effect) for effect in reference.effects]
    is_overrun = reference.counts.get(("cjo_state_bounds_total", "due_at_once"), 0) > 0
    return promise.Case(world.documents, events, effects, reference.clock, is_overrun)


def plain(effect: Effect) -> tuple[Any, ...]:
    """Return what is compared of an effect."""
    headers = tuple((name, value) for name, value in effect.headers)
    return effect.kind, effect.key, effect.channel or "", effect.value, headers


def by_customer(effects: Sequence[Any]) -> dict[str, list[Any]]:
    """Return each customer's effects in order.

    Sorted are dead letters, which are nobody's, and changes of who is who: what two partitions
    say to a third at once has no order.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    for effect in effects:
        key = f"{effect[1]}, identity" if effect[0] == "identity" else effect[1]
        found[key].append(effect)
    for key, of_key in found.items():
        if not key or key.endswith("identity"):
            of_key.sort()
    return found


def same(wanted: Sequence[Any], found: Sequence[Any], where: str) -> None:
    """Raise AssertionError at the first that differs."""
    if wanted == found:
        return
    for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
        assert one == other, f"{where}: number {number} is\n{other}, not\n{one}"
    longer = wanted[len(found) :] or found[len(wanted) :]
    raise AssertionError(f"{where}: {len(found)} for {len(wanted)}; the first alone:\n{longer[0]}")


def _compare_on_disk(
    world: World,
    definitions: DefinitionSet,
    records: Sequence[RawRecord],
    wanted: Sequence[Any],
    rows: list[dict[str, object]],
) -> None:
    """Compare with the files of a run that was killed; profiles go to no file."""
    assert world.kills is not None
    decode = ingest.decoder(definitions.program, KEY)
    partitions = 1 + len(world.kills) % 2 * (MANY_PARTITIONS - 1)
    kills = sorted({int(share * len(records)) for share in world.kills})
    files = engine.run_on_disk(definitions, decode, records, world.drain_ms, partitions, kills)
    where = f"on disk with {partitions} partitions"
    for kind in engine.FILES:
        of_kind = [(e[1], json.loads(e[3])) for e in wanted if e[0] == kind]
        found = [(line["customer_id"], line) for line in files[kind]]
        if partitions > 1:
            order = json.dumps if kind == "identity" else itemgetter(0)  # as in `by_customer`
            of_kind.sort(key=order)
            found.sort(key=order)
        same(of_kind, found, f"{where}, the {kind}s")
    letters = sum(effect[0] == "dead_letter" for effect in wanted)
    assert len(files["dead_letter"]) == letters, f"{where}: dead letters differ in number"
    same(json.loads(json.dumps(rows)), files["customer"], f"{where}, customers.jsonl")


# --- what was met


def _met(world: World, reference: Reference, effects: Sequence[Any]) -> Counter[str]:
    met: Counter[str] = Counter({f"key {name}": 1 for name in keys_used(world.documents)})
    for kind, _, channel, value, headers in effects:
        met[f"record {kind}"] += 1
        if kind == "dead_letter":
            met[f"dead letter {dict(headers)['reason'].decode()}"] += 1
            continue
        if not value:
            continue
        record = json.loads(value)
        if kind == "transition":
            met[f"transition {record['reason']} by {record['trigger']['kind']}"] += 1
        elif kind == "decision":
            met[f"decision by {record['trigger']['kind']}"] += 1
            met.update(f"gate {one['gate']}" for one in record["candidates"])
            for name in ("deferred_until", "suppressed", "model_version"):
                met[f"decision with {name}"] += record[name] is not None
        elif kind == "identity":
            met[f"identity {record['kind']} {record['reason'] or ''}".strip()] += 1
        elif kind == "action":
            met[f"action on {channel}"] += 1
        elif kind == "reward":
            met[f"reward of {record['outcome']}"] += 1
    for counted, by in reference.counts.items():
        if counted[0] == "cjo_events_total":
            met[f"event {counted[2]}"] += by
        elif counted[0] in ("cjo_state_bounds_total", "cjo_journey_refusals_total"):
            met[" ".join(counted)] += by
    met["world on disk, killed"] += world.kills is not None
    return +met


# --- the smallest form


def _smaller_at(world: World, depth: int, breaks: Callable[[World], bool]) -> World:
    """Return a world that still breaks, with as little as can be so deep in its documents."""

    def with_only(places: list[Place]) -> World:
        return world._replace(documents=_only(world.documents, depth, places))

    kept = _places(world.documents, depth)
    return (
        with_only(smallest_of(kept, lambda places: breaks(with_only(places)))) if kept else world
    )


def _places(value: Any, depth: int, place: Place = ()) -> list[Place]:
    """Return the places of all that stands so deep in documents."""
    if not isinstance(value, dict | list):
        return []
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    if len(place) + 1 == depth:
        return [(*place, key) for key, _ in pairs]
    return [found for key, one in pairs for found in _places(one, depth, (*place, key))]


def _only(value: Any, depth: int, kept: Sequence[Place], place: Place = ()) -> Any:
    """Return documents of which only the places kept stand so deep; what is less deep stays."""
    return _pruned(value, depth, set(kept), place)


def _pruned(value: Any, depth: int, kept: set[Place], place: Place) -> Any:
    if not isinstance(value, dict | list):
        return value
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    left = []
    for key, one in pairs:
        below = (*place, key)
        if len(below) < depth:
            left.append((key, _pruned(one, depth, kept, below)))
        elif below in kept:
            left.append((key, one))
    return dict(left) if isinstance(value, dict) else [one for _, one in left]


def _why(world: World) -> str:
    return failure_of(lambda: compare(world)) or "nothing"


def _shown(world: World) -> str:
    records = "\n".join(f"{raw.channel} at {raw.time}: {raw.value}" for raw in world.records)
    kills = f"killed at {world.kills}" if world.kills is not None else ""
    documents = "".join(f"---\n{json.dumps(one, indent=1)}\n" for one in world.documents)
    return f"{documents}\n{records}\n\ndrained for {world.drain_ms} ms {kills}"
