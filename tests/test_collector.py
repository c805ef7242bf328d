"""The collector of cycles in a server that has started."""

import subprocess
import sys

LOOKS = """
from gevent import monkey
monkey.patch_all()
import gc, weakref
from flask_chat.app import create_app
create_app().extensions["chat_runtime"].start()

class Thing: pass

looks, all_of_it = [], []
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
kept = [[] for _ in range(15_000)]
print("looks at 15,000 new objects:", len(looks))
print("objects it looks at in the end:", len(gc.get_objects()) < 30_000)
thing = Thing()
thing.itself, gone = thing, weakref.ref(thing)
del thing
kept += [[] for _ in range(15_000)]
print("a cycle is still found:", gone() is None)
"""


def test_it_looks_seldom_and_only_at_what_is_new() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout.splitlines()[-3:] == [
        "looks at 15,000 new objects: 0",
        "objects it looks at in the end: True",
        "a cycle is still found: True",
    ]
