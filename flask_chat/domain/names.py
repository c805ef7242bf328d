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
    "The host", "You",
)  # fmt: skip

_MARKS_IN_A_ROW = 4  # UTS #39 §5.4; Burmese comes to four
_MARKS = ("Mn", "Me")
# Control, format (bidi, zero-width), surrogate, private and unassigned characters, line breaks.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# What takes room and shows nothing, though Unicode files it under letters or symbols.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc\U00013441\U00013442\U0001d159"
)
# Zero-width as well, but Persian, Sinhala or Malayalam names and many emoji are not right without.
_JOINERS = "\u200c\u200d"
_SELECTORS = frozenset(
    chr(code)
    for first, last in ((0x180B, 0x180D), (0x180F, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
)
# What two names may differ in and still look the same, besides look-alike letters.
_INVISIBLE = dict.fromkeys(map(ord, _SELECTORS.union(_JOINERS)))
_TICKS = frozenset("\u00ae\u2611\u2705\u2713\u2714\U0001f5f8\U0001f5f9")
_VIRAMA = 9  # its canonical combining class
_ARABIC = ("AL", "NSM")  # a letter of a script like Arabic, or a mark on one
_LRM = "\u200e"  # left-to-right mark


def clean_name(typed: str, limit: float) -> str:
    """The name as it will be shown: NFKC, spaces single, trimmed, 1 to `limit` characters.

    Raises NameInvalid (`field` "name") saying what is wrong with it.
    """
    name = _one_line(typed)
    if not name:
        raise NameInvalid("Please type a name.", field="name")
    if len(name) > limit:
        raise NameInvalid(f"A name has at most {limit} characters.", field="name", limit=limit)
    if _has_unseen(name):
        raise NameInvalid("This name holds characters that cannot be seen.", field="name")
    if _has_stacked_marks(name):
        raise NameInvalid("This name has too many marks on one letter.", field="name")
    if not any(char.isalnum() or _is_symbol(char) for char in name):
        raise NameInvalid("A name needs a letter, a digit or an emoji.", field="name")
    if _is_reserved(name):
        raise NameInvalid(f"“{name}” is reserved. Please choose another name.", field="name")
    return name


def clean_line(typed: str) -> str | None:
    """A line of text made and checked as a name is, but empty if one likes, of any length.

    None when it holds characters that cannot be seen, or marks heaped on one letter.
    """
    line = _one_line(typed)
    is_bad = line and (_has_unseen(line) or _has_stacked_marks(line))
    return None if is_bad else line


def name_keys(name: str) -> frozenset[str]:
    """What the name is compared by: two names are too alike when they share one of these keys.

    Letter case does not tell names apart, nor do look-alike letters (UTS #39 §4, skeletons), so
    `Αda` with a Greek letter, `ADA` and `Ada` are one name. Nor do spaces, punctuation and ticks:
    `Ada.`, `A-da` and `Ada ✓` are that one as well.
    """
    name = name.translate(_INVISIBLE)
    folded = name.casefold().replace("i\u0307", "i")  # İ, and a second dot on i that nobody sees
    bare = "".join(filter(_tells_apart, folded)) or folded
    return frozenset((folded, skeleton(name).casefold(), skeleton(folded), skeleton(bare)))


def free_name(wanted: str, taken: Iterable[frozenset[str]], limit: float) -> str:
    """The first of "Ada 2", "Ada 3" … that nobody in `taken` (their `name_keys`) has."""
    keys = frozenset().union(*taken)
    for number in count(2):
        ending = f" {number}"
        room_left = max(0, int(min(limit, len(wanted) + len(ending))) - len(ending))
        candidate = (wanted[:room_left].rstrip(" " + _JOINERS) + ending).strip()
        if not name_keys(candidate) & keys:
            return candidate
    raise AssertionError("count() does not end")


def is_numbered(name: str, wanted: str) -> bool:
    """Whether `free_name` may have made this name of the wanted one, or it is that one."""
    stem, _, number = name.rpartition(" ")
    cut = wanted[len(stem) :].lstrip(" " + _JOINERS)  # with what is not left at the end of a stem
    is_cut = wanted.startswith(stem) and len(cut) <= len(number) + 1
    return name == wanted or (number.isdecimal() and bool(stem) and is_cut)


def skeleton(text: str) -> str:
    """The text with each character replaced by the plainest one that looks like it (UTS #39 §4)."""
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(_prototypes()))


@cache
def _prototypes() -> dict[int, str]:
    # The package keeps each confusable pair in both directions, right-to-left ones between marks. A
    # character that stands for several others is their prototype; in a lone pair either will do as
    # long as it is always the same one.
    found: dict[int, str] = {}
    for key, partners in confusables_data.items():
        char, target = key.strip(_LRM), partners[0]["c"].strip(_LRM)
        if len(char) != 1 or len(partners) != 1:
            continue
        is_prototype = len(confusables_data.get(partners[0]["c"], ())) > 1
        if len(target) != 1 or is_prototype or target < char:
            found[ord(char)] = target
    return {char: target.translate(found) for char, target in found.items()}


def _tells_apart(char: str) -> bool:
    return unicodedata.category(char)[0] not in "PZ" and char not in _TICKS


def _one_line(typed: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", typed).split())


def _has_unseen(line: str) -> bool:
    return any(map(_is_unseen, line, " " + line, line[1:] + " "))


def _is_unseen(char: str, before: str, after: str) -> bool:
    """Whether the character shows nothing, neither itself nor on its neighbours."""
    if char in _JOINERS:
        return not _joins(before, after)
    if char in _SELECTORS:  # they choose among the shapes of an ideograph, an emoji or a digit
        return unicodedata.category(before) not in ("Lo", "Nd", "Po", "Sm", "So")
    return unicodedata.category(char) in _UNSEEN or char in _BLANK


def _joins(before: str, after: str) -> bool:
    """Whether a joiner between these does something: UAX #31 §2.3 (A1, A2, B) and UTS #51."""
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if unicodedata.category(after) == "So":
        return unicodedata.category(before) in ("So", "Sk") or before in _SELECTORS
    return unicodedata.category(after) == "Lo" and unicodedata.bidirectional(before) in _ARABIC


def _is_reserved(name: str) -> bool:
    """Whether the name, or what is left of "[System]" and "H.o.s.t", is kept for the room."""
    letters = "".join(filter(str.isalnum, name))
    return not _reserved_keys().isdisjoint(name_keys(name) | name_keys(letters))


@cache
def _reserved_keys() -> frozenset[str]:
    return frozenset().union(*(name_keys(word) for word in RESERVED))


def _has_stacked_marks(name: str) -> bool:
    run = _MARKS_IN_A_ROW if unicodedata.category(name[0]) in _MARKS else 0  # nothing to stand on
    for char in unicodedata.normalize("NFD", name):
        run = run + 1 if unicodedata.category(char) in _MARKS else 0
        if run > _MARKS_IN_A_ROW:
            return True
    return False


def _is_symbol(char: str) -> bool:
    return unicodedata.category(char) in ("So", "Sm", "Sc")
