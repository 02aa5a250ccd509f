"""An unchanged boto3 program: deletes a bucket. Only `endpoint_url` says that there is a gate."""

import sys

import boto3
import botocore.exceptions

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="testing",
    aws_secret_access_key="testing",
)
try:
    answer = s3.delete_bucket(Bucket=sys.argv[2])
    print("deleted", answer["ResponseMetadata"]["HTTPStatusCode"])
except botocore.exceptions.ClientError as error:
    print("refused", error)
