"""Runs inside a sandbox, as text (`python -I -c TEXT`): seeds accounts, and scans each with the runbooks of its case.

`request.json` says what to do, `runbooks/` holds the compiled modules and `_runtime/` what they stand on. Each case is
seeded in a process of its own, which writes `out/NUMBER.json`; libraries are loaded once.
"""

import io
import json
import os
import re
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}

import boto3
import jmespath
import time_machine
from botocore import xform_name
from moto import mock_aws
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.moto_api._internal import mock_random

PACKAGE = "suite"
_AGE = re.compile(r"(\d+(?:\.\d+)?)([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_CONFIG: Any = {
    "core": {"reset_boto3_session": False},
    "lambda": {"use_docker": False},
    "iam": {"load_aws_managed_policies": False},
}


class Account:
    """The seeded account of one case, with the identities of what was labelled in it."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.now = datetime.fromisoformat(request["now"])
        self.account = request["account"]
        self.region = request["regions"][0]
        self.anywhere = request["anywhere"]
        self.identities = request["identities"]
        self.labels: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, Any] = {}

    def seed(self, step: Mapping[str, Any]) -> None:
        """Make the call of a step, as often as it says, at the age that it says."""
        for number in range(1, step["times"] + 1):
            # The clock stands still, so that a resource is exactly as old as the intent says (decision 0040).
            with time_machine.travel(self.now - age(step["at"]), tick=False):
                self._call(step, f"{number:03}")

    def _call(self, step: Mapping[str, Any], number: str) -> None:
        region = step["in"] or self.region
        service, _, operation = step["do"].partition(".")
        given = self._filled(step["with"], number)
        method: Callable[..., Any] = getattr(boto3.client(service, region), xform_name(operation))
        answer = method(**given)
        if label := step["as"].replace("{n}", number):
            self._answers[label] = {**given, **(answer or {})}
            anywhere = service in self.anywhere
            self.labels[label] = {"region": "" if anywhere else region, "ids": self._ids(step, label, region)}

    def _ids(self, step: Mapping[str, Any], label: str, region: str) -> list[str]:
        templates = step["ids"] or self.identities.get(step["do"], [])
        return [self._identity(template, label, region) for template in templates]

    def _identity(self, template: str, label: str, region: str) -> str:
        names = {"region": region, "account": self.account}
        return re.sub(
            r"\{([^}]*)\}",
            lambda found: names.get(found[1]) or str(jmespath.search(found[1], self._answers[label])),
            template,
        )

    def _filled(self, value: Any, number: str) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(each, number) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each, number) for each in value]
        return self._text(value.replace("{n}", number)) if isinstance(value, str) else value

    def _text(self, text: str) -> Any:
        """Return what a text stands for: `$LABEL`, `$LABEL.EXPRESSION`, `@AGE` as a time, or `%zip`."""
        if text == "%zip":
            return archive()
        if text.startswith("@") and _AGE.match(text[1:]):
            return self.now - age(text[1:])
        if not text.startswith("$"):
            return text
        label, _, expression = text[1:].partition(".")
        return jmespath.search(expression, self._answers[label]) if expression else self.labels[label]["ids"][0]


def age(text: str) -> timedelta:
    """Return the span that a text such as `13d23h` says."""
    return timedelta(**{_UNITS[unit]: float(number) for number, unit in _AGE.findall(text)})


def archive() -> bytes:
    """Return a small ZIP file with a function's code."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr("main.py", "def handler(event, context):\n    return event\n")
    return file.getvalue()


def answered(request: Mapping[str, Any], case: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the labels of a seeded case, then what each of its runbooks finds there."""
    # moto draws its ids, and two runs of an evaluation should name the same ones.
    mock_random.seed(20261118)
    with mock_aws(config=_CONFIG):
        account = Account(request)
        for step in case["seed"]:
            account.seed(step)
        # Sent before a line of a runbook is loaded.
        yield "labels", account.labels
        # It runs while a runbook does: retries and timeouts would wait for ever by a clock that stands.
        with time_machine.travel(account.now, tick=True):
            for module in case["modules"]:
                yield module, scanned(module, account.now)


def scanned(module: str, now: datetime) -> dict[str, Any]:
    """Return the report of a runbook, or why there is none."""
    runtime = import_module(f"{PACKAGE}._runtime")
    try:
        runbook = import_module(f"{PACKAGE}.runbooks.{module}").RUNBOOK
        prices = runtime.PriceTable.read(Path("prices.json"))
        report: dict[str, Any] = runtime.run(runbook, runtime.Order(now=now, prices=prices)).document()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:500]}
    return report


def alone(request: Mapping[str, Any], number: int, case: Mapping[str, Any]) -> None:
    """Answer a case in this process, which ends by it, and by an alarm where it takes too long."""
    signal.alarm(int(request["seconds"]))
    answers: dict[str, Any] = {}
    try:
        for name, answer in answered(request, case):
            # Written anew each time: what a later scan breaks takes nothing from those before.
            write(number, answers := {**answers, name: answer})
    except Exception as error:
        write(number, {**answers, "failed": f"{type(error).__name__}: {error}"[:500]})
    # Without the clean-up of the process that it was forked from.
    os._exit(0)


def write(number: int, answers: Mapping[str, Any]) -> None:
    """Write the answers to a case, whole or not at all."""
    part = Path(f"out/{number}.part")
    part.write_text(json.dumps(answers, default=str), encoding="utf-8")
    part.rename(f"out/{number}.json")


def warm(region: str) -> None:
    """Load what every case needs, once for all of them: most of all the service model of EC2, which is large."""
    clients = import_module(f"{PACKAGE}._runtime.clients").Clients()
    with mock_aws(config=_CONFIG):
        for service in ("ec2", "sts"):
            boto3.client(service, region)
            clients.get(service, region)
        clients.get("ec2", region).describe_regions()


def main() -> None:
    """Answer the cases of the request, as many at a time as there are processors."""
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    sys.path.insert(0, os.getcwd())
    RegionsAndZonesBackend.regions[:] = [
        region for region in RegionsAndZonesBackend.regions if region.name in request["regions"]
    ]
    warm(request["regions"][0])
    Path("out").mkdir()
    free = len(os.sched_getaffinity(0))
    for number, case in enumerate(request["cases"]):
        if not free:
            os.wait()
            free += 1
        if not os.fork():
            alone(request, number, case)
        free -= 1
    while free < len(os.sched_getaffinity(0)):
        os.wait()
        free += 1


if __name__ == "__main__":
    main()
