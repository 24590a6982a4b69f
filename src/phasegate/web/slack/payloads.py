"""Payloads of clicks, held against their shapes as far as they are read."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasegate.core import InvalidInput
from phasegate.ledger import GateKey
from phasegate.tools.servers.slack.cards import ANSWER, REMARK, TEXT, read_value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


P = TypeVar("P", bound=_Part)


Id = Annotated[str, Field(pattern="^[A-Z0-9]{1,40}$")]


class Team(_Part):
    """A workspace."""

    id: Id


class User(_Part):
    """The user who clicked."""

    id: Id
    team_id: str = ""
    """Their home: in a shared channel it need not be ours."""
    is_bot: bool = False
    bot_id: str | None = None


class _Button(_Part):
    action_id: str
    value: str = ""


class _Container(_Part):
    message_ts: str = ""
    channel_id: str = ""


class _Pressed(_Part):
    type: Literal["block_actions"]
    team: Team | None = None
    user: User
    container: _Container = _Container()
    trigger_id: str = ""
    response_url: str = ""
    actions: tuple[_Button, ...] = Field(min_length=1, max_length=1)


class _Field(_Part):
    value: str | None = None


class _State(_Part):
    values: Mapping[str, Mapping[str, _Field]] = {}


class _View(_Part):
    callback_id: str
    private_metadata: str
    state: _State = _State()


class _Submitted(_Part):
    type: Literal["view_submission"]
    team: Team | None = None
    user: User
    view: _View


class Place(_Part):
    """The gate of a click and where the click was made, which a view brings back as given."""

    value: str
    channel: str = ""
    message: str = ""
    """The card's timestamp."""
    response_url: str = Field(default="", repr=False)
    """Whoever has it can answer in that channel, for half an hour."""

    @property
    def kept(self) -> str:
        """For the view."""
        return self.model_dump_json()


class Click(_Part):
    """A button that was pressed, or a view that was sent off."""

    id: str
    """The same for the same click, however often it comes."""
    action: str
    """The action id of the button, or the callback id of the view."""
    user: User
    team: Team | None
    place: Place
    trigger: str = Field(default="", repr=False)
    remark: str = ""
    """What the person wrote."""
    answers: Mapping[int, str] = {}
    """Answers that the person wrote, by the number of their question."""

    @property
    def gate(self) -> GateKey:
        """The gate on the button.

        Raises:
            InvalidInput: it is none of our buttons.
        """
        run, phase, attempt = read_value(self.place.value)[0].split("/")
        return GateKey(run, phase, int(attempt))

    @property
    def digest(self) -> str:
        """The digest on the button.

        Raises:
            InvalidInput: it is none of our buttons.
        """
        return read_value(self.place.value)[1]

    @classmethod
    def pressed(cls, payload: Mapping[str, Any]) -> Self:
        """From a button.

        Raises:
            InvalidInput: it does not have the parts.
        """
        said = _read(_Pressed, payload)
        (button,), where = said.actions, said.container
        place = Place(
            value=button.value, channel=where.channel_id, message=where.message_ts, response_url=said.response_url
        )
        return cls(
            id=_id(payload),
            action=button.action_id,
            user=said.user,
            team=said.team,
            place=place,
            trigger=said.trigger_id,
        )

    @classmethod
    def submitted(cls, payload: Mapping[str, Any]) -> Self:
        """From a view.

        Raises:
            InvalidInput: it does not have the parts.
        """
        said = _read(_Submitted, payload)
        values = said.view.state.values
        field = values.get(REMARK, {}).get(TEXT, _Field())
        return cls(
            id=_id(payload),
            action=said.view.callback_id,
            user=said.user,
            team=said.team,
            place=_read_text(said.view.private_metadata),
            remark=(field.value or "").strip(),
            answers={number: field.value or "" for number, field in _answers(values)},
        )


def _answers(values: Mapping[str, Mapping[str, _Field]]) -> Iterator[tuple[int, _Field]]:
    for block, fields in values.items():
        number = block.removeprefix(ANSWER)
        if block.startswith(ANSWER) and number.isdecimal() and TEXT in fields:
            yield int(number[:6]), fields[TEXT]


def _read(kind: type[P], payload: Mapping[str, Any]) -> P:
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        raise _unreadable(error) from None


def _read_text(text: str) -> Place:
    try:
        return Place.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(error) from None


def _unreadable(error: ValidationError) -> InvalidInput:
    where = ".".join(str(part) for part in error.errors()[0]["loc"])
    return InvalidInput(f"the click cannot be read: {where or 'its form'}", fix="decide on the gate's page")


def _id(payload: Mapping[str, Any]) -> str:
    """Return the digest of a payload, which Slack makes unique for each click."""
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()[:32]
