"""Flask Chat App: instant chat rooms behind four letters.

Nothing is imported here, so that `main.py` and `__main__.py` can let gevent patch the standard
library first.
"""

__version__ = "0.1.0"
