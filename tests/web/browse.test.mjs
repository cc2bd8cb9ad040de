// Looking, without and with the script.

import assert from "node:assert/strict";
import { logIn, names, PHONE, ready, row, stage, test } from "./stage.mjs";
import { Server } from "./server.mjs";

function fill(folder) {
  const { server } = stage;
  server.make(`${folder}/beta`);
  server.make(`${folder}/Alpha`);
  server.write(`${folder}/10.txt`, "0123456789");
  server.write(`${folder}/9.txt`, "123456789".repeat(1000));
  server.write(`${folder}/中文.txt`, "你好");
}

test("without the script, links browse, sort and download", async (t) => {
  fill("plain");
  const page = await stage.page(t, { javaScriptEnabled: false });
  await page.goto(stage.url("/"));
  await row(page, "plain").locator("td.name a").click();
  assert.equal(await page.title(), "plain");
  assert.deepEqual((await names(page)).slice(0, 2).map((name) => name.toLowerCase()), ["alpha", "beta"]);
  await page.click("th.size a");
  assert.deepEqual((await names(page)).slice(2), ["中文.txt", "10.txt", "9.txt"]);
  await page.click("th.size a");
  assert.deepEqual((await names(page)).slice(2), ["9.txt", "10.txt", "中文.txt"]);
  const [download] = await Promise.all([page.waitForEvent("download"), row(page, "10.txt").locator("td.get a").click()]);
  assert.equal(download.suggestedFilename(), "10.txt");
  await row(page, "中文.txt").locator("td.name a").click();
  assert.equal(await page.locator("body").innerText(), "你好");
  await page.goBack();
  await page.locator(".crumbs a").first().click();
  assert.equal(new URL(page.url()).pathname, "/");
  // What needs the script is not shown.
  assert.equal(await page.locator("#filter").isVisible(), false);
  await stage.shot(page, "without-script");
});

test("without the script, a form logs in and out", async (t) => {
  const page = await stage.page(t, { javaScriptEnabled: false });
  await page.goto(stage.url("/"));
  await page.getByText("Log in").click();
  await logIn(page, "bob", "wrong");
  await page.locator(".refused").waitFor();
  await stage.shot(page, "login-refused");
  await logIn(page);
  await page.getByText("bob").waitFor();
  await page.getByText("Log out").click();
  await page.locator("p.visitor").getByText("Log in").waitFor();
});

test("with the script, rows are sorted and filtered where they are", async (t) => {
  fill("quick");
  const page = await stage.page(t);
  await page.goto(stage.url("/quick/"));
  await ready(page);
  const requests = [];
  // A browser may ask for the icon again when the address changes.
  page.on("request", (request) => { if (!request.url().endsWith(".svg")) requests.push(request.url()); });
  await page.click("th.name a");
  assert.deepEqual(await names(page), ["beta", "Alpha", "中文.txt", "10.txt", "9.txt"]);
  await page.click("th.name a");
  assert.deepEqual(await names(page), ["Alpha", "beta", "9.txt", "10.txt", "中文.txt"]);
  assert.equal(await page.getAttribute("th.name", "aria-sort"), "ascending");
  await page.fill("#filter", "TXT 1");
  assert.deepEqual(await names(page), ["10.txt"]);
  assert.deepEqual(requests, []);
  await page.reload();
  assert.match(page.url(), /\?sort=name&order=asc$/);
});

test("only what the letters allow is offered", async (t) => {
  fill("letters");
  const page = await stage.page(t);
  await page.goto(stage.url("/letters/"));
  await ready(page);
  for (const tool of ["#choose", "#choose-folder", "#make-folder", "td.check"]) assert.equal(await page.locator(tool).count(), 0, tool);
  const eve = await stage.loggedIn(t, "/letters/", {}, "eve");
  assert.equal(await eve.locator("#choose").isVisible(), true);
  for (const tool of ["#choose-folder", "#make-folder", "td.check"]) assert.equal(await eve.locator(tool).count(), 0, tool);
  const bob = await stage.loggedIn(t, "/letters/");
  for (const tool of ["#choose", "#choose-folder", "#make-folder"]) assert.equal(await bob.locator(tool).isVisible(), true, tool);
});

test("the language is the browser's", async (t) => {
  fill("languages");
  const page = await stage.loggedIn(t, "/languages/", { locale: "zh-CN", ...PHONE });
  assert.equal(await page.getAttribute("html", "lang"), "zh-Hans");
  await page.getByRole("button", { name: "上传文件", exact: true }).waitFor();
  await page.fill("#filter", "10");
  await page.getByText("显示 1 项，共 5 项").waitFor();
  await stage.shot(page, "chinese");
});

test("the address of the page is there as a QR code", async (t) => {
  const page = await stage.page(t);
  await page.goto(stage.url("/"));
  await ready(page);
  await page.click("#qr");
  const picture = page.locator("dialog img");
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector("dialog img").naturalWidth > 0);
  await stage.shot(page, "qr");
  await page.keyboard.press("Escape");
  await picture.waitFor({ state: "detached" });
});

test("a folder that anonymous alone reads offers no login", async (t) => {
  const alone = await Server.start({ isFolderAlone: true });
  t.after(() => alone.stop());
  alone.write("file.txt", "x");
  const context = await stage.browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  for (const path of ["/", "/missing"]) {
    await page.goto(`http://127.0.0.1:${alone.port}${path}`);
    assert.equal(await page.getByText("Log in").count(), 0, path);
  }
  await page.goto(stage.url("/"));
  assert.equal(await page.getByText("Log in").count(), 1);
});

test("a filter without a hit says so", async (t) => {
  fill("no-hit");
  for (const [name, text, options] of [["no-hit", "Nothing matches.", {}], ["no-hit-chinese", "没有匹配的项目。", { locale: "zh-CN", colorScheme: "dark", ...PHONE }]]) {
    const page = await stage.loggedIn(t, "/no-hit/", options);
    await page.fill("#filter", "nowhere");
    await page.locator("main .empty").getByText(text).waitFor();
    await page.getByRole("status").getByText(text).waitFor();
    assert.equal(await page.locator("#list").isVisible(), false);
    await stage.shot(page, name);
    await page.fill("#filter", "10");
    assert.deepEqual(await names(page), ["10.txt"]);
    assert.equal(await page.locator("main .empty").isVisible(), false);
  }
});

test("a browser that keeps nothing can do everything", async (t) => {
  fill("forgetful");
  const page = await stage.loggedIn(t, "/forgetful/");
  await page.addInitScript(() => Object.defineProperty(window, "localStorage", { get() { throw new DOMException("no", "SecurityError"); } }));
  await page.reload();
  await page.fill("#filter", "10");
  assert.deepEqual(await names(page), ["10.txt"]);
  await page.fill("#filter", "");
  await page.click("#make-folder");
  await page.fill("dialog input", "made");
  await page.keyboard.press("Enter");
  await row(page, "made").waitFor();
});
