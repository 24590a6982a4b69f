"""All that is asked of AWS: what there is, what it costs, how it is used, and who may do what."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

from phasegate.core import InvalidInput, PhasegateError
from phasegate.tools.servers.aws import costs, inventory, results
from phasegate.tools.servers.aws.calls import Calls, Question
from phasegate.tools.servers.aws.operations import Listing, listing
from phasegate.tools.servers.aws.rows import PAGE, chosen, fitting

MOST_DATAPOINTS = 500
_AT_ONCE = 8


class Aws:
    """Read-only client of AWS.

    Every method takes an account: empty for the caller's own, else its 12 digits. Every method raises what
    `failures.explained` and `Sessions.client` raise.

    Args:
        calls: of AWS's APIs.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._sessions = calls.sessions
        self._cursors = calls.cursors

    def caller(self, account: str) -> results.Caller:
        """Return the caller's identity."""
        who = self._sessions.ask(account)
        return results.Caller(account=who.account, arn=who.arn, user_id=who.user_id)

    def count(
        self,
        operation: str,
        regions: Sequence[str],
        account: str,
        parameters: Mapping[str, Any],
        items: str,
        most: int,
    ) -> results.Counts:
        """Count the rows of a listing in each region, or once where the service has no regions.

        Raises:
            PhasegateError: it could be counted in no region.
        """
        what = listing(operation)
        request = what.request(parameters)
        # A global service answers the same in each region, and would be counted once for each.
        asked = list(dict.fromkeys(regions))[: 1 if what.everywhere else None]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            told = list(pool.map(lambda region: self._count(what, request, items, most, region, account), asked))
        failures = [error for _, error in told if error]
        # One region that is denied must not hide what the others say; where all fail, the error says more than a list
        # of empty counts.
        if failures and len(failures) == len(told):
            raise failures[0]
        counts = [count for count, _ in told]
        complete = not failures and not any(count.capped for count in counts)
        return results.Counts(operation=what.name, rows_from=items or what.rows, regions=counts, complete=complete)

    def page(
        self,
        operation: str,
        region: str,
        account: str,
        parameters: Mapping[str, Any],
        items: str,
        fields: Sequence[str],
        limit: int,
        cursor: str,
    ) -> results.Rows:
        """A page of a listing's rows, without their secrets and cut to a size."""
        what = listing(operation)
        request = what.request(parameters)
        question = ("page", what.name, region, account, request, items)
        token = self._cursors.open(cursor, *question)
        with self._calls.asking(what.action, what.service, region, account) as client:
            rows, following = inventory.page(client, what, request, items, limit, token)
        room = PAGE // max(limit, len(rows))
        fitted = [fitting(chosen(row, fields), room) for row in rows]
        return results.Rows(
            operation=what.name,
            region="global" if what.everywhere else region,
            rows_from=items or what.rows,
            rows=[results.Row(values=values, left_out=left_out) for values, left_out in fitted],
            next_cursor=self._cursors.seal(following, *question),
        )

    def accounts(self, account: str, limit: int, cursor: str) -> results.Accounts:
        """A page of the accounts of the organization."""
        question = ("accounts", account)
        more = {"NextToken": self._cursors.open(cursor, *question)} if cursor else {}
        said = self._calls.ask("organizations:ListAccounts", "organizations", "", account, MaxResults=limit, **more)
        return results.Accounts(
            accounts=[
                results.Account(id=one["Id"], name=one.get("Name", ""), status=one.get("State", one.get("Status", "")))
                for one in said["Accounts"]
            ],
            next_cursor=self._cursors.seal(said.get("NextToken"), *question),
        )

    def cost(
        self,
        start: date,
        end: date,
        granularity: str,
        metric: str,
        group_by: Sequence[str],
        only: Mapping[str, Sequence[str]],
        account: str,
        limit: int,
        cursor: str,
    ) -> results.Costs:
        """A page of what was spent, by period and group."""
        request = costs.question(start, end, granularity, metric, group_by, only)
        question = Question(
            service="ce", operation="GetCostAndUsage", request=request, account=account, paged_by="NextPageToken"
        )
        found, following, _ = self._calls.page(question, lambda said: costs.costs(said, metric), limit, cursor)
        return results.Costs(metric=metric, costs=found, next_cursor=following)

    def metric(
        self,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, str],
        start: datetime,
        end: datetime,
        period_seconds: int,
        statistic: str,
        region: str,
        account: str,
    ) -> results.Metric:
        """The datapoints of a metric in the order of time."""
        points = (end - start) / timedelta(seconds=period_seconds)
        if not 0 < points <= MOST_DATAPOINTS:
            fix = f"choose start before end, and a period that gives at most {MOST_DATAPOINTS}"
            raise InvalidInput(f"these times and this period make {points:.0f} datapoints", fix=fix)
        extended = statistic.startswith("p")
        said = self._calls.ask(
            "cloudwatch:GetMetricStatistics",
            "cloudwatch",
            region,
            account,
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=start,
            EndTime=end,
            Period=period_seconds,
            **{"ExtendedStatistics" if extended else "Statistics": [statistic]},
        )
        found = sorted(said["Datapoints"], key=lambda point: point["Timestamp"])
        values = [point["ExtendedStatistics"] if extended else point for point in found]
        return results.Metric(
            namespace=namespace,
            metric=metric,
            statistic=statistic,
            unit=found[0].get("Unit", "") if found else "",
            datapoints=[
                results.Datapoint(at=point["Timestamp"], value=value[statistic])
                for point, value in zip(found, values, strict=True)
            ],
        )

    def tagged(
        self,
        region: str,
        account: str,
        tag_filters: Mapping[str, Sequence[str]],
        resource_types: Sequence[str],
        limit: int,
        cursor: str,
    ) -> results.TaggedResources:
        """A page of resources that have, or had, tags."""
        request = {
            "TagFilters": [{"Key": key, "Values": [*tag_filters[key]]} for key in sorted(tag_filters)],
            "ResourceTypeFilters": [*resource_types],
            "ResourcesPerPage": limit,
        }
        question = ("tagged", region, account, request)
        token = self._cursors.open(cursor, *question) or ""
        said = self._calls.ask(
            "tag:GetResources", "resourcegroupstaggingapi", region, account, PaginationToken=token, **request
        )
        return results.TaggedResources(
            resources=[
                results.Tagged(arn=one["ResourceARN"], tags={tag["Key"]: tag["Value"] for tag in one["Tags"]})
                for one in said["ResourceTagMappingList"]
            ],
            next_cursor=self._cursors.seal(said.get("PaginationToken"), *question),
        )

    def role_policies(self, role: str, account: str) -> results.RolePolicies:
        """The trust policy of a role, and what its attached and inline policies say."""
        found = self._iam("GetRole", account, RoleName=role)["Role"]
        attached = self._all("iam:ListAttachedRolePolicies", account, role)
        inline = self._all("iam:ListRolePolicies", account, role)
        return results.RolePolicies(
            role=role,
            arn=found["Arn"],
            trust=found["AssumeRolePolicyDocument"],
            permissions_boundary=found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            attached=[self._attached(policy["PolicyName"], policy["PolicyArn"], account) for policy in attached],
            inline=[self._inline(role, name, account) for name in inline],
        )

    def simulate(
        self, principal: str, actions: Sequence[str], resources: Sequence[str], account: str, cursor: str
    ) -> results.Decisions:
        """Return what IAM would decide of actions that a principal asks for."""
        request = {"PolicySourceArn": principal, "ActionNames": [*actions], "ResourceArns": [*resources]}
        question = ("simulate", account, request)
        more = {"Marker": self._cursors.open(cursor, *question)} if cursor else {}
        said = self._iam("SimulatePrincipalPolicy", account, **request, **more)
        return results.Decisions(
            decisions=[
                results.Decision(
                    action=one["EvalActionName"],
                    resource=one.get("EvalResourceName", "*"),
                    decision=one["EvalDecision"],
                    missing_context=one.get("MissingContextValues", []),
                )
                for one in said["EvaluationResults"]
            ],
            next_cursor=self._cursors.seal(said.get("Marker"), *question),
        )

    def _count(
        self, what: Listing, request: Mapping[str, Any], items: str, most: int, region: str, account: str
    ) -> tuple[results.RegionCount, PhasegateError | None]:
        named = "global" if what.everywhere else region
        try:
            with self._calls.asking(what.action, what.service, region, account) as client:
                count, capped = inventory.counted(client, what, request, items, most)
        except PhasegateError as error:
            said = f"{error}; {error.fix}" if error.fix else str(error)
            return results.RegionCount(region=named, count=None, capped=False, error=said), error
        return results.RegionCount(region=named, count=count, capped=capped), None

    def _attached(self, name: str, arn: str, account: str) -> results.PolicyDocument:
        version = self._iam("GetPolicy", account, PolicyArn=arn)["Policy"]["DefaultVersionId"]
        said = self._iam("GetPolicyVersion", account, PolicyArn=arn, VersionId=version)
        return results.PolicyDocument(name=name, arn=arn, document=said["PolicyVersion"]["Document"])

    def _inline(self, role: str, name: str, account: str) -> results.PolicyDocument:
        said = self._iam("GetRolePolicy", account, RoleName=role, PolicyName=name)
        return results.PolicyDocument(name=name, arn="", document=said["PolicyDocument"])

    def _all(self, operation: str, account: str, role: str) -> Sequence[Any]:
        what = listing(operation)
        with self._calls.asking(what.action, what.service, self._sessions.region, account) as client:
            return inventory.everything(client, what, {"RoleName": role})

    def _iam(self, operation: str, account: str, **parameters: Any) -> Mapping[str, Any]:
        return self._calls.ask(f"iam:{operation}", "iam", "", account, **parameters)
