"""Results as JUnit's XML, which CI systems show."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from xml.etree import ElementTree

from cjo_stream.testing.play import Result
from cjo_stream.testing.tell import lines_of

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 (2.2) forbids."""


def junit(results: Sequence[Result]) -> bytes:
    """Return a document with a suite for each file and an element for each case."""
    root = ElementTree.Element("testsuites", _numbers(results))
    for file, group in itertools.groupby(results, key=lambda result: result.case.at.file):
        of_file = list(group)
        suite = ElementTree.SubElement(root, "testsuite", {"name": file, **_numbers(of_file)})
        for result in of_file:
            case = result.case
            element = ElementTree.SubElement(
                suite,
                "testcase",
                {
                    "name": _clean(case.name),
                    "classname": file.removesuffix(".yaml").removesuffix(".yml"),
                    "file": file,
                    "line": str(case.at.line),
                    "time": f"{result.seconds:.4f}",
                },
            )
            if result.failed:
                lines = lines_of(result)
                failure = ElementTree.SubElement(
                    element, "failure", {"message": _clean(lines[0].strip())}
                )
                failure.text = _clean("\n".join(lines))
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _numbers(results: Sequence[Result]) -> dict[str, str]:
    failures = sum(bool(result.failed) for result in results)
    seconds = sum(result.seconds for result in results)
    return {"tests": str(len(results)), "failures": str(failures), "time": f"{seconds:.4f}"}


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)
