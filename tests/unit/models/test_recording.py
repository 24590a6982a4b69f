"""What is recorded of chat models, and what a recording answers."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from phasegate.core import InvalidInput
from phasegate.models import Call, ModelFailed, Recording, RecordingModel, ReplayModel, Reply, ScriptedModel, Stop, Use
from phasegate.models.chat import Message, Prompt

NOW = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
HEADING = b'{"started_at": "2026-11-30T23:59:00Z"}\n'
NAME = "scripted:list"
KEY = "AKIAIOSFODNN7EXAMPLE"
QUESTION = Prompt(role="user", text="Which volumes are free?")


def call(*more: Message, first: str = "# Architect\n\nPlan it.") -> Call:
    return Call(messages=(Prompt(role="system", text=first), QUESTION, *more))


async def recorded(path: Path, *replies: str, whole: bool = False) -> list[Reply]:
    """Replies to the same call again and again, as the recorded model gives them."""
    model = RecordingModel(ScriptedModel(replies, name=NAME), Recording.begin(path, NOW, whole=whole))
    return [await model.complete(call(), lambda _: None) for _ in replies]


async def test_replies_to_the_same_call_are_given_in_their_order_and_each_once(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first, second = await recorded(path, "one", "two")
    recording, told = Recording.read(path), list[int]()
    models = [ReplayModel(recording, NAME) for _ in range(2)]  # author and reviewer have a model each
    assert [await model.complete(call(), told.append) for model in models] == [first, second]
    assert told == [3, 3]
    with pytest.raises(ModelFailed, match="no reply of 'scripted:list' left for this call of '# Architect'; no prov"):
        await models[0].complete(call(), told.append)


async def test_the_place_of_a_call_is_recorded_and_is_no_part_of_what_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first, later = (call().model_copy(update={"place": place}) for place in ("plan/1/1/plan/1", "plan/2/1/plan/1"))
    assert first.digest == later.digest == call().digest
    assert first.characters == call().characters
    await RecordingModel(ScriptedModel(["one"], name=NAME), Recording.begin(path, NOW)).complete(first, lambda _: None)
    assert json.loads(path.read_text().splitlines()[1])["place"] == "plan/1/1/plan/1"
    assert (await ReplayModel(Recording.read(path), NAME).complete(later, lambda _: None)).text == "one"


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (NAME, call(first="# Architect\n\nPlan it well.")),  # a prompt was changed
        (NAME, call().model_copy(update={"max_tokens": 9})),
        ("scripted:other", call()),  # another model works as the role
    ],
)
async def test_what_was_not_recorded_is_refused(tmp_path: Path, name: str, asked: Call) -> None:
    await recorded(tmp_path / "run.jsonl", "one")
    with pytest.raises(ModelFailed, match=f"'{name}'.*'# Architect'; no provider was called") as refused:
        await ReplayModel(Recording.read(tmp_path / "run.jsonl"), name).complete(asked, lambda _: None)
    assert "--record FILE" in refused.value.fix


async def test_a_failed_call_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with pytest.raises(ModelFailed):
        await RecordingModel(ScriptedModel([]), Recording.begin(path, NOW)).complete(call(), lambda _: None)
    assert len(path.read_text().splitlines()) == 1


async def test_no_secret_is_recorded_and_the_conversation_after_it_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    use = Use(id="1", name="hand_in", arguments={"files": [{"text": f"key = '{KEY}'"}]})
    script: list[Reply | str] = [Reply(text=f"It is {KEY}.", uses=(use,), stop=Stop.tools), "better"]
    model = RecordingModel(ScriptedModel(script, name=NAME), Recording.begin(path, NOW, whole=True))
    reply = await model.complete(call(Prompt(role="user", text=f"My key is {KEY}")), lambda _: None)
    assert KEY in reply.text  # checks judge what the model wrote
    await model.complete(call(reply.said), lambda _: None)
    assert KEY not in path.read_text()
    replay = ReplayModel(Recording.read(path), NAME)
    again = await replay.complete(call(Prompt(role="user", text=f"My key is {KEY}")), lambda _: None)
    assert again.text == "It is (secret)."
    assert (await replay.complete(call(again.said), lambda _: None)).text == "better"


async def test_calls_are_written_out_only_where_asked_for_and_for_the_owner_alone(tmp_path: Path) -> None:
    await recorded(tmp_path / "short", "one")
    await recorded(tmp_path / "whole", "one", whole=True)
    short, whole = (json.loads((tmp_path / name).read_text().splitlines()[1]) for name in ("short", "whole"))
    assert QUESTION.text not in str(short)
    assert whole.pop("call")["messages"][1]["text"] == QUESTION.text
    assert short == whole
    assert (tmp_path / "short").stat().st_mode & 0o077 == 0


async def test_a_recording_goes_on_and_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path, "one")
    with pytest.raises(InvalidInput, match="holds something already"):
        Recording.begin(path, NOW)
    await RecordingModel(ScriptedModel(["two"]), Recording.read(path)).complete(call(), lambda _: None)
    assert [json.loads(line)["reply"]["text"] for line in path.read_text().splitlines()[1:]] == ["one", "two"]
    assert Recording.read(path).started_at == NOW


async def test_a_reply_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    recording = Recording.begin(folder / "run.jsonl", NOW)
    (folder / "run.jsonl").unlink()
    folder.rmdir()
    with pytest.raises(ModelFailed, match=r"cannot be written to .*run\.jsonl"):
        await RecordingModel(ScriptedModel(["one"]), recording).complete(call(), lambda _: None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADING + b'{"digest": "0', "cut off in line 2"),
        (HEADING + b"hello\n", "line 2 of .* is not of a recording: Invalid JSON"),
        (HEADING + b"{}\n", "line 2 of .* is not of a recording: digest: Field required"),
        (b"\xff\n", "not UTF-8"),
        (b"[]\n", "line 1 of .* is not of a recording"),
        (b"", "is empty"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as refused:
        Recording.read(path)
    assert refused.value.fix


async def test_a_line_that_was_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await recorded(path, "one", "two")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvalidInput, match="cut off in line 3"):
        Recording.read(path)


def test_missing_files_and_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        Recording.read(tmp_path / "none")
    with pytest.raises(InvalidInput, match="cannot be made: No such file"):
        Recording.begin(tmp_path / "none" / "run.jsonl", NOW)
