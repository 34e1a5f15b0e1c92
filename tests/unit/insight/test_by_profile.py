"""Figures by a fact or trait as of then, over merges and unmerges; and whence profiles come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.record import Address, IdentityChange, Profile
from cjo_stream.insight.figure.as_of import open_by_profile
from cjo_stream.insight.figure.figure import PEOPLE, counting
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect
from tests.unit.insight.touched import DAY, Written
from tests.world.command_line import SHOP, Cli, cli

__all__ = ["cli"]


def world() -> Written:
    """Bo is merged into Ada on day 2, and leaves again as Bo2 on day 5, with his instance.

    His instance has one record before the merge, and the next on day 8. Ada is silver from day 3.
    """
    records = Written()
    for customer in ("ada", "bo"):
        records.identities.append(changed("created", customer, 0, customer))
        records.transition(customer, 1 * DAY, "entered", "j")
    records.merged("ada", "bo", 2 * DAY)
    records.identities.append(changed("unmerged", "bo2", 5, "bo", reason="from ada"))
    records.transition("bo2", 8 * DAY, "moved", "j")
    moved = msgspec.structs.replace(records.transitions[-1], instance_id="bo-j")
    records.transitions[-1] = moved
    records.transitions = [msgspec.structs.replace(one, to="s") for one in records.transitions]
    for customer, day, tier in (
        ("ada", 0, "basic"), ("bo", 0, "gold"), ("ada", 3, "silver"), ("bo2", 6, "gold"),
        ("bo2", 7, "lead"),
    ):  # fmt: skip
        profile = Profile(
            customer_id=customer, identifiers={}, facts={"tier": tier}, traits={"n": day},
            time=day * DAY,
        )  # fmt: skip
        records.profiles.append(profile)
    return records


def changed(kind: Any, customer: str, day: int, name: str, **of: Any) -> IdentityChange:
    named = [Address(type="user", value=name)]
    return IdentityChange(
        kind=kind, customer_id=customer, identifiers=named, time=day * DAY, **of
    )  # fmt: skip


def test_people_have_the_value_of_whom_they_had_become_by_then(tmp_path: Path) -> None:
    connection = world().connection(tmp_path)
    at = [day * DAY + DAY // 2 for day in range(1, 8)]
    figure, without = open_by_profile(connection, PEOPLE, {"at": at}, "profile.tier")
    rows = connection.execute(
        'SELECT "at", customer_id, "profile.tier" FROM list ORDER BY 1'
    ).fetchall()
    assert sum(row[-1] for row in connection.execute(counting(figure)).fetchall()) == len(rows)
    of: dict[str, list[str | None]] = {"ada": [], "bo2": []}
    for _, customer, tier in rows:
        of[customer].append(tier)
    assert of["ada"] == ["basic", "basic", "silver", "silver", "silver", "silver", "silver"]
    # On day 5 nothing is known yet of the customer that he became.
    assert of["bo2"] == ["gold", "basic", "silver", "silver", None, "gold", "lead"]
    assert without == 1


@pytest.mark.parametrize("last", ["erased", "merged", "unmerged", None])
def test_who_left_somebody_erased_since_had_a_profile_of_which_nothing_is_known(
    tmp_path: Path, last: str | None
) -> None:
    """From the merge on it was that of the other one, and is gone with that one.

    Whichever record comes last into the layer, it is so.
    """
    records = world()
    records.identities.append(changed("erased", "ada", 9, "ada"))
    late = Written()
    late.identities = [one for one in records.identities if one.kind == last]
    records.identities = [one for one in records.identities if one.kind != last]
    sink = Sink(str(tmp_path / "layer"))
    for number, each in enumerate((records, late)):
        sink.take_run(each.into(tmp_path / f"{number}"))
        sink.publish()
    connection, _ = connect(str(tmp_path / "layer"))
    at = [day * DAY + DAY // 2 for day in range(1, 8)]
    _, without = open_by_profile(connection, PEOPLE, {"at": at}, "profile.tier")
    rows = connection.execute(
        'SELECT customer_id, "profile.tier" FROM list ORDER BY "at"'
    ).fetchall()
    tiers = ["gold", None, None, None, None, "gold", "lead"]
    assert rows == [("bo2", tier) for tier in tiers]
    assert without == 4
    # Who became whom stays, and nothing else of who was erased.
    left = connection.execute(
        'SELECT kind, absorbed, len(identifiers), event_id FROM "identity" '
        "WHERE customer_id = 'ada' ORDER BY kind"
    ).fetchall()
    assert [one[0] for one in left] == ["erased", "merged"]
    assert left[1][1:] == (["bo"], 0, None)


def test_what_no_profile_has_is_refused_with_the_nearest(tmp_path: Path, cli: Cli) -> None:
    world().connection(tmp_path)
    layer = ["--layer", tmp_path / "layer"]
    for by, said in (
        ("profile.teir", "did you mean profile.tier?"),
        ("tier", "did you mean profile.tier?"),
        ("profile.xyzzy", "they have n, tier"),
    ):
        done = cli("insight", "goals", "--by", by, *layer)
        assert done.code == 2
        assert said in done.err


def test_a_layer_without_profiles_says_how_to_have_them(tmp_path: Path, cli: Cli) -> None:
    records = world()
    records.profiles = []
    records.connection(tmp_path)
    done = cli(
        "insight", "people", "--at", "0", "--by", "profile.n", "--layer", tmp_path / "layer"
    )
    assert done.code == 2
    assert "run --profiles" in done.err


def test_rows_without_a_version_are_counted(tmp_path: Path, cli: Cli) -> None:
    world().connection(tmp_path)
    asked = ["--at", 5 * DAY + 1, "--by", "profile.tier", "--layer", tmp_path / "layer"]
    done = cli("insight", "people", *asked, "--format", "csv")
    assert "1 row of the list" in done.err
    assert {line.split(",")[4] for line in done.out.splitlines()[1:]} == {"", "silver"}


@pytest.mark.slow
def test_a_run_writes_profiles_when_asked_and_its_state_goes_on(tmp_path: Path, cli: Cli) -> None:
    events = SHOP / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)[:300]
    for number in range(3):
        part = tmp_path / f"{number}.jsonl"
        part.write_bytes(b"".join(lines[number * 100 : number * 100 + 100]))
        asked = ["--profiles"] if number == 1 else []
        kept = ["--out", tmp_path / f"out-{number}", "--state", tmp_path / "state", *asked]
        assert cli("run", SHOP, part, *kept).code == 0
    assert not (tmp_path / "out-0" / "profiles.jsonl").exists()
    read = msgspec.json.Decoder(Profile).decode
    for number in (1, 2):
        written = (tmp_path / f"out-{number}" / "profiles.jsonl").read_bytes().splitlines()
        assert written
        assert all(read(line).customer_id for line in written)
    refused = cli("records", "profile", tmp_path / "out-0")
    assert refused.code == 2
    assert "`run --profiles` writes it" in refused.err
    assert cli("records", "profile", tmp_path / "out-1").out.encode().splitlines() == (
        (tmp_path / "out-1" / "profiles.jsonl").read_bytes().splitlines()
    )
