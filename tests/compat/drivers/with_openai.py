import openai
from base import saw, serve


def connect(order):
    options = {} if order.timeout is None else {"timeout": order.timeout}
    return openai.OpenAI(base_url=f"{order.url}/v1", api_key=order.key, **options)


def call(client, order):
    messages = [{"role": "user", "content": order.marker}]
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return saw(answer.choices[0].message.content)


serve(connect, call)
