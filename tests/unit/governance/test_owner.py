"""Who may change what, by `owners` of the topology."""

from __future__ import annotations

from pathlib import Path

import pytest

from cjo_stream.definition import DefinitionSet, load
from cjo_stream.errors import DefinitionError, UsageError
from cjo_stream.governance.difference import differences
from cjo_stream.governance.owner import (
    Owners,
    Team,
    approvals,
    owners_between,
    read_owners,
    trespasses,
)
from tests.world.command_line import Cli, cli

__all__ = ["cli"]

OWNERS = """\
owners:
  growth: {paths: ["growth/**"], channels: [email], levers: 20}
  texting: {paths: ["texting/*.yaml"], channels: [sms], approves: [caps, levers]}
"""
FILES = {
    "topology.yaml": """\
topology: shop
channels:
  web: {in: {}}
  email: {out: {address: email}}
  sms: {out: {address: phone}}
identity: {identifiers: [{type: email, limit: 2}, {type: phone}]}
profile: {facts: {tier: string}}
"""
    + OWNERS,
    "growth/mail/carts.yaml": """\
action: reminder
lever: 10
treatments:
  email: {template: a}
""",
    "texting/sale.yaml": """\
action: sale
treatments:
  sms: {template: b}
""",
    "central/policy.yaml": """\
policy: contact
caps: [{name: daily, max: 2, per: day}]
""",
}


def written(folder: Path, **edits: tuple[str, str]) -> DefinitionSet:
    """Write and load the set; an edit is by the last part of a file's name."""
    for path, text in FILES.items():
        old, new = edits.get(Path(path).stem, ("", ""))
        assert old in text
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(old, new) if old else text)
    return load(folder)


def refused(tmp_path: Path, team: str, **edits: tuple[str, str]) -> list[tuple[str, str, str]]:
    live = written(tmp_path / "live")
    candidate = written(tmp_path / "candidate", **edits)
    found = differences(live, candidate)
    rows = trespasses(live, candidate, found, team)
    return [(one.name, one.at, one.why) for one in rows]


TO_30 = ("lever: 10", "lever: 30")
TO_20 = ("lever: 10", "lever: -20")
CAP = ("max: 2", "max: 9")
LIMIT = ("limit: 2", "limit: 3")
SMS = ("template: a}\n", "template: a}\n  sms: {template: c}\n")


def test_a_team_changes_its_own_files(tmp_path: Path) -> None:
    assert refused(tmp_path, "growth", carts=("template: a", "template: z")) == []
    assert refused(tmp_path, "texting", sale=("template: b", "template: z")) == []


def test_the_file_of_another_team_is_refused_also_where_only_a_comment_changed(
    tmp_path: Path,
) -> None:
    why = "growth/mail/carts.yaml is growth's"
    edit = ("template: a", "template: z")
    place = "growth/mail/carts.yaml:4"
    assert refused(tmp_path, "texting", carts=edit) == [("reminder", place, why)]
    edit = ("template: a}", "template: a} # b")
    assert refused(tmp_path, "texting", carts=edit) == [("growth/mail/carts.yaml", place, why)]


def test_levers_go_up_to_the_bound_either_way(tmp_path: Path) -> None:
    assert refused(tmp_path, "growth", carts=TO_20) == []
    [(name, at, why)] = refused(tmp_path, "growth", carts=TO_30)
    assert (name, at) == ("reminder", "growth/mail/carts.yaml:2")
    assert why == "levers of growth go up to 20 percent; beyond, they are central's"
    [(_, at, why)] = refused(tmp_path, "texting", sale=("treat", "lever: 1\ntreat"))
    assert (at, why.split(";")[0]) == (
        "texting/sale.yaml:2",
        "levers of texting go up to 0 percent",
    )


@pytest.mark.parametrize("to", ["", "lever: 0\n", "lever: 10\n"])
def test_a_lever_beyond_the_bound_is_not_taken_away_either(tmp_path: Path, to: str) -> None:
    with_ = ("treat", "lever: 1\ntreat")
    live = written(tmp_path / "live", sale=with_, carts=("lever: 10\n", "lever: 50\n"))
    for team, name in (("texting", "sale"), ("growth", "reminder")):
        edits = {"sale": with_, "carts": ("lever: 10\n", "lever: 50\n")}
        edits["sale" if team == "texting" else "carts"] = (
            ("treat", to + "treat") if team == "texting" else ("lever: 10\n", to)
        )
        candidate = written(tmp_path / team, **edits)
        [row] = trespasses(live, candidate, differences(live, candidate), team)
        most = 0 if team == "texting" else 20
        assert row.name == name
        assert row.why.startswith(f"levers of {team} go up to {most} percent")
        assert row.owners == ("central",)


