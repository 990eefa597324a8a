"""Parametric bodies with the 55 joints of SMPL-X."""
