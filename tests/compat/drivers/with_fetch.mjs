import { saw, serve, signal } from "./base.mjs";

await serve(() => null, async (_, order) => {
  const answer = await fetch(`${order.url}/orders`, {
    method: "POST",
    headers: { "content-type": "application/json", "holdshort-key": order.key },
    body: JSON.stringify({ item: order.marker }),
    ...signal(order),
  });
  return saw(await answer.text(), { status: answer.status });
});
