#!/usr/bin/env python3
"""Does the official `openai` client work against `serve`?  (development only)

  openai_client_check.py FOLDER [--binary build/src/msmodelslim]

Needs the PyPI package openai. Exit 0: all good, 1: a problem, 77: the library is absent.
"""
import argparse
import json
import sys

from serving import serve

try:
    import openai
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)


def check_completions(client):
    ask = {"model": "m", "prompt": "The capital of France is", "max_tokens": 12, "temperature": 0}
    whole = client.completions.create(**ask)
    assert whole.choices[0].finish_reason in ("length", "stop")
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    pieces = [event.choices[0].text for event in client.completions.create(**ask, stream=True)]
    assert "".join(pieces) == whole.choices[0].text and len(pieces) > 1
    scored = client.completions.create(**ask, logprobs=3, echo=True).choices[0]
    assert scored.text.endswith(whole.choices[0].text)
    assert len(scored.logprobs.tokens) == len(scored.logprobs.token_logprobs)
    assert scored.logprobs.token_logprobs[0] is None and scored.logprobs.token_logprobs[-1] <= 0
    assert "".join(scored.logprobs.tokens) == scored.text
    word = whole.choices[0].text.split()[1]
    cut = client.completions.create(**ask, stop=[word]).choices[0]
    assert cut.text == whole.choices[0].text[: whole.choices[0].text.index(word)]
    assert cut.finish_reason == "stop"
    several = client.completions.create(**{**ask, "prompt": ["One", "Two", [10, 11]]}, n=2)
    assert [choice.index for choice in several.choices] == list(range(6))
    penalties = {"presence_penalty": 0.5, "frequency_penalty": 0.5, "seed": 3, "top_p": 0.9}
    client.completions.create(**{**ask, "temperature": 0.8}, **penalties, extra_body={"top_k": 5, "min_p": 0.1})


def check_chat(client):
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    ask = {"model": "m", "messages": messages, "max_tokens": 12, "temperature": 0}
    whole = client.chat.completions.create(**ask, logprobs=True, top_logprobs=2)
    answer = whole.choices[0]
    assert answer.message.role == "assistant" and answer.message.content
    assert len(answer.logprobs.content[0].top_logprobs) == 2
    pieces = [event.choices[0].delta.content or "" for event in client.chat.completions.create(**ask, stream=True)]
    assert "".join(pieces) == answer.message.content and len(pieces) > 2


def tool(name):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def check_tools(client):
    messages = [{"role": "user", "content": "Look it up for Paris."}]
    ask = {"model": "m", "messages": messages, "max_tokens": 40, "temperature": 0}
    ask["tools"] = [tool("get_weather"), tool("get_time")]
    named = {"type": "function", "function": {"name": "get_time"}}
    whole = client.chat.completions.create(**ask, tool_choice=named).choices[0].message
    assert [call.function.name for call in whole.tool_calls] == ["get_time"]
    name, arguments = "", ""
    for event in client.chat.completions.create(**ask, tool_choice=named, stream=True):
        for call in event.choices[0].delta.tool_calls or []:
            assert call.index == 0
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    assert name == "get_time" and arguments == whole.tool_calls[0].function.arguments
    chosen = client.chat.completions.create(**ask, tool_choice="required").choices[0].message
    assert chosen.tool_calls[0].function.name in ("get_weather", "get_time")
    none = client.chat.completions.create(**ask, tool_choice="none").choices[0].message
    assert none.tool_calls is None and none.content
    call = chosen.tool_calls[0]
    if is_json(call.function.arguments):
        messages += [chosen.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        assert client.chat.completions.create(**ask).choices[0].message.role == "assistant"


def is_json(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def check_errors(client, url):
    try:
        client.completions.create(model="other", prompt="a")
        raise AssertionError("another model was accepted")
    except openai.NotFoundError as error:
        assert "other" in str(error)
    try:
        client.completions.create(model="m", prompt="a", max_tokens=10**6)
        raise AssertionError("too many tokens were accepted")
    except openai.BadRequestError as error:
        assert "maximum context length" in str(error)
    try:
        openai.OpenAI(base_url=url, api_key="wrong").models.list()
        raise AssertionError("a wrong key was accepted")
    except openai.AuthenticationError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--binary", default="build/src/msmodelslim")
    args = parser.parse_args()
    options = ["--served-model-name", "m", "--api-key", "secret", "--max-model-len", "1024"]
    options += ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    with serve(args.binary, args.folder, *options) as (_, port):
        url = f"http://127.0.0.1:{port}/v1"
        client = openai.OpenAI(base_url=url, api_key="secret", max_retries=0)
        assert [model.id for model in client.models.list()] == ["m"]
        check_completions(client)
        check_chat(client)
        check_tools(client)
        check_errors(client, url)
    print("the client is content")


if __name__ == "__main__":
    main()
