"""The Python client, against real servers and lines that are cut."""

import json
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from flask_chat.client import Post, Refused, RoomClient, Unreachable
from flask_chat.client.line import Line, _PacketQueue
from flask_chat.client.outbox import INTERNAL_TRIES, Outbox
from flask_chat.client.timeline import Timeline
from tests.conftest import StartServer
from tests.people import Place, wait_until
from tests.servers import ROOT, RunningServer

WAIT_SECONDS = 10


@pytest.fixture
def place(server: RunningServer) -> Iterator[Place]:
    place = Place(server.url)
    yield place
    place.close()


@pytest.fixture
def rooms() -> Iterator[ExitStack]:
    """Clients entered here are closed after the test, without waiting for their outboxes."""
    with ExitStack() as stack:
        yield stack


def read(client: RoomClient, text: str) -> list[str]:
    """The messages up to and including this one."""
    texts: list[str] = []
    while text not in texts:
        event = client.next_event(WAIT_SECONDS)
        assert event is not None, texts
        if event["kind"] == "message_posted":
            texts.append(event["text"])
    return texts


def read_joining(client: RoomClient) -> bool:
    """The first event, which is one's own joining."""
    event = client.next_event(WAIT_SECONDS)
    return event is not None and event["kind"] == "member_joined"


def cut(client: RoomClient) -> None:
    """Lose the line, as a tunnel does."""
    wait_until(lambda: client.is_connected)
    with suppress(OSError, AttributeError):  # it may be lost already, by an earlier cut
        client._keeper.line._socket.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


class TestBeingThere:
    def test_two_clients_hear_each_other(self, server: RunningServer, rooms: ExitStack) -> None:
        ada = RoomClient.create(server.url, "Ada")
        grace = RoomClient.join(server.url, ada.code.lower(), "Grace")
        rooms.callback(ada.close)
        rooms.callback(grace.close)

        ada.post("hello")
        grace.post("hi").wait(WAIT_SECONDS)

        assert set(read(grace, "hi")) | set(read(ada, "hello")) == {"hello", "hi"}
        assert grace.name_of(ada.me["member_id"]) == "Ada"

    def test_events_begin_with_the_own_joining(
        self, server: RunningServer, place: Place, rooms: ExitStack
    ) -> None:
        ada = place.open_room().connects()
        ada.says("before Grace came")

        grace = RoomClient.join(server.url, ada.code, "Grace")
        rooms.callback(grace.close)

        first = grace.next_event(WAIT_SECONDS)
        assert first is not None
        assert first["kind"] == "member_joined"
        assert first["by"] == grace.me["member_id"]
        assert [event.get("text") for event in grace.history(before=first["seq"])][-1] == (
            "before Grace came"
        )

    def test_events_begin_there_when_much_was_said_before_the_first_welcome(
        self, start_server: StartServer, rooms: ExitStack
    ) -> None:
        server = start_server(posts_burst=0, posts_per_second=0)
        place = Place(server.url)
        ada = place.open_room().connects()
        grace = place.join(ada.code)
        for number in range(150):
            ada.says(f"message {number}")

        client = RoomClient(server.url, grace.token, after="joining")
        rooms.callback(client.close)
        first = client.next_event(WAIT_SECONDS)
        texts = read(client, "message 149")
        place.close()

        assert first is not None
        assert (first["kind"], first["by"]) == ("member_joined", grace.me["member_id"])
        assert texts == [f"message {number}" for number in range(150)]

    def test_callbacks_get_the_events_in_order(
        self, server: RunningServer, rooms: ExitStack
    ) -> None:
        events: list[dict[str, object]] = []
        ada = RoomClient.create(server.url, "Ada", on_event=events.append)
        rooms.callback(ada.close)

        posts = [ada.post(f"message {number}") for number in range(5)]
        last = posts[-1].wait(WAIT_SECONDS)
        wait_until(lambda: len(events) == last)

        assert [event["seq"] for event in events] == list(range(1, last + 1))

    def test_leaving_ends_the_iteration_and_the_membership(self, server: RunningServer) -> None:
        ada = RoomClient.create(server.url, "Ada")
        grace = RoomClient.join(server.url, ada.code, "Grace")
        wait_until(lambda: grace.is_connected)

        grace.leave()

        list(grace)  # comes to an end
        left = next(event for event in ada if event["kind"] == "member_left")
        ada.close()
        assert (left["member_id"], left["reason"]) == (grace.me["member_id"], "left")
        with pytest.raises(ValueError, match="closed"):
            grace.post("I have left")

    def test_somebody_the_server_does_not_know_is_told(self, server: RunningServer) -> None:
        client = RoomClient.resume(server.url, "forged")

        with pytest.raises(Refused) as refused:
            client.next_event(WAIT_SECONDS)

        assert refused.value.code == "token_invalid"

    def test_refusals_when_coming_in_have_their_code(self, server: RunningServer) -> None:
        ada = RoomClient.create(server.url, "Ada")

        with pytest.raises(Refused) as refused:
            RoomClient.join(server.url, ada.code, "ada")

        ada.close()
        assert refused.value.code == "name_taken"
        assert refused.value.details["suggestion"] == "ada 2"

    def test_no_server_is_said_to_be_unreachable(self) -> None:
        with pytest.raises(Unreachable):
            RoomClient.create("http://127.0.0.1:9", "Ada")


