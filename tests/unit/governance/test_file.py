"""A plan in a file is applied as it was planned, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.governance.shop import FOLLOWED, Edits, Shop

CAP: Edits = (("max: 2", "max: 3"),)


@pytest.fixture(autouse=True)
def keys(tmp_path: Path) -> None:
    (tmp_path / "care.key").write_text("a secret of the care team\n")
    (tmp_path / "other.key").write_text("a secret of somebody else")


def planned(shop: Shop, /, *options: object, **edits: Edits) -> Path:
    file = shop.folder / "a.plan"
    done = shop.plan(shop.candidate(**edits), "--out", file, *options)
    assert done.code == 0, done.err
    return file


def test_a_plan_is_applied_once_and_again_changes_nothing(shop: Shop) -> None:
    file = planned(shop, carts=FOLLOWED)
    (shop.folder / "candidate" / "shop.yaml").unlink()  # the file holds the candidate
    assert shop.apply(file).out == "set 2 is in force\n"
    assert shop.apply(file).out == "nothing changed: set 2 was in force already\n"


def test_a_plan_is_refused_once_another_set_is_live(shop: Shop) -> None:
    file = planned(shop, carts=FOLLOWED)
    assert shop.apply(shop.candidate(carts=(("template: a", "template: b"),))).code == 0
    done = shop.apply(file)
    assert done.code == 1
    assert "another set is in force than the plan was made against" in done.err


def test_a_plan_is_refused_where_it_would_change_more_customers(shop: Shop) -> None:
    file = planned(shop, carts=FOLLOWED)
    more = shop.folder / "more.jsonl"
    text = (shop.folder / "events.jsonl").read_text()
    more.write_text("\n".join(line.replace(': "a', ': "b') for line in text.splitlines()))
    shop.cli(
        "run", shop.live, more, "--state", shop.state, "--out", shop.folder / "more", "--force"
    )
    done = shop.apply(file)
    assert done.code == 1
    assert "40 customers would be changed now; the plan counted 20, and allows 22" in done.err
    file = planned(shop, "--max-customers-changed", "40", carts=FOLLOWED)
    assert shop.apply(file).code == 0


def test_a_plan_of_two_folders_allows_a_share_of_the_customers_there_are(shop: Shop) -> None:
    file, candidate = shop.folder / "a.plan", shop.candidate(carts=FOLLOWED)
    for most, code in (("5%", 1), ("19", 1), ("100%", 0)):
        options = ("--out", file, "--max-customers-changed", most)
        done = shop.cli("plan", shop.live, candidate, *options)
        assert done.code == 0, done.err
        told = shop.apply(file)
        assert told.code == code, told.err
        allows = "allows 19" if most == "19" else "allows 1:"
        assert (allows in told.err) == bool(code)


def test_a_change_that_a_team_must_approve_waits_for_its_signature(shop: Shop) -> None:
    care, other = shop.folder / "care.key", shop.folder / "other.key"
    done = shop.apply(shop.candidate(shop=CAP))
    assert done.code == 1
    assert "care must approve this: write a plan" in done.err
    file = planned(shop, shop=CAP)
    assert "not approved by care (caps)" in shop.apply(file).err
    assert shop.cli("approve", file, "--as", "growth", "--key", care).code == 2
    assert shop.cli("approve", file, "--as", "care", "--key", care).code == 0
    assert shop.cli("approve", file, "--as", "care", "--key", care).code == 0
    assert len(file.read_bytes().splitlines()) == 2
    assert shop.apply(file).code == 1  # nobody checks the signature without the key
    assert "is not signed with its key" in shop.apply(file, "--key", f"care={other}").err
    assert shop.apply(file, "--key", f"care={care}").code == 0


def test_a_plan_whose_last_newline_is_gone_can_be_approved(shop: Shop) -> None:
    care = shop.folder / "care.key"
    file = planned(shop, shop=CAP)
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    assert shop.cli("approve", file, "--as", "care", "--key", care).code == 0
    done = shop.apply(file, "--key", f"care={care}")
    assert done.code == 0, done.err


def test_what_must_be_approved_is_not_read_from_the_plan_alone(shop: Shop) -> None:
    file = planned(shop, shop=CAP)
    text = file.read_text()
    assert '"approvals":{"care":["caps"]}' in text
    file.write_text(text.replace('"approvals":{"care":["caps"]}', '"approvals":{}'))
    assert "not approved by care (caps)" in shop.apply(file).err


def test_a_run_puts_no_set_in_force_that_must_be_approved(shop: Shop) -> None:
    events, out = shop.folder / "events.jsonl", shop.folder / "second"
    arguments = (events, "--state", shop.state, "--out", out)
    done = shop.cli("run", shop.candidate(shop=CAP), *arguments)
    assert done.code == 1
    assert "care must approve this: write a plan" in done.err
    assert not out.exists()
    assert shop.cli("run", shop.candidate(carts=FOLLOWED), *arguments).code == 0


def test_a_plan_that_was_changed_is_refused(shop: Shop) -> None:
    care = shop.folder / "care.key"
    file = planned(shop, shop=CAP)
    shop.cli("approve", file, "--as", "care", "--key", care)
    text = file.read_text()
    file.write_text(text.replace('{"number":0}', '{"number":9}'))
    assert "is not signed with its key" in shop.apply(file, "--key", f"care={care}").err
    file.write_text(text.replace('"candidate":"', '"candidate":"0'))
    assert "is no whole plan of this release" in shop.apply(file).err


def test_what_is_no_plan_and_no_key_is_refused(shop: Shop) -> None:
    file = planned(shop, carts=FOLLOWED)
    short = shop.folder / "short.key"
    short.write_text("short")
    for arguments, said in (
        (("approve", file, "--as", "care", "--key", short), "has fewer than 16 bytes"),
        (("approve", file, "--as", "care", "--key", shop.folder / "no"), "name a key's file"),
        (("approve", shop.folder / "no", "--as", "care", "--key", file), "name a plan file"),
        (("approve", short, "--as", "care", "--key", file), "is no plan"),
    ):
        done = shop.cli(*arguments)
        assert done.code == 2
        assert said in done.err
    assert shop.apply(file, "--key", "care").code == 2
    assert shop.apply(shop.live, "--key", f"care={file}").code == 2
    assert shop.plan(shop.live, "--out", shop.folder / "no" / "a.plan").code == 2
