"""The actions that the compiler says a call needs are those that IAM, as moto enforces it, asks for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from phasegate.runbooks.compiler.test_generator import compile_tests
from phasegate.runbooks.compiler.test_generator.permissions import proofs
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.values import plain
from phasegate.runbooks.language.model import load

FILES = sorted(Path(__file__).with_name("emitted").glob("*.yaml"))
REFUSALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
ONCE = Config(retries={"max_attempts": 1}, parameter_validation=False)

Allows = Callable[[set[str], str, dict[str, Any]], bool]


@pytest.fixture(scope="module")
def allows() -> Iterator[Allows]:
    """Tell whether moto lets a user who may do these actions make a call."""
    with pytest.MonkeyPatch.context() as patched, mock_aws():
        patched.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        iam = boto3.client("iam", region_name="us-east-1")
        iam.create_user(UserName="runbook")
        key = iam.create_access_key(UserName="runbook")["AccessKey"]
        session: Any = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")

        def asked(actions: set[str], call: str, params: dict[str, Any]) -> bool:
            grants = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [grants]})
            iam.put_user_policy(UserName="runbook", PolicyName="own", PolicyDocument=document)
            service, operation = call.split(".")
            return is_let_in(session.client(service, config=ONCE), operation, params)

        yield asked


@set_initial_no_auth_action_count(0)
def is_let_in(client: Any, operation: str, params: dict[str, Any]) -> bool:
    """Take anything but a refusal for a yes: what the call asks for need not be there."""
    try:
        getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        return error.response["Error"]["Code"] not in REFUSALS
    except Exception:
        return True  # moto judges first; then it may well stumble over what is not there
    return True


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_call_needs_the_action_that_the_policy_gives_it_and_no_other(path: Path, allows: Allows) -> None:
    proven = proofs(plan(path))
    assert proven
    for action, call, params in proven:
        assert allows({action}, call, plain(params)), (action, call)
        assert not allows({"none:None"}, call, plain(params)), (action, call)


def test_the_emitted_test_asks_for_each_of_these_actions() -> None:
    path = next(path for path in FILES if path.stem == "ebs_unattached")
    text = compile_tests(plan(path).runbook, package="pkg", module="m")["tests/runbooks/test_m.py"].decode()
    for action, call, _ in proofs(plan(path)):
        assert f'("{action}", "{call}"),' in text


def plan(path: Path) -> Plan:
    return Plan(runbook=load(path.read_text(), "runbook.yaml"), package="pkg", module="m", criteria=())
