"""What AWS recommends and reports about money; bodies are held against botocore's own shapes of the answers."""

import json
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator
from mcp.server.fastmcp import FastMCP

from unit.tools.servers.aws.conftest import Setup
from unit.tools.servers.aws.fixtures import KEY, OWN, SECRET, Between, Spoilt, refusal, said

REGION = "eu-west-1"
JSON = {"Content-Type": "application/x-amz-json-1.1"}
TIME = {"start": "2026-10-01", "end": "2026-11-01"}
PERIOD = {"TimePeriod": {"Start": "2026-10-01", "End": "2026-11-01"}}


def answer(service: str, operation: str, body: dict[str, Any]) -> Spoilt:
    """An answer of the service, of exactly the shape that it has in botocore's model."""
    make: Any = boto3.client
    client = make(service, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    shape = client.meta.service_model.operation_model(operation).output_shape
    report = ParamValidator().validate(body, shape)
    assert not report.has_errors(), report.generate_report()
    return Spoilt(body=json.dumps(body, default=datetime.timestamp).encode(), headers=JSON)


def error(code: str, status: int = 400) -> Spoilt:
    return Spoilt(status=status, body=json.dumps({"__type": code, "message": "No."}).encode(), headers=JSON)


def sent(between: Between) -> list[dict[str, Any]]:
    return [json.loads(body) for body in between.bodies]


def saving(percent: float, value: float) -> dict[str, Any]:
    return {"savingsOpportunityPercentage": percent, "estimatedMonthlySavings": {"currency": "USD", "value": value}}


INSTANCE = {
    "instanceArn": f"arn:aws:ec2:{REGION}:{OWN}:instance/i-1",
    "accountId": OWN,
    "currentInstanceType": "m5.4xlarge",
    "instanceState": "running",
    "finding": "Overprovisioned",
    "findingReasonCodes": ["CPUOverprovisioned"],
    "utilizationMetrics": [{"name": "Cpu", "statistic": "Maximum", "value": 3.5}],
    "lookBackPeriodInDays": 14.0,
    "lastRefreshTimestamp": 1_796_000_000,
    "recommendationOptions": [
        {"instanceType": "m5.2xlarge", "rank": 2, "savingsOpportunity": saving(50.0, 280.32)},
        {"instanceType": "m5.large", "rank": 1, "savingsOpportunity": saving(87.5, 490.56), "performanceRisk": 1.0},
        {"instanceType": "m5.xlarge", "rank": 3},
        {"instanceType": "m5.metal", "rank": 4},
    ],
}


async def test_recommendations_for_instances_come_in_pages_with_their_savings(
    spoilable: FastMCP, between: Between
) -> None:
    name = "GetEC2InstanceRecommendations"
    denied = {"identifier": "210987654321", "code": "AccessDeniedException", "message": "No."}
    first = {"instanceRecommendations": [INSTANCE], "nextToken": "more", "errors": [denied]}
    between.spoilt[name] = [
        answer("compute-optimizer", name, first),
        answer("compute-optimizer", name, {"instanceRecommendations": []}),
    ]
    question = {"kind": "ec2", "region": REGION, "findings": ["Overprovisioned"], "limit": 1}
    page = await said(spoilable, "optimizer_recommendations", **question)
    last = await said(spoilable, "optimizer_recommendations", **question, cursor=page["next_cursor"])
    (found,) = page["recommendations"]
    assert (found["finding"], found["reasons"], found["lookback_days"]) == (
        "Overprovisioned",
        ["CPUOverprovisioned"],
        14.0,
    )
    assert found["current"] == {"currentInstanceType": "m5.4xlarge", "instanceState": "running"}
    options = [
        (option["rank"], option["values"]["instanceType"], option["monthly_savings"]) for option in found["options"]
    ]
    assert options == [
        (1, "m5.large", {"amount": "490.56", "unit": "USD"}),
        (2, "m5.2xlarge", {"amount": "280.32", "unit": "USD"}),
        (3, "m5.xlarge", None),
    ]
    assert page["not_assessed"] == [denied]
    assert (last["recommendations"], last["next_cursor"]) == ([], "")
    assert [request.get("nextToken") for request in sent(between)] == [None, "more"]
    assert sent(between)[0]["filters"] == [{"name": "Finding", "values": ["Overprovisioned"]}]


@pytest.mark.parametrize(
    ("kind", "operation", "row", "expected"),
    [
        (
            "ebs",
            "GetEBSVolumeRecommendations",
            {
                "volumeArn": "arn:v",
                "finding": "NotOptimized",
                "currentConfiguration": {"volumeType": "gp2", "volumeSize": 500},
                "volumeRecommendationOptions": [{"configuration": {"volumeType": "gp3"}, "rank": 1}],
            },
            ("arn:v", "NotOptimized", {"currentConfiguration": {"volumeType": "gp2", "volumeSize": 500}}, "gp3"),
        ),
        (
            "lambda",
            "GetLambdaFunctionRecommendations",
            {
                "functionArn": "arn:f",
                "finding": "NotOptimized",
                "currentMemorySize": 1024,
                "memorySizeRecommendationOptions": [{"memorySize": 512, "rank": 1}],
            },
            ("arn:f", "NotOptimized", {"currentMemorySize": 1024}, "512"),
        ),
        (
            "asg",
            "GetAutoScalingGroupRecommendations",
            {
                "autoScalingGroupArn": "arn:g",
                "finding": "Optimized",
                "currentConfiguration": {"instanceType": "m5.large"},
                "recommendationOptions": [{"configuration": {"instanceType": "m6i.large"}, "rank": 1}],
            },
            ("arn:g", "Optimized", {"currentConfiguration": {"instanceType": "m5.large"}}, "m6i.large"),
        ),
        (
            "rds",
            "GetRDSDatabaseRecommendations",
            {
                "resourceArn": "arn:d",
                "instanceFinding": "Overprovisioned",
                "storageFinding": "Optimized",
                "idle": "True",
                "currentDBInstanceClass": "db.m5.xlarge",
                "instanceRecommendationOptions": [{"dbInstanceClass": "db.m5.large", "rank": 1}],
            },
            ("arn:d", "Overprovisioned", {"idle": "True", "currentDBInstanceClass": "db.m5.xlarge"}, "db.m5.large"),
        ),
        (
            "rds-storage",
            "GetRDSDatabaseRecommendations",
            {
                "resourceArn": "arn:d",
                "storageFinding": "NotOptimized",
                "storageRecommendationOptions": [{"storageConfiguration": {"storageType": "gp3"}, "rank": 1}],
            },
            ("arn:d", "NotOptimized", {}, "gp3"),
        ),
        (
            "idle",
            "GetIdleRecommendations",
            {
                "resourceArn": "arn:i",
                "resourceType": "RDSDBInstance",
                "finding": "Idle",
                "findingDescription": "No connections in 14 days.",
                "savingsOpportunity": saving(100.0, 99.5),
            },
            ("arn:i", "Idle", {"resourceType": "RDSDBInstance"}, "99.5"),
        ),
    ],
)
async def test_each_kind_of_resource_has_its_recommendations(
    spoilable: FastMCP, between: Between, kind: str, operation: str, row: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    rows = {"ebs": "volumeRecommendations", "lambda": "lambdaFunctionRecommendations", "idle": "idleRecommendations"}
    name = rows.get(kind, "autoScalingGroupRecommendations" if kind == "asg" else "rdsDBRecommendations")
    between.spoilt[operation] = [answer("compute-optimizer", operation, {name: [row]})]
    page = await said(spoilable, "optimizer_recommendations", kind=kind, region=REGION)
    (found,) = page["recommendations"]
    assert (found["arn"], found["finding"], found["current"]) == expected[:3]
    assert expected[3] in json.dumps(found["options"])
    assert len(found["options"]) == 1


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (error("OptInRequiredException", 401), "eu-west-1 of the server's own account is not enrolled in the service"),
        (error("AccessDeniedException"), "allow compute-optimizer:GetEBSVolumeRecommendations in the IAM policy"),
        (error("ThrottlingException"), "AWS throttles compute-optimizer:GetEBSVolumeRecommendations"),
        (error("ServiceUnavailableException", 503), "failed inside AWS"),
        (Spoilt(body=b'{"volumeRecommendations": [', headers=JSON), "broke off or made no sense"),
        (Spoilt(body=b"<html>Sign in to the network</html>", headers=JSON), "broke off or made no sense"),
        (Spoilt(body=b"", headers=JSON), "broke off or made no sense"),
    ],
)
async def test_an_optimizer_that_says_no_is_no_empty_answer(
    spoilable: FastMCP, between: Between, spoilt: Spoilt, message: str
) -> None:
    between.spoilt["GetEBSVolumeRecommendations"] = [spoilt]
    assert message in await refusal(spoilable, "optimizer_recommendations", kind="ebs", region=REGION)


