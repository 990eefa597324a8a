"""The GPU process: photos in, rigged avatar out. Knows nothing of Blender."""
