"""Avatars -> files for game engines, through a temporary copy; the scene stays as it is."""
