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
    as_text = format_ == "text" or (format_ == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLine() if as_text else JsonLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.WARNING))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
