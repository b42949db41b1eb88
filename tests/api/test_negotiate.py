import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.api.negotiate import AGGREGATED, JSON, PROTOBUF, YAML, negotiated
from autoscaler.api.status import StatusError

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", JSON, id="nothing said"),
        pytest.param("*/*", JSON, id="anything"),
        pytest.param("text/html, *; q=.2", JSON, id="anything, as old clients write it"),
        pytest.param("application/*", JSON, id="any application type"),
        pytest.param("Application/JSON", JSON, id="case does not matter"),
        pytest.param("application/json; charset=utf-8", JSON, id="a charset"),
        pytest.param("application/vnd.kubernetes.protobuf, */*", JSON, id="a wildcard for what we do not have"),
        pytest.param("application/vnd.kubernetes.protobuf,application/json", JSON, id="client-go"),
        pytest.param(f"{TABLE},{TABLE};v=v1beta1,application/json", JSON, id="kubectl get falls back"),
        pytest.param("application/yaml;q=1,application/json;q=0.1", JSON, id="a low quality is still yes"),
        pytest.param(AGGREGATED, AGGREGATED, id="aggregated discovery"),
        pytest.param("application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io", AGGREGATED, id="order"),
        pytest.param(f"{AGGREGATED},application/json", AGGREGATED, id="the specific one first"),
        pytest.param(f"{AGGREGATED};q=0.5,application/json", JSON, id="unless it is liked less"),
        pytest.param("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,*/*", JSON, id="another"),
    ],
)  # fmt: skip
def test_what_is_chosen(accept: str, expected: str) -> None:
    assert negotiated(accept, (JSON, AGGREGATED)) == expected


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param("application/vnd.kubernetes.protobuf", id="protobuf only"),
        pytest.param(TABLE, id="a table only"),
        pytest.param("application/json;as=Table;v=v9;g=meta.k8s.io", id="a table of an unknown version"),
        pytest.param("application/json;q=0", id="anything but JSON"),
        pytest.param("application/json;q=0,*/*;q=0.5", id="the specific refusal beats the general consent"),
        pytest.param("application/json;q=nan", id="a quality that is no number"),
        pytest.param("application/json;q=2", id="a quality out of range"),
        pytest.param("*/json", id="a range that is none"),
        pytest.param("x" * 10_000, id="10 KB of junk"),
        pytest.param("a/b," * 3_000 + "application/json", id="more ranges than anybody means"),
        pytest.param(";,/;=", id="punctuation"),
    ],
)
def test_what_is_not_acceptable(accept: str) -> None:
    with pytest.raises(StatusError) as caught:
        negotiated(accept, (JSON, AGGREGATED))
    assert caught.value.code == 406
    assert caught.value.message == "only the following media types are accepted: application/json"


words = st.sampled_from(
    [
        JSON,
        YAML,
        PROTOBUF,
        "*/*",
        "application/*",
        "as=Table",
        "g=meta.k8s.io",
        "v=v1",
        "q=0",
        "q=0.5",
        "stream=watch",
        "x",
    ]
)


@given(st.lists(st.lists(words, max_size=5).map(";".join), max_size=6).map(",".join) | st.text(max_size=50))
def test_any_header_chooses_one_of_the_offers_or_is_refused(accept: str) -> None:
    with contextlib.suppress(StatusError):
        assert negotiated(accept, (JSON, YAML, TABLE)) in (JSON, YAML, TABLE)


@given(st.permutations([JSON, YAML, PROTOBUF]))
def test_among_equals_the_order_of_the_client_counts_and_quality_before_it(order: list[str]) -> None:
    offers = (JSON, PROTOBUF, YAML)
    assert negotiated(",".join(order), offers) == order[0]
    assert negotiated(f"{order[0]};q=0.8,{order[1]};q=0.9,*/*;q=0.7", offers) == order[1]
    assert negotiated(f"*/*,{order[2]};q=0", offers) != order[2]
