"""Recommendations and reports of AWS about money: Compute Optimizer, Budgets and Cost Explorer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from phasegate.core import InvalidInput
from phasegate.tools.servers.aws import costs, results
from phasegate.tools.servers.aws.calls import Calls, Question, ordered
from phasegate.tools.servers.aws.redaction import cleaned

Said = Mapping[str, Any]
OptimizerKind = Literal["ec2", "ebs", "lambda", "asg", "rds", "rds-storage", "idle"]
Commitment = Literal["savings-plans", "reservations"]
_OPTIONS = 3


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Names in Compute Optimizer's answer for a kind of resource."""

    operation: str
    rows: str
    arn: str = "resourceArn"
    finding: str = "finding"
    reasons: str = "findingReasonCodes"
    options: str = "recommendationOptions"


_KINDS: Mapping[str, _Kind] = {
    "ec2": _Kind(operation="GetEC2InstanceRecommendations", rows="instanceRecommendations", arn="instanceArn"),
    "ebs": _Kind(
        operation="GetEBSVolumeRecommendations",
        rows="volumeRecommendations",
        arn="volumeArn",
        options="volumeRecommendationOptions",
    ),
    "lambda": _Kind(
        operation="GetLambdaFunctionRecommendations",
        rows="lambdaFunctionRecommendations",
        arn="functionArn",
        options="memorySizeRecommendationOptions",
    ),
    "asg": _Kind(
        operation="GetAutoScalingGroupRecommendations",
        rows="autoScalingGroupRecommendations",
        arn="autoScalingGroupArn",
    ),
    "rds": _Kind(
        operation="GetRDSDatabaseRecommendations",
        rows="rdsDBRecommendations",
        finding="instanceFinding",
        reasons="instanceFindingReasonCodes",
        options="instanceRecommendationOptions",
    ),
    "rds-storage": _Kind(
        operation="GetRDSDatabaseRecommendations",
        rows="rdsDBRecommendations",
        finding="storageFinding",
        reasons="storageFindingReasonCodes",
        options="storageRecommendationOptions",
    ),
    "idle": _Kind(operation="GetIdleRecommendations", rows="idleRecommendations", options=""),
}
_CURRENT = ("engine", "engineVersion", "idle", "instanceState", "numberOfInvocations", "resourceType")
"""Fields of a row that say what the resource is, beside those that begin with `current`."""
_NO_CONFIGURATION = ("rank", "performanceRisk", "savingsOpportunity", "savingsOpportunityAfterDiscounts")


@dataclass(frozen=True, kw_only=True)
class _Use:
    """Names in Cost Explorer's answer about the use or the coverage of commitments."""

    operation: str
    unit: str
    periods: str
    numbers: tuple[str, str, str, str]
    """Names of percent, total, used and rest."""
    at: str
    """Name of the numbers' part in a row, with dots."""
    savings: str = ""
    paged_by: str = "NextPageToken"


_USES: Mapping[tuple[str, str], _Use] = {
    ("savings-plans", "coverage"): _Use(
        operation="GetSavingsPlansCoverage",
        unit="cost",
        periods="SavingsPlansCoverages",
        numbers=("CoveragePercentage", "TotalCost", "SpendCoveredBySavingsPlans", "OnDemandCost"),
        at="Coverage",
        paged_by="NextToken",
    ),
    ("savings-plans", "utilization"): _Use(
        operation="GetSavingsPlansUtilization",
        unit="cost",
        periods="SavingsPlansUtilizationsByTime",
        numbers=("UtilizationPercentage", "TotalCommitment", "UsedCommitment", "UnusedCommitment"),
        at="Utilization",
        savings="Savings.NetSavings",
    ),
    ("reservations", "coverage"): _Use(
        operation="GetReservationCoverage",
        unit="hours",
        periods="CoveragesByTime",
        numbers=("CoverageHoursPercentage", "TotalRunningHours", "ReservedHours", "OnDemandHours"),
        at="Coverage.CoverageHours",
    ),
    ("reservations", "utilization"): _Use(
        operation="GetReservationUtilization",
        unit="hours",
        periods="UtilizationsByTime",
        numbers=("UtilizationPercentage", "PurchasedHours", "TotalActualHours", "UnusedHours"),
        at="Utilization",
        savings="Utilization.NetRISavings",
    ),
}


