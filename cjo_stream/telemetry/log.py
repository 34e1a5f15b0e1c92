"""The log: lines for people on a terminal, JSON objects for machines elsewhere; on stderr."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from typing import Literal, TextIO

LIBRARIES = ("aiokafka", "faust", "mode")
"""They tell each service that they start and stop; what matters to us they warn of."""

Format = Literal["auto", "json", "text"]


class JsonLine(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and where there is one, error."""

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
        return json.dumps(line, ensure_ascii=False)


def spoken(speaker: str, line: str, *, as_json: bool) -> str:
    """Return a line of another process's log, with who spoke.

    >>> spoken("intake", "12:00:00 info    begun", as_json=False)
    'intake | 12:00:00 info    begun'
    >>> spoken("intake", '{"message": "begun"}', as_json=True)
    '{"process": "intake", "message": "begun"}'

    What is no JSON, a traceback or a library's own line, becomes a message.
    """
    if not as_json:
        return f"{speaker} | {line}"
    try:
        told = json.loads(line)
    except ValueError:
        told = line
    if not isinstance(told, dict):
        told = {"message": line}
    return json.dumps({"process": speaker, **told}, ensure_ascii=False)


class TextLine(logging.Formatter):
    """Time of day, level, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        line = f"{_time(record)[11:19]} {record.levelname.lower():7} {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(level: str, format_: Format, stream: TextIO | None = None) -> None:
    """Send the log of this process to stderr, and nowhere else."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLine() if is_json(format_, stream) else TextLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))


def is_json(format_: Format, stream: TextIO) -> bool:
    """Return whether the log that goes to `stream` is JSON."""
    return format_ == "json" or (format_ == "auto" and not stream.isatty())


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
