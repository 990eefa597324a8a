"""Avatars -> files for game engines, through a temporary copy; the scene stays as it is."""

from .fbx import export_fbx
from .gltf import export_glb

__all__ = ["export_fbx", "export_glb"]
