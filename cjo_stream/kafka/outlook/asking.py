"""Asks the broker something again and again, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from cjo_stream.errors import RetryError

_LOG = logging.getLogger(__package__)


class Asking:
    """Calls `ask` every `pause_s` seconds from `start` to `stop`.

    Where the broker is away, it is asked again later: that is reported elsewhere. Any other error
    calls `give_up`, once for each new reason, so that no old answer is shown as a present one.
    """

    def __init__(
        self, what: str, ask: Callable[[], None], give_up: Callable[[], None], pause_s: float
    ) -> None:
        self._what = what
        self._ask = ask
        self._give_up = give_up
        self._pause_s = pause_s
        self._said = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; a question that is under way ends by itself."""
        self._stop.set()

    def once(self) -> None:
        """Ask now; raises nothing."""
        try:
            self._ask()
        except RetryError as error:
            _LOG.debug("%s: %s", self._what, error)
        except Exception as error:
            if str(error) != self._said:
                self._said = str(error)
                _LOG.warning("%s is not shown in the metrics: %s", self._what, error)
            self._give_up()
        else:
            self._said = ""

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            self.once()
