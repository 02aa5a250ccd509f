import requests
from base import saw, serve


def call(session, order):
    answer = session.post(f"{order.url}/orders", json={"item": order.marker}, headers={"Holdshort-Key": order.key},
                          timeout=order.timeout)
    return saw(answer.text, status=answer.status_code)


serve(lambda order: requests.Session(), call)
