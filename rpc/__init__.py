"""gRPC: the calls that other services need, as protobuf packages `shopflow.<service>.v1` (docs/grpc.md).

It has no rules of its own: each call does what its REST twin does, through `serving/`.
"""
