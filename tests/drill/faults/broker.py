"""What the processes stand on goes away: the broker, the registry, channel systems, endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tests.drill.fault import Fault, Hand, Run
from tests.drill.installation import LATER_SCHEMA, wait

if TYPE_CHECKING:
    from tests.drill.drilling import Drill

NOTICED_S: Final = 8.0
"""How long a process waits for an answer before it says that the broker does not answer."""
UNREAD_ASKED_S: Final = 30.0
"""How often dispatch asks the broker who takes the commands. By the first answer somebody still
took some, at the second the time begins, and only a further one shows that it is too long."""

HELD_WITHIN_S: Final = 90.0
"""Twice the window of the alert, 45 s in a drill."""
ANSWERED: Final = 'sum(cjo_webhook_commands_total{result="answered"})'


def _broker_down(drill: Drill) -> None:
    drill.installation.broker.kill()


def _broker_back(drill: Drill) -> None:
    drill.installation.broker.start()


def _silent(drill: Drill) -> None:
    drill.systems.silence("email")


def _heard(drill: Drill) -> None:
    drill.systems.wake("email")


def _registry_down(drill: Drill) -> None:
    drill.installation.registry.down()
    drill.traffic.shop.send_odd(LATER_SCHEMA)


def _registry_back(drill: Drill) -> None:
    drill.installation.registry.up()


def _answers(behaviour: str) -> Callable[[Drill], None]:
    """Return what lets the endpoint of the channel `letter` behave otherwise."""

    def behave(drill: Drill) -> None:
        assert drill.installation.endpoint is not None
        drill.installation.endpoint.behave(behaviour)

    return behave


def _mended_while_held(drill: Drill) -> None:
    """Mend the endpoint once the hold has ended the alert: a mended one would end it, too."""
    try:
        wait(
            lambda: "CjoWebhookUnanswered" not in drill.watching.firing(),
            HELD_WITHIN_S,
            lambda: "what is held is posted still",
        )
    finally:
        _answers("ok")(drill)


def _letters_come(drill: Drill) -> None:
    """See that the endpoint takes letters again."""
    answered = drill.watching.value(ANSWERED)
    wait(
        lambda: drill.watching.value(ANSWERED) > answered,
        HELD_WITHIN_S,
        lambda: "nothing is posted after the release",
    )


def _letters(_: Drill) -> dict[str, str]:
    return {"CHANNEL": "letter"}


FAULTS: Final = (
    Fault(
        "broker-down",
        "CjoNothingReady",
        _broker_down,
        (Hand("Bring the broker back", _broker_back),),
        own_s=NOTICED_S,
    ),
    Fault(
        "registry-away",
        "CjoRegistryAway",
        _registry_down,
        (Hand("Bring the registry back", _registry_back),),
        "intake",
        labels={"process": "intake"},
    ),
    Fault(
        "consumer-absent",
        "CjoChannelUnread",
        _silent,
        (Hand("Start the channel system", _heard),),
        "dispatch",
        own_s=3 * UNREAD_ASKED_S,
        labels={"channel": "email"},
    ),
    Fault(
        "endpoint-away",
        "CjoWebhookStuck",
        _answers("error"),
        (Hand("Mend the endpoint", _answers("ok")),),
        "webhook",
        labels={"channel": "letter"},
    ),
    Fault(
        "endpoint-refuses",
        "CjoWebhookUnanswered",
        _answers("reject"),
        (
            Run(
                'cjo-stream hold --channel CHANNEL --why "its endpoint refuses commands"',
                names=_letters,
            ),
            Hand("Hold the channel while the endpoint is mended", _mended_while_held),
            Run("cjo-stream release --channel CHANNEL", names=_letters),
        ),
        "webhook",
        proof=_letters_come,
        labels={"channel": "letter"},
    ),
)
