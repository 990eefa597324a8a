"""Pure functions on meshes and images; they know neither stages nor settings."""
