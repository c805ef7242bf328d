"""Users, passwords and TLS: the store over Redis servers that do not let everybody in."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flask_chat.domain.errors import Unavailable
from flask_chat.pacing.base import Guesser, GuessRates, Rate
from flask_chat.pacing.shared import SharedCounts
from flask_chat.redis_link.link import Link
from flask_chat.stores.base import StoreError
from flask_chat.stores.redis.store import RedisStore
from tests.over_redis.conftest import MakeNode
from tests.over_redis.nodes import SERVERS, free_ports, nodes
from tests.stores.place import Place

# docs/redis.md recommends this.
RULES = (
    "~chat:* &chat:* -@all +@read +@write +@connection +@pubsub +fcall +fcall_ro +function|load "
    "+time +info +role +wait +cluster|slots"
)

RATE_KEYS = ("chat:rate:join:ada", "chat:proof:proof")


def talk_over(url: str) -> None:
    place = Place(lambda limits, publish: RedisStore(Link(url), limits, publish))
    with closing(place.store):
        ada = place.opens("Ada")
        place.says(ada, "Hello")
        place.goes(ada, "left")
        assert place.texts(ada.room_id) == ["Hello"]
        place.store.due(2e9)
        place.store.remove_room(ada.room_id)
    link = Link(url)
    with closing(link):
        rate = Rate.within(1, 60)
        counts = SharedCounts(link, GuessRates(rate, rate, rate))
        guesser = Guesser("ada", ("192.0.2.0/24",), is_browser=True)
        counts.give_back(guesser, counts.admit(guesser).fund)
        counts.failed(guesser, by_proof=False)
        assert counts.take("join", "ada", rate) == 0
        assert counts.spend("proof", 60)
        asked = [link.ask(key, "EXISTS", key) for key in (*RATE_KEYS, "chat:{guesses}:of:ada")]
        assert [command.get() for command in asked] == [1, 1, 1]


def test_a_user_with_few_rights_is_enough(make_node: MakeNode) -> None:
    node = make_node()
    node.ask("ACL", "SETUSER", "talker", "on", ">hunter2hunter2", *RULES.split())

    talk_over(f"redis+unix://talker:hunter2hunter2@{node.socket}")


def test_a_wrong_password_is_told_at_the_start(make_node: MakeNode) -> None:
    node = make_node(requirepass="right right right")

    with pytest.raises(StoreError, match="name and password") as refusal:
        talk_over(f"redis+unix://:hunter2hunter2@{node.socket}")
    assert "hunter2" not in str(refusal.value)


def test_a_node_of_a_cluster_is_no_single_server(make_node: MakeNode) -> None:
    node = make_node(free_ports(1)[0], cluster_enabled="yes")

    with pytest.raises(StoreError, match=r"redis\+cluster://"):
        talk_over(node.url)


def test_a_redis_that_is_not_there_may_come(make_node: MakeNode) -> None:
    (port,) = free_ports(1)
    place = Place(
        lambda limits, publish: RedisStore(Link(f"redis://127.0.0.1:{port}"), limits, publish)
    )

    with pytest.raises(Unavailable) as refusal:
        place.opens("Ada")
    assert refusal.value.data["retry_after_seconds"] > 0

    node = make_node(port)
    node.waits_until(lambda: _can_open(place))
    place.store.close()


def _can_open(place: Place) -> bool:
    try:
        return bool(place.opens("Ada"))
    except Unavailable:
        return False


@pytest.fixture
def make_tls_node() -> Iterator[MakeNode]:
    """`make_node` of a server that was built with TLS, which the Valkey from PyPI is not."""

    def has_tls(program: str) -> bool:
        file = Path(shutil.which(program) or program).resolve()
        linked = subprocess.run(["ldd", file], capture_output=True, text=True, check=False)
        return "libssl" in linked.stdout

    program = next(filter(has_tls, SERVERS), None)
    if program is None:
        pytest.skip("there is no redis-server with TLS")
    with nodes(program) as make:
        yield make


def test_over_tls(make_tls_node: MakeNode, tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate with")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        f"-subj /CN=redis -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    )
    subprocess.run(words.split(), check=True, capture_output=True)
    (port,) = free_ports(1)
    make_tls_node(
        tls_port=port, tls_cert_file=cert, tls_key_file=key, tls_ca_cert_file=cert
    )  # which also asks for a certificate of the client

    talk_over(f"rediss://127.0.0.1:{port}?ca={cert}&cert={cert}&key={key}")
    with pytest.raises(Unavailable):
        talk_over(f"rediss://127.0.0.1:{port}?cert={cert}&key={key}")