@dataclass(frozen=True)
class Finops:
    """Read-only client of the services that know what is paid for, and what need not be."""

    calls: Calls

    def optimizer(
        self, kind: OptimizerKind, region: str, findings: Sequence[str], account: str, limit: int, cursor: str
    ) -> results.Recommendations:
        """A page of Compute Optimizer's recommendations for one kind of resource in a region."""
        of = _KINDS[kind]
        request = {"filters": [{"name": _filter(of), "values": [*findings]}]} if findings else {}
        question = Question(
            service="compute-optimizer",
            operation=of.operation,
            request=request,
            region=region,
            account=account,
            paged_by="nextToken",
            size="maxResults",
        )
        found, following, said = self.calls.page(
            question, lambda said: [_recommendation(row, of) for row in said.get(of.rows, [])], limit, cursor
        )
        errors = [
            results.NotAssessed(**{name: row.get(name, "") for name in results.NotAssessed.model_fields})
            for row in said.get("errors", [])
        ]
        return results.Recommendations(kind=kind, recommendations=found, not_assessed=errors, next_cursor=following)

    def budgets(self, account: str, limit: int, cursor: str) -> results.Budgets:
        """A page of an account's budgets."""
        owner = account or self.calls.sessions.identity().account
        question = Question(
            service="budgets",
            operation="DescribeBudgets",
            request={"AccountId": owner},
            account=account,
            size="MaxResults",
            permission="budgets:ViewBudget",
        )
        found, following, _ = self.calls.page(
            question, lambda said: [_budget(row) for row in said.get("Budgets", [])], limit, cursor
        )
        return results.Budgets(budgets=found, next_cursor=following)

    def anomalies(
        self, start: date, end: date, least_impact: float, account: str, limit: int, cursor: str
    ) -> results.Anomalies:
        """A page of the anomalies that Cost Explorer found between two days."""
        ordered(start, end)
        request: dict[str, Any] = {"DateInterval": {"StartDate": str(start), "EndDate": str(end)}}
        if least_impact:
            request["TotalImpact"] = {"NumericOperator": "GREATER_THAN_OR_EQUAL", "StartValue": least_impact}
        question = Question(
            service="ce",
            operation="GetAnomalies",
            request=request,
            account=account,
            paged_by="NextPageToken",
            size="MaxResults",
        )
        found, following, _ = self.calls.page(
            question, lambda said: [_anomaly(row) for row in said["Anomalies"]], limit, cursor
        )
        return results.Anomalies(anomalies=found, next_cursor=following)

    def commitment_use(
        self,
        commitment: Commitment,
        measure: Literal["coverage", "utilization"],
        start: date,
        end: date,
        granularity: str,
        group_by: Sequence[str],
        only: Mapping[str, Sequence[str]],
        account: str,
        limit: int,
        cursor: str,
    ) -> results.CommitmentUse:
        """A page of periods, with what of the commitments was used, or what of the use they covered."""
        ordered(start, end)
        of = _USES[commitment, measure]
        if group_by and of.operation == "GetSavingsPlansUtilization":
            raise InvalidInput("the use of savings plans has no groups", fix="leave group_by out, or use 'only'")
        grouped = {"GroupBy": costs.groups(group_by)} if group_by else {"Granularity": granularity}
        request = {"TimePeriod": {"Start": str(start), "End": str(end)}, **grouped, **costs.condition(only)}
        question = Question(
            service="ce", operation=of.operation, request=request, account=account, paged_by=of.paged_by
        )
        found, following, _ = self.calls.page(question, lambda said: list(_periods(said, of)), limit, cursor)
        return results.CommitmentUse(unit=of.unit, periods=found, next_cursor=following)

    def savings_plans(self, request: Mapping[str, Any], account: str, limit: int, cursor: str) -> results.Purchases:
        """A page of the savings plans that AWS recommends to buy."""
        return self._purchases("GetSavingsPlansPurchaseRecommendation", _plans, request, account, limit, cursor)

    def reservations(self, request: Mapping[str, Any], account: str, limit: int, cursor: str) -> results.Purchases:
        """A page of the reservations that AWS recommends to buy for a service."""
        return self._purchases("GetReservationPurchaseRecommendation", _reservations, request, account, limit, cursor)

    def rightsizing(
        self, across_families: bool, only: Mapping[str, Sequence[str]], account: str, limit: int, cursor: str
    ) -> results.Rightsizings:
        """A page of EC2 instances that Cost Explorer would have smaller or gone."""
        target = "CROSS_INSTANCE_FAMILY" if across_families else "SAME_INSTANCE_FAMILY"
        question = Question(
            service="ce",
            operation="GetRightsizingRecommendation",
            request={
                "Service": "AmazonEC2",
                "Configuration": {"RecommendationTarget": target, "BenefitsConsidered": True},
                **costs.condition(only),
            },
            account=account,
            paged_by="NextPageToken",
            size="PageSize",
        )
        found, following, said = self.calls.page(
            question,
            lambda said: [_rightsizing(row) for row in said.get("RightsizingRecommendations", [])],
            limit,
            cursor,
        )
        return results.Rightsizings(generated_at=_generated(said), instances=found, next_cursor=following)

    def _purchases(
        self, operation: str, parse: Any, request: Mapping[str, Any], account: str, limit: int, cursor: str
    ) -> results.Purchases:
        question = Question(
            service="ce",
            operation=operation,
            request=request,
            account=account,
            paged_by="NextPageToken",
        )
        found, following, said = self.calls.page(question, parse, limit, cursor)
        return results.Purchases(generated_at=_generated(said), purchases=found, next_cursor=following)


