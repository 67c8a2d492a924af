"""boto3's transfer manager: `client_boto3.py FILE CONNECTIONS PART_MIB CHECKSUM`."""

from __future__ import annotations

import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

file, connections, part_mib, checksum = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
client = boto3.client(
    "s3",
    endpoint_url=os.environ["GRAND_CHALLENGE_API_URL"],
    verify=os.environ["SSL_CERT_FILE"],
    region_name="eu-central-1",
    aws_access_key_id="a",
    aws_secret_access_key="b",
    config=Config(
        request_checksum_calculation=checksum,
        max_pool_connections=connections,
        s3={"addressing_style": "path", "payload_signing_enabled": False},
    ),
)
config = TransferConfig(
    multipart_threshold=1,
    multipart_chunksize=part_mib * 2**20,
    max_concurrency=connections,
)
client.upload_file(file, "bucket", "key", Config=config)
