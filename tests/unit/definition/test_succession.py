"""What a new definition set takes over from the one in force."""

from __future__ import annotations

import base64
import importlib
import random
from pathlib import Path

import msgspec
import pytest

from cjo_stream.core.message import StoreSet
from cjo_stream.core.program.program import Program
from cjo_stream.definition import (
    DefinitionSet,
    compile_content,
    library_differences,
    load,
    succeed,
)
from cjo_stream.definition.content import (
    decode,
    digest,
    encode,
    inflated_bytes,
)
from cjo_stream.definition.succession import CONTENT_BYTES_MAX
from cjo_stream.engine.frame import RECORD_BYTES_MAX, control_frame
from cjo_stream.engine.sets import Sets
from cjo_stream.errors import DefinitionError, LibraryError, RefusalError, UsageError
from cjo_stream.store.memory import MemoryStore

carrying = importlib.import_module("cjo_stream.definition.succession")
"""The module, whose name its function has in the room."""

INFLATED = 6 << 20

TOPOLOGY = """\
topology: shop
channels: {{email: {{out: {{address: email}}}}}}
identity:
  identifiers: {types}
---
action: reminder
treatments: {{email: {{}}}}
"""
JOURNEY = """\
journey: recovery
version: 1
entry: {on: cart_updated}
initial: waiting
states:
  waiting: {after: {30m: reminded}}
  reminded: {enter: [{act: reminder}], after: {1d: lapsed}}
  lapsed: {end: lapsed}
"""
SECOND = JOURNEY.replace("version: 1", "version: 2").replace("30m", "60m")
TYPES = "[{type: user_id}, {type: email, normalise: email}]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def given(folder: Path, journeys: str = JOURNEY, types: str = TYPES) -> DefinitionSet:
    (folder / "t.yaml").write_text(TOPOLOGY.format(types=types))
    (folder / "journeys.yaml").write_text(journeys)
    return load(folder)


def ranks(content: bytes) -> dict[str, int]:
    return {t.type: t.rank for t in compile_content(1, content).identifiers.values()}


def versions(content: bytes) -> list[tuple[str, int]]:
    return list(compile_content(1, content).versions)


def test_the_first_set_takes_nothing_over(folder: Path) -> None:
    new = given(folder)
    first = succeed(new, None)
    assert versions(first) == [("recovery", 1)]
    assert ranks(first) == {"user_id": 8, "email": 16}


def test_an_unchanged_set_is_the_same_content(folder: Path) -> None:
    first = succeed(given(folder), None)
    assert succeed(given(folder), first) == first


def test_live_instances_of_an_older_version_find_it(folder: Path) -> None:
    first = succeed(given(folder), None)
    second = succeed(given(folder, SECOND), first)
    program: Program = compile_content(2, second)
    assert list(program.versions) == [("recovery", 1), ("recovery", 2)]
    assert program.journeys["recovery"].version == 2
    assert [j.version for j in program.entries_on["cart_updated"]] == [2]
    old = program.versions["recovery", 1]
    assert old.states["waiting"].timers[0].after_ms == 1_800_000


def test_a_journey_that_went_is_carried(folder: Path) -> None:
    first = succeed(given(folder), None)
    gone = succeed(given(folder, ""), first, retire=True)
    assert versions(gone) == [("recovery", 1)]
    assert compile_content(1, gone).entries_on == {}


@pytest.mark.parametrize("text", [JOURNEY, SECOND])
@pytest.mark.parametrize("went_first", [False, True])
def test_a_journey_that_ran_is_no_draft_again(folder: Path, text: str, went_first: bool) -> None:
    running = succeed(given(folder), None)
    if went_first:
        running = succeed(given(folder, ""), running, retire=True)
    draft = text.replace("\nentry", "\nstatus: draft\nentry", 1)
    with pytest.raises(DefinitionError) as refused:
        succeed(given(folder, draft), running)
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.line, diagnostic.column) == (3, 1)
    assert "journey recovery has run" in diagnostic.message
    # Both ways out: live, or no file.
    assert ("recovery", 1) in versions(succeed(given(folder, text), running))
    assert versions(succeed(given(folder, ""), running, retire=True)) == [("recovery", 1)]


