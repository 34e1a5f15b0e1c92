import pytest

from tests.simulation import disk, disk_embedded, disk_worker

SEEDS = 24


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_disk_that_fails_is_told_of_and_never_changes_an_effect(seed: int) -> None:
    assert disk.run(seed)


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("is_applied", [False, True])
def test_any_write_may_fail(partitions: int, is_applied: bool) -> None:
    """From the first to the last: the same command goes on with the same bytes."""
    for number in range(1, 400, 67):
        fault = disk.Fault("write", number, "no space", is_applied)
        disk.execute(2 * (partitions > 1), [disk.Step("go", 9, 0, fault)])


@pytest.mark.parametrize("seed", [0, 1])
def test_the_smallest_form_names_the_step_that_breaks(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("it says nothing of use")

    for who in (disk_embedded, disk_worker):
        monkeypatch.setattr(who, "check_told", refuse)
    fault = disk.Fault("write", 3, "no space")
    steps = [disk.Step("go", 3), disk.Step("go", 9, 0, fault), disk.Step("go", 3)]
    monkeypatch.setattr(disk, "plan", lambda _: steps)
    told = disk.smallest(seed).splitlines()
    assert len(told) == 3
    assert "write 3 fails: no space" in told[1]
    assert told[2] == "AssertionError: it says nothing of use"
