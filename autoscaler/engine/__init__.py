"""Scrapes every kubelet on its own schedule and keeps what they said."""
