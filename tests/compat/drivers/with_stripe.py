import stripe
from base import saw, serve


def connect(order):
    options = {} if order.timeout is None else {"http_client": stripe.RequestsClient(timeout=order.timeout)}
    return stripe.StripeClient(order.key, base_addresses={"api": order.url}, **options)


def call(client, order):
    options = {} if order.idempotency_key is None else {"idempotency_key": order.idempotency_key}
    answer = client.v1.refunds.create({"charge": order.marker}, options)
    return saw(answer.charge)


serve(connect, call)
