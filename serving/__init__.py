"""What the two doors of the shop share: the REST API (`api/`) and gRPC (`rpc/`).

Who calls, what may come in, what goes out, how much of it at a time. Nothing here knows of HTTP or of gRPC.
"""
