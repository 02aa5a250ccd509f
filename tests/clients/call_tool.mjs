// An unchanged program on the MCP TypeScript SDK: calls a tool. Only the URL says that there is a gate.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, url, name, args, transport = "http"] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + "/"));
const load = async (path) => import(pathToFileURL(require.resolve("@modelcontextprotocol/sdk/" + path)).href);
const { Client } = await load("client/index.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");
const { SSEClientTransport } = await load("client/sse.js");

const client = new Client({ name: "compat", version: "1.0.0" });
const Transport = transport === "sse" ? SSEClientTransport : StreamableHTTPClientTransport;
await client.connect(new Transport(new URL(url)));
const { tools } = await client.listTools();
console.log("tools", tools.map((tool) => tool.name).includes(name));
const result = await client.callTool({ name, arguments: JSON.parse(args) });
console.log(result.isError ? "error" : "result", JSON.stringify(result.content));
await client.close();
process.exit(0);
