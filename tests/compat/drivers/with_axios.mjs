import { load, saw, serve } from "./base.mjs";

const { default: axios } = await load("axios");
const connect = (order) => axios.create({ baseURL: order.url, headers: { "holdshort-key": order.key }, timeout: order.timeout === null ? 0 : order.timeout * 1000 });
await serve(connect, async (client, order) => {
  const answer = await client.post("/orders", { item: order.marker });
  return saw(answer.data.item, { status: answer.status });
});
