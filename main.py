"""Flask Chat App: `python main.py` serves it, `gunicorn -k gevent main:app` can as well."""

from gevent import monkey

monkey.patch_all()

if __name__ == "__main__":
    from flask_chat.cli import serve

    serve(prog_name="main.py")  # reads the command line, then builds its app
else:
    from flask_chat.cli import build_app

    app = build_app()  # from the environment alone
