import { load, saw, serve } from "./base.mjs";

const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = await load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const connect = async (order) => {
  const client = new Client({ name: "compat", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(order.url), { requestInit: { headers: { "holdshort-key": order.key } } }));
  return client;
};
await serve(connect, async (client, order) => {
  const options = order.timeout === null ? {} : { timeout: order.timeout * 1000 };
  const result = await client.callTool({ name: "echo", arguments: { message: order.marker } }, undefined, options);
  return saw(result.content[0].text, { isError: result.isError });
});
