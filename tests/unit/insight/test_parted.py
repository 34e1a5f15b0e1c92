"""Attribution and erasure follow customers who were merged, and parted again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cjo_stream.core.bounds import BOUNDS
from cjo_stream.core.record import Address, IdentityChange, JourneyRef, Reward
from cjo_stream.insight.figure.attribution import open_attribution
from cjo_stream.insight.filling.sink import Sink
from cjo_stream.insight.layer.reading import connect
from tests.unit.insight.touched import DAY, Written


def change(kind: Any, customer: str, day: int, name: str, **of: Any) -> IdentityChange:
    named = [Address(type="user", value=name)] if name else []
    return IdentityChange(
        kind=kind, customer_id=customer, identifiers=named, time=day * DAY, **of
    )  # fmt: skip


def world(*, parted: bool) -> Written:
    """Two customers with a command each, joined and given two more; each reaches a goal."""
    records = Written()
    records.command("ada", 1 * DAY, "letter")
    records.command("bob", 1 * DAY, "mail")
    records.identities = [change("created", "ada", 0, "a"), change("created", "bob", 0, "b")]
    records.merged("ada", "bob", 2 * DAY)
    records.command("ada", 3 * DAY, "push")
    records.command("ada", 3 * DAY, "sms")
    # The last one is of an instance that was Bob's, and goes on as his.
    records.actions[-1] = msgspec.structs.replace(
        records.actions[-1], journey=JourneyRef("j", 1, "bob-j", "s")
    )
    if parted:
        records.identities.append(change("unmerged", "bob2", 5, "b", reason="from ada"))
        records.transition("bob2", 6 * DAY, "moved", "j")
        records.transitions[-1] = msgspec.structs.replace(
            records.transitions[-1], instance_id="bob-j"
        )
    records.goal("bob2" if parted else "ada", 8 * DAY)
    records.goal("ada", 9 * DAY)
    return records


def linear(records: Written, folder: Path) -> dict[tuple[str, int], float]:
    """Return the credit of each touch of each goal, by its day."""
    folder.mkdir()
    connection = records.connection(folder)
    open_attribution(connection, "buy", "channel", 30 * DAY, 7 * DAY)
    found = connection.execute(
        "SELECT touch, converted_at, credit FROM list WHERE model = 'linear' AND credit > 0"
    ).fetchall()
    return {(touch, at // DAY): credit for touch, at, credit in found}


def test_credits_follow_a_merge_and_what_an_unmerge_took_back(tmp_path: Path) -> None:
    assert linear(world(parted=False), tmp_path / "merged") == {
        **{(touch, 8): 0.25 for touch in ("letter", "mail", "push", "sms")},
        ("(none)", 9): 1.0,
    }
    assert linear(world(parted=True), tmp_path / "parted") == {
        ("mail", 8): 0.5,
        ("sms", 8): 0.5,
        ("letter", 9): 0.5,
        ("push", 9): 0.5,
    }


def left(layer: Path, view: str, column: str) -> dict[str, str]:
    """Return the customer of each row that a view has left, by a column."""
    connection, _ = connect(str(layer))
    return dict(connection.execute(f'SELECT {column}, customer_id FROM "{view}"').fetchall())


def test_an_erasure_takes_more_ids_than_its_record_names(tmp_path: Path) -> None:
    """A customer keeps the latest 1,000 ids that it absorbed; the layer knows all."""
    many = BOUNDS.aliases + 5
    records = Written()
    for number in range(many):
        records.identities.append(change("created", f"c{number}", 0, f"n{number}"))
        records.command(f"c{number}", 1 * DAY, "mail")
        records.merged("ada", f"c{number}", 2 * DAY + number)
    records.command("bob", 1 * DAY, "sms")
    named = [f"c{number}" for number in range(many)][-BOUNDS.aliases :]
    records.identities.append(change("erased", "ada", 5, "", absorbed=named))
    layer = tmp_path / "layer"
    sink = Sink(str(layer))
    sink.take_run(records.into(tmp_path / "run"))
    sink.publish()
    assert left(layer, "action", "channel") == {"sms": "bob"}
    # Another sink has the record of the erasure alone, and knows as many.
    late = Written()
    late.command("c0", 1 * DAY, "late")
    late.command("bob", 1 * DAY, "push")
    for place, one in enumerate(late.actions):
        late.actions[place] = msgspec.structs.replace(one, action_id=f"late{place}")
    again = Sink(str(layer))
    again.take_run(late.into(tmp_path / "late"))
    again.publish()
    assert left(layer, "action", "channel") == {"sms": "bob", "push": "bob"}


@pytest.mark.slow
@pytest.mark.parametrize("erased", ["ada", "bob2"])
@pytest.mark.parametrize("at_once", [True, False])
def test_an_erasure_takes_what_the_views_give_the_erased_customer(
    tmp_path: Path, erased: str, at_once: bool
) -> None:
    """So what an unmerge moved to another customer stays, and goes with that one."""
    records = world(parted=True)
    records.command("bob", 1 * DAY, "post", journey=None)
    for place, one in enumerate(records.actions):
        records.rewards.append(
            Reward(
                decision_id=one.decision_id, action_id=one.action_id, customer_id=one.customer_id,
                action="offer", channel=one.channel, features=None, probability=None,
                outcome=None, value=None, reward=0, issued_at=one.issued_at, time=4 * DAY + place,
            )
        )  # fmt: skip
    erasure = change("erased", erased, 10, "", absorbed=["bob"] if erased == "bob2" else [])
    layer = tmp_path / "layer"
    sink = Sink(str(layer))
    if not at_once:
        sink.take_run(records.into(tmp_path / "before"))
        sink.publish()
        records = Written()
    records.identities.append(erasure)
    sink.take_run(records.into(tmp_path / "run"))
    sink.publish()
    theirs = {"letter": "ada", "push": "ada", "mail": "bob2", "sms": "bob2", "post": "bob2"}
    wanted = {channel: whose for channel, whose in theirs.items() if whose != erased}
    assert left(layer, "action", "channel") == wanted
    assert left(layer, "outcome", "channel") == wanted
    # What comes late is judged alike.
    late = Written()
    late.command("ada", 3 * DAY, "late")
    late.actions[-1] = msgspec.structs.replace(
        late.actions[-1], action_id="late", journey=JourneyRef("j", 1, "bob-j", "s")
    )
    sink.take_run(late.into(tmp_path / "late"))
    sink.publish()
    late_ones = {"late": "bob2"} if erased == "ada" else {}
    assert left(layer, "action", "channel") == {**wanted, **late_ones}
    # Who is who is found anew from what is left, by a sink that begins.
    others = Written()
    others.identities.append(change("created", "zoe", 11, "z"))
    sink = Sink(str(layer))
    sink.take_run(others.into(tmp_path / "others"))
    sink.publish()
    assert left(layer, "action", "channel") == {**wanted, **late_ones}
