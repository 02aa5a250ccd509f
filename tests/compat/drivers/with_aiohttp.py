import aiohttp
from base import saw, serve_async


def connect(order):
    options = {} if order.timeout is None else {"timeout": aiohttp.ClientTimeout(total=order.timeout)}
    return aiohttp.ClientSession(headers={"Holdshort-Key": order.key}, **options)


async def call(session, order):
    async with session.post(f"{order.url}/orders", json={"item": order.marker}) as answer:
        return saw(await answer.text(), status=answer.status)


serve_async(connect, call)
