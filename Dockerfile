# The image: packages by hash from requirements.lock, then the program; no shell, no pip, no compiler, nobody's root.
# `python scripts/image.py` takes the steps of both stages from here, without an engine, starts the result and measures it.
FROM python:3.11-bookworm AS build
COPY requirements.lock scripts/image.py scripts/sbom.py /src/
RUN python -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --disable-pip-version-check --quiet --require-hashes --only-binary :all: \
      --no-compile --target /app -r /src/requirements.lock
COPY autoscaler /app/autoscaler
RUN gcc -std=c11 -O2 -Wall -Wextra -ffp-contract=off -fPIC -shared \
      -I"$(python -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
      /app/autoscaler/core/_native.c -o /app/autoscaler/core/_native.abi3.so
RUN python /src/sbom.py /src/requirements.lock /app/autoscaler > /app/sbom.cdx.json
RUN python /src/image.py finish /app

# Debian 12's Python 3.11 and nothing else; user 65532.
FROM gcr.io/distroless/python3-debian12:nonroot
COPY --from=build --chown=0:0 --chmod=0555 /app /app
ENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PATH=/app/bin:/usr/bin:/bin
USER 65532:65532
ENTRYPOINT ["autoscaler"]
