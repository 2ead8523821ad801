"""The part of boto3 that tasks/gateways/files/ uses. The package itself has no types."""

from boto3 import session as session
