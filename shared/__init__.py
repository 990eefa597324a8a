"""What the backend and the Blender extension agree on; standard library and NumPy only."""

PROTOCOL = 1
"""Of the messages on the wire; a change that the other side cannot read raises it."""
