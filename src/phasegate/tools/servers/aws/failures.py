"""Errors of AWS and botocore, each with the thing and what to do next."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from phasegate.core import Exhausted, InvalidInput, Missing, PhasegateError, one_line

_EXPIRED = re.compile(r"ExpiredToken.*|RequestExpired|TokenRefreshRequired")
_WRONG = re.compile(
    r"InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient.*|AuthFailure|InvalidAccessKeyId|"
    r"IncompleteSignature|MissingAuthenticationToken.*|InvalidSignature.*|InvalidToken"
)
_DENIED = re.compile(r"AccessDenied.*|UnauthorizedOperation|NotAuthorized.*|.*UnauthorizedException|Forbidden|403")
_THROTTLED = re.compile(r"Throttl.*|TooManyRequests.*|RequestLimitExceeded|SlowDown|.*LimitExceededException|429|503")
_BAD_TOKEN = re.compile(r".*(NextToken|PaginationToken|Marker|ContinuationToken).*")
_NOT_FOUND = re.compile(r"NoSuch.*|.*NotFound.*|404")
_NO_ORGANIZATION = "AWSOrganizationsNotInUseException"
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
)
_OUT_OF_REACH = (boto.ConnectionError, boto.HTTPClientError)
_TORN = (boto.ResponseStreamingError, boto.IncompleteReadError, boto.ReadTimeoutError, ResponseParserError, HTTPError)
_RENEW = "renew them (aws sso login, or new keys in the server's environment)"


class Expired(Missing):
    """The credentials were good once."""


@contextmanager
def explained(action: str, place: str) -> Iterator[None]:
    """Lets botocore's errors out as ours.

    Args:
        action: The IAM action of the call, such as `ec2:DescribeVolumes`.
        place: Where it was made: `eu-west-1 of account 123456789012`.

    Raises:
        Expired: the credentials are no longer good.
        Missing: there are no credentials, or they lack the permission.
        Exhausted: AWS throttles, still after the retries.
        InvalidInput: a parameter, or a thing that is not there.
        PhasegateError: AWS fails, cannot be reached, or its answer broke off.
    """
    try:
        yield
    except boto.ClientError as error:
        raise _said_by_aws(error.response, action, place) from error
    except _NO_CREDENTIALS as error:
        fix = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, where this server is started"
        raise Missing(f"there are no usable AWS credentials for {action}", fix=fix) from error
    except boto.ParamValidationError as error:
        raise InvalidInput(f"{action} does not take these parameters: {_short(error)}", fix="correct them") from error
    except _TORN as error:
        message = f"the answer to {action} in {place} broke off or made no sense ({type(error).__name__})"
        raise PhasegateError(message, fix="nothing was changed by asking; ask once more, for less at a time") from error
    except _OUT_OF_REACH as error:
        message = f"{action} in {place}: AWS cannot be reached ({type(error).__name__})"
        raise PhasegateError(message, fix="check the network, the proxy and AWS_ENDPOINT_URL of this server") from error
    except boto.PaginationError as error:
        raise PhasegateError(f"{action} in {place} answered one page twice", fix="ask once more") from error
    except boto.BotoCoreError as error:
        raise PhasegateError(f"{action} in {place}: {_short(error)}", fix="check the arguments and settings") from error


def _said_by_aws(response: Mapping[str, Any], action: str, place: str) -> PhasegateError:
    code = str(response.get("Error", {}).get("Code", ""))
    metadata = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    said = f"AWS said {code}: {one_line(str(response.get('Error', {}).get('Message', '')))[:300]}"
    if _THROTTLED.fullmatch(code) or status == 429:
        wait = metadata.get("HTTPHeaders", {}).get("retry-after")
        return Exhausted(f"AWS throttles {action} in {place} ({code})", fix=f"wait {_seconds(wait)}, then ask again")
    if status >= 500:
        return PhasegateError(f"{action} in {place} failed inside AWS ({code}, {status})", fix="ask again in a minute")
    return _credentials(code, action, place, said) or _request(code, action, place, said)


def _credentials(code: str, action: str, place: str, said: str) -> PhasegateError | None:
    if _EXPIRED.fullmatch(code):
        return Expired(f"the AWS credentials for {action} in {place} have expired", fix=_RENEW)
    if _WRONG.fullmatch(code):
        fix = "check the keys of the server's environment, and that the region is enabled for the account"
        return Missing(f"AWS does not accept the credentials for {action} in {place} ({code})", fix=fix)
    if _DENIED.fullmatch(code):
        fix = f"allow {action} in the IAM policy of the identity that this server uses (caller_identity names it)"
        return Missing(f"no permission for {action} in {place}; {said}", fix=fix)
    if code == _NO_ORGANIZATION:
        fix = "use credentials of the management account, or name the accounts yourself"
        return Missing(f"{place} is not a member of an organization", fix=fix)
    return None


def _request(code: str, action: str, place: str, said: str) -> PhasegateError:
    if _BAD_TOKEN.fullmatch(code):
        return InvalidInput(f"the cursor for {action} is no longer good", fix="start again without a cursor")
    if _NOT_FOUND.fullmatch(code):
        return InvalidInput(f"{action} in {place} found no such thing; {said}", fix="check the name and the account")
    if code == "DataUnavailableException":
        fix = "take it as unknown, never as zero; ask for another time, or look whether there is anything of it"
        return Missing(f"{action} in {place}: AWS has no data for that", fix=fix)
    if code == "OptInRequiredException":
        fix = "have a person enrol the account there; recommendations take up to a day"
        return Missing(f"{place} is not enrolled in the service behind {action}", fix=fix)
    if code in ("OptInRequired", "SubscriptionRequiredException"):
        return Missing(f"{place} is not subscribed to what {action} needs", fix="enable the service there")
    return InvalidInput(f"{action} in {place} was not accepted; {said}", fix="correct the arguments")


def _seconds(header: Any) -> str:
    """Return the waiting time: the service's seconds up to an hour, or `60 s` where it gave none."""
    text = str(header or "")
    return f"{min(int(text), 3600)} s" if text.isdecimal() and len(text) < 9 else "60 s"


def _short(error: Exception) -> str:
    return one_line(str(error))[:300]
