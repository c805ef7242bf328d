"""Names: which are accepted, which are too alike, and which is offered instead."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.domain.errors import NameInvalid
from flask_chat.domain.names import (
    RESERVED,
    clean_name,
    free_name,
    is_numbered,
    name_keys,
    skeleton,
)

LIMIT = 32


def is_refused(typed: str, limit: float = LIMIT) -> bool:
    try:
        clean_name(typed, limit)
    except NameInvalid as refusal:
        return refusal.data["field"] == "name"
    return False


def are_alike(one: str, other: str) -> bool:
    return bool(name_keys(clean_name(one, LIMIT)) & name_keys(clean_name(other, LIMIT)))


def names() -> st.SearchStrategy[str]:
    """Names that are accepted, and so as they are kept."""
    letters = st.characters(categories=("L", "N", "So", "Mn", "Zs", "P"))
    typed = st.text(letters, min_size=1, max_size=LIMIT) | st.text("AdaIl10OrnmАа ", min_size=1)
    return typed.filter(lambda name: not is_refused(name)).map(lambda n: clean_name(n, LIMIT))


@pytest.mark.parametrize(
    "name",
    [
        "Ada",
        "J",
        "Grace Hopper",
        "O'Neill",
        "Jean-Luc",
        "Ada 2",
        "李小龙",
        "さくら",
        "タロウ",
        "김민준",
        "محمد",
        "علی‌رضا",  # Persian, with a zero-width non-joiner
        "שָׁלוֹם",
        "สมชาย",
        "น้ำผึ้ง",
        "अर्जुन",
        "क्षितिज",
        "ශ්‍රියානි",  # Sinhala, with a zero-width joiner
        "അനില്‍",  # Malayalam, old spelling with a joiner at the end
        "Nguyễn Thị Thắm",
        "လှို့ဝှက်",  # Burmese, four marks on one letter
        "བསྟན་འཛིན",
        "Ελένη",
        "Ольга",
        "Õnne-Mai Ö",
        "İbrahim",
        "葛󠄀城",  # with an ideographic variation selector
        "🦊",
        "❤️",
        "1️⃣",
        "👍🏽",
        "👩🏽‍💻 Ada",
        "🏳️‍🌈",
        "👩‍❤️‍👨",
    ],
)
def test_names_of_people_everywhere_are_kept_as_typed(name: str) -> None:
    assert clean_name(name, LIMIT) == unicodedata.normalize("NFKC", name)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada \n", "Ada"),
        ("Ada \t  Grace", "Ada Grace"),
        ("Ada\u00a0Grace", "Ada Grace"),
        ("\u3000Ada", "Ada"),
        ("Ａｄａ", "Ada"),
        ("Ame\u0301lie", "Amélie"),
        ("ﬁona", "fiona"),
    ],
)
def test_a_name_is_normalised_and_trimmed(typed: str, kept: str) -> None:
    assert clean_name(typed, LIMIT) == kept


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="empty"),
        pytest.param(" \t\u3000", id="blank"),
        pytest.param("Ada\x00", id="NUL"),
        pytest.param("Ada\x1b[31m", id="escape"),
        pytest.param("Ada\x7f", id="delete"),
        pytest.param("Ada\u202eecarG", id="right-to-left override"),
        pytest.param("\u2067Ada\u2069", id="bidi isolate"),
        pytest.param("Ada\u200f", id="right-to-left mark"),
        pytest.param("Ad\u200ba", id="zero-width space"),
        pytest.param("Ad\u200da", id="joiner between Latin letters"),
        pytest.param("Ada\u200c", id="non-joiner at the end"),
        pytest.param("\u200dAda", id="joiner at the start"),
        pytest.param("🦊\u200d", id="joiner after the last emoji"),
        pytest.param("Ad\ufe0fa", id="variation selector on a Latin letter"),
        pytest.param("\ufe0fAda", id="variation selector at the start"),
        pytest.param("Ad\u00ada", id="soft hyphen"),
        pytest.param("\ufeffAda", id="byte order mark"),
        pytest.param("Ad\u2060a", id="word joiner"),
        pytest.param("Ad\u034fa", id="grapheme joiner"),
        pytest.param("Ada\U000e0041", id="tag letter"),
        pytest.param("\u3164", id="Hangul filler"),
        pytest.param("Ada\uffa0", id="halfwidth Hangul filler"),
        pytest.param("\u2800", id="Braille blank"),
        pytest.param("\ufffc", id="object replacement"),
        pytest.param("Ada\ue000", id="private use"),
        pytest.param("Ada\ud800", id="half a surrogate pair"),
        pytest.param("Ada\U000e0fff", id="unassigned"),
        pytest.param("...", id="only punctuation"),
        pytest.param("-", id="only a dash"),
        pytest.param("\u0301", id="only a mark"),
        pytest.param("\u0301Ada", id="a mark on what stands before"),
        pytest.param("A" + "\u0321" * 5 + "da", id="marks piled up"),
        pytest.param("A" * 33, id="too long"),
        pytest.param("\ufdfa" * 2, id="too long once normalised"),
    ],
)
def test_what_cannot_be_a_name_is_refused(typed: str) -> None:
    assert is_refused(typed)


def test_a_name_has_up_to_the_limit_of_characters_and_says_which() -> None:
    assert clean_name("🦊" * LIMIT, LIMIT) == "🦊" * LIMIT

    with pytest.raises(NameInvalid, match="at most 32 characters") as refusal:
        clean_name("🦊" * (LIMIT + 1), LIMIT)

    assert refusal.value.data["limit"] == LIMIT


def test_a_lifted_limit_lets_long_names_in() -> None:
    assert len(clean_name("A" * 5_000, float("inf"))) == 5_000


@pytest.mark.parametrize("word", RESERVED)
def test_reserved_words_are_refused_in_any_case(word: str) -> None:
    assert is_refused(word)
    assert is_refused(f"  {word.upper()} ")
    assert is_refused(word.lower())


@pytest.mark.parametrize(
    "typed",
    [
        "Ηost",  # Greek Eta
        "Ноst",  # Cyrillic En and o
        "H0st",
        "H0ST",
        "Sуstem",  # Cyrillic u
        "Ѕystem",  # Cyrillic Dze
        "Adrnin",
        "Аdmin",  # Cyrillic A
        "Ｓｙｓｔｅｍ",
        "𝐇𝐨𝐬𝐭",
        "[System]",
        "*Host*",
        "The host",
        "H.o.s.t",
        "S y s t e m",
        "🤖 Bot",
        "co host",
        "Ⲏost",  # Coptic Hate
    ],
)
def test_what_looks_like_a_reserved_word_is_refused(typed: str) -> None:
    assert is_refused(typed)


@pytest.mark.parametrize("name", ["Hostess", "Modesty", "Systema", "Adm", "Bo", "Hosni", "Robot"])
def test_names_that_only_begin_like_reserved_words_are_fine(name: str) -> None:
    assert clean_name(name, LIMIT) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ADA"),
        ("Ada", "Αda"),  # Greek Alpha
        ("Ada", "Аda"),  # Cyrillic A
        ("Ada", "АDА"),
        ("Ada", "Adа"),  # Cyrillic a at the end
        ("Grace", "Grасе"),  # Cyrillic a, es, ie
        ("Bam", "Barn"),
        ("BAM", "barn"),
        ("Alex", "AIex"),  # capital I
        ("Alex", "A1ex"),
        ("ALEX", "AIex"),
        ("Bob", "B0b"),
        ("O", "0"),
        ("Strasse", "Straße"),
        ("Ali", "Ali\u0307"),
        ("ibrahim", "İbrahim"),
        ("علي", "علی"),  # Arabic and Persian yeh
        ("كريم", "کریم"),
        ("ρ", "p"),
        ("👩‍💻", "👩💻"),
        ("葛󠄀城", "葛城"),
        ("❤️", "❤"),
        ("Ada  2", "Ada 2"),
        ("Ada", "Ada."),
        ("Ada", "A-da"),
        ("Ada", "«Ada»"),
        ("Ada", "_Аdа_"),  # with two Cyrillic letters
        ("Ada", "Ada ✓"),
        ("Ada", "Ada ✅"),
        ("Ann-Marie", "Ann Marie"),
    ],
)
def test_names_that_look_alike_are_one_name(one: str, other: str) -> None:
    assert are_alike(one, other)
    assert are_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "Ida"),
        ("Ada", "Ada 2"),
        ("Ada", "Áda"),
        ("Ada", "Adam"),
        ("Grace", "Gracie"),
        ("محمد", "أحمد"),
        ("さくら", "サクラ"),
        ("Ольга", "Олег"),
        ("🦊", "🐺"),
        ("Ada", "Ada 🦊"),
        ("✓", "✅"),
        ("C", "C++"),
        ("김민준", "김민서"),
    ],
)
def test_names_that_can_be_told_apart_may_both_be_used(one: str, other: str) -> None:
    assert not are_alike(one, other)


def test_a_pair_of_letters_has_one_skeleton_whichever_way_round() -> None:
    assert skeleton("п") == skeleton("π")
    assert skeleton("rn") == skeleton("m")
    assert skeleton("¢") == skeleton("c\u0338") == skeleton("c\u0337")
    assert skeleton("ו") == skeleton("1") == skeleton("I") == "l"  # Hebrew vav


@given(st.text(max_size=50))
def test_any_text_is_either_refused_or_a_tidy_name(typed: str) -> None:
    if is_refused(typed):
        return
    name = clean_name(typed, LIMIT)

    assert 1 <= len(name) <= LIMIT
    assert name == name.strip()
    assert clean_name(name, LIMIT) == name
    assert are_alike(name, typed)


@given(names())
def test_letter_case_never_tells_names_apart(name: str) -> None:
    assert name_keys(name) & name_keys(name.casefold())
    assert all(name_keys(name))


@given(names(), names())
def test_being_alike_goes_both_ways_and_needs_a_common_look(one: str, other: str) -> None:
    if skeleton(one) == skeleton(other) or one.casefold() == other.casefold():
        assert are_alike(one, other)
    assert are_alike(one, other) == are_alike(other, one)


@given(names(), st.integers(min_value=1, max_value=40), st.sampled_from([8, 16, LIMIT]))
def test_the_name_offered_is_free_valid_and_within_the_limit(
    wanted: str, people: int, limit: int
) -> None:
    wanted = wanted[:limit].strip() or "Ada"
    taken = [name_keys(wanted)]
    for _ in range(people):
        offered = free_name(wanted, taken, limit)

        assert not any(name_keys(offered) & keys for keys in taken)
        assert len(offered) <= limit
        taken.append(name_keys(offered))


@given(names())
def test_the_name_offered_is_one_that_would_be_accepted(wanted: str) -> None:
    offered = free_name(wanted, [name_keys(wanted)], LIMIT)

    assert clean_name(offered, LIMIT) == offered


@pytest.mark.parametrize(
    ("wanted", "taken", "offered"),
    [
        ("Ada", ["Ada"], "Ada 2"),
        ("ada", ["Ada", "ADA 2"], "ada 3"),
        ("Αda", ["Ada", "Ada 2"], "Αda 3"),  # with a Greek letter
        ("A" * 32, ["A" * 32], "A" * 30 + " 2"),
        ("Ada Grace Hopper Lovelace Byron X", [], "Ada Grace Hopper Lovelace Byro 2"),
        ("👩‍💻" * 10, [], "👩‍💻" * 10 + " 2"),
        ("A" + "👩‍💻" * 10, [], "A" + "👩‍💻" * 9 + "👩 2"),  # not cut after a joiner
    ],
)
def test_the_next_free_name_is_offered(wanted: str, taken: list[str], offered: str) -> None:
    assert free_name(wanted, map(name_keys, taken), LIMIT) == offered


@pytest.mark.parametrize(
    ("name", "wanted", "is_one"),
    [
        ("Grace", "Grace", True),
        ("Grace 2", "Grace", True),
        ("Grace 17", "Grace", True),
        ("Grace 2", "Grace Ho", True),  # cut behind the space
        ("Grace two", "Grace", False),
        ("Trudy", "Grace", False),
        ("Trudy 2", "Grace", False),
        ("G 2", "Grace Hopper", False),
        (" 2", "Grace", False),
        ("2", "Grace", False),
    ],
)
def test_a_name_with_a_number_is_known_for_what_it_was_made_of(
    name: str, wanted: str, is_one: bool
) -> None:
    assert is_numbered(name, wanted) is is_one


@given(st.text(alphabet="ab c", min_size=1, max_size=12), st.integers(1, 30))
def test_every_free_name_is_known_for_what_it_was_made_of(wanted: str, taken: int) -> None:
    wanted = " ".join(wanted.split()) or "x"
    names = [name_keys(f"{wanted} {number}") for number in range(2, taken + 2)]

    assert is_numbered(free_name(wanted, [name_keys(wanted), *names], 12), wanted)
