// What each test has: a server with some accounts, a line to it, and pages of a browser that must stay free of errors.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { after, before, test as anyTest } from "node:test";
import { Line } from "./line.mjs";
import { Server } from "./server.mjs";

const target = process.env.TARGET ?? "target";
const { chromium } = createRequire(resolve(target, "web/node/from.js"))("playwright-core");
const SHOTS = join(target, "web-shots");
/** A test that waits longer for something, or takes longer, waits for what does not come. */
const PATIENCE = 20_000, LONGEST = 60_000;

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

export const test = (name, run) => anyTest(name, { timeout: LONGEST }, run);

export const stage = {
  /** The page's address, by way of the line. */
  url: (path) => `http://127.0.0.1:${stage.line.port}${path}`,

  /** A page as somebody sees it; it is closed, and its errors are judged, after the test. */
  async page(t, options = {}) {
    const context = await stage.browser.newContext({ locale: "en-US", acceptDownloads: true, ...DESKTOP, ...options });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.wrong = [];
    page.on("pageerror", (error) => page.wrong.push(`error: ${error.stack ?? error}`));
    page.on("console", (message) => {
      const text = message.text();
      // The browser reports each refused or broken request, too.
      if (message.type() === "error" && !text.startsWith("Failed to load resource")) page.wrong.push(text);
    });
    page.on("dialog", (dialog) => {
      if (dialog.type() !== "beforeunload") page.wrong.push(`a script ran: ${dialog.message()}`);
      dialog.accept();
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(stage.url("")) && !request.url().startsWith("data:")) page.wrong.push(`elsewhere: ${request.url()}`);
    });
    t.after(async () => {
      await context.close();
      assert.deepEqual(page.wrong, []);
    });
    return page;
  },

  /** The same, logged in. */
  async loggedIn(t, path = "/", options = {}, user = "bob") {
    const page = await stage.page(t, options);
    await page.goto(stage.url(`/~ftpd/login?next=${path}`));
    await logIn(page, user);
    await ready(page);
    return page;
  },

  async shot(page, name) {
    mkdirSync(SHOTS, { recursive: true });
    await page.screenshot({ path: join(SHOTS, `${name}.png`) });
  },
};

before(async () => {
  stage.server = await Server.start();
  stage.line = await Line.to(stage.server.port);
  stage.browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu"],
  });
});

after(async () => {
  await stage.browser?.close();
  stage.line?.close();
  await stage.server?.stop();
});

export async function logIn(page, user = "bob", password = "secret") {
  await page.fill("[name=user]", user);
  await page.fill("[name=password]", password);
  await page.click("form.login button");
}

/** The script has done its part of the page. */
export const ready = (page) => page.waitForSelector("#list.ready", { state: "attached" });

/** The row of an entry, by the name that is shown. */
export const row = (page, name) => page.locator("#list tbody tr").filter({ has: page.locator("bdi").getByText(name, { exact: true }) });

export const names = (page) => page.locator("#list tbody tr:visible td.name bdi").allTextContents();

export async function chosen(page, ...chosenNames) {
  for (const name of chosenNames) await row(page, name).locator("td.check input").check();
}

/** Files that the user chooses: by a button of the page. */
export async function upload(page, button, ...files) {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.locator(button).click()]);
  await chooser.setFiles(files);
}

/** The item of an upload in the queue. */
export const item = (page, name) => page.locator("#queue li").filter({ hasText: name });

/** What the page tells at its foot, once it tells that. */
export const told = (page, text) => page.locator("#status").filter({ hasText: text }).waitFor();
