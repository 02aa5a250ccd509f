import { load, saw, serve } from "./base.mjs";

const { default: Stripe } = await load("stripe");
const connect = (order) => {
  const { hostname, port } = new URL(order.url);
  return new Stripe("sk_test_not_needed_here", { host: hostname, port, protocol: "http", ...(order.timeout === null ? {} : { timeout: order.timeout * 1000 }) });
};
await serve(connect, async (client, order) => {
  const options = order.idempotency_key === null ? {} : { idempotencyKey: order.idempotency_key };
  return saw((await client.refunds.create({ charge: order.marker }, options)).charge);
});
