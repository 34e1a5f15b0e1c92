"""Letters of other scripts, written in those from a to z, so that a name can be read aloud.

It is for reading only: two texts may come out the same (see `name`, which adds a digest).
"""

from __future__ import annotations

import re
import unicodedata

_LATIN = "æ ae ø o œ oe ß ss ł l đ d ð d þ th ı i ŋ n ħ h ə e"
_GREEK = (
    "α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f "
    "χ ch ψ ps ω o"
)
_CYRILLIC = (
    "а a б b в v г g д d е e ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u ф f х kh "
    "ц ts ч ch ш sh щ shch ъ - ы y ь - э e ю yu я ya є ye і i ї yi ґ g ђ dj ј j љ lj њ nj ћ c џ dz"
)
_TABLE = {
    letter: written.strip("-")
    for letters in (_LATIN, _GREEK, _CYRILLIC)
    for letter, written in zip(letters.split()[::2], letters.split()[1::2], strict=True)
}
_FOREIGN = re.compile(r"[^\x00-\x7f]")

# The Revised Romanization of Korean, letter by letter.
_FIRST = "g kk n d tt r m b pp s ss - j jj ch k t p h"
_VOWEL = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i"
_LAST = "- k k ks n nj nh t l lk lm lp ls lt lp lh m p ps t t ng t t k t p t"
_FIRSTS, _VOWELS, _LASTS = (
    [written.strip("-") for written in letters.split()] for letters in (_FIRST, _VOWEL, _LAST)
)
_SYLLABLES = range(0xAC00, 0xD7A4)


def latin(text: str) -> str:
    """Return `text`, in lower case, with Latin, Greek, Cyrillic and Korean letters as a to z.

    >>> latin("ærø"), latin("заказ оплачен"), latin("주문")
    ('aero', 'zakaz oplachen', 'jumun')
    """
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", text)
    return _FOREIGN.sub(lambda found: _written(found[0]), composed)


def _written(letter: str) -> str:
    if ord(letter) not in _SYLLABLES:
        return _TABLE.get(letter) or _TABLE.get(unicodedata.normalize("NFD", letter)[0], letter)
    first, rest = divmod(ord(letter) - _SYLLABLES.start, len(_VOWELS) * len(_LASTS))
    vowel, last = divmod(rest, len(_LASTS))
    return _FIRSTS[first] + _VOWELS[vowel] + _LASTS[last]
