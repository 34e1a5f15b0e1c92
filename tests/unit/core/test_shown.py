"""What producers wrote is shown, and obeyed by no terminal."""

import json
import sys

from cjo_stream.core.shown import escaped, printable


def test_a_shown_text_moves_no_cursor() -> None:
    for number in range(sys.maxunicode + 1):
        shown = printable(chr(number))
        assert shown.isprintable() or shown in "\n\t"
    assert printable("schön ☃") == "schön ☃"


def test_json_is_the_same_value_with_nothing_to_obey() -> None:
    odd = "".join(chr(number) for number in range(0x800) if number not in range(0xD800, 0xE000))
    for value in (odd, "\u202eevil\u2028\U000e0041\U00100000", {"\x9b": ["\x7f", "schön"]}):
        text = escaped(json.dumps(value, ensure_ascii=False))
        assert text.isprintable()
        assert json.loads(text) == value
    assert escaped('["schön",\n1]') == '["schön",\n1]'
