from cjo_stream.governance.backtest.group import group


def groups(live: list[list[str]], candidate: list[list[str]]) -> list[tuple[list[int], list[int]]]:
    found = group(live, candidate)
    members = found.members()
    return [tuple(map(list, members.of(number))) for number in range(found.number)]


def test_customers_who_share_an_identifier_are_of_one_group() -> None:
    assert groups([["a", "b"], ["c"]], [["c"], ["b"]]) == [([0], [1]), ([1], [0])]


def test_a_merge_on_one_side_only_joins_the_customers_of_the_other() -> None:
    assert groups([["a"], ["b"]], [["a", "b"]]) == [([0, 1], [0])]
    assert groups([["a", "b"]], [["a"], ["b"]]) == [([0], [0, 1])]


def test_customers_are_of_one_group_over_others_too() -> None:
    live = [["a", "b"], ["c", "d"]]
    assert groups(live, [["b", "c"], ["d", "e"]]) == [([0, 1], [0, 1])]


def test_a_customer_of_one_side_only_is_a_group() -> None:
    assert groups([["a"]], []) == [([0], [])]
    assert groups([], [["a"]]) == [([], [0])]
    assert groups([], []) == []
