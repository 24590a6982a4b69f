"""The functions of the language, with the values that AWS gives and those that it leaves out."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from phasegate.runbooks.runtime import functions, hours, network
from phasegate.runbooks.runtime.changes import Guard
from phasegate.runbooks.runtime.dates import days_between, first_of_month, moment
from phasegate.runbooks.runtime.zones import UnknownZone

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "resource",
    [
        {"Tags": [{"Key": "Owner", "Value": "ann"}]},
        {"tags": [{"key": "Owner", "value": "ann"}]},
        {"Tags": {"Owner": "ann"}},
        {"Tags": [{"TagKey": "Owner", "TagValue": "ann"}]},
        {"TagList": [{"Key": "Owner", "Value": "ann"}]},
        [{"Key": "Owner", "Value": "ann"}],
        {"Owner": "ann", "Team": "x"},
    ],
)
def test_a_tag_is_found_in_every_shape(resource: Any) -> None:
    assert functions.tag(resource, "Owner") == "ann"
    assert functions.tag(resource, "owner") is None


@pytest.mark.parametrize(
    ("resource", "value"),
    [
        ({"Tags": [{"Key": "a", "Value": ""}]}, ""),
        ({"Tags": [{"Key": "a"}]}, ""),
        ({"Tags": []}, None),
        ({"a": "x", "Size": 3}, None),
        (None, None),
    ],
)
def test_an_empty_tag_is_not_an_absent_one(resource: Any, value: str | None) -> None:
    assert functions.tag(resource, "a") == value


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("2026-11-17T20:10:00Z", 1.0),
        ("2026-11-17T20:10:00.000+0000", 1.0),
        ("2026/11/18", 20 / 24 + 10 / 1440),
        ("2026/11/18 2000 UTC", 10 / 1440),
        (1794946200000, 1.0),
        (1794946200, 1.0),
        ("N/A", None),
        ("2026/13/45", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_ages_are_fractional_days(written: Any, days: float | None) -> None:
    age = days_between(written, NOW)
    assert age == (None if days is None else pytest.approx(days))


def test_a_time_without_zone_is_utc() -> None:
    assert moment("2026-11-18T20:10:00") == NOW


@pytest.mark.parametrize(("months", "day"), [(0, "2026-11-01"), (-11, "2025-12-01"), (2, "2027-01-01")])
def test_months_go_over_the_year(months: int, day: str) -> None:
    assert first_of_month(NOW, months) == day


def test_expressions_are_anchored_at_the_start_and_ignore_case() -> None:
    assert functions.matches("Bastion-1", "(VPN|bastion)")
    assert not functions.matches("my-bastion", "(VPN|bastion)")
    assert not functions.matches(None, ".*")
    assert functions.capture("x: terminate@2026", ".*@(\\d+)", 1) == "2026"
    assert functions.capture("x", "(y)", 1) is None
    assert functions.glob("Prod-1", "Prod-*")
    assert not functions.glob("prod-1", "Prod-*")


def test_sums_with_a_missing_number_are_missing() -> None:
    assert functions.add(1, 2, 3) == 6
    assert functions.div(1, 0) is None
    assert functions.mul(2, None) is None
    assert functions.round_to(2.456, 1) == 2.5
    assert functions.sub("3", 1) is None


def test_lists_are_compared_as_sets() -> None:
    assert functions.within("a", ["a"])
    assert not functions.within(None, [None])
    assert functions.none_in(["a"], ["b"])
    assert not functions.none_in(["a", "b"], ["b"])
    assert functions.minus(["a", "b"], ["b"]) == ["a"]
    assert functions.union([["a", None], "b", "a", {"x": 1}]) == ["a", "b", {"x": 1}]


def test_documents_are_read_or_nothing() -> None:
    assert functions.parse_json("%7B%22a%22%3A1%7D") == {"a": 1}
    assert functions.parse_json("{") is None
    assert functions.parse_json({"a": 1}) == {"a": 1}
    assert functions.parse_csv(b"user,mfa\nann,true\n") == [{"user": "ann", "mfa": "true"}]


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        ({"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, True),
        ({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, True),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/1"}]}, False),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, False),
    ],
)
def test_open_ports(rule: dict[str, Any], opened: bool) -> None:
    assert network.opens_port([rule], 22) is opened


def test_addresses_lie_in_networks() -> None:
    assert network.in_cidr("10.1.2.3", "10.0.0.0/8")
    assert network.in_cidr("10.1.0.0/16", ["192.168.0.0/16", "10.0.0.0/8"])
    assert not network.in_cidr("::1", "10.0.0.0/8")
    assert not network.in_cidr(None, "10.0.0.0/8")


@pytest.mark.parametrize(
    ("principal", "condition", "foreign"),
    [
        ("*", None, ["*"]),
        ({"AWS": "*"}, None, ["*"]),
        ({"AWS": ["arn:aws:iam::999988887777:root", "111111111111"]}, None, ["arn:aws:iam::999988887777:root"]),
        ({"AWS": "arn:aws:iam::222222222222:role/x"}, None, []),
        ({"Service": "events.amazonaws.com"}, None, []),
        ("*", {"StringEquals": {"aws:SourceAccount": "111111111111"}}, []),
        ("*", {"StringNotEquals": {"aws:SourceAccount": "111111111111"}}, ["*"]),
    ],
)
def test_foreign_principals(principal: Any, condition: Any, foreign: list[str]) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Condition": condition}
    assert network.foreign_principals({"Statement": statement}, ["222222222222"], "111111111111") == foreign


@pytest.mark.parametrize(
    ("tag", "off"),
    [
        (None, True),
        ("", True),
        ("on", True),
        ("off", False),
        ("False", False),
        ("off=(M-F,20);on=(M-F,7);tz=utc", True),
        ("off=(M-F,21);tz=utc", False),
        ("off=(S-U,20)", False),
        ("off=(F-W,20)", True),
        ("off=[(S,20),(W,20)]", True),
        ("off=(M-F,21);tz=europe/berlin", True),
        ("off=(X-Y,99)", False),
        ("nonsense", False),
    ],
)
def test_off_hours(tag: str | None, off: bool) -> None:
    assert hours.off_now(NOW, tag, 20) is off


@pytest.mark.parametrize(
    ("window", "is_open"),
    [
        ("Mon-Fri 08:00-21:00 UTC", True),
        ("Mon-Fri 08:00-20:10 UTC", False),
        ("Sat-Sun 00:00-23:59 UTC", False),
        ("Wed 20:00-04:00 UTC", True),
        ("Mon-Fri 20:00-22:00 Europe/Berlin", True),
    ],
)
def test_windows(window: str, is_open: bool) -> None:
    assert hours.Window.read(window).is_open(NOW) is is_open


@pytest.mark.parametrize(
    ("time", "zone", "off"),
    [
        ("2026-07-15T23:30Z", "est", True),  # New York's summer time, not five hours west all year
        ("2026-07-16T00:30Z", "EST", False),
        ("2026-07-16T02:30Z", "pt", True),
        ("2026-07-15T18:30Z", "ist", True),
        ("2026-07-15T13:30Z", "it", True),
        ("2026-07-15T17:30Z", "europe/berlin", True),
        ("2026-07-15T16:30Z", "america/argentina/comodrivadavia", False),
        ("2026-07-15T22:30Z", "america/port_of_spain", False),
        ("2026-07-15T23:30Z", "america/port-au-prince", True),
    ],
)
def test_off_hours_in_zones_as_people_write_them(time: str, zone: str, off: bool) -> None:
    assert hours.off_now(datetime.fromisoformat(time), f"off=(M-F,19);tz={zone}", 20) is off


@pytest.mark.parametrize("tag", ["off=(M-F,19);tz=Europe/Berln", "off=(M-F,19);tz=mars", "on;tz=nowhere"])
def test_an_unknown_zone_is_no_utc(tag: str) -> None:
    with pytest.raises(UnknownZone, match="there is no time zone"):
        hours.off_now(NOW, tag, 20)


@pytest.mark.parametrize(
    ("tag", "times"),
    [
        ("off=(U,2);tz=Europe/Berlin", ["2026-03-29T01:10Z"]),  # 02:00 to 03:00 is left out that night
        ("off=(U,2);tz=Europe/Berlin", ["2026-10-25T00:10Z"]),  # 02:00 to 03:00 comes twice that night
        ("off=(U,24)", []),
    ],
)
def test_an_off_hour_comes_once_on_the_nights_when_clocks_change(tag: str, times: list[str]) -> None:
    day = datetime.fromisoformat(times[0]) if times else NOW
    hits = [at for h in range(24) if hours.off_now(at := day.replace(hour=h), tag, 20)]
    assert [f"{at:%Y-%m-%dT%H:%MZ}" for at in hits] == times


def test_a_window_in_an_unknown_zone_is_closed_and_says_why() -> None:
    window = "Mon-Sun 00:00-23:59 Europe/Berln"
    assert not hours.Window.read(window).is_open(NOW)
    assert "there is no time zone 'Europe/Berln'" in Guard(window=window).refuses(1, NOW)


def test_without_time_zone_data_no_window_is_open() -> None:
    code = (
        "import sys; sys.modules['tzdata'] = None\n"
        "from datetime import datetime, UTC\n"
        "from phasegate.runbooks.runtime.changes import Guard\n"
        "guard = Guard(window='Mon-Fri 22:00-04:00 America/Los_Angeles')\n"
        "print(guard.refuses(1, datetime(2026, 7, 15, 22, 30, tzinfo=UTC)))"
    )
    env = {**os.environ, "PYTHONTZPATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert "this machine has no time zone data; install the package tzdata" in done.stdout
