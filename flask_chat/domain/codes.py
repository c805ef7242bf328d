"""The four letters that lead to a room: drawing them, and reading what people type."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NewType

from flask_chat.domain.errors import CodeInvalid
from flask_chat.domain.unseen import without_ignorable

Code = NewType("Code", str)

CODE_LETTERS = 4

# Consonants without L: nothing here is misread as 1 or 0, and without vowels few words come out.
ALPHABET = "BCDFGHJKMNPQRSTVWXZ"

# Consonants alone still spell these.
_RUDE = re.compile(
    r"BTCH|CNT|CCK|CCP|DCK|FCK|FGG|FGT|FK|FVCK|JZZ|KKK|NGR|NGGR|NZ|PHCK|PNS|PRCK|PSS|RTRD|SHT|SS$|TTS"
    r"|TWT|WNK|WHR|WTF|XXX"
)

_LINK = re.compile(r"/r/([\w-]*)", re.IGNORECASE)  # QR readers and old phones shout
_INVITE = re.compile(r"[?&]invite=([\w-]{1,64})")
_SEPARATORS = re.compile(r"[\s\-‐‑‒–—_.·]+")
_FOUR_LETTERS = re.compile(rf"[A-Za-z]{{{CODE_LETTERS}}}")


def draw_code(choice: Callable[[Sequence[str]], str]) -> Code:
    """A code by chance: four letters that are easy to read aloud and spell nothing rude.

    `choice` picks one element; give it `secrets.choice`, so that codes cannot be predicted.
    """
    while True:
        code = "".join(choice(ALPHABET) for _ in range(CODE_LETTERS))
        if not _RUDE.search(code):
            return Code(code)


def parse_code(typed: str) -> Code:
    """The code in what somebody typed: any case, with spaces or dashes, or a whole link around it.

    Any four letters A to Z are a code, also such as were never drawn.
    Raises CodeInvalid with `field` "code".
    """
    plain = without_ignorable(typed)  # other programs copy zero-width characters along
    link = _LINK.search(plain)
    plain = unicodedata.normalize("NFKC", link[1] if link else plain)  # ＢＣＤＦ from an IME
    letters = _SEPARATORS.sub("", plain)
    if not _FOUR_LETTERS.fullmatch(letters):
        raise CodeInvalid(field="code")
    return Code(letters.upper())


def parse_invite(typed: str) -> str:
    """The invite in a whole link that was pasted where a code belongs; "" where there is none."""
    invite = _INVITE.search(typed)
    return invite[1] if invite else ""
