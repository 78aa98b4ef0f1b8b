# The same image for every role: `worker` by default, `migrate` and the rest of the commands by name.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The locks alone first: a layer that changes only when they do.
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/pgworker \
    && /opt/pgworker/bin/pip install --require-hashes --no-deps -r requirements/runtime.txt \
    && pip install --require-hashes --no-deps -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY pgworker pgworker
COPY sql sql
COPY migrations migrations
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/pgworker/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/pgworker/bin/pip uninstall --yes pip

FROM python:3.13-slim
# tini as process 1 reaps what killed engine processes and `run` tasks leave behind, and passes SIGTERM on to the
# supervisor, which then drains. Python as process 1 does neither by itself.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --shell /usr/sbin/nologin pgworker
COPY --from=build /opt/pgworker /opt/pgworker
ENV PATH=/opt/pgworker/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /home/pgworker
ENTRYPOINT ["tini", "--"]
CMD ["pgworker", "worker"]
