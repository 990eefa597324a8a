"""Measures, each as its paper defines it: pure functions of a prediction and the truth.

A measure of two meshes takes two `mesh.Surface`s in one frame and returns a frozen dataclass of
floats with units in their names, ready for JSON by `dataclasses.asdict`.
"""
