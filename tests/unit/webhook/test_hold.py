"""Which holds the backlog of an endpoint heeds."""

from cjo_stream.engine.hold import Which, is_held
from cjo_stream.webhook.hold import holds_for


def test_a_hold_of_the_channel_is_of_all_that_its_endpoint_gets() -> None:
    holds = frozenset({Which("mail"), Which("push", "offer"), Which(action="card")})
    mail = holds_for("mail", holds)
    assert mail == {Which(), Which("push", "offer"), Which(action="card")}
    assert is_held(mail, "its_former_name", "hello")
    push = holds_for("push", holds)
    assert is_held(push, "its_former_name", "offer")
    assert is_held(push, "push", "card")
    assert not is_held(push, "push", "hello")


def test_a_hold_of_a_former_name_is_still_of_its_commands() -> None:
    post = holds_for("post", frozenset({Which("mail")}))
    assert is_held(post, "mail", "hello")
    assert not is_held(post, "post", "hello")
