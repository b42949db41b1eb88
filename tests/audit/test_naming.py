from __future__ import annotations

import pytest

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.naming import keys_of
from autoscaler.model.decision import PolicyRef
from tests.audit.samples import decision


class Known:
    """shop/web as a Deployment and a StatefulSet; shop/db, whose policy is `database`; one that cannot be read."""

    def targets(self) -> list[str]:
        return ["shop/Deployment/db", "shop/Deployment/odd", "shop/Deployment/web", "shop/StatefulSet/web"]

    def newest(self, key: str) -> Record | None:
        made = decision(1, "db", policy=PolicyRef("HorizontalPodScaler", "shop", "database", "u", 1))
        body = b"junk" if key.endswith("odd") else codec.encode(made)
        return Record(position=1, key=key, epoch=1, seq=1, at=0.0, body=body) if key.endswith(("db", "odd")) else None


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        pytest.param("shop/db", ["shop/Deployment/db"], id="a target"),
        pytest.param("shop/web", ["shop/Deployment/web", "shop/StatefulSet/web"], id="of two kinds"),
        pytest.param("shop/statefulsets/web", ["shop/StatefulSet/web"], id="with its kind, in the plural"),
        pytest.param("shop/database", ["shop/Deployment/db"], id="a policy"),
        pytest.param("shop/Deployment/database", [], id="a policy is no target"),
        pytest.param("sho/web", [], id="another namespace"),
    ],
)
def test_what_a_name_means(name: str, keys: list[str]) -> None:
    assert keys_of(Known(), name.split("/")) == keys
