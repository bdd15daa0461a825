"""Makes an account at a new AWS of moto, and prints its keys: aws_account.py URL CA.

Three actions, which nobody has to sign; from then on every request is checked.
"""

import json
import sys

import boto3

iam = boto3.client(
    "iam",
    endpoint_url=sys.argv[1],
    region_name="eu-central-1",
    aws_access_key_id="none",
    aws_secret_access_key="none",
    verify=sys.argv[2],
)
iam.create_user(UserName="gateway")
statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
document = {"Version": "2012-10-17", "Statement": [statement]}
iam.put_user_policy(UserName="gateway", PolicyName="all", PolicyDocument=json.dumps(document))
key = iam.create_access_key(UserName="gateway")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"], flush=True)
