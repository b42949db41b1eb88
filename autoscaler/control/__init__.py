"""Decides for one target at a time: gather, plan, act, tell."""
