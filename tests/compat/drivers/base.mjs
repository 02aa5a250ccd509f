// What every driver for Node shares; see base.py for the orders. Packages come from the folder named on the command line.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[2] + "/"));

/** A package of that folder. */
export const load = (name) => import(pathToFileURL(require.resolve(name)).href);

/** What a call that threw nothing came to. */
export const saw = (text, { status = null, isError = false } = {}) => ({ text: String(text), status, error: isError ? "isError" : null });

/** What a client that takes a signal is given. */
export const signal = (order) => (order.timeout === null ? {} : { signal: AbortSignal.timeout(order.timeout * 1000) });

function thrown(error) {
  const status = error.status ?? error.statusCode ?? error.response?.status ?? error.data?.status ?? null;
  // `fetch failed` says why in its cause.
  const cause = error.cause?.code ? ` (${error.cause.code})` : "";
  // axios keeps the answer beside the message.
  const body = error.response?.data;
  const beside = body === undefined ? "" : ` ${typeof body === "string" ? body : JSON.stringify(body)}`;
  return { text: error.message + cause + beside, status: Number.isInteger(status) ? status : null, error: error.type?.startsWith("Stripe") ? error.type : error.constructor.name };
}

/** `connect(order)` makes the client, once per url; `call(client, order)` makes one call. */
export async function serve(connect, call) {
  let url, client;
  console.log(JSON.stringify({ ready: true }));
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    const began = performance.now();
    let seen;
    try {
      if (order.url !== url) [url, client] = [order.url, await connect(order)];
      seen = order.marker === null ? saw("connected") : await call(client, order);
    } catch (error) {
      seen = thrown(error);
    }
    console.log(JSON.stringify({ ...seen, seconds: Math.round((performance.now() - began) / 100) / 10 }));
  }
  process.exit(0);
}
