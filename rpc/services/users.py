"""User accounts."""

from models import accounts
from models.core.database import transaction
from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import allowed
from rpc.service import Service
from rpc.services.ids import known
from serving.access import UserQuery, list_users
from shopflow.users.v1 import users_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["UsersService"])
QUERY = UserQuery()


@service.call("GetUser", allowed("users:read"))
def get_user(call: Call, request: pb.GetUserRequest) -> pb.GetUserResponse:
    user_id = known("usr", request.user_id, "user")
    with transaction() as session:
        return build(pb.GetUserResponse, {"user": accounts.get_active(session, user_id)})


@service.call("ListUsers", allowed("users:read"))
def list_users_(call: Call, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
    return build(pb.ListUsersResponse, list_users(validated(QUERY, request)))
