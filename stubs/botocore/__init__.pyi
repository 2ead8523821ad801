"""The part of botocore that tasks/gateways/files/ uses. The package itself has no types."""
