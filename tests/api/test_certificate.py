from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from autoscaler.api import certificate
from autoscaler.errors import ConfigError
from tests.api.cluster import NOW
from tests.certificates import Authority

NAMES = ("localhost", "127.0.0.1")
DAY = 86400.0


def test_a_pair_is_made_for_the_names_and_its_key_is_ours_alone(tmp_path: Path) -> None:
    pair = certificate.self_signed(str(tmp_path / "new"), NAMES, NOW)
    made = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert made.not_valid_after_utc - datetime.fromtimestamp(NOW, UTC) == timedelta(days=365)
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sorted((tmp_path / "new").iterdir())] == ["apiserver.crt", "apiserver.key"]
    assert pair.ca_bundle() == pair.certificate.read_bytes()
    assert pair.expires() == NOW + 365 * DAY


@pytest.mark.parametrize(
    ("days", "names", "kept"),
    [
        pytest.param(0, NAMES, True, id="it fits: a restart keeps the caBundle"),
        pytest.param(300, ("localhost",), True, id="it has more names than needed"),
        pytest.param(340, NAMES, False, id="it ends within a month"),
        pytest.param(0, (*NAMES, "hpa.kube-system.svc"), False, id="a name is missing"),
    ],
)
def test_a_pair_that_is_there_is_used_again(tmp_path: Path, days: float, names: tuple[str, ...], kept: bool) -> None:
    before = certificate.self_signed(str(tmp_path), NAMES, NOW).ca_bundle()
    assert (certificate.self_signed(str(tmp_path), names, NOW + days * DAY).ca_bundle() == before) is kept


@pytest.mark.parametrize("damage", ["apiserver.crt", "apiserver.key"])
@pytest.mark.parametrize("content", [b"", b"junk", None, Authority("other").issue("x", sans=NAMES)])
def test_a_broken_or_foreign_pair_is_made_anew(tmp_path: Path, damage: str, content: object) -> None:
    before = certificate.self_signed(str(tmp_path), NAMES, NOW).ca_bundle()
    path = tmp_path / damage
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_bytes(content.key if damage.endswith("key") else content.certificate)  # type: ignore[attr-defined] # Issued
    assert certificate.self_signed(str(tmp_path), NAMES, NOW).ca_bundle() != before


def test_a_folder_that_cannot_be_used_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--cert-dir"):
        certificate.self_signed(str(tmp_path / "file"), NAMES, NOW)


@pytest.mark.parametrize(("crt", "key", "flag"), [("a", "", "--tls-private-key-file"), ("", "b", "--tls-cert-file")])
def test_certificate_and_key_come_together(crt: str, key: str, flag: str) -> None:
    with pytest.raises(ConfigError, match=flag):
        certificate.given(crt, key)


def test_given_files_have_no_bundle_of_ours_and_a_fingerprint_that_moves(tmp_path: Path) -> None:
    crt, key = Authority("a").issue("x").write(tmp_path)
    pair = certificate.given(str(crt), str(key))
    assert pair.ca_bundle() == b""
    before = pair.fingerprint()
    assert pair.fingerprint() == before
    key.write_bytes(b"changed")
    assert pair.fingerprint() != before


def test_what_is_shown_until_there_is_better_is_believed_by_nobody_and_made_anew_at_each_start(tmp_path: Path) -> None:
    file = tmp_path / "new" / "issued.pem"
    assert certificate.provisional(file, NAMES, NOW) is False
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert certificate.given(str(file), str(file)).expires() == NOW + 365 * DAY
    assert certificate.provisional(file, NAMES, NOW) is False
    assert file.read_bytes() != before


@pytest.mark.parametrize(("days", "kept"), [(1, True), (31, False)], ids=["it is good", "it has ended"])
def test_an_issued_pair_that_is_there_is_shown_from_the_start(tmp_path: Path, days: float, *, kept: bool) -> None:
    file, made = (
        tmp_path / "issued.pem",
        Authority("ours").issue("web", sans=["web"], not_before=datetime.fromtimestamp(NOW, UTC)),
    )
    certificate.keep(file, made.certificate + made.key)
    assert certificate.provisional(file, NAMES, NOW + days * DAY) is kept
    assert (file.read_bytes() == made.certificate + made.key) is kept


def test_a_folder_that_cannot_be_used_for_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=f"--cert-dir {tmp_path / 'file'}: "):
        certificate.provisional(tmp_path / "file" / "issued.pem", NAMES, NOW)
