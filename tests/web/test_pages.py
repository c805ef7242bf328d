"""The pages without JavaScript: forms, codes, sessions, refusals."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_chat.app import create_app
from flask_chat.settings import Settings


@pytest.fixture
def app() -> Flask:
    return create_app(Settings(rooms_per_hour=0, failed_lookups_per_minute=3))


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def grace(app: Flask) -> FlaskClient:
    return app.test_client()


def submit(browser: FlaskClient, path: str = "/", **fields: str) -> TestResponse:
    page = browser.get("/").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    return browser.post(path, data={"csrf_token": token[1], **fields})


def form_of(page: str) -> dict[str, str]:
    """What the lobby's form would send, without the buttons."""
    form = page.partition('id="lobby"')[2].partition("</form>")[0]
    fields = re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', form)
    assert {"csrf_token", "name", "code"} <= dict(fields).keys()
    return dict(fields)


def cookie_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie("flask_chat")
    assert cookie
    return cookie.value


def plain(page: TestResponse) -> str:
    """The page without the token that makes every form different."""
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page.text)


def create(browser: FlaskClient, name: str = "Ada") -> str:
    answer = submit(browser, name=name, code="", create="1")
    assert answer.status_code == 303, answer.text
    return answer.location.rpartition("/")[2]


def lock(host: FlaskClient, code: str) -> None:
    token = re.search(r'data-token="([^"]+)"', host.get(f"/r/{code}").text)
    assert token
    answer = host.post(
        f"/api/v1/rooms/{code}/moderation",
        json={"action": "change_room", "locked": True},
        headers={"Authorization": f"Bearer {token[1]}"},
    )
    assert answer.status_code == 200, answer.text


def test_creating_a_room_leads_into_it(ada: FlaskClient) -> None:
    code = create(ada)

    page = ada.get(f"/r/{code}")

    assert page.status_code == 200
    assert re.fullmatch("[BCDFGHJKMNPQRSTVWXZ]{4}", code)
    assert code in page.text


@pytest.mark.parametrize(
    "shape", ["{}", " {} ", "{0[0]}-{0[1]}-{0[2]}-{0[3]}", "http://x/r/{}?a=1"]
)
def test_a_code_is_taken_in_any_form(ada: FlaskClient, grace: FlaskClient, shape: str) -> None:
    code = create(ada)

    answer = submit(grace, name="Grace", code=shape.format(code).lower(), join="1")

    assert (answer.status_code, answer.location) == (303, f"/r/{code}")


def test_a_wrong_code_offers_to_create_that_room_and_creates_nothing(ada: FlaskClient) -> None:
    answer = submit(ada, name="Ada", code="abcd", join="1")

    assert answer.status_code == 404
    assert "There is no room ABCD." in answer.text
    assert 'name="create" value="ABCD"' in answer.text
    assert ada.get("/r/ABCD").status_code == 404

    assert submit(ada, name="Ada", create="ABCD").location == "/r/ABCD"


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_code_that_is_taken_leads_to_a_room_with_another_one(
    ada: FlaskClient, grace: FlaskClient, is_locked: bool
) -> None:
    code = create(ada)
    if is_locked:
        lock(ada, code)
        assert "There is no room" in submit(grace, name="Grace", code=code, join="1").text

    taken = submit(grace, name="Grace", code=code, create=code)
    assert taken.status_code == 409
    assert f"The code {code} is taken. Choose another one" in taken.text
    assert "join it" not in taken.text
    assert f'name="create" value="{code}"' not in taken.text

    way_out = re.search(r'name="create" value="([^"]+)">Use a new code', taken.text)
    assert way_out
    there = submit(grace, name="Grace", code=code, create=way_out[1])
    assert there.status_code == 303
    assert there.location != f"/r/{code}"


def test_a_taken_code_is_told_in_the_same_words_whether_locked_or_not(
    ada: FlaskClient, grace: FlaskClient
) -> None:
    locked, live = create(ada), create(ada)
    lock(ada, locked)

    told = [plain(submit(grace, name="Grace", create=code)) for code in (locked, live)]

    assert told[0].replace(locked, "BCDF") == told[1].replace(live, "BCDF")


def test_an_invitation_shows_the_lobby_with_the_code_filled_in(
    ada: FlaskClient, grace: FlaskClient
) -> None:
    code = create(ada)

    page = grace.get(f"/r/{code.lower()}", follow_redirects=True)

    assert page.status_code == 200
    assert f'value="{code}"' in page.text


def test_a_name_that_is_taken_comes_with_the_next_free_one(
    ada: FlaskClient, grace: FlaskClient
) -> None:
    code = create(ada)

    answer = submit(grace, name="Αda", code=code, join="1")  # a Greek letter

    assert answer.status_code == 409
    assert "Αda 2" in answer.text


def test_what_was_typed_is_still_there_after_a_refusal(ada: FlaskClient) -> None:
    answer = submit(ada, name="Ada & Co", code="QQQ", join="1")

    assert answer.status_code == 422
    assert "Ada &amp; Co" in answer.text
    assert 'value="QQQ"' in answer.text


def test_a_form_without_its_token_is_refused(ada: FlaskClient) -> None:
    ada.get("/")

    answer = ada.post("/", data={"name": "Ada", "create": "1"})

    assert answer.status_code == 403
    assert "expired" in answer.text


