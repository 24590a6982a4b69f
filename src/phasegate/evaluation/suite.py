"""Intents of the suite: a sentence, a seeded account, and what a right runbook finds there."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from phasegate.core import InvalidInput, UsageError, digest, plain_yaml

ACCOUNT = "123456789012"
NOW = "2026-11-18T20:10:00+00:00"
"""Moment by which every account is seeded and judged."""
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")
"""Regions that the accounts have enabled; the first one is meant where a seed names none."""
ANYWHERE = ("iam", "s3")
"""Services whose resources are found once, whatever the region."""
IDENTITIES: Mapping[str, tuple[str, ...]] = {
    "autoscaling.CreateAutoScalingGroup": ("{AutoScalingGroupName}",),
    "cloudtrail.CreateTrail": ("{Name}", "{TrailARN}"),
    "cloudwatch.PutMetricAlarm": ("{AlarmName}", "arn:aws:cloudwatch:{region}:{account}:alarm:{AlarmName}"),
    "dynamodb.CreateTable": ("{TableName}", "{TableDescription.TableArn}"),
    "ec2.AllocateAddress": ("{AllocationId}", "{PublicIp}"),
    "ec2.CreateImage": ("{ImageId}",),
    "ec2.CreateKeyPair": ("{KeyName}", "{KeyPairId}"),
    "ec2.CreateNatGateway": ("{NatGateway.NatGatewayId}",),
    "ec2.CreateNetworkInterface": ("{NetworkInterface.NetworkInterfaceId}",),
    "ec2.CreateSecurityGroup": ("{GroupId}", "arn:aws:ec2:{region}:{account}:security-group/{GroupId}"),
    "ec2.CreateSnapshot": ("{SnapshotId}",),
    "ec2.CreateVolume": ("{VolumeId}",),
    "ec2.CreateVpc": ("{Vpc.VpcId}",),
    "ec2.RegisterImage": ("{ImageId}",),
    "ec2.RunInstances": ("{Instances[0].InstanceId}",),
    "ecr.CreateRepository": ("{repository.repositoryName}", "{repository.repositoryArn}", "{repository.repositoryUri}"),
    "ecs.CreateService": ("{service.serviceName}", "{service.serviceArn}"),
    "elbv2.CreateLoadBalancer": (
        "{LoadBalancers[0].LoadBalancerArn}",
        "{LoadBalancers[0].LoadBalancerName}",
        "{LoadBalancers[0].DNSName}",
    ),
    "elbv2.CreateTargetGroup": ("{TargetGroups[0].TargetGroupArn}", "{TargetGroups[0].TargetGroupName}"),
    "iam.CreateAccessKey": ("{AccessKey.AccessKeyId}",),
    "iam.CreateRole": ("{Role.RoleName}", "{Role.Arn}", "{Role.RoleId}"),
    "iam.CreateUser": ("{User.UserName}", "{User.Arn}", "{User.UserId}"),
    "kms.CreateKey": ("{KeyMetadata.KeyId}", "{KeyMetadata.Arn}"),
    "lambda.CreateFunction": ("{FunctionName}", "{FunctionArn}"),
    "logs.CreateLogGroup": (
        "{logGroupName}",
        "arn:aws:logs:{region}:{account}:log-group:{logGroupName}",
        "arn:aws:logs:{region}:{account}:log-group:{logGroupName}:*",
    ),
    "rds.CreateDBInstance": (
        "{DBInstance.DBInstanceIdentifier}",
        "{DBInstance.DBInstanceArn}",
        "{DBInstance.DbiResourceId}",
    ),
    "rds.CreateDBSnapshot": ("{DBSnapshot.DBSnapshotIdentifier}", "{DBSnapshot.DBSnapshotArn}"),
    "s3.CreateBucket": ("{Bucket}", "arn:aws:s3:::{Bucket}"),
    "secretsmanager.CreateSecret": ("{Name}", "{ARN}"),
    "sns.CreateTopic": ("{TopicArn}", "{Name}"),
    "sqs.CreateQueue": ("{QueueUrl}", "{QueueName}", "arn:aws:sqs:{region}:{account}:{QueueName}"),
}
"""What a runbook may call what an operation made, as templates of the call and its answer."""
_FOLDER = "intents"
Tag = Literal["cost", "security", "hygiene", "reliability", "change", "schedule"]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9{}-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class Step(_Strict):
    """Call that seeds an account."""

    do: str
    """Operation, such as `ec2.CreateVolume`."""
    with_: dict[str, Any] = Field(default={}, alias="with")
    """Its parameters. `$LABEL` is the id of an earlier step's resource, `$LABEL.EXPRESSION` a part of its call or
    answer, `@3d` the time three days ago, `{n}` the number of the repetition."""
    as_: str = Field(default="", alias="as")
    """Label of what it makes."""
    in_: str = Field(default="", alias="in")
    """Region; empty: the first one."""
    at: str = "100d"
    """How long ago it is called, such as `13d23h`."""
    times: int = Field(default=1, ge=1, le=200)
    """How often it is called."""
    ids: tuple[str, ...] = ()
    """Names by which a runbook may call the resource, in place of those of `IDENTITIES`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of all repetitions."""
        numbers = range(1, self.times + 1)
        return tuple(self.as_.replace("{n}", f"{number:03}") for number in numbers) if self.as_ else ()

    def plain(self) -> dict[str, Any]:
        """Return the step as JSON."""
        return self.model_dump(mode="json", by_alias=True)


class Wanted(_Strict):
    """Money and severity of a finding, where the sentence fixes them."""

    monthly: float | None = None
    """US dollars a month by the shipped price list."""
    severity: Literal["low", "medium", "high", "critical"] | None = None


class Slip(_Strict):
    """A mistake in the reference, and how it shows in the account."""

    what: str
    replace: tuple[str, str]
    """A text of the reference, and what a careless author writes in its place."""
    missed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    """Findings whose severity or money is not what the sentence asks for."""
    fails: bool = False
    """Whether calls fail by it."""

    def made_in(self, reference: str) -> str:
        """Return the reference with the mistake."""
        return reference.replace(self.replace[0], self.replace[1])


class Intent(_Strict):
    """A sentence with an account in which its findings are known."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    sentence: str
    tags: tuple[Tag, ...] = Field(min_length=1)
    seed: tuple[Step, ...]
    expect: dict[Label, Wanted | None] = Field(min_length=1)
    """Labels of the findings."""
    near: dict[Label, str] = Field(min_length=1)
    """Labels of what comes close and is no finding, with the reason."""
    changes: tuple[str, ...] = ()
    """Operations by which the runbook may change something; empty: it must change nothing."""
    schedule: str = ""
    """Schedule that the sentence asks for, as cron's five fields."""
    reference: str
    """A runbook.yaml that is right."""
    slips: tuple[Slip, ...] = Field(min_length=1)

    @property
    def labels(self) -> frozenset[str]:
        """Labels of all that is seeded."""
        return frozenset(label for step in self.seed for label in step.labels)

    def wanted(self, label: str) -> Wanted:
        """Return what the sentence fixes about a finding."""
        return self.expect[label] or Wanted()

    @model_validator(mode="after")
    def _names_what_is_seeded(self) -> Self:
        strange = {*self.expect, *self.near} - self.labels
        if strange:
            raise ValueError(f"nothing is seeded as {', '.join(sorted(strange))}")
        both = {*self.expect} & {*self.near}
        if both:
            raise ValueError(f"found and near at once: {', '.join(sorted(both))}")
        return self

    @model_validator(mode="after")
    def _slips_stand_in_the_reference(self) -> Self:
        for slip in self.slips:
            if self.reference.count(slip.replace[0]) != 1:
                raise ValueError(f"'{slip.replace[0]}' does not stand once in the reference")
        return self


