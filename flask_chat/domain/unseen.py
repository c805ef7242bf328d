"""Characters that show nothing. What a name may hold of them is next door, in `names`."""

import re

# What Unicode calls default ignorable: joiners, direction marks, variation selectors, fillers.
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Spaces and control characters, and blanks of other categories: the empty Braille pattern,
# annotation marks, a note without a head.
_SPACES = (
    "\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u2800\ufff9-\ufffb\U0001d159"
)
_SEEN = re.compile(f"[^{_IGNORABLE}{_SPACES}]")
_IGNORABLES = re.compile(f"[{_IGNORABLE}]+")


def is_blank(text: str) -> bool:
    """Whether there is nothing to be seen in the text. Joiners in an emoji do no harm to it.

    `isBlank` in static/js/lib/text.js says the same, and tests/unseen.json holds both to it.
    """
    return _SEEN.search(text) is None


def without_ignorable(text: str) -> str:
    """The text without what takes no room in it; spaces stay."""
    return _IGNORABLES.sub("", text)