def test_a_lobby_left_open_over_a_restart_needs_one_more_press(ada: FlaskClient) -> None:
    old = form_of(ada.get("/").text)
    restarted = create_app(Settings()).test_client()
    restarted.set_cookie("flask_chat", cookie_of(ada))

    fresh = restarted.post("/", data=old | {"name": "Ada & Co", "code": "qrwc", "create": "1"})

    assert fresh.status_code == 403
    assert "This form had expired" in fresh.text
    again = form_of(fresh.text)
    assert (again["name"], again["code"]) == ("Ada &amp; Co", "QRWC")
    assert restarted.post("/", data=again | {"create": "1"}).status_code == 303


def test_the_press_on_create_it_is_offered_again(ada: FlaskClient) -> None:
    ada.get("/")

    fresh = ada.post("/", data={"name": "Ada", "code": "QRWC", "create": "QRWC"})

    assert 'name="create" value="QRWC"' in fresh.text
    again = form_of(fresh.text) | {"create": "QRWC"}
    assert ada.post("/", data=again).location == "/r/QRWC"


def test_a_form_that_has_expired_does_nothing(app: Flask, ada: FlaskClient) -> None:
    code = create(ada)

    ada.post("/", data={"name": "Mallory", "create": "1", "csrf_token": "forged"})
    kept = ada.post(f"/r/{code}/leave", data={"csrf_token": "forged"})
    stranger = app.test_client().post(f"/r/{code}/leave")

    assert kept.status_code == 403
    assert f'href="/r/{code}"' in kept.text
    assert ada.get("/").text.count('class="room-link"') == 1
    assert (stranger.status_code, stranger.location) == (303, "/")


def test_without_cookies_a_form_says_that_it_needs_one(app: Flask) -> None:
    browser = app.test_client(use_cookies=False)
    form = form_of(browser.get("/").text)

    answer = browser.post("/", data=form | {"name": "Ada", "create": "1"})

    assert answer.status_code == 403
    assert "Your browser sent no cookie" in answer.text


def test_a_form_of_another_site_is_refused(ada: FlaskClient) -> None:
    ada.get("/")

    answer = ada.post("/", data={"name": "Ada"}, headers={"Origin": "https://mallory.example"})

    assert answer.status_code == 403


def test_one_browser_is_in_several_rooms_at_once(ada: FlaskClient) -> None:
    first, second = create(ada), create(ada)

    assert ada.get(f"/r/{first}").status_code == 200
    assert ada.get(f"/r/{second}").status_code == 200
    assert ada.get("/room").location == f"/r/{second}"
    lobby = ada.get("/").text
    assert f"/r/{first}" in lobby
    assert f"/r/{second}" in lobby


def test_joining_again_with_the_same_browser_is_the_same_member(
    app: Flask, ada: FlaskClient
) -> None:
    code = create(ada)

    answer = submit(ada, name="Somebody else", code=code, join="1")

    assert answer.location == f"/r/{code}"
    assert ada.get(f"/api/v1/rooms/{code}").json == {
        "code": code,
        "has_passcode": False,
        "knock": False,
        "topic": "",
        "members_here": 1,
    }


def test_leaving_frees_the_name_and_forgets_the_room(ada: FlaskClient, grace: FlaskClient) -> None:
    code = create(ada)
    submit(grace, name="Grace", code=code, join="1")

    answer = submit(grace, f"/r/{code}/leave")

    assert (answer.status_code, answer.location) == (303, "/")
    assert f"/r/{code}" not in grace.get("/").text
    assert submit(grace, name="Grace", code=code, join="1").status_code == 303


def test_history_is_on_the_page_before_any_script_runs(ada: FlaskClient, app: Flask) -> None:
    code = create(ada)
    token = re.search(r'data-token="([^"]+)"', ada.get(f"/r/{code}").text)
    assert token
    ada.post(
        f"/api/v1/rooms/{code}/messages",
        json={"text": "<script>alert(1)</script>\n\nשלום"},
        headers={"Authorization": f"Bearer {token[1]}"},
    )

    page = ada.get(f"/r/{code}").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n\nשלום" in page


def test_the_qr_code_is_for_members_only(ada: FlaskClient, grace: FlaskClient) -> None:
    code = create(ada)

    assert ada.get(f"/r/{code}/qr.svg").mimetype == "image/svg+xml"
    assert grace.get(f"/r/{code}/qr.svg").status_code == 401


def test_who_tries_many_wrong_codes_has_to_wait_and_nobody_else(
    ada: FlaskClient, grace: FlaskClient
) -> None:
    code = create(ada)
    grace.get("/")
    answers = [grace.get(f"/r/QQQ{letter}").status_code for letter in "BCDF"]

    refused, right = grace.get("/r/QQQG"), grace.get(f"/r/{code}")

    assert answers == [404, 404, 404, 429]
    assert int(refused.headers["Retry-After"]) >= 1
    assert (right.status_code, plain(right)) == (429, plain(refused).replace("QQQG", code))
    assert ada.application.test_client().get(f"/r/{code}").status_code == 200


@pytest.mark.parametrize("path", ["/", "/r/QQQQ", "/nothing", "/api/v1/rooms/QQQQ", "/health"])
def test_every_answer_carries_the_security_headers(ada: FlaskClient, path: str) -> None:
    headers = ada.get(path).headers

    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(ada: FlaskClient) -> None:
    answer = submit(ada, name="Ada", create="1")

    cookie = answer.headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_an_unknown_page_and_a_wrong_method_are_told_plainly(ada: FlaskClient) -> None:
    assert ada.get("/nothing").status_code == 404
    answer = ada.put("/room")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_fault_of_ours_is_told_without_a_traceback(app: Flask, ada: FlaskClient) -> None:
    app.add_url_rule("/fault", "fault", lambda: 1 / 0)

    answer = ada.get("/fault")

    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
