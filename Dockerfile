# The image of one server: docker build -t flask-chat-app . && docker run -p 5000:5000 flask-chat-app
# Settings are variables (docs/settings.md). deploy/compose.yaml has two servers, Redis and a proxy.

FROM node:22-bookworm-slim AS browser
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY scripts/bundle.mjs scripts/
COPY static static
RUN node scripts/bundle.mjs

FROM python:3.13-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/flask-chat
COPY deploy/requirements.lock /src/deploy/
RUN /opt/flask-chat/bin/pip install --require-hashes --only-binary :all: -r /src/deploy/requirements.lock
# What builds the project is not part of it.
COPY deploy/build.lock /src/deploy/
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r /src/deploy/build.lock
WORKDIR /src
COPY pyproject.toml hatch_build.py package.json package-lock.json README.md LICENSE main.py ./
COPY scripts/bundle.mjs scripts/
COPY templates templates
COPY flask_chat flask_chat
COPY --from=browser /src/static static
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /tmp/wheel \
  && /opt/flask-chat/bin/pip install --no-deps /tmp/wheel/*.whl \
  && /opt/flask-chat/bin/pip uninstall --yes pip \
  && find /opt/flask-chat -name tests -path '*/site-packages/*' -prune -exec rm -rf {} +

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Flask Chat App" org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin chat \
  && install -d -o chat -g chat /data
COPY --from=packages /opt/flask-chat /opt/flask-chat
ENV PATH=/opt/flask-chat/bin:$PATH PYTHONUNBUFFERED=1 CHAT_HOST=0.0.0.0 CHAT_PORT=5000
# CHAT_STORE=sqlite:///chat.db keeps the rooms here.
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['CHAT_PORT'] + '/health', timeout=2)"]
ENTRYPOINT ["flask-chat"]
CMD ["serve"]
