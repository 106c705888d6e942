"""Bars that this project holds itself to: a file a room, a function a bar, one command each; see `harness`."""
