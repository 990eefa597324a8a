"""Measuring against known truth."""
