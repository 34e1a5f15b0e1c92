"""What operators hold on Kafka."""

from __future__ import annotations

from cjo_stream.engine.hold import Hold
from cjo_stream.installation.answer import Holding, holding_of
from cjo_stream.kafka.channel.heeding import unheeding
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.hold import order
from cjo_stream.kafka.hold.shelf import behind, read_shelves
from cjo_stream.kafka.topic.check import require_log
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings


def read(settings: Settings) -> Holding:
    """Return what is held, and what waits.

    A partition is behind until its dispatch has written that it heeds every hold and release; one
    that webhook has ever read is unheeding until webhook has committed that.
    Raises RefusalError where a topic is missing, RetryError where the broker is away.
    """
    names = Names(settings.topic_prefix)
    admin = Admin(settings)
    require_log(admin, settings, names.held)
    admin.require([names.hold])
    log = order.read_holds(settings)
    numbers = range(settings.partitions)
    shelves = read_shelves(settings, names.held, numbers)
    late = unheeding(settings, admin, log.seen)
    return holding_of(log.all, shelves.values(), behind(shelves, log.seen), late)


def write(settings: Settings, hold: Hold, *, is_held: bool) -> None:
    """Let commands wait, or take a hold back; dispatch heeds it when it has read it."""
    Admin(settings).require([Names(settings.topic_prefix).hold])
    order.write(settings, hold, is_held=is_held)
