// A real Chromium without a window, led line by line: a JSON command on standard input, a JSON answer on standard output.
// `browser.mjs MODULES CHROMIUM OPTIONS`; every wait is for a condition, and ends after ten seconds with what was there.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modules, executablePath, options] = process.argv.slice(2);
const { chromium } = createRequire(pathToFileURL(modules + "/"))("playwright-core");

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const context = await browser.newContext(JSON.parse(options));
context.setDefaultTimeout(10_000);
const page = await context.newPage();

let loads = 0;
const complaints = [];
page.on("framenavigated", (frame) => { if (frame === page.mainFrame()) loads += 1; });
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => {
  // That the page itself came with an error status is for the test to ask; of its parts none may be missing.
  if (message.type() === "error" && message.location().url !== page.url()) complaints.push(message.text());
});

const visible = (text) => page.getByText(text).filter({ visible: true }).first();
const deeds = {
  open: async ({ url }) => (await page.goto(url)).status(),
  fill: async ({ label, text }) => page.getByLabel(label).fill(text),
  // Waits for what the press leads to, whether or not that is another page.
  press: async ({ button }) => page.getByRole("button", { name: button, exact: true }).click(),
  follow: async ({ text }) => page.getByRole("link", { name: text }).first().click(),
  sees: async ({ text }) => visible(text).waitFor(),
  lacks: async ({ text }) => visible(text).waitFor({ state: "hidden" }),
  forge: async ({ field, value }) => page.locator(`input[name="${field}"]`).evaluateAll(
    (fields, forged) => { for (const field of fields) field.value = forged; }, value),
  text: async () => page.locator("body").innerText(),
  // How far the page reaches beyond the window's right edge.
  overflow: async () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  loads: async () => loads,
  complaints: async () => complaints,
};

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    console.log(JSON.stringify({ done: (await deeds[command.do](command)) ?? null }));
  } catch (error) {
    const there = await page.locator("body").innerText().catch(() => "");
    console.log(JSON.stringify({ failed: `${error.message}\n--- ${page.url()} shows:\n${there}` }));
  }
}
await browser.close();
