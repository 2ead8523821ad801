"""What the doors of the shop share: the REST API (`api/`), gRPC (`rpc/`) and pages (`web/`).

Who calls, what may come in, what goes out, how much of it at a time. Nothing here knows of HTTP or of gRPC.
"""
