"""What is large must find room; what finds none is as if it were missing, and counted."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from cjo_stream.core.cut import cut_record, shortened
from cjo_stream.core.event import Event
from cjo_stream.core.expression import MISSING, Scope
from cjo_stream.core.profile import trait as traits
from cjo_stream.core.profile.fact import set_fact
from cjo_stream.core.profile.trait import join_traits
from cjo_stream.core.profile.view import View
from cjo_stream.core.program.program import Program
from cjo_stream.core.program.topology import Trait
from cjo_stream.core.record import Candidate, Choice, DeadLetter, Decision, Trigger
from cjo_stream.core.size import FACTS_BYTES_MAX, TRAITS_BYTES_MAX, has_room, size_of
from cjo_stream.core.state import Customer
from cjo_stream.core.text import NAME_CHARACTERS_MAX, short
from cjo_stream.core.timeline import ENTRY_BYTES_MAX, EventEntry, event_entry, events_of
from cjo_stream.core.turn import Turn
from cjo_stream.definition import load
from cjo_stream.engine.effect import cut_letter, effect_of
from cjo_stream.engine.frame import EFFECT_BYTES_MAX, Effect, EffectWriter
from cjo_stream.engine.port import Log
from cjo_stream.errors import InvariantError
from tests.world.redefining import World

HOUR_MS = 3_600_000
TOPOLOGY = """
topology: sized
channels: {web: {in: {}}}
identity: {identifiers: [{type: user}]}
profile:
  facts: {a: string, b: string, c: string}
  traits:
    words: {distinct: event.word, on: visit, per: 1d, keep: 1000}
    newest: {last: event.word, on: visit}
    many: {distinct: event.word, on: never, keep: 5000}
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "topology.yaml").write_text(TOPOLOGY)
    loaded = load(tmp_path)
    assert [str(w) for w in loaded.warnings if "at most 1000" in str(w)]
    return loaded.program


def take(customer: Customer, trait: Trait, word: object, at: int, turn: Turn) -> object:
    event = Event("visit", at, {"word": word})
    scope = Scope(at, View(customer, turn.program, at))
    scope.event = event
    return traits.update(customer, trait, event, scope, turn)


def test_what_expired_takes_no_room_in_a_merge(program: Program) -> None:
    trait, day_ms = program.traits["words"], 24 * HOUR_MS
    turn = Turn(program, 9 * day_ms)
    long_ago, lately = Customer("a"), Customer("b")
    for number in range(600):
        take(long_ago, trait, f"{number:04d}" + "x" * 300, day_ms, Turn(program, day_ms))
        if number < 400:
            take(lately, trait, f"{number:04d}" + "y" * 300, 9 * day_ms, turn)
    join_traits(long_ago, lately, turn)
    assert len(traits.read(long_ago, trait, 9 * day_ms)) == 400
    assert turn.counts == {}


def test_what_a_former_definition_left_is_not_joined(program: Program) -> None:
    into = Customer("a")
    join_traits(into, Customer("b", traits={"gone": 1, "newest": ["x", 1]}), Turn(program, 1))
    assert into.traits == {"newest": ["x", 1]}


def test_a_dead_letter_is_cut_to_its_bound_and_says_so() -> None:
    letter = DeadLetter(
        reason="malformed", detail="not JSON", topic="t", partition=0, offset=1, value=b"x" * 10
    )
    assert cut_letter(letter, 10) is letter
    cut = cut_letter(letter, 9)
    assert (cut.value, cut.detail) == (b"x" * 9, "not JSON; cut to 9 bytes")


def test_what_a_former_definition_left_takes_no_room() -> None:
    large = "x" * 42_000
    world = World(TOPOLOGY, 1)
    for number, name in enumerate("abc"):
        world.event("cjo.profile", 1 + number, {"user": "u"}, **{name: large})
    world.apply(TOPOLOGY.replace("a: string, b: string, c: string", "a: list, b: list, c: list"))
    world.event("cjo.profile", 50, {"user": "u"}, a=[large])
    assert world.show("user:u")["customer"]["facts"] == {"a": [large]}


def test_a_large_value_enters_while_the_large_ones_take_no_more_than_they_may() -> None:
    assert has_room("x" * 10_000, ["y" * 10_000, 1, "z" * 100], 20_004)
    assert not has_room("x" * 10_000, ["y" * 10_000, 1, "z" * 100], 20_003)
    assert has_room("x" * 100, ["y" * 10_000], 0)
    assert not has_room("\u0001" * 200, [], 1_000)  # as JSON six bytes each


