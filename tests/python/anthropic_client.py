"""The `anthropic` client against the example: python anthropic_client.py [SCENARIO…]

The scenarios share one server. Those that use up the budget of the free plan come last."""

import anthropic
from scenarios import (ENTERPRISE, FREE, INJECTION, UNSCOPED, URL, Responses, drain, main, refused, scenario,
                       waits_as_told)

SCENARIOS = {}
HELLO = [{"role": "user", "content": "Hello, who is there?"}]


def client(credential=ENTERPRISE, **settings):
    """Sends its credential as `x-api-key`."""
    return anthropic.Anthropic(base_url=URL, api_key=credential, **settings)


def bearing(credential=ENTERPRISE, **settings):
    """Sends its credential as `Authorization: Bearer`."""
    return anthropic.Anthropic(base_url=URL, auth_token=credential, **settings)


def ask(asking, **more):
    return asking.messages.create(**{"model": "words", "max_tokens": 100, "messages": HELLO, **more})


@scenario(SCENARIOS)
def answer_by_api_key_and_by_bearer():
    first, again = ask(client()), ask(bearing())
    text = first.content[0].text
    assert text and text == again.content[0].text, "the same prompt yields the same words"
    assert first.stop_reason == "end_turn"
    assert first.usage.input_tokens == len(HELLO[0]["content"].split())
    assert first.usage.output_tokens == len(text.split())


@scenario(SCENARIOS)
def answer_within_a_cap():
    capped = ask(client(), max_tokens=5, system="You are brief.")
    assert capped.usage.output_tokens == 5 == len(capped.content[0].text.split())
    assert capped.stop_reason == "max_tokens"
    assert capped.usage.input_tokens == len(HELLO[0]["content"].split()) + 3


@scenario(SCENARIOS)
def stream_with_usage():
    with client().messages.stream(model="words", max_tokens=100, messages=HELLO) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    whole = ask(client())
    assert len(pieces) > 10, "it comes in pieces"
    assert "".join(pieces) == final.content[0].text == whole.content[0].text
    assert final.usage.input_tokens == whole.usage.input_tokens
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.stop_reason == "end_turn"


@scenario(SCENARIOS)
def stream_of_events():
    kinds = [event.type for event in ask(bearing(), stream=True)]
    deltas = kinds.count("content_block_delta")
    assert deltas > 10
    assert kinds == (["message_start", "content_block_start"] + ["content_block_delta"] * deltas
                     + ["content_block_stop", "message_delta", "message_stop"]), kinds


@scenario(SCENARIOS)
def authentication_error():
    for asking in (client("sk-not-a-credential"), bearing("sk-not-a-credential")):
        raised = refused(anthropic.AuthenticationError, lambda: ask(asking))
        assert raised.status_code == 401, raised
        assert raised.body["error"]["type"] == "authentication_error", raised.body
        assert raised.body["request_id"] == raised.response.headers["x-request-id"], raised.body


@scenario(SCENARIOS)
def two_credentials_at_once():
    both = bearing(default_headers={"x-api-key": ENTERPRISE})
    raised = refused(anthropic.BadRequestError, lambda: ask(both))
    assert raised.body["error"]["type"] == "invalid_request_error", raised.body


@scenario(SCENARIOS)
def permission_denied_error():
    for asking in (client(UNSCOPED), bearing(UNSCOPED)):
        raised = refused(anthropic.PermissionDeniedError, lambda: ask(asking))
        assert raised.body["error"]["type"] == "permission_error", raised.body


@scenario(SCENARIOS)
def blocked_injection():
    for more in ({"system": INJECTION}, {"messages": [{"role": "user", "content": INJECTION}], "stream": True}):
        raised = refused(anthropic.BadRequestError, lambda: ask(client(), **more))
        assert raised.body["error"]["type"] == "invalid_request_error", raised.body


@scenario(SCENARIOS)
def bad_request_error():
    raised = refused(anthropic.BadRequestError, lambda: ask(client(), messages=[{"role": "user", "content": 5}]))
    assert "/messages/0/content" in raised.body["error"]["message"], raised.body


@scenario(SCENARIOS)
def rate_limit_error():
    # One user has one budget, however the credential comes.
    asking = [client(FREE, max_retries=0), bearing(FREE, max_retries=0)]
    turns = iter(range(1_000))
    raised, done = drain(anthropic.RateLimitError, lambda: ask(asking[next(turns) % 2], max_tokens=1))
    assert done >= 20, f"only {done} requests went through"
    assert raised.body["error"]["type"] == "rate_limit_error", raised.body
    assert int(raised.response.headers["retry-after"]) >= 1
    ask(client(ENTERPRISE, max_retries=0))


@scenario(SCENARIOS)
def rate_limit_waits_as_told():
    responses = Responses()
    watched = anthropic.DefaultHttpxClient(event_hooks={"response": [responses.hook]})
    patient = client(FREE, http_client=watched)
    waits_as_told(responses, lambda: ask(patient, max_tokens=1))


if __name__ == "__main__":
    main(SCENARIOS)
