# The image: packages by hash from requirements.lock, then the program; no shell, no pip, nobody's root.
# scripts/image.py builds the same tree without an engine, starts it and measures it: keep the two alike.
FROM python:3.11-slim-bookworm AS build
COPY requirements.lock /src/
RUN python -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --no-compile \
      --target /app -r /src/requirements.lock
COPY autoscaler /app/autoscaler
COPY scripts/image.py /src/
RUN python /src/image.py prune /app

# Debian 12's Python 3.11 and nothing else; user 65532.
FROM gcr.io/distroless/python3-debian12:nonroot
COPY --from=build --chown=0:0 --chmod=0555 /app /app
ENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PATH=/app/bin:/usr/bin:/bin
USER 65532:65532
ENTRYPOINT ["autoscaler"]
