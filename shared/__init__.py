"""What the backend and the Blender extension agree on: types, errors and frames. NumPy only."""
