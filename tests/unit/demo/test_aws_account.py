"""The demonstration's account."""

import socket
from collections.abc import Iterator

import boto3
import pytest

from phasegate.core import Exhausted
from phasegate.demo.aws_account import HOST, REGION, SEEDS, Account, account, expected


@pytest.fixture(scope="module")
def served() -> Iterator[Account]:
    with account() as place:
        yield place


def test_every_seed_is_there_with_its_age_and_tags(served: Account) -> None:
    client = boto3.client(
        "ec2", REGION, endpoint_url=served.address, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    volumes = client.describe_volumes()["Volumes"]
    names = {served.volumes[volume["VolumeId"]]: volume for volume in volumes}
    assert set(names) == {seed.name for seed in SEEDS if seed.region == REGION}
    assert names["old-build-cache"]["CreateTime"].isoformat() == "2026-04-20T20:10:00+00:00"
    assert names["in-use"]["State"] == "in-use"
    assert {"Key": "keep", "Value": ""} in names["keep-without-value"]["Tags"]


def test_the_seeds_hold_both_sides_of_every_line() -> None:
    assert expected(REGION) >= {"an-hour-too-old", "keep-in-capitals"}
    assert not expected(REGION) & {"an-hour-too-young", "keep-without-value", "in-use", "in-another-region"}


def test_ids_are_the_same_in_every_run(served: Account) -> None:
    with account() as another:
        assert another.volumes == served.volumes


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Exhausted, match=f"port {port} is taken"), account(port):
            pass
