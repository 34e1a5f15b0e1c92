from cjo_stream.kafka.process.watchdog import Progress, Standing


def still_s(
    progress: Progress, now_s: float, ends: dict[int, int], standings: dict[int, Standing]
) -> float:
    found = progress.still(now_s, ends, standings)
    return found.seconds if found is not None else 0.0


def test_lag_without_progress_is_told_with_its_time() -> None:
    progress = Progress()
    assert still_s(progress, 0, {0: 10}, {0: Standing(5)}) == 0
    assert still_s(progress, 59, {0: 11}, {0: Standing(5)}) == 59
    found = progress.still(60, {0: 12}, {0: Standing(5)})
    assert found is not None
    assert found.seconds == 60
    assert "partition 0 has 7 records" in found.what


def test_of_several_the_one_that_stands_longest_is_told() -> None:
    progress = Progress()
    progress.still(0, {0: 10, 1: 10}, {0: Standing(5), 1: Standing(5)})
    progress.still(30, {0: 10, 1: 10}, {0: Standing(6), 1: Standing(5)})
    found = progress.still(50, {0: 10, 1: 10}, {0: Standing(6), 1: Standing(5)})
    assert found is not None
    assert found.seconds == 50
    assert "partition 1" in found.what


def test_any_progress_begins_anew() -> None:
    progress = Progress()
    for second in range(0, 600, 50):
        assert still_s(progress, second, {0: 10_000}, {0: Standing(second)}) == 0
    for second in range(600, 1200, 50):
        standing = Standing(0, moves=second)
        assert still_s(progress, second, {0: 10_000}, {0: standing}) == 0


def test_an_idle_partition_is_well() -> None:
    progress = Progress()
    for second in (0, 100, 200):
        assert still_s(progress, second, {0: 5}, {0: Standing(5)}) == 0
    assert still_s(progress, 210, {0: 6}, {0: Standing(5)}) == 10
    assert still_s(progress, 269, {0: 6}, {0: Standing(5)}) == 69


def test_time_without_a_broker_does_not_count() -> None:
    progress = Progress()
    assert still_s(progress, 0, {0: 10}, {0: Standing(5)}) == 0
    progress.pause(300)
    assert still_s(progress, 350, {0: 10}, {0: Standing(5)}) == 50


def test_a_partition_that_was_given_back_is_forgotten() -> None:
    progress = Progress()
    assert still_s(progress, 0, {0: 10}, {0: Standing(5)}) == 0
    assert still_s(progress, 50, {}, {}) == 0
    assert still_s(progress, 100, {0: 10}, {0: Standing(5)}) == 0
