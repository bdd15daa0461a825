"""AWS's own client with keys of its own, which open nothing: boto3_client.py S3_URL DYNAMODB_URL.

It writes and reads back objects whose names are hard to sign, in one piece and in many, lists them, and does the same
with items of a table. It prints `url …`, a presigned URL, and `done` at the end.
"""

import io
import sys

import boto3
from botocore.config import Config

S3_URL, TABLE_URL = sys.argv[1:]
KEYS = {"aws_access_key_id": "AKIAOWNOWNOWNOWNOWN1", "aws_secret_access_key": "own-key-of-the-client"}
NAMES = ["plain", "a b+c/ü~(x)*'!.txt", "dots/../and//slashes/.", "%41%2f=?&#", "x" * 300]

config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
s3 = boto3.client("s3", endpoint_url=S3_URL, region_name="eu-central-1", config=config, **KEYS)
s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
for name in NAMES:
    s3.put_object(Bucket="bucket", Key=name, Body=name.encode(), ContentType="text/plain", Metadata={"two": "a  b"})
    assert s3.get_object(Bucket="bucket", Key=name)["Body"].read() == name.encode(), name
listed = s3.list_objects_v2(Bucket="bucket", Prefix="a b+c/ü~(", MaxKeys=5)
assert [item["Key"] for item in listed["Contents"]] == [NAMES[1]], listed
large = bytes(range(256)) * 80_000
s3.upload_fileobj(io.BytesIO(large), "bucket", "large")
assert s3.get_object(Bucket="bucket", Key="large", Range="bytes=20000000-20000002")["Body"].read() == large[20000000:20000003]
parameters = {"Bucket": "bucket", "Key": NAMES[1]}
print("url", s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=900), flush=True)

config = Config(retries={"total_max_attempts": 1})
table = boto3.client("dynamodb", endpoint_url=TABLE_URL, region_name="eu-central-1", config=config, **KEYS)
table.create_table(
    TableName="orders",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
table.put_item(TableName="orders", Item={"id": {"S": "1"}, "what": {"S": "ü" * 1000}})
assert table.get_item(TableName="orders", Key={"id": {"S": "1"}})["Item"]["what"]["S"] == "ü" * 1000
print("done", flush=True)
