"""Texts of a target's quantity: what the CustomResourceDefinition and we let pass, and what neither does."""

from __future__ import annotations

QUANTITIES = {
    "100m": True,
    "1e3": True,
    "0.5Gi": True,
    "9223372036854775": True,
    "0": False,
    "-1": False,
    "٣": False,
    "NaN": False,
    "1 Gi": False,
    "": False,
}
"""Texts of a target, and whether it may be that: Kubernetes' grammar, and more than nothing."""
OVERFLOWING = ("9223372036854776", "1E", "9e99")
"""More than 64 bits of thousandths hold: the definition lets them in, as an HPA's; we refuse them."""
