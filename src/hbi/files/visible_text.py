"""Text from outside as it can be shown and stored: whatever would do something to a terminal is spelled out."""

import json

_TURNING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_BREAKING = (0x2028, 0x2029)
_VISIBLE = {
    code: ascii(chr(code))[1:-1]
    for code in (*range(32), *range(127, 160), *_TURNING, *_BREAKING, *range(0xD800, 0xE000))
}
"""Characters that would do something to a terminal or to the line around them (turn its direction, break it), or that a
terminal cannot be sent; and how they are shown."""

_VISIBLE_IN_JSON = {code: f"\\u{code:04x}" for code in _VISIBLE if code >= 127}


def visible(text: object) -> str:
    r"""Return a name, or whatever comes from outside, as one line that does nothing to a terminal.

    >>> visible("two\nlines")
    'two\\nlines'
    """
    return str(text).translate(_VISIBLE)


def visible_json(value: object, *, indent: int | None = None) -> str:
    r"""Return a value as JSON that is as harmless on a terminal, and that any encoding takes which holds its letters.

    >>> visible_json({"name": "名\x9b"})
    '{"name": "名\\u009b"}'
    """
    return json.dumps(value, indent=indent, ensure_ascii=False).translate(_VISIBLE_IN_JSON)