def test_a_draft_that_never_ran_may_change_and_go_live(folder: Path) -> None:
    draft = JOURNEY.replace("version: 1", "version: 1\nstatus: draft")
    first = succeed(given(folder, draft), None)
    again = succeed(given(folder, draft.replace("30m", "60m")), first)
    assert versions(again) == []
    assert versions(succeed(given(folder), again)) == [("recovery", 1)]


def test_what_was_carried_goes_on_being_carried(folder: Path) -> None:
    second = succeed(given(folder, SECOND), succeed(given(folder), None))
    third = succeed(given(folder, ""), second, retire=True)
    assert versions(third) == [("recovery", 1), ("recovery", 2)]


def test_an_earlier_version_may_come_back_as_it_was(folder: Path) -> None:
    second = succeed(given(folder, SECOND), succeed(given(folder), None))
    back = succeed(given(folder, JOURNEY), second)
    assert compile_content(3, back).journeys["recovery"].version == 1
    assert versions(back) == [("recovery", 1), ("recovery", 2)]


def test_content_changed_without_a_new_version_is_refused(folder: Path) -> None:
    first = succeed(given(folder), None)
    with pytest.raises(DefinitionError) as refused:
        succeed(given(folder, JOURNEY.replace("30m", "60m")), first)
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.file, diagnostic.line, diagnostic.column) == ("journeys.yaml", 2, 1)
    assert diagnostic.message == (
        "journey recovery changed without a new version: make it version 2"
    )
    assert ("recovery", 2) in versions(succeed(given(folder, SECOND), first))


def test_layout_comments_and_owners_change_without_a_new_version(folder: Path) -> None:
    first = succeed(given(folder), None)
    other = "# A comment.\n" + JOURNEY.replace(
        "{on: cart_updated}", '{"on": [cart_updated]}'
    ).replace("[cart_updated]", "cart_updated").replace(
        "version: 1", "owner: growth\nabout: It wins carts back.\nversion: 1"
    )
    assert versions(succeed(given(folder, other), first)) == [("recovery", 1)]


def test_an_action_that_live_instances_ask_for_may_not_go(folder: Path) -> None:
    draining = JOURNEY.replace("\nentry", "\nstatus: draining\nentry", 1)
    first = succeed(given(folder, draining), None)
    (folder / "t.yaml").write_text(TOPOLOGY.format(types=TYPES).replace("reminder", "other"))
    (folder / "journeys.yaml").write_text("")
    gone = load(folder)
    said = r"version 1 of journey recovery.*'reminder'.*keep what it uses"
    for live in (None, {"recovery": {1: {"waiting": 1}}}):
        with pytest.raises(DefinitionError, match=said):
            succeed(gone, first, live)
    # Nobody is in it, or nobody goes on in it: then it may.
    assert versions(succeed(gone, first, {"recovery": {1: {}}})) == [("recovery", 1)]
    retired = succeed(given(folder, draining.replace("draining", "retired")), first)
    (folder / "t.yaml").write_text(TOPOLOGY.format(types=TYPES).replace("reminder", "other"))
    (folder / "journeys.yaml").write_text("")
    assert versions(succeed(gone, retired)) == [("recovery", 1)]
    assert versions(succeed(given(folder, ""), first)) == [("recovery", 1)]


def test_of_two_versions_that_name_what_is_gone_the_one_with_customers_is_reported(
    folder: Path,
) -> None:
    first = succeed(given(folder, JOURNEY), None)
    second = succeed(given(folder, SECOND), first)
    (folder / "t.yaml").write_text(TOPOLOGY.format(types=TYPES).replace("reminder", "other"))
    (folder / "journeys.yaml").write_text(
        SECOND.replace("version: 2", "version: 3").replace("reminder", "other")
    )
    for version, other in ((1, 2), (2, 1)):
        live = {"recovery": {version: {"waiting": 1}, other: {}}}
        with pytest.raises(DefinitionError) as error:
            succeed(load(folder), second, live)
        assert [f"version {version} of" in str(one) for one in error.value.diagnostics] == [True]


