from cjo_stream.kafka.watchdog import Progress, Standing


def test_lag_without_progress_is_told_after_the_limit() -> None:
    progress = Progress(limit_s=60)
    assert progress.stuck(0, {0: 10}, {0: Standing(5)}) is None
    assert progress.stuck(59, {0: 11}, {0: Standing(5)}) is None
    reason = progress.stuck(60, {0: 12}, {0: Standing(5)})
    assert reason is not None
    assert "partition 0 has 7 records" in reason


def test_any_progress_begins_anew() -> None:
    progress = Progress(limit_s=60)
    for second in range(0, 600, 50):
        assert progress.stuck(second, {0: 10_000}, {0: Standing(second)}) is None
    for second in range(600, 1200, 50):
        standing = Standing(0, moves=second)
        assert progress.stuck(second, {0: 10_000}, {0: standing}) is None


def test_an_idle_partition_is_well() -> None:
    progress = Progress(limit_s=60)
    for second in (0, 100, 200):
        assert progress.stuck(second, {0: 5}, {0: Standing(5)}) is None
    assert progress.stuck(210, {0: 6}, {0: Standing(5)}) is None
    assert progress.stuck(269, {0: 6}, {0: Standing(5)}) is not None


def test_time_without_a_broker_does_not_count() -> None:
    progress = Progress(limit_s=60)
    assert progress.stuck(0, {0: 10}, {0: Standing(5)}) is None
    progress.pause(300)
    assert progress.stuck(350, {0: 10}, {0: Standing(5)}) is None
    assert progress.stuck(360, {0: 10}, {0: Standing(5)}) is not None


def test_a_partition_that_was_given_back_is_forgotten() -> None:
    progress = Progress(limit_s=60)
    assert progress.stuck(0, {0: 10}, {0: Standing(5)}) is None
    assert progress.stuck(50, {}, {}) is None
    assert progress.stuck(100, {0: 10}, {0: Standing(5)}) is None
