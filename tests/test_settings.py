"""Settings: what wins, what is refused, what stays hidden."""

import math
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_chat.cli import settings_page
from flask_chat.setting_sources import load
from flask_chat.settings import ABOUT, Settings, SettingsError, variable

DOCS = Path(__file__).parent.parent / "docs"
KEY = "correct horse battery staple"


def mistakes_of(options: dict[str, str | None] | None = None, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(options, environ)
    return caught.value.mistakes


def test_without_any_setting_the_defaults_are_in_effect() -> None:
    loaded = load(environ={})

    assert (loaded.settings.host, loaded.settings.port) == ("127.0.0.1", 5000)
    assert loaded.settings.message_limit_characters == 4000
    assert loaded.settings.posts_per_second == 2
    assert set(loaded.sources.values()) == {"default", "made for this process"}


def test_the_command_line_wins_over_the_environment_and_that_over_the_platform() -> None:
    platform = {"PORT": "7001", "HOST": "0.0.0.0"}
    environ = platform | {"CHAT_PORT": "7002"}

    assert load({"port": "7003"}, environ).settings.port == 7003
    assert load({"port": None}, environ).settings.port == 7002
    assert load({}, platform).settings.port == 7001
    assert load({}, platform).settings.host == "0.0.0.0"
    assert load({"port": "7003"}, environ).sources["port"] == "--port"
    assert load({}, environ).sources["port"] == "CHAT_PORT"
    assert load({}, platform).sources["port"] == "PORT"


def test_the_name_of_the_machine_in_host_is_not_listened_on() -> None:
    assert load(environ={"HOST": "adas-laptop"}).settings.host == "127.0.0.1"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(environ={"CHAT_PORT": "", "PORT": ""}).settings.port == 5000


def test_zero_lifts_a_limit() -> None:
    settings = load(environ={"CHAT_MEMBERS_PER_ROOM": "0"}).settings

    assert settings.members_per_room == 0
    assert settings.limit("members_per_room") == math.inf
    assert settings.limit("room_limit") == 100_000


def test_every_limit_can_be_lifted() -> None:
    lifted = {variable(name): "0" for name, about in ABOUT.items() if about.lifts}

    settings = load(environ=lifted).settings

    assert all(settings.limit(name) == math.inf for name, about in ABOUT.items() if about.lifts)


def test_what_is_no_limit_has_none() -> None:
    with pytest.raises(ValueError, match="not a limit"):
        Settings().limit("leave_grace_seconds")


def test_all_mistakes_are_named_at_once() -> None:
    mistakes = mistakes_of(
        {"port": "many"},
        CHAT_MESSAGE_LIMIT_CHARACTER="1",
        CHAT_TRUSTED_PROXIES="-1",
        CHAT_LOG_FORMAT="xml",
        CHAT_HOST="two words",
        CHAT_PING_TIMEOUT_SECONDS="nan",
        CHAT_ALLOWED_ORIGINS="a.example",
    )

    origins = "must be origins such as https://chat.example, with commas between"
    near = "CHAT_MESSAGE_LIMIT_CHARACTERS"
    assert mistakes == [
        f"CHAT_MESSAGE_LIMIT_CHARACTER: there is no such setting, did you mean {near}?",
        "CHAT_HOST=two words: must be an address or the name of a host",
        "--port many: must be a whole number from 0 to 65535",
        f"CHAT_ALLOWED_ORIGINS=a.example: {origins}",
        "CHAT_TRUSTED_PROXIES=-1: must be a whole number from 0 to 10",
        "CHAT_PING_TIMEOUT_SECONDS=nan: must be a number of 0.1 or more",
        "CHAT_LOG_FORMAT=xml: must be text or json",
    ]


def test_the_message_lists_each_mistake_on_a_line() -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ={"CHAT_PORT": "x", "CHAT_LOG_LEVEL": "y"})

    first, *lines = str(caught.value).splitlines()
    assert first == "Flask Chat App cannot start, 2 settings to put right:"
    assert [line.split("=")[0] for line in lines] == ["  CHAT_PORT", "  CHAT_LOG_LEVEL"]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"CHAT_MESSAGE_LIMIT_CHARACTERS": "10000"}, "CHAT_PACKET_LIMIT_BYTES: 65536 bytes"),
        ({"CHAT_BACKLOG_LIMIT_BYTES": "5000"}, "less than one packet"),
    ],
)
def test_values_that_contradict_each_other_are_refused(environ: dict[str, str], words: str) -> None:
    assert words in "\n".join(mistakes_of(**environ))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://:hunter2hunter2@cache:6379/zero", "needs a number for the database"),
        ("redis://:hunter2hunter2@one:6379,two:6379", "is it redis+cluster://"),
        ("redis+sentinel://one,two", "needs the master's name"),
        ("redis://:hunter2hunter2@cache?timeout=3", "has no option timeout"),
        ("mysql://chat", "must be memory:, sqlite:///FILE or redis://HOST"),
        ("sqlite:chat.db", "must be sqlite:///FILE"),
        ("sqlite://chat.db", "must be sqlite:///FILE"),
        ("sqlite:///", "must be sqlite:///FILE"),
        ("sqlite:///data/", "must be sqlite:///FILE"),
        ("sqlite:///:memory:", "must be sqlite:///FILE"),
        ("sqlite:///chat.db?mode=ro", "must be sqlite:///FILE"),
    ],
)
def test_a_store_that_is_not_there_is_refused_in_plain_words(url: str, words: str) -> None:
    (mistake,) = mistakes_of(CHAT_STORE=url)

    assert words in mistake
    assert "hunter2" not in mistake


