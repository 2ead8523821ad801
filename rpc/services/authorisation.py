"""Permissions."""

from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import PUBLIC
from rpc.service import Service
from serving import authentication
from serving.access import PermissionQuery, decide
from shopflow.authorisation.v1 import authorisation_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["AuthorisationService"])
QUERY = PermissionQuery()


@service.call("CheckPermission", PUBLIC)
def check_permission(call: Call, request: pb.CheckPermissionRequest) -> pb.CheckPermissionResponse:
    asked = validated(QUERY, request)
    if "token" in asked:
        found = authentication.read_token(asked["token"])
        principal = found and found[0]
    else:
        principal = authentication.authenticate(call.token, call.api_key)
    return build(pb.CheckPermissionResponse, decide(principal, asked["resource"], asked["action"]))
