"""The `openai` client against the example: python openai_client.py [SCENARIO…]

The scenarios share one server. Those that use up the budget of the free plan come last."""

import openai
from scenarios import (ENTERPRISE, FREE, INJECTION, UNSCOPED, URL, Responses, drain, main, refused, scenario,
                       waits_as_told)

SCENARIOS = {}
HELLO = [{"role": "user", "content": "Hello, who is there?"}]


def client(credential=ENTERPRISE, **settings):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=credential, **settings)


def ask(asking, **more):
    return asking.chat.completions.create(**{"model": "words", "messages": HELLO, **more})


@scenario(SCENARIOS)
def answer():
    asking = client()
    first, again = ask(asking), ask(asking)
    text = first.choices[0].message.content
    assert text and text == again.choices[0].message.content, "the same prompt yields the same words"
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.prompt_tokens == len(HELLO[0]["content"].split())
    assert first.usage.completion_tokens == len(text.split())
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
    assert first.id != again.id

    other = ask(asking, messages=[{"role": "user", "content": [{"type": "text", "text": "Something else"}]}])
    assert other.choices[0].message.content != text


@scenario(SCENARIOS)
def answer_within_a_cap():
    for cap in ({"max_tokens": 5}, {"max_completion_tokens": 5}):
        capped = ask(client(), **cap)
        assert capped.usage.completion_tokens == 5 == len(capped.choices[0].message.content.split())
        assert capped.choices[0].finish_reason == "length"


@scenario(SCENARIOS)
def several_candidates():
    several = ask(client(), n=3, max_tokens=6)
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in several.choices}) == 3
    assert several.usage.completion_tokens == 18


@scenario(SCENARIOS)
def limits_are_told():
    raw = client(FREE).chat.completions.with_raw_response.create(model="words", messages=HELLO)
    assert raw.headers["x-ratelimit-limit-requests"] == "20", raw.headers
    assert raw.headers["x-ratelimit-remaining-requests"] == "19", raw.headers
    assert int(raw.headers["x-ratelimit-remaining-tokens"]) < int(raw.headers["x-ratelimit-limit-tokens"])
    assert raw.headers["x-request-id"] in raw.parse().id


def read(stream):
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    usages = [chunk for chunk in chunks if chunk.usage is not None or not chunk.choices]
    return chunks, text, usages


@scenario(SCENARIOS)
def stream_with_usage():
    asking = client()
    chunks, text, usages = read(ask(asking, stream=True, stream_options={"include_usage": True}))
    whole = ask(asking)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 10, "it comes in pieces"
    assert len(usages) == 1 and usages[0] is chunks[-1] and usages[0].choices == []
    assert usages[0].usage == whole.usage


@scenario(SCENARIOS)
def stream_without_usage():
    for options in ({}, {"stream_options": {"include_usage": False}}):
        chunks, text, usages = read(ask(client(), stream=True, **options))
        assert text == ask(client()).choices[0].message.content
        assert usages == [], "the usage that the gate asked for stays with the gate"
        assert chunks[-1].choices[0].finish_reason == "stop"


@scenario(SCENARIOS)
def authentication_error():
    raised = refused(openai.AuthenticationError, lambda: ask(client("sk-not-a-credential")))
    assert raised.status_code == 401 and raised.code == "invalid_credential", raised
    assert raised.response.headers["www-authenticate"].startswith("Bearer"), raised.response.headers
    altered = ENTERPRISE[:-8] + ("A" * 8)
    refused(openai.AuthenticationError, lambda: ask(client(altered)))
    without = {"Authorization": openai.Omit()}
    raised = refused(openai.AuthenticationError, lambda: ask(client(), extra_headers=without))
    assert raised.code == "missing_credential", raised


@scenario(SCENARIOS)
def permission_denied_error():
    raised = refused(openai.PermissionDeniedError, lambda: ask(client(UNSCOPED)))
    assert raised.status_code == 403 and raised.code == "insufficient_scope", raised
    assert 'scope="generate:invoke"' in raised.response.headers["www-authenticate"]


@scenario(SCENARIOS)
def usage_that_never_fits():
    raised = refused(openai.BadRequestError, lambda: ask(client(), max_tokens=1_000_000))
    assert raised.code == "request_exceeds_limit", raised


@scenario(SCENARIOS)
def blocked_injection():
    for more in ({}, {"stream": True}):
        messages = [*HELLO, {"role": "user", "content": INJECTION}]
        raised = refused(openai.BadRequestError, lambda: ask(client(), messages=messages, **more))
        assert raised.code == "content_blocked", raised


@scenario(SCENARIOS)
def bad_request_error():
    raised = refused(openai.BadRequestError, lambda: ask(client(), messages=[{"role": "user", "content": 5}]))
    assert raised.code == "malformed_request", raised
    assert raised.param == "/messages/0/content", raised.param


@scenario(SCENARIOS)
def not_found_error():
    raised = refused(openai.NotFoundError, lambda: client().embeddings.create(model="words", input="Hello"))
    assert raised.status_code == 404, raised


@scenario(SCENARIOS)
def rate_limit_error():
    asking = client(FREE, max_retries=0)
    raised, done = drain(openai.RateLimitError, lambda: ask(asking, max_tokens=1))
    # All but one, which `limits_are_told` took.
    assert done >= 19, f"only {done} requests went through"
    assert raised.code == "rate_limit_exceeded", raised
    assert int(raised.response.headers["retry-after"]) >= 1
    assert raised.response.headers["x-ratelimit-remaining-requests"] == "0"
    ask(client(ENTERPRISE, max_retries=0))


@scenario(SCENARIOS)
def rate_limit_waits_as_told():
    responses = Responses()
    watched = openai.DefaultHttpxClient(event_hooks={"response": [responses.hook]})
    patient = client(FREE, http_client=watched)
    waits_as_told(responses, lambda: ask(patient, max_tokens=1))


if __name__ == "__main__":
    main(SCENARIOS)
