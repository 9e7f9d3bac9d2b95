"""The JSON Schema that other languages are generated from."""

import json

import jsonschema

from progress_kit.model import Snapshot, Stage
from progress_kit.protocol import encode, schema
from progress_kit.protocol.messages import Publish, Subscribe, Welcome


def test_the_schema_file_is_fresh() -> None:
    """Run `python -m progress_kit.protocol.schema` after changing a struct."""
    assert schema.SCHEMA_FILE.read_text(encoding="utf-8") == schema.text()


def test_what_is_sent_follows_the_schema() -> None:
    """Messages of both directions are valid, and a wrong one is not."""
    validator = jsonschema.Draft202012Validator(json.loads(schema.text()))
    messages: list[Publish | Subscribe | Welcome] = [
        Publish(operations=(Snapshot(id="op_1", name="x", state="running", stages=(Stage(name="a"),)),)),
        Subscribe(id="s"),
        Welcome(
            epoch="e",
            revision=0,
            now=0,
            user="local",
            scopes=("publish",),
            token_expires_in_s=1,
            lease_s=15,
            ping_s=20,
            limits={},
        ),
    ]
    for message in messages:
        validator.validate(json.loads(encode(message)))
    assert not validator.is_valid({"type": "publish", "operations": [{"id": "op 1"}]})
    assert not validator.is_valid({"type": "welcome"})


def test_no_field_may_be_absent_from_a_snapshot() -> None:
    """Unknown is null; readers need not check for missing fields."""
    definition = json.loads(schema.text())["$defs"]["Snapshot"]
    assert set(definition["required"]) == set(Snapshot.__struct_fields__)
