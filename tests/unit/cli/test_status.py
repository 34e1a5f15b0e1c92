"""`cjo-stream status`: partitions in the same set share a line; what is held."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cjo_stream.cli import apply
from cjo_stream.installation.answer import Held, Holding, Status
from tests.world.command_line import Cli, cli

__all__ = ["cli"]


def test_partitions_in_the_same_set_share_a_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [f"cjo.event.{name}.v1/{n}" for n in range(11) for name in ("web", "app")]
    found = Status(
        topology="shop",
        applied=2,
        begun=2,
        partitions={0: 2, 1: 2, 2: None, 3: 2, 4: 1},
        intake=dict.fromkeys(places, 2) | {"cjo.event.web.v1/3": 1},
        engine="python",
    )
    installation: Any = SimpleNamespace(status=lambda: found)
    monkeypatch.setattr(apply, "installation_of", lambda *_: installation)
    done = cli("status")
    assert done.code == 1
    assert done.out.splitlines() == [
        "shop, definition set 2",
        "partitions 0-1, 3: set 2",
        "partition 2: no answer",
        "partition 4: set 1",
        "intake cjo.event.app.v1/0-10: set 2",
        "intake cjo.event.web.v1/3: set 1",
        "intake cjo.event.web.v1/0-2, 4-10: set 2",
    ]


def test_a_webhook_that_has_ended_is_warned_of_only_while_something_is_held(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Held("mail", "", "ann", "", 0, 3)
    for holds, is_warned_of in (([hold], True), ([], False)):
        holding = Holding(holds=holds, behind=[1], unheeding=["cjo.action.mail.v1/0"])
        found = Status(
            topology="shop",
            applied=1,
            begun=1,
            partitions={0: 1},
            intake={},
            engine="python",
            holding=holding,
        )
        installation: Any = SimpleNamespace(status=lambda found=found: found)
        monkeypatch.setattr(apply, "installation_of", lambda *_, one=installation: one)
        done = cli("status")
        assert done.code == 0
        assert ("held: channel mail" in done.out) is is_warned_of
        assert ("not known to be in force" in " ".join(done.err.split())) is is_warned_of