def _filter(of: _Kind) -> str:
    return f"{of.finding[0].upper()}{of.finding[1:]}"


def _recommendation(row: Said, of: _Kind) -> results.Recommendation:
    current = {name: value for name, value in row.items() if name.startswith("current") or name in _CURRENT}
    options = sorted(row.get(of.options, []), key=lambda option: option.get("rank", _OPTIONS))[:_OPTIONS]
    return results.Recommendation(
        arn=row.get(of.arn, ""),
        finding=row.get(of.finding, ""),
        reasons=row.get(of.reasons, []) or [row[name] for name in ("findingDescription",) if name in row],
        current=cleaned(current),
        utilization=[_utilization(metric) for metric in row.get("utilizationMetrics", [])],
        lookback_days=row.get("lookBackPeriodInDays", row.get("lookbackPeriodInDays")),
        refreshed_at=row.get("lastRefreshTimestamp"),
        options=[_option(option) for option in (options if of.options else [row])],
    )


def _utilization(metric: Said) -> results.Utilization:
    return results.Utilization(metric=metric["name"], statistic=metric.get("statistic", ""), value=metric["value"])


def _option(option: Said) -> results.Option:
    shown = {name: value for name, value in option.items() if name not in _NO_CONFIGURATION}
    idle = "findingDescription" in option or "resourceType" in option
    return results.Option(
        rank=option.get("rank"),
        values={} if idle else cleaned(shown),
        monthly_savings=_saved(option.get("savingsOpportunity")),
        monthly_savings_after_discounts=_saved(option.get("savingsOpportunityAfterDiscounts")),
        performance_risk=option.get("performanceRisk"),
    )


def _saved(opportunity: Said | None) -> results.Money | None:
    amount = (opportunity or {}).get("estimatedMonthlySavings") or {}
    if "value" not in amount:
        return None
    return results.Money(amount=str(amount["value"]), unit=amount.get("currency", ""))


def _budget(row: Said) -> results.Budget:
    spent = row.get("CalculatedSpend", {})
    return results.Budget(
        name=row["BudgetName"],
        type=row["BudgetType"],
        period=row["TimeUnit"],
        limit=_spend(row.get("BudgetLimit")),
        planned={
            start: results.Money(amount=of["Amount"], unit=of["Unit"])
            for start, of in row.get("PlannedBudgetLimits", {}).items()
        },
        spent=_spend(spent.get("ActualSpend")),
        forecast=_spend(spent.get("ForecastedSpend")),
        filters=row.get("CostFilters", {}),
        updated_at=row.get("LastUpdatedTime"),
    )


def _spend(said: Said | None) -> results.Money | None:
    return results.Money(amount=said["Amount"], unit=said["Unit"]) if said else None


def _anomaly(row: Said) -> results.Anomaly:
    impact = row["Impact"]
    return results.Anomaly(
        id=row["AnomalyId"],
        start=row.get("AnomalyStartDate", ""),
        end=row.get("AnomalyEndDate", ""),
        of=row.get("DimensionValue", ""),
        impact=impact.get("TotalImpact", impact["MaxImpact"]),
        actual=impact.get("TotalActualSpend"),
        expected=impact.get("TotalExpectedSpend"),
        score=row["AnomalyScore"]["MaxScore"],
        feedback=row.get("Feedback", ""),
        causes=[_cause(cause) for cause in row.get("RootCauses", [])],
    )