def test_of_a_version_whose_instances_ended_only_a_watched_goal_counts(folder: Path) -> None:
    goal = "goal: {on: bought, when: profile.visits > 1, within: 7d}\n"
    watched = JOURNEY.replace("initial", f"{goal}initial", 1)
    topology = TOPOLOGY.format(types=TYPES).replace(
        "---", "profile: {traits: {visits: {count: visited}}}\n---", 1
    )
    (folder / "t.yaml").write_text(topology)
    (folder / "journeys.yaml").write_text(watched)
    first = succeed(load(folder), None)
    ended = {"recovery": {1: {}}}
    without_reminder = topology.replace("reminder", "other")
    (folder / "t.yaml").write_text(without_reminder)
    (folder / "journeys.yaml").write_text(SECOND.replace("reminder", "other"))
    content = succeed(load(folder), first, ended)
    earlier = compile_content(2, content).versions["recovery", 1]
    assert (earlier.goal is not None, earlier.listens) == (True, {"bought"})
    assert succeed(load(folder), content, ended) == content
    with pytest.raises(DefinitionError, match=r"version 1 of journey recovery.*'reminder'"):
        succeed(load(folder), first, {"recovery": {1: {"waiting": 1}}})
    (folder / "t.yaml").write_text(without_reminder.replace("visits:", "calls:"))
    with pytest.raises(DefinitionError) as error:
        succeed(load(folder), first, ended)
    assert any("profile.visits" in str(one) for one in error.value.diagnostics)
    assert all("version 1 of journey recovery" in str(one) for one in error.value.diagnostics)


