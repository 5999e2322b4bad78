# One image for the web process and the worker: they share the code, and differ in the command alone.
FROM python:3.11-slim

# A package index to take PyTorch from, to choose a CPU or a CUDA build; empty takes pip's own.
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1 \
    AUTOTUNE_DATA=/var/lib/autotune
WORKDIR /opt/autotune

# PyTorch is most of the image: in a layer of its own it is fetched again only when the constraints change.
COPY constraints.txt ./
RUN python -m pip install -c constraints.txt pip
RUN python -m pip install -c constraints.txt torch ${TORCH_INDEX_URL:+--no-deps --index-url "$TORCH_INDEX_URL"}

COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY service ./service
COPY jupyter_ext ./jupyter_ext
RUN python -m pip install -c constraints.txt --build-constraint constraints.txt ".[greattunes,service,traces]" \
    ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"}
# It pins versions of 2020, and runs with today's.
RUN python -m pip install -c constraints.txt --no-deps greattunes

RUN useradd --uid 10001 --create-home autotune \
    && install --directory --owner autotune --group autotune "$AUTOTUNE_DATA"
# By its numbers, so that an engine that refuses root can tell that it is none.
USER 10001:10001
EXPOSE 8008

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8008/health/live', timeout=4)"]
CMD ["autotune", "serve", "--host", "0.0.0.0", "--port", "8008"]
