"""Guessing codes: what Mallory can find, and that her mistakes do not shut out anybody else.

SECURITY.md tells the arithmetic that the first tests here keep true.
"""

import hashlib
import itertools
import re
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_chat.app import create_app
from flask_chat.domain.codes import ALPHABET, CODE_LETTERS
from flask_chat.domain.errors import ChatError, CodeTaken, ProofRequired, RoomNotFound, TooFast
from flask_chat.pacing.base import FORGIVEN_AFTER_SECONDS, LONGEST_WAIT_SECONDS, Counts
from flask_chat.pacing.local import LocalCounts
from flask_chat.pacing.shared import SharedCounts
from flask_chat.redis_link.link import Link
from flask_chat.settings import Settings
from flask_chat.web.guessing import Client, Guesses, guess_rates
from flask_chat.web.proof_of_work import LIFETIME_SECONDS, Challenge, ProofsOfWork
from flask_chat.web.security_log import SecurityLog

CODES = len(ALPHABET) ** CODE_LETTERS
LIVE_ROOMS = 100
DAY = 86_400
HERE = "192.0.2.7"
NEXT_DOOR = "192.0.2.99"  # in the same network
ELSEWHERE = "203.0.113.5"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


MakeCounts = Callable[[Settings, Clock], list[Counts]]  # one for each server


def one_server(_: pytest.FixtureRequest) -> MakeCounts:
    return lambda settings, clock: [LocalCounts(guess_rates(settings), clock)]


def two_servers(request: pytest.FixtureRequest) -> MakeCounts:
    """Over one Redis, as others see them: somewhere behind a proxy that takes turns."""
    url = f"{request.getfixturevalue('redis_url')}?prefix=guesses{next(_numbers)}"

    def make(settings: Settings, clock: Clock) -> list[Counts]:
        links = [Link(url) for _ in range(2)]
        for link in links:
            request.addfinalizer(link.close)
        return [SharedCounts(link, guess_rates(settings), clock) for link in links]

    return make


_numbers = itertools.count()


class Door:
    """A door that leads to no room unless the code is right."""

    def __init__(self, clock: Clock, make_counts: MakeCounts, **settings: int) -> None:
        bits = {"proof_of_work_bits": 1}
        self.clock = clock
        chosen = Settings(**bits | settings)  # type: ignore[arg-type]
        security = SecurityLog(clock)
        self.servers = [
            Guesses(
                chosen,
                counts,
                ProofsOfWork("k" * 32, chosen.proof_of_work_bits, counts.spend, clock),
                security,
                steady_seconds=0,  # a day of guesses has to pass in seconds
            )
            for counts in make_counts(chosen, clock)
        ]
        self._turns = itertools.cycle(self.servers)

    @property
    def guesses(self) -> Guesses:
        """Those of the server whose turn it is."""
        return next(self._turns)

    def try_wrong(self, address: str = HERE, browser: str = "", proof: str = "") -> ChatError:
        """Look up a wrong code; what came of it."""
        with pytest.raises(ChatError) as caught, self.look_up(address, browser, proof):
            raise RoomNotFound
        return caught.value

    def try_right(self, address: str = HERE, browser: str = "", proof: str = "") -> None:
        """Look up a right code. Raises what it is refused with."""
        with self.look_up(address, browser, proof):
            pass

    def look_up(self, address: str, browser: str = "", proof: str = ""):  # type: ignore[no-untyped-def]
        return self.guesses.look_up(Client(address, browser, proof))

    def use_up(self, address: str = HERE) -> None:
        """Be wrong, as a new browser each time, until the network is told to prove work."""
        for number in itertools.count():
            if isinstance(self.try_wrong(address, f"browser {number}"), ProofRequired):
                return


MakeDoor = Callable[..., Door]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[one_server, two_servers], ids=lambda make: make.__name__)
def make_door(request: pytest.FixtureRequest, clock: Clock) -> MakeDoor:
    """`make_door(failed_lookups_per_day=8)`: a door of one server, or of two over one Redis."""
    return partial(Door, clock, request.param(request))


@pytest.fixture
def door(make_door: MakeDoor) -> Door:
    return make_door()


