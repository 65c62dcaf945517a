"""Fonts for a figure's texts: what matplotlib ships, and whatever is installed for the letters it lacks."""

import unicodedata

PLACEHOLDER = "Last Resort"
"""A font of boxes for every letter there is, shipped with matplotlib: it draws nothing that can be read."""


def drawable(text: str) -> str:
    """Return a text without the characters that have no picture: controls become a space, joiners and the like go."""
    kept = (" " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character for character in text)
    return "".join(character for character in kept if unicodedata.category(character) not in ("Cf", "Mn", "Cs"))


def families_for(text: str) -> list[str]:
    """Return font families that draw a text, DejaVu Sans first; a letter that no installed font has stays a box."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    families = ["DejaVu Sans"]
    missing = {ord(character) for character in text} - _letters_of(findfont(FontProperties(family=families[0])))
    for entry in sorted(fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        if not missing:
            break
        if entry.style != "normal" or entry.name in families or entry.name.startswith(PLACEHOLDER):
            continue
        covered = missing & _letters_of(entry.fname)
        if covered:
            families.append(entry.name)
            missing -= covered
    return families


def _letters_of(path: str) -> set[int]:
    from matplotlib.font_manager import get_font

    try:
        return set(get_font(path).get_charmap())
    except RuntimeError:  # a bitmap font, such as coloured emoji
        return set()
