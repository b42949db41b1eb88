"""Frozen words every room speaks."""
