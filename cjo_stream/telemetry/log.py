"""The log: lines for people on a terminal, JSON objects for machines elsewhere; on stderr.

What others wrote (a registry's message, a key in a topic) may stand in a message. So a record has
one line, or lines that are indented, and no character of it moves a terminal's cursor.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import Final, Literal, TextIO

from cjo_stream.core.shown import printable

LIBRARIES = ("aiokafka", "faust", "mode")
"""At INFO they log the start and stop of each of their services; only their warnings matter."""

_MARGIN: Final = "  | "

Format = Literal["auto", "json", "text"]


class JsonLine(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and error if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return printable(json.dumps(line, ensure_ascii=False))


def with_process(process: str, line: str, *, as_json: bool) -> str:
    """Return a line of another process's log, with the name of that process.

    >>> with_process("intake", "12:00:00 info    begun", as_json=False)
    'intake | 12:00:00 info    begun'
    >>> with_process("intake", '{"message": "begun"}', as_json=True)
    '{"process": "intake", "message": "begun"}'

    A line that is no JSON object (a traceback, a library's output) becomes the message.
    """
    if not as_json:
        return f"{process} | {line}"
    try:
        fields = json.loads(line)
    except ValueError:
        fields = line
    if not isinstance(fields, dict):
        fields = {"message": line}
    return json.dumps({"process": process, **fields}, ensure_ascii=False)


class TextLine(logging.Formatter):
    """Time of day, level, message; what follows on further lines is indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        line = f"{_time(record)[11:19]} {record.levelname.lower():7} {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return printable(line).replace("\n", f"\n{_MARGIN}")


def set_up(level: str, format_: Format, stream: TextIO | None = None) -> None:
    """Send the log of this process to stderr, and nowhere else."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLine() if is_json(format_, stream) else TextLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))


def is_json(format_: Format, stream: TextIO) -> bool:
    """Return whether a log written to `stream` is JSON."""
    return format_ == "json" or (format_ == "auto" and not stream.isatty())


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
