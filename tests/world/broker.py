"""The broker of the tests: one from the jars, as a context manager."""

from pathlib import Path

from cjo_stream.kafka.local.broker import Broker

__all__ = ["Broker", "start_broker"]


def start_broker(folder: Path) -> Broker:
    """Return a broker over `folder`; entering it starts it, leaving stops it."""
    return Broker(folder)
