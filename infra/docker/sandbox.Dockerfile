# Where model-written code runs with `sandbox.docker`: an interpreter, the libraries that scripts use, nothing else.
#   docker build -f infra/docker/sandbox.Dockerfile -t genprm-sandbox .
# BASE_IMAGE is any image with Python 3.11 to 3.13 and its venv module.
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}

# The versions of the project itself, so that a script prints the same here and there. Compiled now, because
# containers cannot write.
COPY constraints.txt /
RUN python3 -m venv /opt/sandbox \
    && /opt/sandbox/bin/pip install --no-cache-dir --quiet --compile --constraint /constraints.txt sympy numpy scipy \
    && rm -r /constraints.txt /opt/sandbox/lib/python*/site-packages/pip*

ENV PATH=/opt/sandbox/bin:/usr/bin:/bin
USER 65534:65534