async def test_budgets_as_moto_keeps_them(server: FastMCP, setup: Setup) -> None:
    budgets = setup("budgets", "us-east-1")
    for name in ("one", "two"):
        budgets.create_budget(
            AccountId=OWN,
            Budget={
                "BudgetName": name,
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": "100.5", "Unit": "USD"},
                "CostFilters": {"Service": ["Amazon Redshift"]},
            },
        )
    page = await said(server, "budgets")
    assert [(each["name"], each["limit"], each["filters"]) for each in page["budgets"]] == [
        (name, {"amount": "100.5", "unit": "USD"}, {"Service": ["Amazon Redshift"]}) for name in ("one", "two")
    ]


async def test_a_budget_without_spend_or_forecast_has_none_instead_of_zero(
    spoilable: FastMCP, between: Between
) -> None:
    row = {"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    spent = {"CalculatedSpend": {"ActualSpend": {"Amount": "7.25", "Unit": "USD"}}}
    planned = {"PlannedBudgetLimits": {"1793491200": {"Amount": "10", "Unit": "USD"}}}
    body = {"Budgets": [row, {**row, **spent, **planned}]}
    between.spoilt["DescribeBudgets"] = [answer("budgets", "DescribeBudgets", body), error("AccessDeniedException")]
    none, some = (await said(spoilable, "budgets"))["budgets"]
    assert (none["limit"], none["spent"], none["forecast"]) == (None, None, None)
    assert (some["spent"]["amount"], some["forecast"]) == ("7.25", None)
    assert some["planned"] == {"1793491200": {"amount": "10", "unit": "USD"}}
    assert "allow budgets:ViewBudget" in await refusal(spoilable, "budgets")


async def test_anomalies_name_their_causes(spoilable: FastMCP, between: Between) -> None:
    anomaly = {
        "AnomalyId": "a-1",
        "AnomalyStartDate": "2026-10-03",
        "DimensionValue": "Amazon RDS",
        "RootCauses": [{"Service": "Amazon RDS", "Region": REGION, "Impact": {"Contribution": 12.5}}],
        "AnomalyScore": {"MaxScore": 0.9, "CurrentScore": 0.4},
        "Impact": {"MaxImpact": 9.0, "TotalImpact": 12.5, "TotalActualSpend": 20.0},
        "MonitorArn": "arn:aws:ce::1:anomalymonitor/x",
    }
    between.spoilt["GetAnomalies"] = [answer("ce", "GetAnomalies", {"Anomalies": [anomaly]})]
    (found,) = (await said(spoilable, "cost_anomalies", **TIME, least_impact=5))["anomalies"]
    assert (found["of"], found["impact"], found["actual"], found["expected"]) == ("Amazon RDS", 12.5, 20.0, None)
    assert (found["end"], found["causes"][0]["region"]) == ("", REGION)
    assert sent(between)[0]["TotalImpact"] == {"NumericOperator": "GREATER_THAN_OR_EQUAL", "StartValue": 5.0}
    backwards = {"start": "2026-11-01", "end": "2026-10-01"}
    assert "is not before" in await refusal(spoilable, "cost_anomalies", **backwards)


COVERED = {"CoveragePercentage": "40", "TotalCost": "100", "SpendCoveredBySavingsPlans": "40", "OnDemandCost": "60"}
NOTHING = {"CoveragePercentage": "0", "TotalCost": "0.0", "SpendCoveredBySavingsPlans": "0", "OnDemandCost": "0"}
USED = {
    "UtilizationPercentage": "80",
    "TotalCommitment": "10",
    "UsedCommitment": "8",
    "UnusedCommitment": "2",
}
HOURS = {
    "CoverageHoursPercentage": "25",
    "TotalRunningHours": "400",
    "ReservedHours": "100",
    "OnDemandHours": "300",
}
RESERVED = {
    "UtilizationPercentage": "50",
    "PurchasedHours": "744",
    "TotalActualHours": "372",
    "UnusedHours": "372",
    "NetRISavings": "-3.5",
}


@pytest.mark.parametrize(
    ("commitment", "measure", "operation", "body", "expected"),
    [
        (
            "savings-plans",
            "coverage",
            "GetSavingsPlansCoverage",
            {
                "SavingsPlansCoverages": [
                    {**PERIOD, "Coverage": COVERED, "Attributes": {"REGION": REGION}},
                    {**PERIOD, "Coverage": NOTHING},
                    {**PERIOD},
                ]
            },
            [
                ({"REGION": REGION}, "40", "100", "40", "60", None),
                ({}, None, "0.0", "0", "0", None),
                ({}, None, None, None, None, None),
            ],
        ),
        (
            "savings-plans",
            "utilization",
            "GetSavingsPlansUtilization",
            {
                "SavingsPlansUtilizationsByTime": [{**PERIOD, "Utilization": USED, "Savings": {"NetSavings": "1.5"}}],
                "Total": {"Utilization": USED},
            },
            [({}, "80", "10", "8", "2", "1.5")],
        ),
        (
            "reservations",
            "coverage",
            "GetReservationCoverage",
            {
                "CoveragesByTime": [
                    {**PERIOD, "Total": {"CoverageHours": HOURS}},
                    {
                        **PERIOD,
                        "Groups": [{"Attributes": {"region": REGION}, "Coverage": {"CoverageHours": HOURS}}],
                        "Total": {"CoverageHours": HOURS},
                    },
                ]
            },
            [({}, "25", "400", "100", "300", None), ({"region": REGION}, "25", "400", "100", "300", None)],
        ),
        (
            "reservations",
            "utilization",
            "GetReservationUtilization",
            {"UtilizationsByTime": [{**PERIOD, "Groups": [], "Total": RESERVED}]},
            [({}, "50", "744", "372", "372", "-3.5")],
        ),
    ],
)
async def test_commitments_have_a_use_and_a_coverage(
    spoilable: FastMCP,
    between: Between,
    commitment: str,
    measure: str,
    operation: str,
    body: dict[str, Any],
    expected: list[Any],
) -> None:
    between.spoilt[operation] = [answer("ce", operation, body)]
    question = {"commitment": commitment, "measure": measure, **TIME}
    page = await said(spoilable, "commitment_use", **question, only={"REGION": [REGION]})
    names = ("group", "percent", "total", "used", "rest", "net_savings")
    assert [tuple(period[name] for name in names) for period in page["periods"]] == expected
    assert page["unit"] == ("hours" if commitment == "reservations" else "cost")
    assert (sent(between)[0]["Granularity"], "GroupBy" in sent(between)[0]) == ("MONTHLY", False)
    assert sent(between)[0]["Filter"]["Dimensions"]["Values"] == [REGION]


async def test_rows_beyond_the_limit_are_on_the_next_page(spoilable: FastMCP, between: Between) -> None:
    body = {
        "CoveragesByTime": [
            {**PERIOD, "Total": {"CoverageHours": {**HOURS, "OnDemandHours": str(n)}}} for n in range(3)
        ]
    }
    spoilt = answer("ce", "GetReservationCoverage", body)
    between.spoilt["GetReservationCoverage"] = [spoilt, spoilt]
    question = {"commitment": "reservations", "measure": "coverage", **TIME, "group_by": ["REGION"], "limit": 2}
    first = await said(spoilable, "commitment_use", **question)
    second = await said(spoilable, "commitment_use", **question, cursor=first["next_cursor"])
    assert [period["rest"] for period in [*first["periods"], *second["periods"]]] == ["0", "1", "2"]
    assert (second["next_cursor"], "Granularity" in sent(between)[0]) == ("", False)


async def test_no_data_is_said_and_never_zero(spoilable: FastMCP, between: Between) -> None:
    between.spoilt["GetSavingsPlansUtilization"] = [error("DataUnavailableException")]
    question = {"commitment": "savings-plans", "measure": "utilization", **TIME}
    shown = await refusal(spoilable, "commitment_use", **question)
    assert "AWS has no data for that; take it as unknown, never as zero" in shown
    assert "has no groups" in await refusal(spoilable, "commitment_use", **question, group_by=["REGION"])


async def test_purchases_that_aws_recommends(spoilable: FastMCP, between: Between) -> None:
    plan = {
        "AccountId": OWN,
        "CurrencyCode": "USD",
        "UpfrontCost": "0",
        "HourlyCommitmentToPurchase": "1.25",
        "EstimatedMonthlySavingsAmount": "301.10",
        "SavingsPlansDetails": {"InstanceFamily": "m5", "Region": REGION},
    }
    name = "GetSavingsPlansPurchaseRecommendation"
    body = {
        "Metadata": {"GenerationTimestamp": "2026-11-01T00:00:00Z"},
        "SavingsPlansPurchaseRecommendation": {"SavingsPlansPurchaseRecommendationDetails": [plan]},
    }
    between.spoilt[name] = [answer("ce", name, body), answer("ce", name, {})]
    page = await said(spoilable, "savings_plan_recommendations")
    (found,) = page["purchases"]
    assert (found["monthly_savings"], found["upfront"]) == (
        {"amount": "301.10", "unit": "USD"},
        {"amount": "0", "unit": "USD"},
    )
    assert found["values"]["HourlyCommitmentToPurchase"] == "1.25"
    never = await said(spoilable, "savings_plan_recommendations")
    assert (never["purchases"], never["generated_at"]) == ([], "")
    name = "GetReservationPurchaseRecommendation"
    detail = {
        "AccountId": OWN,
        "InstanceDetails": {"RDSInstanceDetails": {"InstanceType": "db.m5.large", "Region": REGION}},
        "RecommendedNumberOfInstancesToPurchase": "2",
    }
    between.spoilt[name] = [answer("ce", name, {"Recommendations": [{"RecommendationDetails": [detail]}]})]
    service = "Amazon Relational Database Service"
    (found,) = (await said(spoilable, "reservation_recommendations", service=service))["purchases"]
    assert (found["monthly_savings"], found["values"]["RecommendedNumberOfInstancesToPurchase"]) == (None, "2")
    assert sent(between)[-1]["Service"] == service


async def test_instances_that_could_be_smaller_or_gone(spoilable: FastMCP, between: Between) -> None:
    now = {
        "ResourceId": "i-1",
        "InstanceName": "web",
        "MonthlyCost": "140.16",
        "CurrencyCode": "USD",
        "ResourceDetails": {"EC2ResourceDetails": {"InstanceType": "m5.xlarge", "Region": REGION}},
        "ResourceUtilization": {"EC2ResourceUtilization": {"MaxCpuUtilizationPercentage": "4"}},
    }
    smaller = {
        "EstimatedMonthlyCost": "70.08",
        "EstimatedMonthlySavings": "70.08",
        "CurrencyCode": "USD",
        "ResourceDetails": {"EC2ResourceDetails": {"InstanceType": "m5.large"}},
    }
    rows = [
        {"AccountId": OWN, "CurrentInstance": now, "RightsizingType": "MODIFY",
         "ModifyRecommendationDetail": {"TargetInstances": [smaller]}},
        {"AccountId": OWN, "CurrentInstance": now, "RightsizingType": "TERMINATE",
         "TerminateRecommendationDetail": {"EstimatedMonthlySavings": "140.16", "CurrencyCode": "USD"}},
    ]  # fmt: skip
    name = "GetRightsizingRecommendation"
    between.spoilt[name] = [answer("ce", name, {"RightsizingRecommendations": rows})]
    modify, terminate = (await said(spoilable, "rightsizing_recommendations"))["instances"]
    assert (modify["id"], modify["type"], modify["monthly_cost"]["amount"]) == ("i-1", "m5.xlarge", "140.16")
    assert modify["options"][0]["values"] == {"InstanceType": "m5.large", "EstimatedMonthlyCost": "70.08"}
    assert modify["utilization"] == {"MaxCpuUtilizationPercentage": "4"}
    assert (terminate["action"], terminate["options"][0]["monthly_savings"]["amount"]) == ("TERMINATE", "140.16")


def product(sku: str, *amounts: str) -> str:
    tiers = {
        f"{sku}.{number}": {
            "unit": "GB-Mo",
            "beginRange": "0",
            "endRange": "Inf",
            "description": f"${amount} per GB-month",
            "pricePerUnit": {"USD": amount},
        }
        for number, amount in enumerate(amounts)
    }
    return json.dumps(
        {
            "product": {
                "sku": sku,
                "productFamily": "Storage",
                "attributes": {"volumeApiName": "gp3", "long": "x" * 50_000},
            },
            "terms": {"OnDemand": {f"{sku}.x": {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": tiers}}},
        }
    )


async def test_prices_are_exact_and_tell_their_unit(spoilable: FastMCP, between: Between) -> None:
    rows = [product("A", "0.0880000000"), product("B", *map(str, range(15)))]
    between.spoilt["GetProducts"] = [answer("pricing", "GetProducts", {"PriceList": rows})]
    filters = {"volumeApiName": "gp3", "regionCode": REGION}
    one, many = (await said(spoilable, "prices_of", service="AmazonEC2", filters=filters))["products"]
    (price,) = one["prices"]
    assert (price["amount"], price["per"], price["term"]) == (
        {"amount": "0.0880000000", "unit": "USD"},
        "GB-Mo",
        "OnDemand",
    )
    assert (one["attributes"], one["left_out"]) == ({"volumeApiName": "gp3"}, ["long"])
    assert (len(many["prices"]), many["more_prices"]) == (12, 3)
    assert [each["Field"] for each in sent(between)[0]["Filters"]] == ["regionCode", "volumeApiName"]
    between.spoilt["GetProducts"] = [answer("pricing", "GetProducts", {"PriceList": ["no JSON"]})]
    assert "makes no sense" in await refusal(spoilable, "prices_of", service="AmazonEC2", filters=filters)


async def test_names_of_the_price_list(spoilable: FastMCP, between: Between) -> None:
    services = {"Services": [{"ServiceCode": "AmazonRDS", "AttributeNames": ["engine", "instanceType"]}]}
    between.spoilt["DescribeServices"] = [answer("pricing", "DescribeServices", services)] * 2
    values = {"AttributeValues": [{"Value": "db.m5.large"}]}
    between.spoilt["GetAttributeValues"] = [answer("pricing", "GetAttributeValues", values)]
    asked: tuple[dict[str, str], ...] = (
        {},
        {"service": "AmazonRDS"},
        {"service": "AmazonRDS", "attribute": "instanceType"},
    )
    names = [(await said(spoilable, "price_names", **each))["names"] for each in asked]
    assert names == [["AmazonRDS"], ["engine", "instanceType"], ["db.m5.large"]]