def proof_for(challenge: Challenge) -> str:
    """Do the sum as a client does it."""
    for number in itertools.count():
        proof = f"{challenge.text}:{number}"
        digest = hashlib.sha256(proof.encode()).digest()
        if not int.from_bytes(digest, "big") >> (256 - challenge.bits):
            return proof
    raise AssertionError


def proof_from(refusal: ChatError) -> str:
    assert isinstance(refusal, ProofRequired)
    return proof_for(refusal.data["challenge"])


def new_browsers() -> Iterator[str]:
    return (f"browser {number}" for number in itertools.count())


def guesses_in_a_day(door: Door, address: str) -> int:
    """How many wrong codes get answered: fresh cookies, proofs for nothing, day and night."""
    answered = 0
    browsers = new_browsers()
    over_at = door.clock.now + DAY
    while door.clock.now < over_at:
        browser = next(browsers)
        refusal = door.try_wrong(address, browser)
        if isinstance(refusal, ProofRequired):
            refusal = door.try_wrong(address, browser, proof_from(refusal))
        if isinstance(refusal, RoomNotFound):
            answered += 1
        else:
            door.clock.now += 30
    return answered


def test_one_address_finds_less_than_one_room_a_day(door: Door) -> None:
    first_day, second_day = (guesses_in_a_day(door, HERE) for _ in range(2))

    chance = LIVE_ROOMS / CODES
    expected = first_day * chance / (1 - chance)  # a right code costs nothing, so some come on top
    assert expected == pytest.approx(0.69, abs=0.02)
    assert second_day <= first_day


def test_an_address_without_cookies_finds_no_more(door: Door, clock: Clock) -> None:
    answered, over_at = 0, clock.now + DAY
    while clock.now < over_at:
        refusal = door.try_wrong()
        if isinstance(refusal, ProofRequired):
            refusal = door.try_wrong(proof=proof_from(refusal))
        answered += isinstance(refusal, RoomNotFound)
        clock.now += 0 if isinstance(refusal, RoomNotFound) else 30

    assert answered * LIVE_ROOMS / CODES < 1


def test_one_browser_finds_next_to_nothing(door: Door, clock: Clock) -> None:
    answered, over_at = 0, clock.now + DAY
    while clock.now < over_at:
        answered += isinstance(door.try_wrong(browser="mallory"), RoomNotFound)
        clock.now += 1

    assert answered < 120


def test_a_home_with_many_ipv6_networks_has_four_times_the_share(make_door: MakeDoor) -> None:
    door = make_door(failed_lookups_overall_per_minute=0)
    homes = [f"2001:db8:1:{home:x}::1" for home in range(20)]

    wrong = 0
    for home, number in itertools.product(homes, range(320)):
        wrong += isinstance(door.try_wrong(home, f"{home} {number}"), RoomNotFound)

    assert wrong == 4 * 300


def test_creating_a_room_with_a_wanted_code_is_a_look_up_too(door: Door) -> None:
    for number in range(300):
        with door.guesses.wanted_code(Client(HERE, f"browser {number}")):
            pass  # there was no such room, which Mallory knows now

    assert isinstance(door.try_wrong(browser="another"), ProofRequired)


def test_a_wanted_code_that_is_taken_costs_nothing(door: Door) -> None:
    for number in range(1000):
        with (
            pytest.raises(CodeTaken),
            door.guesses.wanted_code(Client(HERE, f"browser {number}")),
        ):
            raise CodeTaken


def test_whoever_is_wrong_often_waits_each_time_twice_as_long(door: Door, clock: Clock) -> None:
    for _ in range(10):
        assert isinstance(door.try_wrong(browser="mallory"), RoomNotFound)

    waits = []
    for _ in range(12):
        refusal = door.try_wrong(browser="mallory")
        waits.append(refusal.data["retry_after_seconds"])
        clock.now += waits[-1]
        assert isinstance(door.try_wrong(browser="mallory"), RoomNotFound)

    assert waits[:6] == [2, 4, 8, 16, 32, 64]
    assert max(waits) == LONGEST_WAIT_SECONDS


