import httpx
from base import saw, serve


def connect(order):
    options = {} if order.timeout is None else {"timeout": order.timeout}
    return httpx.Client(headers={"Holdshort-Key": order.key}, **options)


def call(client, order):
    answer = client.post(f"{order.url}/orders", json={"item": order.marker})
    return saw(answer.text, status=answer.status_code)


serve(connect, call)