class TestLosingTheLine:
    def test_what_was_missed_comes_first(
        self, server: RunningServer, place: Place, rooms: ExitStack
    ) -> None:
        ada = place.open_room().connects()
        grace = RoomClient.join(server.url, ada.code, "Grace")
        rooms.callback(grace.close)
        ada.says("one")
        assert read(grace, "one") == ["one"]

        cut(grace)
        ada.says("two")
        ada.says("three")

        assert read(grace, "three") == ["two", "three"]

    def test_posts_of_a_lost_line_arrive_once_and_in_order(
        self, server: RunningServer, rooms: ExitStack
    ) -> None:
        ada = RoomClient.create(server.url, "Ada")
        rooms.callback(ada.close)
        texts = [f"message {number}" for number in range(9)]

        for text in texts:
            ada.post(text)
            if text.endswith(("2", "5")):
                cut(ada)

        assert ada.flush(WAIT_SECONDS)
        assert read(ada, texts[-1]) == texts

    def test_a_client_comes_back_to_a_server_that_was_away(
        self, start_server: StartServer, tmp_path: Path
    ) -> None:
        server = start_server()
        lines: list[bool] = []
        ada = RoomClient.create(server.url, "Ada", on_line=lines.append)
        wait_until(lambda: lines == [True])

        server.stop()
        wait_until(lambda: lines == [True, False])
        start_server(port=server.port)

        # The memory store has forgotten the room: it is over, and the client does not try on.
        assert [event["kind"] for event in ada] == ["member_joined"]
        assert ada.error is not None
        assert ada.error.code == "room_ended"

    def test_a_dead_line_is_noticed_by_the_missing_answer(
        self, server: RunningServer, rooms: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = RoomClient.create(server.url, "Ada", patience_seconds=0.5)
        rooms.callback(ada.close)
        wait_until(lambda: ada.is_connected)
        assert ada._keeper.line is not None
        monkeypatch.setattr(ada._keeper.line, "emit", lambda *ignored: None)  # swallowed on the way

        assert ada.post("into the void").wait(WAIT_SECONDS)

    def test_a_line_lost_just_after_something_was_sent_is_noticed_at_once(self) -> None:
        packets = _PacketQueue()
        packets.put("a pong")
        packets.put(None)

        assert packets.get() == "a pong"
        with pytest.raises(queue.Empty):
            packets.get(block=False)
        assert packets.get() is None

    def test_a_hole_is_filled_when_the_server_allows_it(
        self, server: RunningServer, rooms: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = RoomClient.create(server.url, "Ada")
        rooms.callback(ada.close)
        wait_until(lambda: ada.is_connected)
        line = ada._keeper.line
        assert line is not None
        asked: list[str] = []

        def refuse_once(event: str, data: dict[str, object], answered: Callable[..., None]) -> None:
            asked.append(event)
            if asked.count("history") == 1 and event == "history":
                answered({"ok": False, "error": {"code": "too_fast", "retry_after_seconds": 0.3}})
            else:
                Line.emit(line, event, data, answered)

        monkeypatch.setattr(line, "emit", refuse_once)
        assert read_joining(ada)
        # The next event never comes, the one after it does.
        monkeypatch.setattr(ada._keeper, "happened", lambda line, event: None)
        ada.post("one").wait(WAIT_SECONDS)
        monkeypatch.undo()
        monkeypatch.setattr(line, "emit", refuse_once)
        ada.post("two").wait(WAIT_SECONDS)

        assert read(ada, "two") == ["one", "two"]
        assert asked.count("history") == 2
        assert ada._keeper.line is line

    def test_a_client_that_missed_too_much_is_told(
        self, start_server: StartServer, rooms: ExitStack
    ) -> None:
        server = start_server(posts_burst=0, posts_per_second=0, history_limit_events=10)
        resets: list[int] = []
        ada = RoomClient.create(server.url, "Ada")
        ada.post("the first").wait(WAIT_SECONDS)
        late = RoomClient.resume(server.url, ada.token, after=1)
        assert read(late, "the first") == ["the first"]
        late.close()

        last = [ada.post(f"message {number}") for number in range(30)][-1].wait(WAIT_SECONDS)
        late = RoomClient.resume(server.url, ada.token, after=2, on_reset=resets.append)
        rooms.callback(ada.close)
        rooms.callback(late.close)

        assert len(read(late, "message 29")) == last - resets[0] + 1


class TestOutbox:
    def test_posts_are_paced_as_the_server_asks(
        self, start_server: StartServer, rooms: ExitStack
    ) -> None:
        server = start_server(posts_burst=2, posts_per_second=10)
        ada = RoomClient.create(server.url, "Ada")
        rooms.callback(ada.close)

        posts = [ada.post(f"message {number}") for number in range(6)]

        assert [post.wait(WAIT_SECONDS) for post in posts] == [2, 3, 4, 5, 6, 7]

    def test_a_post_the_server_will_not_take_says_why_and_holds_up_no_other(
        self, server: RunningServer, rooms: ExitStack
    ) -> None:
        failed: list[Post] = []
        ada = RoomClient.create(server.url, "Ada", on_failed=failed.append)
        rooms.callback(ada.close)

        empty = ada.post("   ")
        fine = ada.post("words")

        assert fine.wait(WAIT_SECONDS) == 2
        with pytest.raises(Refused, match="empty"):
            empty.wait(WAIT_SECONDS)
        wait_until(lambda: failed == [empty])
        assert empty.error is not None
        assert empty.error.code == "message_empty"

    def test_a_server_that_fails_on_one_post_is_not_asked_for_ever(self) -> None:
        bad, good = Post("bad"), Post("good")
        outbox = Outbox([bad, good])

        for _ in range(INTERNAL_TRIES):
            assert outbox.take(now=1e9) is bad
            outbox.answered(bad, {"ok": False, "error": {"code": "internal"}}, now=0)

        assert bad.error is not None
        assert outbox.take(now=1e9) is good

    def test_only_one_post_is_on_its_way(self) -> None:
        outbox = Outbox([Post("one"), Post("two")])

        first = outbox.take(now=1)

        assert outbox.take(now=2) is None
        outbox.line_lost()
        assert outbox.take(now=3) is first

    def test_a_late_answer_settles_nothing_twice(self) -> None:
        one, two = Post("one"), Post("two")
        outbox = Outbox([one, two])
        outbox.take(now=1)
        outbox.answered(one, {"ok": True, "seq": 7}, now=1)

        outbox.answered(one, {"ok": True, "seq": 7}, now=2)

        assert len(outbox) == 1
        assert not two.is_done


class TestStateFile:
    def test_a_program_goes_on_where_it_stopped(
        self, server: RunningServer, place: Place, tmp_path: Path, rooms: ExitStack
    ) -> None:
        state = tmp_path / "bot.json"
        ada = place.open_room().connects()
        first = RoomClient.join(server.url, ada.code, "Grace", state=state)
        ada.says("one")
        assert read(first, "one") == ["one"]
        first.close()
        ada.says("two")

        second = RoomClient.resume(server.url, state=state)
        rooms.callback(second.close)

        assert read(second, "two") == ["two"]
        assert state.stat().st_mode & 0o077 == 0

    def test_what_was_left_in_the_outbox_is_sent(
        self, start_server: StartServer, tmp_path: Path, rooms: ExitStack
    ) -> None:
        server = start_server()
        state = tmp_path / "bot.json"
        ada = RoomClient.create(server.url, "Ada", state=state)
        wait_until(lambda: ada.is_connected)
        assert ada._keeper.line is not None
        ada._keeper.line.emit = lambda *ignored: None  # type: ignore[method-assign]
        ada.post("one")
        ada.post("two")
        ada.close()
        assert [post["text"] for post in json.loads(state.read_text())["posts"]] == ["one", "two"]

        again = RoomClient.resume(server.url, state=state)
        rooms.callback(again.close)

        assert again.flush(WAIT_SECONDS)
        assert read(again, "two") == ["one", "two"]
        assert json.loads(state.read_text())["posts"] == []


class TestModerating:
    def test_a_bot_that_is_host_keeps_order(self, server: RunningServer, rooms: ExitStack) -> None:
        bot = rooms.enter_context(RoomClient.create(server.url, "Warden"))
        mallory = rooms.enter_context(RoomClient.join(server.url, bot.code, "Mallory"))
        who = mallory.me["member_id"]
        spam = mallory.post("spam").wait(10)

        bot.remove(spam)
        assert bot.moderate("mute", member_id=who, seconds=60) == {"ok": True}
        muted = mallory.post("more spam")

        with pytest.raises(Refused) as refusal:
            muted.wait(10)
        assert refusal.value.code == "muted"
        wait_until(lambda: "muted_until" in bot.members[who])
        bot.moderate("unmute", member_id=who)
        assert mallory.post("sorry").wait(10)
        wait_until(lambda: "muted_until" not in mallory.me)
        assert bot.history(after=spam - 1, limit=1)[0]["text"] == ""

    def test_slow_mode_is_kept_without_a_word(
        self, server: RunningServer, rooms: ExitStack
    ) -> None:
        bot = rooms.enter_context(RoomClient.create(server.url, "Warden"))
        grace = rooms.enter_context(RoomClient.join(server.url, bot.code, "Grace"))
        bot.moderate("change_room", slow_mode_seconds=1, topic="Maths")

        posts = [grace.post(f"line {number}") for number in range(3)]

        seqs = [post.wait(15) for post in posts]
        assert seqs == sorted(seqs)
        assert read(bot, "line 2") == ["line 0", "line 1", "line 2"]
        assert (bot.room["topic"], bot.room["slow_mode_seconds"]) == ("Maths", 1)

    def test_the_room_can_be_handed_over(self, server: RunningServer, rooms: ExitStack) -> None:
        bot = rooms.enter_context(RoomClient.create(server.url, "Warden"))
        grace = rooms.enter_context(RoomClient.join(server.url, bot.code, "Grace"))

        bot.moderate("hand_over", member_id=grace.me["member_id"])

        wait_until(lambda: grace.me["role"] == "host" and bot.me["role"] == "cohost")
        assert bot.room["host_id"] == grace.me["member_id"]

    def test_who_has_to_knock_waits_until_somebody_opens(
        self, server: RunningServer, rooms: ExitStack
    ) -> None:
        bot = rooms.enter_context(RoomClient.create(server.url, "Warden"))
        bot.moderate("change_room", knock=True, passcode="open sesame")
        inside: list[RoomClient] = []

        def knock() -> None:
            there = RoomClient.join(server.url, bot.code, "Grace", passcode="open sesame")
            inside.append(rooms.enter_context(there))

        visitor = threading.Thread(target=knock)
        visitor.start()
        wait_until(lambda: bot.moderate("knocks")["knocks"])
        (waiting,) = bot.moderate("knocks")["knocks"]
        bot.moderate("admit", knock_id=waiting["knock_id"])
        visitor.join(10)

        assert inside[0].me["name"] == waiting["name"] == "Grace"
        invite = bot.moderate("renew_invite")["invite"]
        assert rooms.enter_context(RoomClient.join(server.url, bot.code, "Heidi", invite=invite))


class TestTimeline:
    def test_what_comes_too_early_waits(self) -> None:
        timeline = Timeline(after=1)

        assert timeline.add([{"seq": 3}]) == []
        assert timeline.has_hole
        assert timeline.add([{"seq": 2}]) == [{"seq": 2}, {"seq": 3}]
        assert not timeline.has_hole

    def test_what_comes_twice_is_handed_on_once(self) -> None:
        timeline = Timeline(after=0)

        assert timeline.add([{"seq": 1}, {"seq": 1}]) == [{"seq": 1}]
        assert timeline.add([{"seq": 1}]) == []

    def test_before_the_beginning_is_known_everything_waits(self) -> None:
        timeline = Timeline(after=None)

        assert timeline.add([{"seq": 8}, {"seq": 7}]) == []
        timeline.begin(8)
        assert timeline.take() == [{"seq": 8}]


def test_the_client_brings_nothing_of_the_server_along() -> None:
    look = "import sys, flask_chat.client; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"gevent", "flask", "msgspec", "flask_chat.domain", "flask_chat.web"} & set(modules)


def test_the_bot_of_the_documentation_answers(server: RunningServer, place: Place) -> None:
    ada = place.open_room().connects()
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(), re.DOTALL)
    bot = snippets[0].replace("http://127.0.0.1:5000", server.url).replace("BCDF", ada.code)

    assert len(bot.splitlines()) <= 10
    thread = threading.Thread(target=exec, args=(bot, {}), daemon=True)
    thread.start()
    wait_until(lambda: any(e.get("member", {}).get("name") == "Echo" for e in ada.events))
    ada.says("is anybody there?")

    ada.sees("Ada said: is anybody there?")
