import { load, saw, serve, signal } from "./base.mjs";

const { Octokit } = await load("octokit");
const connect = (order) => new Octokit({ baseUrl: order.url, auth: order.key });
await serve(connect, async (client, order) => {
  const answer = await client.rest.issues.create({ owner: "acme", repo: "shop", title: order.marker, request: signal(order) });
  return saw(answer.data.title, { status: answer.status });
});
