import { load, saw, serve } from "./base.mjs";

const { OpenAI } = await load("openai");
const connect = (order) => new OpenAI({ baseURL: `${order.url}/v1`, apiKey: order.key, ...(order.timeout === null ? {} : { timeout: order.timeout * 1000 }) });
await serve(connect, async (client, order) => {
  const answer = await client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: order.marker }] });
  return saw(answer.choices[0].message.content);
});
