"""What `--from` means, by the settings that hold."""

from __future__ import annotations

from msgspec.structs import asdict

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.sources import Source, source_of
from autoscaler.config.settings import Settings


def record_source(text: str, settings: Settings) -> Source:
    """Where records are to be read from; "" is the configured spool. ConfigError says what can be named."""
    return source_of(text, settings.audit.spool_dir, KafkaSettings(**asdict(settings.audit.kafka)))