@pytest.mark.slow
def test_a_set_that_the_log_has_no_room_for_is_refused_until_its_texts_are_shorter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Really 64 MiB, which take a minute to read.
    monkeypatch.setattr(carrying, "INFLATED_BYTES_MAX", INFLATED)
    small = given(folder)
    noise = base64.b64encode(random.Random(1).randbytes(CONTENT_BYTES_MAX)).decode()
    blanks = "#" + " " * (INFLATED - inflated_bytes(small.content) - 20)
    for text in (noise, blanks):
        with pytest.raises(UsageError, match=r"c.yaml is the longest.*shorten texts"):
            succeed(with_sources(small, {"c.yaml": text}), None)
    shorter = noise[: len(noise) * 19 // 20]
    content = succeed(with_sources(small, {"c.yaml": shorter}), None)
    assert decode(content).sources["c.yaml"] == shorter
    assert len(control_frame([("", StoreSet(1, content))])) < RECORD_BYTES_MAX


def with_sources(definitions: DefinitionSet, sources: dict[str, str]) -> DefinitionSet:
    """Return a set with more files, which are not compiled here."""
    content = decode(definitions.content)
    longer = msgspec.structs.replace(content, sources={**content.sources, **sources})
    return msgspec.structs.replace(definitions, content=encode(longer))


def test_earlier_versions_that_leave_no_room_are_left_behind_by_a_new_installation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = succeed(given(folder), None)
    monkeypatch.setattr(carrying, "CONTENT_BYTES_MAX", len(succeed(given(folder, SECOND), first)))
    second = succeed(given(folder, SECOND), first)
    third = given(folder, SECOND.replace("version: 2", "version: 3").replace("60m", "7d"))
    with pytest.raises(UsageError, match=r"earlier versions.*a new installation"):
        succeed(third, second)
    assert versions(succeed(third, None)) == [("recovery", 3)]


def test_ranks_are_fixed_at_the_first_apply(folder: Path) -> None:
    first = succeed(given(folder), None)
    between = "[{type: user_id}, {type: loyalty}, {type: email, normalise: email}, {type: cookie}]"
    second = succeed(given(folder, types=between), first)
    assert ranks(second) == {"user_id": 8, "loyalty": 12, "email": 16, "cookie": 24}


def test_a_type_that_was_applied_stays(folder: Path) -> None:
    types = "[{type: user_id}, {type: a}, {type: email}]"
    first = succeed(given(folder, types=types), None)
    with pytest.raises(UsageError, match="must stay: declare a in its old place"):
        succeed(given(folder, types="[{type: user_id}, {type: email}]"), first)
    assert ranks(succeed(given(folder, types=types), first)) == ranks(first)


def test_a_type_that_an_earlier_release_let_go_has_its_rank_again(folder: Path) -> None:
    second = succeed(given(folder, types="[{type: user_id}, {type: a}, {type: email}]"), None)
    less = decode(given(folder, types="[{type: user_id}, {type: email}]").content)
    without = encode(msgspec.structs.replace(less, ranks=decode(second).ranks))
    assert ranks(without) == {"user_id": 8, "email": 24}
    assert compile_content(2, without).identifier_type("a").rank == 16
    again = succeed(given(folder, types="[{type: user_id}, {type: a}, {type: email}]"), without)
    assert ranks(again) == {"user_id": 8, "a": 16, "email": 24}


def eras(content: bytes) -> dict[str, int]:
    return decode(content).eras


PROFILE = "profile: {{facts: {{tier: {tier}}}, traits: {{spend: {spend}}}}}"


def profiled(
    folder: Path, tier: str = "string", spend: str = "{sum: event.total, on: order}"
) -> DefinitionSet:
    told = given(folder)
    assert told
    text = (folder / "t.yaml").read_text()
    profile = PROFILE.format(tier=tier, spend=spend) if tier else ""
    (folder / "t.yaml").write_text(text.replace("---\n", f"{profile}\n---\n", 1))
    return load(folder)


def test_what_is_defined_otherwise_begins_a_new_era_and_layout_does_not(folder: Path) -> None:
    first = succeed(profiled(folder), None)
    assert eras(first) == {}
    layout = '{on: order, sum: "event.total  "}'
    assert eras(succeed(profiled(folder, "{type: string, default: x}", layout), first)) == {}
    second = succeed(profiled(folder, "number", "{max: event.total, on: order}"), first)
    assert eras(second) == {"fact.tier": 1, "trait.spend": 1}
    assert compile_content(2, second).traits["spend"].slot == "spend~1"
    back = succeed(profiled(folder), second)
    assert eras(back) == {"fact.tier": 2, "trait.spend": 2}


def test_what_was_taken_away_begins_with_its_return(folder: Path) -> None:
    first = succeed(profiled(folder), None)
    without = succeed(profiled(folder, ""), first)
    again = succeed(profiled(folder), without)
    assert compile_content(3, again).traits["spend"].slot == "spend~1"
    assert compile_content(3, again).facts["tier"].slot == "tier~1"


def test_a_full_gap_is_refused_with_what_to_do(folder: Path) -> None:
    content = succeed(given(folder, types="[{type: user_id}, {type: email}]"), None)
    for taken in ("[c, d]", "[b, c, d]", "[a, b, c, d]"):
        content = succeed(given(folder, types=between(taken)), content)
    assert ranks(content) == {"user_id": 8, "a": 9, "b": 10, "c": 12, "d": 14, "email": 16}
    with pytest.raises(UsageError, match=r"no rank is left for identifier type x .* further down"):
        succeed(given(folder, types=between("[x, a, b, c, d]")), content)
    further_down = succeed(given(folder, types=between("[a, b, c, d, x]")), content)
    assert ranks(further_down)["x"] == 15


def between(names: str) -> str:
    """Return types with `names` between the strongest and the weakest."""
    written = ", ".join(f"{{type: {name}}}" for name in names.strip("[]").split(", "))
    return f"[{{type: user_id}}, {written}, {{type: email}}]"


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ("[{type: email, normalise: email}, {type: user_id}]", "another order.*user_id, email"),
        (
            "[{type: user_id}, {type: email}]",
            "identifier type email was applied with normalise email",
        ),
        ("[{type: user_id, normalise: phone}, {type: email, normalise: email}]", "normalise none"),
    ],
)
def test_what_customers_are_named_by_does_not_change(folder: Path, types: str, said: str) -> None:
    first = succeed(given(folder), None)
    with pytest.raises(UsageError, match=said):
        succeed(given(folder, types=types), first)
    kept = TYPES.replace("}]", "}, {type: other}]")  # and a new type with the other
    assert ranks(succeed(given(folder, types=kept), first))["email"] == ranks(first)["email"]


