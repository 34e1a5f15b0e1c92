"""The bundled federation: which team may change what, and which changes the central team signs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cjo_stream.definition import load
from cjo_stream.governance.plan import Plan, live_folder, make_plan
from cjo_stream.governance.sentence import sentences

FOLDER = Path(__file__).parents[3] / "topologies" / "federation"
LEVER = "propensity: 0.055\n"
LIVE = live_folder(load(FOLDER))


def planned(folder: Path, team: str, file: str, old: str, new: str) -> Plan:
    """Return a team's plan to change one file."""
    shutil.copytree(FOLDER, folder / "changed")
    path = folder / "changed" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return make_plan(LIVE, load(folder / "changed"), team)


@pytest.mark.parametrize(
    ("team", "file", "old", "new", "whose"),
    [
        ("crm", "central/policy.yaml", "max: 2, per: 7d", "max: 4, per: 7d", "central's"),
        ("crm", "contact_centre/advice.yaml", "value: 80", "value: 8", "contact_centre's"),
        ("contact_centre", "crm/advice.yaml", "value: 40", "value: 4", "crm's"),
        ("contact_centre", "topology.yaml", "{count: call_missed", "{count: logged_in", "central"),
        ("crm", "crm/advice.yaml", LEVER, f"{LEVER}lever: 21\n", "go up to 20 percent"),
        ("crm", "crm/welcome.yaml", "email: {template: welcome,", "phone: {", "contact_centre's"),
        ("central", "crm/advice.yaml", "value: 40", "value: 4", "crm's"),
    ],
)
def test_a_team_does_not_change_what_is_anothers(
    tmp_path: Path, team: str, file: str, old: str, new: str, whose: str
) -> None:
    (refused,) = planned(tmp_path, team, file, old, new).refused
    assert refused.what == "owner"
    assert whose in refused.why


@pytest.mark.parametrize(
    ("team", "file", "old", "new", "matters"),
    [
        ("crm", "crm/advice.yaml", LEVER, f"{LEVER}lever: 10\n", ["levers"]),
        ("central", "central/policy.yaml", "max: 2, per: 7d", "max: 4, per: 7d", ["caps"]),
        ("central", "central/policy.yaml", "service: opt_out", "service: opt_in", ["consent"]),
        ("central", "topology.yaml", "[phone]", "[phone, email]", ["owners"]),
        ("crm", "crm/advice.yaml", LEVER, f"{LEVER}class: service\n", ["caps", "consent"]),
        ("crm", "crm/advice.yaml", "value: 40", "value: 4", []),
        ("contact_centre", "contact_centre/advice.yaml", "pause: 28d", "pause: 90d", []),
    ],
)
def test_the_central_team_signs_what_its_topology_asks_for(
    tmp_path: Path, team: str, file: str, old: str, new: str, matters: list[str]
) -> None:
    plan = planned(tmp_path, team, file, old, new)
    assert not plan.refused
    assert plan.approvals == ({"central": matters} if matters else {})


@pytest.mark.parametrize(
    ("old", "new", "competes"),
    [
        ("value: 40", "value: 41", True),
        (LEVER, f"{LEVER}lever: 10\n", True),
        (LEVER, f"{LEVER}context: [{{when: profile.paperless, weight: 5}}]\n", True),
        ("action: green_tariff", "action: blue_tariff", True),
        ("template: green_tariff", "template: blue_tariff", False),
        ("template: green_tariff, payload: {name", "template: green_tariff, payload: {who", False),
    ],
)
def test_a_plan_names_the_actions_of_other_teams_that_compete(
    tmp_path: Path, old: str, new: str, competes: bool
) -> None:
    said = list(sentences(planned(tmp_path, "crm", "crm/advice.yaml", old, new)))
    told = "  it competes there with tariff_talk (contact_centre)" in said
    assert told == competes


def test_a_canary_is_told_in_words(tmp_path: Path) -> None:
    guards = "[{metric: exit_rate, worse_than: 10%}]"
    plan = planned(
        tmp_path,
        "contact_centre",
        "contact_centre/call_back.yaml",
        "version: 1",
        f"version: 2\ncanary: {{share: 5%, guards: {guards}, then: hold, for: 14d}}",
    )
    assert (
        "journey call_back, canary: 5%, guarded by exit_rate, then hold after 14d instead of none "
        "(contact_centre/call_back.yaml:3)"
    ) in list(sentences(plan))
