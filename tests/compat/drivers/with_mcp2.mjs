import { load, saw, serve } from "./base.mjs";

// With `auto` as the second word it asks for the newest revision that the server speaks, else it stays with its default.
const negotiation = process.argv[3] === "auto" ? { versionNegotiation: { mode: "auto" } } : {};
const { Client, StreamableHTTPClientTransport } = await load("@modelcontextprotocol/client");
const connect = async (order) => {
  const client = new Client({ name: "compat", version: "1.0.0" }, negotiation);
  await client.connect(new StreamableHTTPClientTransport(new URL(order.url), { requestInit: { headers: { "holdshort-key": order.key } } }));
  return client;
};
await serve(connect, async (client, order) => {
  const options = order.timeout === null ? {} : { timeout: order.timeout * 1000 };
  const result = await client.callTool({ name: "echo", arguments: { message: order.marker } }, options);
  return saw(result.content[0].text, { isError: result.isError });
});
