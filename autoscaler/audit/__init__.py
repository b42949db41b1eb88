"""Keeps every decision on disk, then delivers it to Kafka."""
