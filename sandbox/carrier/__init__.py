"""The sandbox carrier: a process of its own that speaks the part of EasyPost's API v2 that the shop uses."""
