import anthropic
from base import saw, serve


def connect(order):
    options = {} if order.timeout is None else {"timeout": order.timeout}
    return anthropic.Anthropic(base_url=order.url, api_key=order.key, **options)


def call(client, order):
    messages = [{"role": "user", "content": order.marker}]
    answer = client.messages.create(model="claude-sonnet-4-5", max_tokens=16, messages=messages)
    return saw(answer.content[0].text)


serve(connect, call)