def test_an_action_goes_with_its_lever_only_within_the_bound(tmp_path: Path) -> None:
    for lever, count in ((20, 0), (21, 1)):
        live = written(tmp_path / "live", carts=("lever: 10", f"lever: {lever}"))
        candidate = tmp_path / "candidate"
        written(candidate)
        (candidate / "growth/mail/carts.yaml").unlink()
        after = load(candidate)
        assert len(trespasses(live, after, differences(live, after), "growth")) == count


def test_a_team_without_levers_holds_none(tmp_path: Path, cli: Cli) -> None:
    written(tmp_path, sale=("treat", "lever: 1\ntreat"))
    told = cli("validate", tmp_path, "--as", "texting")
    assert told.code == 1
    assert "texting/sale.yaml:2" in told.out + told.err
    assert "levers of texting go up to 0 percent; beyond, they are central's" in (
        told.out + told.err
    )
    written(tmp_path, sale=("treat", "lever: 0\ntreat"))
    assert cli("validate", tmp_path, "--as", "texting").code == 0


def test_an_action_is_sent_on_the_teams_own_channels(tmp_path: Path) -> None:
    [row] = refused(tmp_path, "growth", carts=SMS)
    assert row == ("reminder", "growth/mail/carts.yaml:5", "channel sms is texting's")


@pytest.mark.parametrize(
    ("file", "edit", "at", "what"),
    [
        ("policy", CAP, "central/policy.yaml:2", "policy"),
        ("topology", LIMIT, "topology.yaml:6", "topology"),
        ("topology", ("tier: string", "tier: number"), "topology.yaml:7", "topology"),
        ("topology", ("levers: 20", "levers: 90"), "topology.yaml:9", "topology"),
    ],
)
def test_policy_identity_profile_and_owners_are_the_central_teams(
    tmp_path: Path, file: str, edit: tuple[str, str], at: str, what: str
) -> None:
    [(_, place, why)] = refused(tmp_path, "growth", **{file: edit})
    assert (place, why) == (at, f"{what} is central's")
    assert refused(tmp_path, "central", **{file: edit}) == []


def test_the_owners_in_force_judge_and_not_those_that_a_change_brings(tmp_path: Path) -> None:
    edit = ("growth/**", "**")
    [(_, at, _)] = refused(tmp_path, "growth", topology=edit)
    assert at == "topology.yaml:9"


def test_a_team_that_is_not_there_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown team 'grwth'; did you mean 'growth'"):
        refused(tmp_path, "grwth")


def test_without_owners_nothing_is_refused(tmp_path: Path) -> None:
    live = written(tmp_path, topology=(OWNERS, ""))
    candidate = written(tmp_path, topology=(OWNERS, ""), policy=CAP)
    assert trespasses(live, candidate, differences(live, candidate), "anybody") == []
    assert owners_between(live, candidate) == Owners({})


def test_a_channel_of_a_team_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="unknown channel 'emial'; did you mean 'email'"):
        written(tmp_path, topology=("[email]", "[emial]"))


def test_the_matters_that_a_team_approves(tmp_path: Path) -> None:
    live = written(tmp_path / "live")
    owners = read_owners(live)
    assert owners.teams["growth"] == Team(("growth/**",), ("email",), 20)
    for edits, asked in (
        ({"policy": CAP}, {"texting": ["caps"]}),
        ({"carts": TO_20}, {"texting": ["levers"]}),
        ({"topology": LIMIT}, {}),
    ):
        candidate = written(tmp_path / "candidate", **edits)
        assert approvals(differences(live, candidate), owners) == asked


def test_a_measure_is_of_its_files_team_and_a_matter_of_its_own(tmp_path: Path) -> None:
    live = written(tmp_path / "live")
    candidate = tmp_path / "candidate"
    written(candidate)
    (candidate / "growth" / "measures.yaml").write_text(
        "measure: mails\nowner: growth\non: sent\n"
    )
    now = load(candidate)
    found = differences(live, now)
    assert [(one.kind, one.name, one.owner) for one in found] == [("measure", "mails", "growth")]
    assert trespasses(live, now, found, "growth") == []
    assert [one.owners for one in trespasses(live, now, found, "texting")] == [("growth",)]
    assert approvals(found, Owners({"board": Team(approves=("measures",))})) == {
        "board": ["measures"]
    }


