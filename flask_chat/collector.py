"""Python's collector of cycles: how often it looks, and at what."""

import gc

# What is on its way to Redis and back is twenty objects a post. By default 700 more than before
# set the collector off, a hundred times a second under load, and each time it finds nothing.
_OBJECTS_BETWEEN_LOOKS = 20_000


def collect_less() -> None:
    """Look seldom, and never again at what is there now: to be called when all is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
