# The pinned runtime image that runs student code and the scorer; one file for both flavours.
# Built by `harness image build`, which sends a context of its own: requirements.lock, wheels/ and ca/ (may be empty).
# Classic-builder syntax only, so that Docker Engine 20.10 and Podman's compatible socket can build it.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS system
ARG FLAVOUR=cpu
ENV LANG=C.UTF-8
# squid and socat: where a stage may reach hosts, the proxy beside it and the way to it run this same image.
# Triton compiles a small C file against Python.h at run time: only the cuda flavour carries a compiler.
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    packages="python3 python3-venv ca-certificates curl wget unzip git xz-utils zstd bzip2 procps squid socat"; \
    if [ "${FLAVOUR}" = cuda ]; then packages="${packages} gcc libc6-dev libpython3.11-dev"; fi; \
    apt-get -o Acquire::Retries=3 -o Acquire::Languages=none update -qq; \
    apt-get -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install -y -qq --no-install-recommends ${packages} >/dev/null; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt /var/log/*.log; \
    python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "the base must bring Python 3.11: the wheels are for it")'; \
    groupadd --gid 65532 student; \
    useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /bin/bash student
COPY ca/ /usr/local/share/ca-certificates/harness/
RUN update-ca-certificates >/dev/null

FROM system AS wheels
ARG FLAVOUR=cpu
COPY requirements.lock /requirements.lock
COPY wheels/ /wheels/
# One step, so that the engine stores one layer. After the install: remove what the image never runs (the packages' own
# tests; in the cpu flavour what only a GPU or a compiler would use), then compile, since the root is read-only at run
# time; with hashes instead of times, so that a copy cannot make the compiled files stale.
RUN set -eu; \
    python3 -m venv /opt/venv; \
    /opt/venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --no-index --find-links /wheels --require-hashes --no-deps --only-binary :all: -r /requirements.lock; \
    cd /opt/venv/lib/python3.11/site-packages; \
    for package in networkx numpy pandas pyarrow sympy; do \
        find "${package}" -type d -name tests -prune -exec rm -rf {} +; \
    done; \
    rm -rf torch/test; \
    find torch/bin -type f ! -name torch_shm_manager -delete; \
    if [ "${FLAVOUR}" = cpu ]; then \
        rm -rf torch/include pyarrow/include; \
        find bitsandbytes -name 'libbitsandbytes_*' ! -name 'libbitsandbytes_cpu*' -delete; \
    fi; \
    /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib || \
        echo "some third-party files are not valid Python 3.11; they are never imported"

FROM system
COPY --from=wheels /opt/venv /opt/venv
# USER and LOGNAME: libraries ask for the name of a uid that has no entry in the password file.
# The two bundle variables: Python's requests brings its own list and would not see a custom CA.
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    VIRTUAL_ENV=/opt/venv \
    HOME=/tmp \
    USER=student \
    LOGNAME=student \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 65532:65532
WORKDIR /tmp
CMD ["bash"]
