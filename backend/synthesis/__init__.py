"""Clothed people with known truth."""
