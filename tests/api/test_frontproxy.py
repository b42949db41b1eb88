from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.api.frontproxy import ANONYMOUS, Peer, asserted, peer_of, with_authenticated
from autoscaler.api.status import StatusError
from autoscaler.model.identity import Identity
from tests.api.cluster import NOW
from tests.api.world import PROXY_CA, trust

PEER = Peer("front-proxy-client", NOW + 60)
TRUST = trust()
Lines = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            [("x-remote-user", "ann"), ("X-REMOTE-GROUP", "a"), ("X-Remote-Group", "b"), ("X-Remote-Group", "")],
            Identity("ann", groups=("a", "b", "system:authenticated")),
            id="A07: every group header, whatever its case",
        ),
        pytest.param(
            [
                ("X-Remote-User", "ann"),
                ("X-Remote-Extra-Authentication.kubernetes.io%2fCredential-Id", "X509=1"),
                ("x-remote-extra-scopes", "a"),
                ("X-Remote-Extra-SCOPES", "b"),
                ("X-Remote-Extra-bad%zz", "c"),
                ("X-Remote-Extra-", "no key"),
            ],
            Identity(
                "ann",
                groups=("system:authenticated",),
                extra={
                    "authentication.kubernetes.io/credential-id": ("X509=1",),
                    "scopes": ("a", "b"),
                    "bad%zz": ("c",),
                },
            ),
            id="A07: extra keys are lower-cased and decoded, their values collected",
        ),
        pytest.param(
            [("X-Remote-User", "system:anonymous"), ("X-Remote-Group", "system:unauthenticated")],
            Identity("system:anonymous", groups=("system:unauthenticated",)),
            id="an anonymous caller of the aggregator stays anonymous",
        ),
        pytest.param(
            [("X-Remote-User", "ann"), ("X-Remote-User", "ann"), ("X-Remote-Uid", "7")],
            Identity("ann", groups=("system:authenticated",)),
            id="A08: the same user twice; a uid that nobody configured",
        ),
        pytest.param([("X-Remote-User", ""), ("X-Remote-Group", "system:masters")], None, id="no user name"),
        pytest.param(
            [("x_remote_user", "ann"), ("HTTP_X_REMOTE_USER", "ann"), ("X-Remote-User-", "ann"), ("Remote-User", "a")],
            None,
            id="A08: names that only look like it",
        ),
        pytest.param([], None, id="no header"),
    ],
)
def test_who_is_asserted(headers: Lines, expected: Identity | None) -> None:
    assert asserted(PEER, TRUST, headers, NOW) == expected


def test_a07_header_names_are_the_configured_ones_and_the_first_with_a_value_wins() -> None:
    custom = trust(
        username_headers=("X-One", "X-Two"), group_headers=("G1", "G2"), extra_prefixes=("E-", "F-"), uid_headers=("U",)
    )
    headers = [("X-Two", "two"), ("g2", "b"), ("G1", "a"), ("f-k", "v"), ("U", "7"), ("X-Remote-Group", "no")]
    assert asserted(PEER, custom, headers, NOW) == Identity(
        "two", uid="7", groups=("a", "b", "system:authenticated"), extra={"k": ("v",)}
    )
    found = asserted(PEER, custom, [*headers, ("X-One", "one")], NOW)
    assert found is not None
    assert found.user == "one"


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        pytest.param(PEER, [("X-Remote-User", "ann"), ("x-remote-user", "bob")], id="two different users"),
        pytest.param(Peer("kubelet", NOW + 60), [("X-Remote-User", "ann")], id="a name that is not allowed"),
        pytest.param(Peer("", NOW + 60), [("X-Remote-User", "ann")], id="no name at all"),
        pytest.param(Peer("front-proxy-client", NOW), [("X-Remote-User", "ann")], id="expired since it connected"),
        pytest.param(PEER, [("X-Remote-User", "ann\udcff")], id="a user that is not UTF-8"),
        pytest.param(PEER, [("X-Remote-User", "a"), ("X-Remote-Group", "g\x00")], id="a control character in a group"),
        pytest.param(PEER, [("X-Remote-User", "a"), ("X-Remote-Extra-k", "\udc80")], id="an extra that is not UTF-8"),
    ],
)
def test_a_proxy_that_must_not_speak_is_refused(peer: Peer, headers: Lines) -> None:
    with pytest.raises(StatusError) as caught:
        asserted(peer, TRUST, headers, NOW)
    assert caught.value.code == 401


def test_without_allowed_names_any_certificate_of_the_ca_will_do() -> None:
    found = asserted(Peer("kubelet", NOW + 60), trust(allowed_names=()), [("X-Remote-User", "ann")], NOW)
    assert found is not None
    assert found.user == "ann"


def test_a_certificate_is_read_once_into_name_and_end() -> None:
    issued = PROXY_CA.issue("someone", client=True, not_before=datetime.fromtimestamp(NOW, UTC), days=1)
    der = x509.load_pem_x509_certificate(issued.certificate).public_bytes(Encoding.DER)
    assert peer_of(der) == Peer("someone", NOW + 86400)
    with pytest.raises(ValueError, match="asn1"):
        peer_of(b"junk")


def test_system_authenticated_is_added_once_and_never_to_anonymous() -> None:
    assert with_authenticated(Identity("ann")).groups == ("system:authenticated",)
    assert with_authenticated(with_authenticated(Identity("ann"))).groups == ("system:authenticated",)
    assert with_authenticated(ANONYMOUS) is ANONYMOUS


NAMES = st.sampled_from(
    ["X-Remote-User", "x-remote-user", "X_Remote_User", "X-Remote-Group", "X-Remote-Groups", "X-Remote-Extra-A",
     "X-Remote-Uid", "X-Remote-Use", "X-Remote-User ", "Authorization", "Impersonate-User", "X-Forwarded-User"]
)  # fmt: skip
VALUES = st.sampled_from(["", "ann", "bob", "system:masters", "a,b", "\udcff", "x\r\nX-Remote-User: root"]) | st.text(
    max_size=8
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12))
def test_no_set_of_headers_gives_an_identity_that_its_user_header_does_not_spell(headers: Lines) -> None:
    users = {value for name, value in headers if name.lower() == "x-remote-user" and value}
    groups = [value for name, value in headers if name.lower() == "x-remote-group" and value]
    try:
        identity = asserted(PEER, TRUST, headers, NOW)
    except StatusError:
        return
    if identity is None:
        assert not users
        return
    assert users == {identity.user}
    assert [group for group in identity.groups if group != "system:authenticated"] == [
        group for group in groups if group != "system:authenticated"
    ]
    assert not identity.uid
    assert set(identity.extra) <= {"a"}
