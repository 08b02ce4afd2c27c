"""The example in ``docs/policies.md`` is a policy that the reader takes."""

from pathlib import Path

from governance.policies.documents import parse_policy


def test_the_documented_example_is_a_sound_policy() -> None:
    text = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
    example = text.split("```json\n")[1].split("```")[0]
    policy = parse_policy(example.encode())
    assert policy.applies(risk_tier="high", environment="production")
    assert not policy.applies(risk_tier="low", environment="production")