def test_a_region_that_shapes_phone_numbers_does_not_change(folder: Path) -> None:
    types = "[{type: phone, normalise: phone}, {type: email}]"
    first = succeed(given(folder, types=types), None)
    (folder / "t.yaml").write_text(
        TOPOLOGY.format(types=types).replace("topology: shop", "topology: shop\nregion: DE")
    )
    with pytest.raises(UsageError, match=r"values of phone, .* depend on the region none"):
        succeed(load(folder), first)
    assert ranks(succeed(given(folder, types=types), first)) == ranks(first)


def test_another_topology_is_refused(folder: Path) -> None:
    first = succeed(given(folder), None)
    (folder / "t.yaml").write_text(TOPOLOGY.format(types=TYPES).replace("shop", "bank"))
    with pytest.raises(UsageError, match="topology shop is in force here, not bank"):
        succeed(load(folder), first)
    assert succeed(load(folder), None)  # another installation
    assert succeed(given(folder), first) == first


def test_libraries_with_data_are_named(folder: Path) -> None:
    assert library_differences(given(folder).content) == []


def test_bytes_that_are_no_definition_set_are_refused_until_a_copy_is_there(folder: Path) -> None:
    content = succeed(given(folder), None)
    for spoilt in (b"nothing", content[:-9], content[:40] + b"?" + content[41:]):
        with pytest.raises(RefusalError, match="from a copy"):
            succeed(given(folder, SECOND), spoilt)
    assert versions(succeed(given(folder, SECOND), content)) == [("recovery", 1), ("recovery", 2)]


def other_libraries(content: bytes) -> bytes:
    """Return a set as it was applied with other versions of the libraries that bring data."""
    return encode(msgspec.structs.replace(decode(content), libraries={"tzdata": "2000.1"}))


def test_a_set_applied_with_other_libraries_is_not_run_by(folder: Path) -> None:
    other = other_libraries(given(folder).content)
    (said,) = library_differences(other)
    assert said.startswith("tzdata is ")
    with pytest.raises(LibraryError, match=r"install tzdata==2000\.1 here.*cjo-stream apply"):
        compile_content(3, other)


def test_the_log_activates_such_a_set_and_who_has_the_libraries_runs_by_it(folder: Path) -> None:
    first = succeed(given(folder), None)
    other = other_libraries(succeed(given(folder, SECOND), first))
    sets = Sets(MemoryStore(), compile_content, 0)
    sets.store(1, first)
    assert sets.activate(1) is None
    sets.store(2, other)
    assert sets.activate(2) is None
    assert sets.active == 2
    with pytest.raises(LibraryError):
        sets.program()


def test_the_same_topology_under_other_libraries_is_another_set(folder: Path) -> None:
    here = given(folder)
    there = msgspec.structs.replace(decode(here.content), libraries={"tzdata": "2000.1"})
    assert digest(there) != here.digest
    # The way out: applied again here, it is run by here, and nothing else begins anew.
    before = other_libraries(succeed(here, None))
    with pytest.raises(LibraryError, match="Or run `cjo-stream apply` again"):
        compile_content(1, before)
    again = succeed(here, before)
    assert library_differences(again) == []
    assert compile_content(2, again).number == 2
