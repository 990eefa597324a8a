"""Rasterisation behind one interface."""
