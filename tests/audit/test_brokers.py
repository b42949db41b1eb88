from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from autoscaler.audit.brokers import KafkaSettings, client_options, unreadable
from autoscaler.errors import AuditError, ConfigError


def settings(**changes: object) -> KafkaSettings:
    return KafkaSettings(**({"bootstrap_servers": ("127.0.0.1:1",)} | changes))


def credential_files(directory: Path, password: str = "s3cret\n") -> dict[str, str]:
    (directory / "user").write_text("alice\n")
    (directory / "password").write_text(password)
    return {"username_file": str(directory / "user"), "password_file": str(directory / "password")}


class TestCredentials:
    def test_they_are_read_anew_for_each_client(self, tmp_path: Path) -> None:
        files = credential_files(tmp_path)
        access = settings(security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", **files)
        for password in ("s3cret", "rotated"):
            (tmp_path / "password").write_text(password + "\n")
            options = client_options(access)
            assert options["sasl_plain_username"] == "alice"
            assert options["sasl_plain_password"] == password

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        access = settings(security_protocol="SASL_SSL", username_file=str(tmp_path / "nobody"))
        with pytest.raises(AuditError, match=r"nobody' cannot be read: no such file$"):
            client_options(access)

    def test_a_folder_in_its_place_is_called_one(self, tmp_path: Path) -> None:
        with pytest.raises(AuditError, match=r"cannot be read: is a directory$"):
            client_options(settings(security_protocol="SASL_SSL", username_file=str(tmp_path)))

    def test_what_is_not_there_yet_can_be_told_before_a_broker_is_asked(self, tmp_path: Path) -> None:
        files = credential_files(tmp_path) | {"ca_file": str(tmp_path / "ca.crt")}
        (tmp_path / "password").unlink()
        access = settings(security_protocol="SASL_SSL", **files)
        assert [each.rpartition("/")[2] for each in unreadable(access)] == [
            "password' cannot be read: no such file",
            "ca.crt' cannot be read: no such file",
        ]
        credential_files(tmp_path)
        assert len(unreadable(access)) == 1
        assert unreadable(settings(security_protocol="PLAINTEXT", **files)) == []

    def test_a_file_that_is_no_text_is_not_quoted(self, tmp_path: Path) -> None:
        files = credential_files(tmp_path)
        (tmp_path / "password").write_bytes(b"hunter2\xff")
        with pytest.raises(AuditError) as caught:
            client_options(settings(security_protocol="SASL_SSL", **files))
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_a_password_is_never_sent_in_the_clear(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="use SASL_SSL"):
            client_options(
                settings(security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", **credential_files(tmp_path))
            )


class TestTls:
    def test_peers_are_verified(self) -> None:
        options = client_options(settings(security_protocol="SSL"))
        context = options["ssl_context"]
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    @pytest.mark.parametrize(
        "content",
        [pytest.param(None, id="the file is missing"), pytest.param("no PEM", id="the file is no certificate")],
    )
    def test_an_authority_that_cannot_be_used_is_an_error(self, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "ca.crt").write_text(content)
        with pytest.raises(AuditError, match=r"cannot be (used|read)"):
            client_options(settings(security_protocol="SSL", ca_file=str(tmp_path / "ca.crt")))
