"""Cases of the contract in `case/`: the same result in memory, in one partition and in five."""

import json
from pathlib import Path

import pytest

from cjo_stream.cli.app import call
from tests.acceptance.expectation import differences, observed

CASES = sorted(path.parent for path in (Path(__file__).parent / "case").glob("*/expect.json"))


@pytest.mark.parametrize(("is_kept", "partitions"), [(False, "5"), (True, "1"), (True, "5")])
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_acceptance_case(case: Path, is_kept: bool, partitions: str, tmp_path: Path) -> None:
    more = (case / "args").read_text().split() if (case / "args").exists() else []
    out = tmp_path / "out"
    run = ["run", case / "topology", case / "events.jsonl", "--out", out, *more]
    state = ["--state", str(tmp_path / "state")] if is_kept else []
    assert call([*map(str, run), *state, "--partitions", partitions]) == 0
    got = observed(out)
    expected = json.loads((case / "expect.json").read_text())
    assert [
        line for name in expected for line in differences(name, expected[name], got[name])
    ] == []


def test_a_difference_is_found() -> None:
    row = {
        "at": "t",
        "who": {"u:1"},
        "action": "a",
        "channel": "c",
        "journey": None,
        "payload": {},
    }
    wanted = {**row, "who": "u:1"}
    del wanted["payload"]
    assert differences("actions", [wanted], [row]) == []
    assert differences("actions", [{**wanted, "channel": "d"}], [row])
    assert differences("actions", [wanted, wanted], [row])
    assert differences("actions", [], [row])
    later = {**row, "action": "b", "customer_id": "x"}
    swapped = [{**wanted, "action": "b"}, wanted]
    assert differences("actions", swapped, [{**row, "customer_id": "x"}, later])