def test_a_redis_set_by_the_platform_is_the_store() -> None:
    settings = load(environ={"REDIS_URL": "redis://cache"}).settings

    assert settings.store == "redis://cache"
    assert settings.is_shared


def test_no_password_of_a_redis_is_shown() -> None:
    url = "redis+sentinel://chat:hunter2hunter2@one,two/main?sentinel_password=hunter3hunter3"

    shown = Settings(store=url).shown("store")

    assert shown == "redis+sentinel://chat:***@one,two/main?sentinel_password=***"


def test_the_secret_key_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")

    loaded = load(environ={"CHAT_SECRET_KEY_FILE": str(file)})

    assert loaded.settings.secret_key == KEY
    assert not loaded.settings.secret_key_is_made
    assert loaded.sources["secret_key"] == "CHAT_SECRET_KEY_FILE"
    assert (
        load({"secret_key_file": str(file)}, {"CHAT_SECRET_KEY": "x" * 16}).settings.secret_key
        == KEY
    )


def test_a_secret_key_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(CHAT_SECRET_KEY_FILE=str(tmp_path / "none"))

    assert mistake.endswith("none: cannot be read (No such file or directory)")


def test_a_secret_key_and_a_file_of_it_contradict_each_other(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(CHAT_SECRET_KEY=KEY, CHAT_SECRET_KEY_FILE=str(tmp_path))

    assert mistake == "CHAT_SECRET_KEY: give either this or a file, not both"


def test_a_missing_secret_key_is_made_afresh() -> None:
    first, second = load(environ={}).settings, load(environ={}).settings

    assert first.secret_key_is_made
    assert len(first.secret_key) >= 32
    assert first.secret_key != second.secret_key


def test_secrets_are_hidden_wherever_settings_are_shown() -> None:
    settings = Settings(secret_key=KEY)
    (mistake,) = mistakes_of(CHAT_SECRET_KEY="too short")

    assert KEY not in repr(settings) + str(settings) + settings.shown("secret_key")
    assert "too short" not in mistake


def test_settings_made_in_a_program_are_checked_as_well() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(port=70_000, message_limit_characters=-1)

    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == [
        "port",
        "message_limit_characters",
    ]


def test_addresses_and_origins_are_taken_as_people_write_them() -> None:
    environ = {"CHAT_HOST": "[::1]", "CHAT_ALLOWED_ORIGINS": "https://A.example/, http://b:8080"}

    settings = load(environ=environ).settings

    assert settings.host == "::1"
    assert settings.allowed_origins == ("https://a.example", "http://b:8080")


def test_each_setting_says_what_it_is_for() -> None:
    names = {each.name for each in fields(Settings)} - {"secret_key_is_made"}

    assert names == set(ABOUT)
    assert all(about.sentence.endswith(".") for about in ABOUT.values())


@given(number=st.integers(min_value=0, max_value=65_535), padding=st.sampled_from(["", " ", "\n"]))
def test_a_number_in_its_range_is_read_as_it_is(number: int, padding: str) -> None:
    text = f"{padding}{number}{padding}"

    assert load(environ={"CHAT_PORT": text or "0"}).settings.port == number


@given(name=st.sampled_from(sorted(ABOUT)), text=st.text(min_size=1))
def test_any_text_is_either_read_or_refused_by_name(name: str, text: str) -> None:
    mistakes: list[str] = []

    try:
        load(environ={variable(name): text})
    except SettingsError as error:
        mistakes = error.mistakes

    assert all(mistake.startswith("CHAT_") for mistake in mistakes)


def test_the_page_about_settings_is_true() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")

    assert page == settings_page(), "run: flask-chat settings --markdown > docs/settings.md"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///chat.db", "chat.db"),
        ("sqlite:////var/lib/chat/chat.db", "/var/lib/chat/chat.db"),
        ("SQLite:///a folder/chat", "a folder/chat"),
    ],
)
def test_a_sqlite_store_names_its_file(url: str, path: str) -> None:
    assert Settings(store=url).sqlite_path == Path(path)
    assert Settings().sqlite_path is None
