"""Notifications."""

from rpc.call import Call
from rpc.messages import build, validated
from rpc.rules import IDENTIFIED
from rpc.service import Service
from rpc.services.ids import known
from serving import notifications
from shopflow.notifications.v1 import notifications_pb2 as pb

service = Service(pb.DESCRIPTOR.services_by_name["NotificationsService"])
QUERY = notifications.NotificationQuery()


@service.call("ListNotifications", IDENTIFIED)
def list_notifications(call: Call, request: pb.ListNotificationsRequest) -> pb.ListNotificationsResponse:
    return build(pb.ListNotificationsResponse, notifications.list_of_user(call.principal, validated(QUERY, request)))


@service.call("GetNotification", IDENTIFIED)
def get_notification(call: Call, request: pb.GetNotificationRequest) -> pb.GetNotificationResponse:
    notification_id = known("ntf", request.notification_id, "notification")
    return build(pb.GetNotificationResponse, {"notification": notifications.read_one(call.principal, notification_id)})
