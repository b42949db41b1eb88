"""Two libraries without what they bring along for others, if nobody has imported them before.

structlog brings rich, which shows tracebacks in colours, and ours are text by then (telemetry/logs.py); aiohttp brings
two TLS contexts with all CAs of the system, and whatever we connect to is verified by a context made for it. Together
they are 5 MiB, a twelfth of the program before it knows a node.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Where OpenSSL looks for the system's CAs."""


def lean() -> None:
    """Import them."""
    with _set(sys.modules, ("rich",), None):  # as for Python: it cannot be imported
        import_module("structlog")
    with _set(os.environ, _AUTHORITIES, os.devnull):
        import_module("aiohttp")


@contextmanager
def _set(where: MutableMapping[str, Any], names: tuple[str, ...], value: object) -> Iterator[None]:
    """Meanwhile, `names` are `value`."""
    before = {name: where[name] for name in names if name in where}
    where.update(dict.fromkeys(names, value))
    try:
        yield
    finally:
        for name in names:
            del where[name]
        where.update(before)
