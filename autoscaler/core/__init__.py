"""The sums: plain functions of frozen words."""
