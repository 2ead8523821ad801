"""A store in a bucket of Amazon S3, or of a service that speaks its protocol."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from models.core.errors import FileStoreDown
from settings import settings

CONNECT, READ = 3.0, 10.0
"""Seconds for a connection, and for an answer."""
AT_A_TIME = 1000  # keys in a request that deletes


class Bucket:
    """A `FileStore`. `prefix`: what begins all keys, without a slash at its end; may be empty."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        # Without credentials in the settings, the SDK looks for those of the machine.
        self._client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.s3_endpoint or None,
            region_name=settings.s3_region,
            aws_access_key_id=settings.s3_access_key or None,
            aws_secret_access_key=settings.s3_secret_key or None,
            config=Config(
                connect_timeout=CONNECT,
                read_timeout=READ,
                retries={"total_max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
                max_pool_connections=settings.api_threads,
                # Services that speak S3 do not all know the newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, key: str, contents: bytes, media_type: str) -> None:
        with _failures():
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=contents, ContentType=media_type
            )  # fmt: skip

    def get(self, key: str) -> bytes | None:
        with _failures():
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchKey":
                    return None
                raise
            contents: bytes = found["Body"].read()
            return contents

    def remove(self, folder: str) -> int:
        names = iter(sorted(self.list_names(folder)))
        removed = 0
        while portion := list(islice(names, AT_A_TIME)):
            keys = [{"Key": f"{self._prefix}{folder}/{name}"} for name in portion]
            with _failures():
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
            if errors := answer.get("Errors"):
                raise FileStoreDown(f"The store of the pictures does not delete: {errors[0].get('Code')}.")
            removed += len(portion)
        return removed

    def list_names(self, folder: str) -> set[str]:
        start = f"{self._prefix}{folder}/"
        with _failures():
            pages = self._pages(Prefix=start)
            return {found["Key"].removeprefix(start) for page in pages for found in page.get("Contents", ())}

    def list_folders(self) -> Iterator[str]:
        with _failures():
            for page in self._pages(Prefix=self._prefix, Delimiter="/"):
                for found in page.get("CommonPrefixes", ()):
                    yield found["Prefix"].removeprefix(self._prefix).rstrip("/")

    def _pages(self, **options: str) -> Iterator[dict[str, list[dict[str, str]]]]:
        return iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, **options))


@contextmanager
def _failures() -> Iterator[None]:
    """Whatever is wrong is the store's fault or that of its settings, which an operator corrects: it is retried."""
    try:
        yield
    except ClientError as error:
        raise FileStoreDown(f"The store of the pictures refuses: {error.response['Error']['Code']}.") from error
    except BotoCoreError as error:
        raise FileStoreDown(f"The store of the pictures does not respond: {type(error).__name__}.") from error
