"""A fetched result -> armature, mesh, poses and cameras in the scene; the only writer of them."""
