"""Access tokens."""

from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import PUBLIC
from rpc.service import Service
from serving.accounts import Token, introspect
from shopflow.authentication.v1 import authentication_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["AuthenticationService"])
TOKEN = Token()


@service.call("ValidateToken", PUBLIC)
def validate_token(call: Call, request: pb.ValidateTokenRequest) -> pb.ValidateTokenResponse:
    return build(pb.ValidateTokenResponse, introspect(validated(TOKEN, request)["token"]))
