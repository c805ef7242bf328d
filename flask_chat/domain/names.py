"""Display names: what a name may be, and when two names are too alike to tell apart."""

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import count

from confusable_homoglyphs.confusables import confusables_data

from flask_chat.domain.errors import NameInvalid

# Words that would let a guest speak for the room, compared like names are.
RESERVED = (
    "Admin", "Administrator", "Bot", "Co-host", "Cohost", "Everyone", "Here", "Host", "Mod",
    "Moderator", "Nobody", "Owner", "Server", "Somebody", "Someone", "Staff", "Support", "System",
    "You",
)  # fmt: skip

_MARKS_IN_A_ROW = 3  # more than any living script stacks on one letter after NFKC
# Control, format (bidi, zero-width), surrogate, private and unassigned characters, line breaks.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# What takes room and shows nothing, though Unicode files it under letters or symbols.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f")


def clean_name(typed: str, limit: float) -> str:
    """The name as it will be shown: NFKC, spaces single, trimmed, 1 to `limit` characters.

    Raises NameInvalid (`field` "name") saying what is wrong with it.
    """
    name = " ".join(unicodedata.normalize("NFKC", typed).split())
    if not name:
        raise NameInvalid("Please type a name.", field="name")
    if len(name) > limit:
        raise NameInvalid(f"A name has at most {limit} characters.", field="name", limit=limit)
    if any(unicodedata.category(char) in _UNSEEN or char in _BLANK for char in name):
        raise NameInvalid("This name holds characters that cannot be seen.", field="name")
    if _has_stacked_marks(name) or not any(char.isalnum() or _is_symbol(char) for char in name):
        raise NameInvalid("A name needs a letter, a digit or an emoji.", field="name")
    if name_keys(name) & _reserved_keys():
        raise NameInvalid(f"“{name}” is reserved. Please choose another name.", field="name")
    return name


def name_keys(name: str) -> frozenset[str]:
    """What the name is compared by: two names are too alike when they share one of these keys.

    Letter case does not tell names apart, nor do look-alike letters (UTS #39 §4, skeletons), so
    `Αda` with a Greek letter, `ADA` and `Ada` are one name.
    """
    folded = name.casefold()
    return frozenset((folded, skeleton(name).casefold(), skeleton(folded)))


def free_name(wanted: str, taken: Iterable[frozenset[str]], limit: float) -> str:
    """The first of "Ada 2", "Ada 3" … that nobody in `taken` (their `name_keys`) has."""
    keys = frozenset().union(*taken)
    for number in count(2):
        ending = f" {number}"
        room_left = max(1, int(min(limit, len(wanted) + len(ending))) - len(ending))
        candidate = wanted[:room_left].rstrip() + ending
        if not name_keys(candidate) & keys:
            return candidate
    raise AssertionError("count() does not end")


def skeleton(text: str) -> str:
    """The text with each character replaced by the plainest one that looks like it (UTS #39 §4)."""
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(_prototypes()))


@cache
def _prototypes() -> dict[int, str]:
    # The package keeps each confusable pair in both directions. A character that stands for several
    # others is their prototype; in a lone pair either will do as long as it is always the same one.
    found: dict[int, str] = {}
    for char, partners in confusables_data.items():
        if len(char) != 1 or len(partners) != 1:
            continue
        target = partners[0]["c"].strip("\u200e")
        if len(target) != 1 or len(confusables_data.get(target, ())) > 1 or target < char:
            found[ord(char)] = target
    return found


@cache
def _reserved_keys() -> frozenset[str]:
    return frozenset().union(*(name_keys(word) for word in RESERVED))


def _has_stacked_marks(name: str) -> bool:
    run = 0
    for char in unicodedata.normalize("NFD", name):
        run = run + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if run > _MARKS_IN_A_ROW:
            return True
    return False


def _is_symbol(char: str) -> bool:
    return unicodedata.category(char) in ("So", "Sm", "Sc")
