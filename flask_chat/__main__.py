"""`python -m flask_chat` and the command `flask-chat`: gevent patches first, as in main.py."""

from gevent import monkey

monkey.patch_all()

from flask_chat.cli import main

if __name__ == "__main__":
    main(prog_name="flask-chat")