def _cause(cause: Said) -> results.Cause:
    return results.Cause(
        service=cause.get("Service", ""),
        region=cause.get("Region", ""),
        account=cause.get("LinkedAccount", ""),
        usage_type=cause.get("UsageType", ""),
        contribution=cause.get("Impact", {}).get("Contribution"),
    )


def _periods(said: Said, of: _Use) -> Iterator[results.CommitmentPeriod]:
    """Yield a row for each group of a period, or for its total where it has no groups."""
    for period in said.get(of.periods, []):
        part = of.at.partition(".")[0]
        total = {part: period["Total"]} if "Total" in period else period
        for row in period.get("Groups") or [total]:
            yield _period(period["TimePeriod"], row, of)


def _period(time: Said, row: Said, of: _Use) -> results.CommitmentPeriod:
    numbers = _at(row, of.at) or {}
    percent, total, used, rest = (numbers.get(name) for name in of.numbers)
    return results.CommitmentPeriod(
        start=time["Start"],
        end=time["End"],
        group=row.get("Attributes", {}),
        percent=percent if _is_something(total) else None,
        total=total,
        used=used,
        rest=rest,
        net_savings=_at(row, of.savings) if of.savings else None,
    )


def _at(row: Said, path: str) -> Any:
    found: Any = row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _is_something(number: str | None) -> bool:
    """Return whether there is a total to have a percentage of."""
    try:
        return number is not None and Decimal(number) != 0
    except InvalidOperation:
        return False


def _generated(said: Said) -> str:
    return str(said.get("Metadata", {}).get("GenerationTimestamp", ""))


def _plans(said: Said) -> list[results.Purchase]:
    rows = said.get("SavingsPlansPurchaseRecommendation", {}).get("SavingsPlansPurchaseRecommendationDetails", [])
    return [_purchase(row) for row in rows]


def _reservations(said: Said) -> list[results.Purchase]:
    return [_purchase(row) for part in said.get("Recommendations", []) for row in part.get("RecommendationDetails", [])]


def _purchase(row: Said) -> results.Purchase:
    own = ("AccountId", "CurrencyCode", "EstimatedMonthlySavingsAmount", "UpfrontCost")
    unit = row.get("CurrencyCode", "")
    return results.Purchase(
        account=row.get("AccountId", ""),
        values=cleaned({name: value for name, value in row.items() if name not in own}),
        monthly_savings=_amount(row, "EstimatedMonthlySavingsAmount", unit),
        upfront=_amount(row, "UpfrontCost", unit),
    )


def _amount(row: Said, name: str, unit: str) -> results.Money | None:
    return results.Money(amount=row[name], unit=unit) if row.get(name) else None


def _rightsizing(row: Said) -> results.Rightsizing:
    now = row.get("CurrentInstance", {})
    details = now.get("ResourceDetails", {}).get("EC2ResourceDetails", {})
    options = row.get("ModifyRecommendationDetail", {}).get("TargetInstances", [])
    gone = [row["TerminateRecommendationDetail"]] if "TerminateRecommendationDetail" in row else []
    return results.Rightsizing(
        account=row.get("AccountId", ""),
        id=now.get("ResourceId", ""),
        name=now.get("InstanceName", ""),
        action=row.get("RightsizingType", ""),
        reasons=row.get("FindingReasonCodes", []),
        type=details.get("InstanceType", ""),
        region=details.get("Region", ""),
        monthly_cost=_amount(now, "MonthlyCost", now.get("CurrencyCode", "")),
        utilization=now.get("ResourceUtilization", {}).get("EC2ResourceUtilization", {}),
        options=[_target(rank, target) for rank, target in enumerate([*options, *gone][:_OPTIONS], start=1)],
    )


def _target(rank: int, target: Said) -> results.Option:
    details = target.get("ResourceDetails", {}).get("EC2ResourceDetails", {})
    return results.Option(
        rank=rank,
        values=cleaned(
            {**details, **{k: v for k, v in target.items() if k in ("EstimatedMonthlyCost", "PlatformDifferences")}}
        ),
        monthly_savings=_amount(target, "EstimatedMonthlySavings", target.get("CurrencyCode", "")),
        monthly_savings_after_discounts=None,
        performance_risk=None,
    )