def test_a_wait_refuses_right_codes_just_as_wrong_ones(door: Door) -> None:
    for _ in range(10):
        door.try_wrong(browser="mallory")

    wrong = door.try_wrong(browser="mallory")
    with pytest.raises(TooFast) as right:
        door.try_right(browser="mallory")

    assert (wrong.message, wrong.data) == (right.value.message, right.value.data)


def test_old_mistakes_are_forgiven(door: Door, clock: Clock) -> None:
    for _ in range(10):
        door.try_wrong(browser="ada")

    clock.now += FORGIVEN_AFTER_SECONDS + 1

    answers = [door.try_wrong(browser="ada") for _ in range(10)]
    assert all(isinstance(answer, RoomNotFound) for answer in answers)


def test_a_browser_that_was_wrong_is_no_matter_to_its_neighbours(door: Door) -> None:
    for _ in range(11):
        door.try_wrong(browser="mallory")

    door.try_right(browser="grace")
    door.try_right(NEXT_DOOR, browser="ada")
    door.try_right()


def test_programs_of_one_network_get_past_each_others_mistakes_by_proof(door: Door) -> None:
    for _ in range(10):
        door.try_wrong()

    with pytest.raises(ProofRequired) as refusal:
        door.try_right(NEXT_DOOR)

    door.try_right(NEXT_DOOR, proof=proof_from(refusal.value))


def test_a_right_code_works_where_a_network_has_used_up_its_wrong_ones(door: Door) -> None:
    door.use_up()

    for number in range(1000):  # a whole school comes in, and no right code costs anything
        with pytest.raises(ProofRequired) as refusal:
            door.try_right(browser=f"pupil {number}")
        door.try_right(browser=f"pupil {number}", proof=proof_from(refusal.value))
    door.try_right(ELSEWHERE)


def test_a_right_and_a_wrong_code_get_the_same_refusal_before_a_proof(door: Door) -> None:
    door.use_up()

    wrong = door.try_wrong(browser="mallory")
    with pytest.raises(ProofRequired) as right:
        door.try_right(browser="mallory")

    del wrong.data["challenge"], right.value.data["challenge"]
    assert (wrong.message, wrong.data) == (right.value.message, right.value.data)


def test_when_the_reserve_is_used_up_as_well_nobody_new_is_told_anything(door: Door) -> None:
    door.use_up()
    browsers = new_browsers()
    while isinstance(refusal := door.try_wrong(browser=(who := next(browsers))), ProofRequired):
        door.try_wrong(browser=who, proof=proof_from(refusal))

    with pytest.raises(TooFast) as right:
        door.try_right(browser="grace")

    assert right.value.data["retry_after_seconds"] <= DAY / 300
    door.try_right(ELSEWHERE)


def test_a_proof_is_good_for_one_look_up(door: Door) -> None:
    door.use_up()
    proof = proof_from(door.try_wrong(browser="mallory"))

    first = door.try_wrong(browser="mallory", proof=proof)
    second = door.try_wrong(browser="mallory", proof=proof)

    assert isinstance(first, RoomNotFound)
    assert isinstance(second, ProofRequired)


def test_a_proof_from_another_network_or_a_late_one_is_none(door: Door, clock: Clock) -> None:
    door.use_up(HERE)
    door.use_up(ELSEWHERE)
    refusal = door.try_wrong(browser="mallory")

    there = door.try_wrong(ELSEWHERE, "mallory", proof_from(refusal))
    clock.now += LIFETIME_SECONDS
    door.use_up()  # some came back meanwhile
    late = door.try_wrong(browser="mallory", proof=proof_from(refusal))

    assert isinstance(there, ProofRequired)
    assert isinstance(late, ProofRequired)


@pytest.mark.parametrize(
    "proof",
    ["", ":", "x", "1.ffffffff.x.y:0", ":1", "..:1", "1.é.x.y:1", "1:" + "9" * 400, "\0:\u0661"],
)
def test_what_is_no_proof_opens_nothing(door: Door, proof: str) -> None:
    door.use_up()

    assert isinstance(door.try_wrong(browser="mallory", proof=proof), ProofRequired)


def test_a_proof_nobody_asked_for_does_not_hide_mistakes(door: Door) -> None:
    for _ in range(10):
        door.try_wrong(proof="nonsense:1")

    assert isinstance(door.try_wrong(proof="nonsense:1"), ProofRequired)


