from collections.abc import Iterable
from typing import Any

from botocore.config import Config

class Paginator:
    def paginate(self, **options: str) -> Iterable[dict[str, Any]]: ...

class S3:
    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> dict[str, Any]: ...
    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]: ...
    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]: ...
    def create_bucket(self, *, Bucket: str) -> dict[str, Any]: ...
    def get_paginator(self, operation: str) -> Paginator: ...

class Session:
    def client(
        self,
        service: str,
        *,
        endpoint_url: str | None = ...,
        region_name: str | None = ...,
        aws_access_key_id: str | None = ...,
        aws_secret_access_key: str | None = ...,
        config: Config | None = ...,
    ) -> S3: ...
