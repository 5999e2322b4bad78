# Two images of one wheel: `web` serves the API and has no PyTorch; `worker` has it too and can do everything.
#
#   docker build --target web -t autotune-web .
#   docker build --target worker -t autotune-worker --build-arg TORCH_INDEX_URL=... .
#
# Both are in prod mode unless AUTOTUNE_MODE says otherwise: without a secret of one's own they do not start.
FROM python:3.11.15-slim-bookworm AS base
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1 \
    AUTOTUNE_MODE=prod \
    AUTOTUNE_DATA=/var/lib/autotune
WORKDIR /opt/autotune
COPY constraints.txt ./
RUN python -m pip install -c constraints.txt pip
RUN useradd --uid 10001 --create-home autotune \
    && install --directory --owner autotune --group autotune "$AUTOTUNE_DATA"

# The sources and what builds them stay here.
FROM base AS wheel
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY service ./service
COPY jupyter_ext ./jupyter_ext
RUN python -m pip wheel --no-deps --build-constraint constraints.txt --wheel-dir dist .

FROM base AS worker
# A package index to take PyTorch from, to choose a CPU or a CUDA build; empty takes pip's own.
ARG TORCH_INDEX_URL=""
# PyTorch is most of the image: in a layer of its own it is fetched again only when the constraints change.
RUN python -m pip install -c constraints.txt torch ${TORCH_INDEX_URL:+--no-deps --index-url "$TORCH_INDEX_URL"}
COPY --from=wheel /opt/autotune/dist ./dist
RUN python -m pip install -c constraints.txt "$(echo dist/*.whl)[greattunes,service,traces]" \
    ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"}
# It pins versions of 2020, and runs with today's.
RUN python -m pip install -c constraints.txt --no-deps greattunes
# A worker serves nothing but its metrics, to its own health check unless AUTOTUNE_METRICS_HOST lets others in.
ENV AUTOTUNE_METRICS_PORT=9108
# By its numbers, so that an engine that refuses root can tell that it is none.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9108/metrics', timeout=9)"]
CMD ["autotune", "worker"]

FROM base AS web
COPY --from=wheel /opt/autotune/dist ./dist
RUN python -m pip install -c constraints.txt "$(echo dist/*.whl)[traces,web]"
USER 10001:10001
EXPOSE 8008
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8008/health/live', timeout=4)"]
CMD ["autotune", "serve", "--no-worker", "--host", "0.0.0.0", "--port", "8008"]
