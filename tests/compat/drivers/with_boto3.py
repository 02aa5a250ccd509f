import sys

import boto3
from base import saw, serve
from botocore.config import Config

SERVICE = sys.argv[1]


def connect(order):
    options = {} if order.timeout is None else {"config": Config(read_timeout=order.timeout)}
    return boto3.client(SERVICE, endpoint_url=order.url, region_name="us-east-1", aws_access_key_id="testing",
                        aws_secret_access_key="testing", **options)


def call(client, order):
    if SERVICE == "s3":
        answer = client.put_object(Bucket="orders", Key=order.marker, Body=b"one")
    else:
        answer = client.put_item(TableName="orders", Item={"id": {"S": order.marker}})
    return saw(f"put {order.marker}", status=answer["ResponseMetadata"]["HTTPStatusCode"])


serve(connect, call)