class Suite(_Strict):
    """The shipped intents."""

    intents: tuple[Intent, ...]

    @property
    def version(self) -> str:
        """Digest by which results of the same suite are known."""
        return digest([intent.model_dump(mode="json", by_alias=True) for intent in self.intents])[:12]

    def chosen(self, ids: Collection[str]) -> "Suite":
        """Return the suite of these intents, or of all where none is named.

        Raises:
            UsageError: there is no such intent.
        """
        known = {intent.id for intent in self.intents}
        strange = sorted(set(ids) - known)
        if strange:
            raise UsageError(f"there is no intent '{strange[0]}'", fix="list them: 'phasegate eval --list'")
        return Suite(intents=tuple(intent for intent in self.intents if not ids or intent.id in ids))


@cache
def load_suite() -> Suite:
    """Return the shipped suite, its intents by name.

    Raises:
        InvalidInput: an intent does not hold.
    """
    return Suite(intents=tuple(sorted(_intents(), key=lambda intent: intent.id)))


def read_intent(text: str, name: str) -> Intent:
    """Read an intent.

    Raises:
        InvalidInput: it does not hold.
    """
    value = plain_yaml.read(text, name, check="suite").value
    try:
        return Intent.model_validate({"id": name.removesuffix(".yaml"), **value})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{name}: {where}: {first['msg']}", fix="mend the intent") from error


def _intents() -> Iterator[Intent]:
    for entry in files("phasegate.evaluation").joinpath(_FOLDER).iterdir():
        if entry.name.endswith(".yaml"):
            yield read_intent(entry.read_text(encoding="utf-8"), entry.name)