def test_the_brake_asks_only_those_for_work_who_fail_while_it_is_on(make_door: MakeDoor) -> None:
    door = make_door(failed_lookups_overall_per_minute=50)
    for number in range(60):  # from everywhere
        door.try_wrong(f"198.18.{number}.1", f"bot {number}")

    again = door.try_wrong("198.18.59.1", "bot 59")

    assert isinstance(again, ProofRequired)
    door.try_right(HERE, "ada")
    door.try_right("198.18.59.2", "grace")  # a neighbour of one bot
    door.try_right("198.18.0.1", "bot 0")  # wrong before the brake
    assert isinstance(door.try_wrong(HERE, "ada"), RoomNotFound)
    assert isinstance(door.try_wrong(HERE, "ada"), ProofRequired)


def test_the_brake_is_not_got_round_by_fresh_cookies(make_door: MakeDoor) -> None:
    door = make_door(failed_lookups_overall_per_minute=50)
    for number in range(60):
        door.try_wrong(f"198.18.{number}.1", f"bot {number}")

    answers = [door.try_wrong(HERE, f"browser {number}") for number in range(12)]

    assert [isinstance(answer, RoomNotFound) for answer in answers] == [True] * 10 + [False] * 2


def test_the_brake_is_let_go_when_it_is_quiet_again(make_door: MakeDoor) -> None:
    door = make_door(failed_lookups_overall_per_minute=50)
    for number in range(60):
        door.try_wrong(f"198.18.{number}.1", f"bot {number}")

    door.clock.now += 61

    assert isinstance(door.try_wrong("198.18.59.1", "bot 59"), RoomNotFound)


def test_lifted_limits_let_everything_through(make_door: MakeDoor) -> None:
    door = make_door(
        failed_lookups_per_minute=0,
        failed_lookups_per_day=0,
        failed_lookups_overall_per_minute=0,
    )

    for _ in range(2000):
        assert isinstance(door.try_wrong(), RoomNotFound)


# The doors themselves


def lobby_token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


@pytest.fixture
def app() -> Flask:
    return create_app(
        Settings(failed_lookups_per_day=0, failed_lookups_overall_per_minute=0, rooms_per_hour=0)
    )


def open_room(app: Flask, code: str) -> dict[str, Any]:
    body = {"name": "Ada", "code": code}
    answer = app.test_client().post("/api/v1/rooms", json=body)
    assert answer.status_code == 201
    return dict(answer.json or {})


Doors = dict[str, Callable[[FlaskClient, str], TestResponse]]

DOORS: Doors = {
    "link": lambda mallory, code: mallory.get(f"/r/{code}"),
    "form": lambda mallory, code: mallory.post(
        "/",
        data={
            "csrf_token": lobby_token(mallory.get("/").text),
            "name": "Mallory",
            "code": code,
            "join": "1",
        },
    ),
    "qr": lambda mallory, code: mallory.get(f"/r/{code}/qr.svg"),
    "leave": lambda mallory, code: mallory.post(
        f"/r/{code}/leave", data={"csrf_token": lobby_token(mallory.get("/").text)}
    ),
    "REST look-up": lambda mallory, code: mallory.get(f"/api/v1/rooms/{code}"),
    "REST join": lambda mallory, code: mallory.post(
        f"/api/v1/rooms/{code}/members", json={"name": "Mallory"}
    ),
    "REST events": lambda mallory, code: mallory.get(
        f"/api/v1/rooms/{code}/events", headers={"Authorization": "Bearer x"}
    ),
}


def told(answer: TestResponse, code: str) -> tuple[int, str]:
    """What an answer tells: its status and words, without the code that was asked for."""
    text = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text)
    return answer.status_code, text.replace(code, "????")


def end(app: Flask, room: dict[str, Any]) -> None:
    app.extensions["chat_runtime"].chat.end_room(room["room"]["room_id"], "ended")


def lock(app: Flask, room: dict[str, Any]) -> None:
    path = f"/api/v1/rooms/{room['room']['code']}/moderation"
    bearer = {"Authorization": f"Bearer {room['token']}"}
    wanted = {"action": "change_room", "locked": True}
    assert app.test_client().post(path, json=wanted, headers=bearer).status_code == 200


