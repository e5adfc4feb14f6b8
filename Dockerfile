# Label Studio with PolarDB Bridge. All settings come from the environment; /label-studio/data holds all state.
FROM python:3.11-slim-bookworm AS build
# The database driver has no ready-made wheel: it is compiled here, and only its library goes on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libmariadb-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/polardb-bridge
ENV PATH=/opt/polardb-bridge/bin:$PATH
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY polardb_bridge polardb_bridge
RUN pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1001 --create-home --home-dir /label-studio label-studio \
    && install -d -o label-studio -g label-studio /label-studio/data
COPY --from=build /opt/polardb-bridge /opt/polardb-bridge
COPY manage.py docker-entrypoint.sh /label-studio/
ENV PATH=/opt/polardb-bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=polardb_bridge.settings \
    LABEL_STUDIO_BASE_DATA_DIR=/label-studio/data \
    PORT=8080 \
    WEB_CONCURRENCY=2 \
    THREADS=8
WORKDIR /label-studio
USER 1001:1001
VOLUME /label-studio/data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=180s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
ENTRYPOINT ["/label-studio/docker-entrypoint.sh"]
CMD ["web"]