OF_CLASS = ("caps", "consent", "holdout", "quiet_hours")


@pytest.mark.parametrize("class_", ["service", "transactional"])
def test_another_class_of_an_action_changes_what_its_class_decides_about(
    tmp_path: Path, class_: str
) -> None:
    owners = Owners({"board": Team(approves=(*OF_CLASS, "limits", "levers"))})
    live = written(tmp_path / "live")
    other = ("lever: 10", f"lever: 10\nclass: {class_}")
    changed = written(tmp_path / "changed", carts=other)
    for before, after in ((live, changed), (changed, live)):
        assert approvals(differences(before, after), owners) == {"board": list(OF_CLASS)}
    new = tmp_path / "new"
    written(new)
    for line, asked in ((f"class: {class_}", {"board": list(OF_CLASS)}), ("class: marketing", {})):
        (new / "growth" / "new.yaml").write_text(
            f"action: a\n{line}\ntreatments: {{email: {{}}}}\n"
        )
        assert approvals(differences(live, load(new)), owners) == asked
        assert approvals(differences(load(new), live), owners) == {}


def test_a_weight_of_the_context_favours_an_action_as_a_lever_does(tmp_path: Path) -> None:
    owners = Owners({"board": Team(approves=("caps", "levers"))})
    weights = ("", *(f"context: [{{when: hour() < 9, weight: {n}}}]\n" for n in (50, 60)))
    none, some, more = (
        written(tmp_path / str(place), carts=("lever: 10\n", f"lever: 10\n{weight}"))
        for place, weight in enumerate(weights)
    )
    for before, after in ((none, some), (some, more), (more, none)):
        assert approvals(differences(before, after), owners) == {"board": ["levers"]}
    for text, asked in ((weights[1], {"board": ["levers"]}), ("", {})):
        written(tmp_path / "new")
        (tmp_path / "new" / "growth" / "new.yaml").write_text(
            f"action: a\n{text}treatments: {{email: {{}}}}\n"
        )
        assert approvals(differences(none, load(tmp_path / "new")), owners) == asked


HELD_OUT = """\
journey: j
version: 1
holdout: 5%
entry: {on: x}
initial: a
states: {a: {after: {1d: b}}, b: {end: b}}
"""


@pytest.mark.parametrize(
    ("matter", "brought"),
    [
        ("levers", "action: a\nlever: 10\ntreatments: {email: {}}\n"),
        ("limits", "action: a\nlimits: [{outcome: reject, pause: 1d}]\ntreatments: {email: {}}\n"),
        ("holdout", HELD_OUT),
    ],
)
def test_a_new_document_brings_its_matters_along(
    tmp_path: Path, matter: str, brought: str
) -> None:
    live = written(tmp_path / "live")
    owners = Owners({"board": Team(approves=(matter,))})
    plain = "\n".join(line for line in brought.splitlines() if matter[:5] not in line)
    for text, asked in ((brought, {"board": [matter]}), (plain, {})):
        candidate = tmp_path / matter / ("with" if asked else "without")
        written(candidate)
        (candidate / "growth" / "new.yaml").write_text(text)
        coming = differences(live, load(candidate))
        going = differences(load(candidate), live)
        assert approvals(coming, owners) == approvals(going, owners) == asked


def test_validate_as_a_team_names_what_its_files_may_not_hold(cli: Cli, tmp_path: Path) -> None:
    written(tmp_path, carts=SMS)
    done = cli("validate", tmp_path, "--as", "growth")
    assert done.code == 1
    assert "growth/mail/carts.yaml:5" in done.err
    assert "channel sms is texting's" in done.err
    assert cli("validate", tmp_path, "--as", "texting").code == 0
    assert cli("validate", tmp_path).code == 0
    done = cli("validate", tmp_path, "--as", "txting")
    assert done.code == 2
    assert "did you mean 'texting'" in done.err


def test_codeowners_ask_the_teams(cli: Cli, tmp_path: Path) -> None:
    written(tmp_path)
    done = cli("codeowners", tmp_path, "--under", "shop", "--prefix", "@acme/")
    assert done.out.splitlines() == [
        "/shop/ @acme/central",
        "/shop/growth/** @acme/growth",
        "/shop/texting/*.yaml @acme/texting",
    ]
    assert cli("codeowners", tmp_path).out.startswith("* @central\n/growth/** @growth\n")
    written(tmp_path, topology=(OWNERS, ""))
    done = cli("codeowners", tmp_path)
    assert done.code == 2
    assert "names no `owners`: add them" in done.err