@pytest.mark.parametrize("door", DOORS)
def test_wrong_ended_and_locked_rooms_answer_alike_at_every_door(app: Flask, door: str) -> None:
    end(app, open_room(app, "BCDF"))
    lock(app, open_room(app, "JKMN"))
    mallory = app.test_client()
    mallory.get("/")

    codes = ("BCDF", "GHJK", "JKMN")
    ended, never, locked = (told(DOORS[door](mallory, code), code) for code in codes)

    assert ended == never == locked


@pytest.mark.parametrize("door", ["qr", "leave", "REST events"])
def test_doors_for_members_tell_nobody_else_whether_there_is_a_room(app: Flask, door: str) -> None:
    open_room(app, "BCDF")
    mallory = app.test_client()
    mallory.get("/")

    live, never = (told(DOORS[door](mallory, code), code) for code in ("BCDF", "GHJK"))

    assert live == never


def test_wrong_ended_and_locked_rooms_take_the_same_time() -> None:
    app = create_app(
        Settings(
            failed_lookups_per_minute=0,
            failed_lookups_per_day=0,
            failed_lookups_overall_per_minute=0,
        )
    )
    end(app, open_room(app, "BCDF"))
    lock(app, open_room(app, "JKMN"))
    mallory = app.test_client()
    times: dict[str, list[float]] = {"BCDF": [], "GHJK": [], "JKMN": []}

    for _, code in itertools.product(range(100), times):  # in turns: whatever else runs hits both
        began = time.perf_counter()
        mallory.get(f"/api/v1/rooms/{code}")
        times[code].append(time.perf_counter() - began)

    ended, never, locked = (statistics.median(sample) for sample in times.values())
    assert ended == pytest.approx(never, rel=0.25)
    assert locked == pytest.approx(never, rel=0.25)
    assert min(itertools.chain(*times.values())) > 0.01


@pytest.mark.parametrize("door", ["link", "form", "REST look-up", "REST join"])
def test_every_door_counts_wrong_codes_and_tells_when_to_come_back(door: str) -> None:
    app = create_app(Settings(failed_lookups_per_minute=2))
    mallory = app.test_client()
    mallory.get("/")

    answers = [DOORS[door](mallory, code) for code in ("QQQB", "QQQC", "QQQD")]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


@pytest.mark.parametrize("door", ["link", "form", "REST look-up", "REST join"])
def test_mistakes_at_one_door_count_at_all_of_them(door: str) -> None:
    app = create_app(Settings(failed_lookups_per_day=8))
    for code in ("QQQB", "QQQC", "QQQD", "QQQF"):
        app.test_client().get(f"/api/v1/rooms/{code}")

    answer = DOORS[door](app.test_client(), "QQQG")

    assert answer.status_code == 429


def test_a_program_does_the_sum_and_gets_in() -> None:
    app = create_app(Settings(failed_lookups_per_day=8, proof_of_work_bits=8))
    open_room(app, "BCDF")
    program = app.test_client()
    for code in ("QQQB", "QQQC", "QQQD", "QQQF"):
        program.get(f"/api/v1/rooms/{code}")

    refused = program.get("/api/v1/rooms/BCDF").json
    proof = proof_for(Challenge(**refused["challenge"]))
    answer = program.get("/api/v1/rooms/BCDF", headers={"Proof-Of-Work": proof})

    assert refused["code"] == "proof_required"
    assert answer.status_code == 200


def test_members_come_back_whatever_goes_on_around_them() -> None:
    app = create_app(Settings(failed_lookups_per_day=8))
    ada = app.test_client()
    token = lobby_token(ada.get("/").text)
    room = ada.post("/", data={"csrf_token": token, "name": "Ada", "create": "1"}).location
    for number in range(20):
        app.test_client().get(f"/api/v1/rooms/QQQ{'BCDFGHJKMN'[number % 10]}")

    assert ada.get(room).status_code == 200
    assert ada.get("/room").location == room
    assert ada.get(f"{room}/qr.svg").status_code == 200
