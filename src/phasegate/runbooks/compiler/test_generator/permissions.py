"""Tests that the runbook's policy is enough, and that each action in it is needed.

Which action a call needs is the compiler's knowledge; our own tests hold it against IAM as moto enforces it, so that
the tests of each runbook need not start an emulator.
"""

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

from phasegate.runbooks.compiler import iam_policy
from phasegate.runbooks.compiler.test_generator.mock_answers import Table, tables
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.template import Test, write_test
from phasegate.runbooks.compiler.test_generator.values import Ago
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.iam_actions import actions

_JUDGED = {"ec2", "json", "query"}
"""Protocols whose calls moto holds against IAM; of those that put the action in the path it loses most names."""
_JUDGED_S3 = {
    *("CreateBucket", "DeleteBucketPolicy", "DeleteObject", "GetBucketAccelerateConfiguration", "GetBucketAcl"),
    *("GetBucketCors", "GetBucketLifecycleConfiguration", "GetBucketLocation", "GetBucketLogging", "GetBucketPolicy"),
    *("GetBucketNotificationConfiguration", "GetBucketPolicyStatus", "GetBucketTagging", "GetBucketVersioning"),
    *("GetBucketWebsite", "GetObject", "GetObjectAcl", "GetObjectTagging", "ListBuckets", "PutBucketPolicy"),
    "PutBucketVersioning",
}


def permissions(plan: Plan) -> Iterator[Test]:
    """Write the test of the policy's actions, in which resources and conditions are not judged."""
    rows = "".join(f"\n    ({action!r}, {call!r})," for action, call, _ in proofs(plan))
    if rows:
        yield write_test("test_permission_is_enough_and_needed", actions=rows)


def prepared(plan: Plan) -> Iterator[str]:
    """The policy that stands beside the module."""
    if proofs(plan):
        yield f'POLICY = json.loads((files("{plan.package}.runbooks") / "{plan.module}.iam-policy.json").read_text())\n'


def unproven(plan: Plan) -> list[str]:
    """Return the actions of the policy that no test shows to be needed."""
    granted = {a for statement in iam_policy.policy(plan.runbook)["Statement"] for a in statement["Action"]}
    return sorted(granted - {action for action, _, _ in proofs(plan)})


def proofs(plan: Plan) -> list[tuple[str, str, Any]]:
    """Return actions of the policy, each with a call and parameters that need it and no other."""
    found: dict[str, tuple[str, str, Any]] = {}
    for call, params in _calls(plan):
        needed = [str(action) for action in actions(call)]
        # A call that needs two actions fails without either, and so proves neither.
        if len(needed) == 1 and _in_moto(call):
            found.setdefault(needed[0], (needed[0], call, params))
    granted = {a for statement in iam_policy.policy(plan.runbook)["Statement"] for a in statement["Action"]}
    return [found[action] for action in sorted(found) if action in granted]


def _in_moto(call: str) -> bool:
    service, _, operation = call.partition(".")
    model = aws.operation(call).model.service_model
    if service == "s3":
        return operation in _JUDGED_S3
    return model.metadata["protocols"][0] in _JUDGED and service.replace("-", "") in _moto_services()


@cache
def _moto_services() -> frozenset[str]:
    """Return the services that moto stands in for, from the names of its packages: to load it takes a while."""
    found = find_spec("moto")
    places = found.submodule_search_locations if found else None
    return frozenset(module.name for module in pkgutil.iter_modules(places) if module.ispkg)


def _calls(plan: Plan) -> Iterator[tuple[str, Any]]:
    yield "ec2.DescribeRegions", {}
    for table in tables(plan.anatomy, plan.one):
        yield table.call, _params(table)
    for step in plan.remedy.steps if plan.remedy else ():
        if step.params is not None:
            yield step.call, step.params
    for call, params in plan.remedy.undo if plan.remedy else ():
        if set(aws.operation(call).required) <= set(params):
            yield call, params


def _params(table: Table) -> Any:
    if table.kind == "metric":
        spec = table.params
        window = {"StartTime": Ago(1), "EndTime": Ago(0), "Period": 3600}
        return {"Namespace": spec["namespace"], "MetricName": spec["name"], **window, "Statistics": ["Sum"]}
    return {**table.params, **({table.ids: ["an-id"]} if table.kind == "batch" else {})}