def test_a_fact_without_room_stays_as_it_was(program: Program) -> None:
    turn, customer = Turn(program, 0), Customer("c")
    half = "x" * (FACTS_BYTES_MAX // 2 - 10)
    for name in ("a", "b", "c"):
        set_fact(customer, name, "small", 1, turn)
        set_fact(customer, name, half, 2, turn)
    assert [len(customer.facts[name].value) for name in "abc"] == [len(half), len(half), 5]
    set_fact(customer, "a", None, 3, turn)
    set_fact(customer, "c", half, 4, turn)
    assert len(customer.facts["c"].value) == len(half)
    assert turn.counts == {("cjo_state_bounds_total", "facts"): 1}


def test_a_trait_takes_large_values_up_to_its_bound_and_small_ones_always(
    program: Program,
) -> None:
    turn, customer = Turn(program, 0), Customer("c")
    words = program.traits["words"]
    taken = [
        take(customer, words, f"{n}" + "x" * 60_000, n * HOUR_MS, turn) is not MISSING
        for n in range(8)
    ]
    assert taken == [True] * 4 + [False] * 4
    assert size_of(customer.traits) <= TRAITS_BYTES_MAX + 1_000
    assert take(customer, program.traits["newest"], "word", 9, turn) == "word"
    assert turn.counts == {("cjo_state_bounds_total", "traits"): 4}
    # A day later the window has room again.
    assert take(customer, words, "y" * 60_000, 40 * HOUR_MS, turn) is not MISSING


def test_a_window_of_distinct_values_is_read_in_time_that_is_linear_in_them(
    program: Program,
) -> None:
    turn, words = Turn(program, 0), program.traits["words"]
    values = [[n, {"deep": [float(n), f"v{n}"]}] for n in range(24 * 400)]
    customer = Customer("c", traits={"words": {b: values[b * 400 :][:400] for b in range(24)}})
    began_s = time.process_time()
    read = traits.read(customer, words, 23 * HOUR_MS)
    assert time.process_time() - began_s < 1.0  # one by one it takes a minute
    assert read == values[-1000:]
    same: list[object] = [1, 1.0, True, "1", [1], [1.0], [True], {"a": 1}, {"a": 1.0}, 2]
    customer.traits["words"] = {0: same[:5], 1: same[5:]}
    assert traits.read(customer, words, 0) == [1, True, "1", [1], [True], {"a": 1}, 2]
    del turn


def test_a_longer_keep_is_a_thousand(program: Program) -> None:
    assert program.traits["many"].keep == 1_000


def test_a_long_name_is_remembered_by_its_digest() -> None:
    assert short("web " + "e" * 90) == "web " + "e" * 90
    assert len(short("web " + "e" * 100)) == len(short("ü")) == 33
    assert short("ü") != short("ö")


# --- records


def decision(number: int) -> Decision:
    candidates = [
        Candidate(action=f"action_{n}", channel="push", gate=None if n % 2 else "caps")
        for n in range(number)
    ]
    return Decision(
        decision_id="c-d1",
        customer_id="c",
        time=1,
        trigger=Trigger("event", "e", "visit"),
        request={"decide": {}},
        journey=None,
        candidates=candidates,
        chosen=Choice(f"action_{number - 1}", "push"),
    )


def test_a_decision_of_too_many_candidates_keeps_the_chosen_then_the_free_and_says_so() -> None:
    whole = decision(20_000)
    value = effect_of(whole).value
    assert len(value) <= 900_000 < len(msgspec.json.encode(whole))
    kept = msgspec.json.decode(value, type=Decision)
    assert kept.cut == ["candidates"]
    assert kept.candidates[0].action == "action_19999"
    assert [c.gate for c in kept.candidates[:5_000]] == [None] * 5_000
    assert kept.chosen == whole.chosen
    assert b"cut" not in effect_of(decision(3)).value


def test_a_record_cut_to_any_size_keeps_what_names_it_and_whole_values() -> None:
    record = {
        "customer_id": "c" * 38,
        "facts": {f"f{n}": "x" * n for n in range(200)},
        "payload": {"items": list(range(500))},
        "history": [{"at": n, "text": "t" * 50} for n in range(100)],
    }
    for bytes_max in range(300, 30_000, 701):
        cut = shortened(record, bytes_max)
        assert size_of(cut) <= bytes_max
        assert cut["customer_id"] == record["customer_id"]
        assert cut["facts"].items() <= record["facts"].items()  # type: ignore[attr-defined] # a dict
        assert cut["payload"] in ({}, record["payload"])
        assert cut["history"] == record["history"][: len(cut["history"])]  # type: ignore[index] # a list
    assert msgspec.json.decode(cut_record(decision(100), 2_000))["cut"] == ["candidates"]


def test_an_effect_past_its_bound_is_never_written() -> None:
    writer = EffectWriter(Log("internal", 0))
    with pytest.raises(InvariantError, match="bound"):
        writer.add((0, 0), (-1, -1), Effect("decision", "c", b"x" * (EFFECT_BYTES_MAX + 1)))


def test_a_text_cut_to_any_size_fits_whatever_its_characters() -> None:
    for bytes_max in range(2, 40):
        kept = shortened("\x01" * 20, bytes_max)
        assert len(msgspec.json.encode(kept)) <= bytes_max
        assert len(msgspec.json.encode(kept + "\x01")) > bytes_max


def test_of_too_much_that_traits_took_the_timeline_keeps_the_smaller_values() -> None:
    large = "x" * (ENTRY_BYTES_MAX - 40)
    body = EventEntry("cart", 1, "id", "web", {"small": 1, "large": large})
    (kept,) = events_of([event_entry(1, "", body)])
    assert kept == EventEntry("cart", 1, "id", "web", {"small": 1})


def test_of_a_list_as_many_elements_are_kept_as_fit() -> None:
    whole = [1, 22, 333]
    kept = [shortened(whole, bytes_max) for bytes_max in range(2, 13)]
    assert kept == [[], [1], [1], [1], [1, 22], [1, 22], [1, 22], [1, 22], whole, whole, whole]


def test_a_name_up_to_the_bound_is_kept_as_it_is() -> None:
    name = "e" * NAME_CHARACTERS_MAX
    assert short(name) == name
    assert short(f"{name}e") != f"{name}e"
