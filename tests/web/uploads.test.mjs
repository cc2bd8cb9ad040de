// Uploads: their progress, their breaks, and how they go on.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { item, logIn, names, PHONE, row, stage, test, told, upload } from "./stage.mjs";

/** What the user has on their own disk. */
const own = mkdtempSync(join(tmpdir(), "ftpd-web-own-"));
after(() => rmSync(own, { recursive: true }));

/** A file of the user's, in which each part tells where it belongs. */
function file(name, bytes) {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeUInt32BE(at, at);
  const path = join(own, name);
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  return { path, content };
}

const MIB = 1024 * 1024;
/** More than all buffers on the way hold. */
const LARGE = 32 * MIB;

/** The offsets at which the page goes on with uploads. */
function offsets(page) {
  const found = [];
  page.on("request", (request) => {
    if (request.method() === "PATCH") found.push(Number(request.headers()["upload-offset"]));
  });
  return found;
}

/** Drops files and folders of the user's on the page, as a hand does. */
async function drop(page, ...paths) {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await devtools.send("Input.dispatchDragEvent", { type, x: 300, y: 400, data });
    if (type === "dragOver") {
      await page.waitForSelector("body.drop");
      await stage.shot(page, "drop");
    }
  }
}

test("a folder that is dropped arrives with all that is in it", async (t) => {
  const { server } = stage;
  server.make("dropped");
  mkdirSync(join(own, "tree/deep/中文"), { recursive: true });
  mkdirSync(join(own, "tree/empty"));
  const contents = {};
  for (const name of ["tree/a.txt", "tree/deep/b.bin", "tree/deep/中文/c %.txt"]) contents[name] = file(name, 1000).content;
  contents["tree/deep/large.bin"] = file("tree/deep/large.bin", MIB).content;
  const page = await stage.loggedIn(t, "/dropped/");
  await drop(page, join(own, "tree"));
  await told(page, "4 uploaded.");
  assert.equal(await page.locator("body.drop").count(), 0);
  await row(page, "tree").waitFor();
  for (const [name, content] of Object.entries(contents)) assert.deepEqual(server.read(`dropped/${name}`), content, name);
  assert.deepEqual(server.names("dropped/tree"), ["a.txt", "deep", "empty"]);
});

test("progress is shown, and an upload that the network cuts goes on where it was", async (t) => {
  const { server, line } = stage;
  server.make("cut");
  const { path, content } = file("film.bin", LARGE);
  const page = await stage.loggedIn(t, "/cut/");
  const went = offsets(page);
  const held = line.hold(16 * MIB);
  await upload(page, "#choose", path);
  await held;
  const film = item(page, "film.bin");
  await page.waitForFunction(() => document.querySelector("#queue progress")?.value > 8 * 1024 * 1024);
  assert.match(await film.locator("small").textContent(), /MB of 32 MB · .*MB\/s · .* left/);
  assert.match(await page.title(), /^\d+ % – cut$/);
  await stage.shot(page, "uploading");
  line.cut();
  await film.getByText("The connection was lost. Trying again in").waitFor();
  line.mend();
  await film.getByText("uploaded").waitFor();
  assert.deepEqual(server.read("cut/film.bin"), content);
  assert.equal(went[0], 0);
  assert.ok(went.at(-1) > 4 * MIB, `it went on at ${went}`);
  await row(page, "film.bin").waitFor();
  assert.deepEqual(await names(page), ["film.bin"]);
});

test("after the page is loaded again, the same file goes on where it was", async (t) => {
  const { server, line } = stage;
  server.make("again");
  server.write("again/long.bin", "the old one stays until the new one is whole");
  const { path, content } = file("long.bin", LARGE);
  const page = await stage.loggedIn(t, "/again/");
  const held = line.hold(16 * MIB);
  await upload(page, "#choose", path);
  await page.locator("dialog").getByText("44 B").waitFor();
  await page.getByRole("button", { name: "Replace" }).click();
  await held;
  await page.waitForFunction(() => document.querySelector("#queue progress")?.value > 8 * 1024 * 1024);
  await page.reload();
  line.release();
  const long = item(page, "long.bin");
  await long.getByText("Choose the same file again, and it goes on").waitFor();
  await stage.shot(page, "unfinished");
  const went = offsets(page);
  const other = file("other.bin", 1000);
  await upload(page, "#queue [data-press=choose_file]", other.path);
  await told(page, "That is another file: it must be long.bin with 32 MB");
  assert.deepEqual(went, []);
  await upload(page, "#queue [data-press=choose_file]", path);
  await long.getByText("uploaded").waitFor();
  assert.ok(went[0] > 4 * MIB, `it went on at ${went}`);
  assert.deepEqual(server.read("again/long.bin"), content);
});

test("uploads pause, go on and are cancelled", async (t) => {
  const { server, line } = stage;
  server.make("pause");
  const { path, content } = file("pause.bin", LARGE);
  const page = await stage.loggedIn(t, "/pause/");
  const went = offsets(page);
  const held = line.hold(12 * MIB);
  await upload(page, "#choose", path);
  await held;
  const pause = item(page, "pause.bin");
  await pause.locator("[data-press=pause]").click();
  await pause.getByText("paused").waitFor();
  line.release();
  await pause.locator("[data-press=go_on]").click();
  await pause.getByText("uploaded").waitFor();
  assert.deepEqual(server.read("pause/pause.bin"), content);
  assert.ok(went.at(-1) > 0, `it went on at ${went}`);

  const dropped = file("cancel.bin", LARGE);
  const heldAgain = line.hold(12 * MIB);
  await upload(page, "#choose", dropped.path);
  await heldAgain;
  const gone = page.waitForResponse((response) => response.request().method() === "DELETE" && response.status() === 204);
  await item(page, "cancel.bin").locator("[data-press=cancel]").click();
  line.release();
  await gone;
  await item(page, "cancel.bin").waitFor({ state: "detached" });
  assert.deepEqual(server.names("pause"), ["pause.bin"]);
  const asked = await page.evaluate(() => fetch("/pause/cancel.bin?upload", { method: "HEAD" }).then(({ status }) => status));
  assert.equal(asked, 404);
});

test("what is there is replaced only after a question", async (t) => {
  const { server } = stage;
  server.make("replace");
  const files = ["one.txt", "two.txt", "three.bin", "new.txt"].map((name) => file(name, name === "three.bin" ? MIB : 10));
  for (const name of ["one.txt", "two.txt", "three.bin"]) server.write(`replace/${name}`, "old");
  const page = await stage.loggedIn(t, "/replace/");
  await upload(page, "#choose", ...files.slice(0, 1).map(({ path }) => path));
  await page.getByText("Replace one.txt?").waitFor();
  const [old, fresh] = await page.locator("dialog dd").allTextContents();
  assert.match(old, /^3 B · 20/);
  assert.match(fresh, /^10 B · 2023-11-1/);
  await stage.shot(page, "replace");
  await page.getByRole("button", { name: "Skip" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await upload(page, "#choose", ...files.map(({ path }) => path));
  await page.getByText("Do the same for all others").click();
  await page.getByRole("button", { name: "Replace" }).click();
  await told(page, "4 uploaded.");
  for (const { path, content } of files) assert.deepEqual(server.read(`replace/${path.split("/").pop()}`), content);
  // The files keep the time that they have at their user's.
  const times = await page.locator("#list tbody tr").evaluateAll((rows) => rows.map((row) => row.dataset.time));
  assert.deepEqual(times, Array(4).fill("1700000000"));
});

test("an upload waits for a login when the session is over", async (t) => {
  const { server, line } = stage;
  server.make("over");
  const { path, content } = file("over.bin", LARGE);
  const page = await stage.loggedIn(t, "/over/");
  const held = line.hold(12 * MIB);
  await upload(page, "#choose", path);
  await held;
  // As another tab of this browser does it, or time.
  await page.context().clearCookies();
  line.cut();
  line.mend();
  await page.locator("dialog").getByText("Your session is over. Log in to go on.").waitFor();
  await stage.shot(page, "session-over");
  await page.locator("dialog input[type=password]").fill("secret");
  await page.keyboard.press("Enter");
  await item(page, "over.bin").getByText("uploaded").waitFor();
  assert.deepEqual(server.read("over/over.bin"), content);
});

test("folders can be opened meanwhile", async (t) => {
  const { server, line } = stage;
  server.make("meanwhile/inside");
  server.write("meanwhile/inside/file.txt", "x");
  const { path, content } = file("background.bin", LARGE);
  const page = await stage.loggedIn(t, "/meanwhile/", PHONE);
  const held = line.hold(12 * MIB);
  await upload(page, "#choose", path);
  await held;
  await row(page, "inside").locator("td.name a").click();
  await row(page, "file.txt").waitFor();
  assert.equal(new URL(page.url()).pathname, "/meanwhile/inside/");
  await stage.shot(page, "uploading-phone");
  line.release();
  await item(page, "background.bin").getByText("uploaded").waitFor();
  assert.deepEqual(server.read("meanwhile/background.bin"), content);
  await page.goBack();
  await row(page, "background.bin").waitFor();
});

test("an upload that is refused says why", async (t) => {
  const { server } = stage;
  server.make("refused");
  const { path } = file("refused.bin", LARGE);
  const page = await stage.loggedIn(t, "/refused/", {}, "eve");
  const full = { status: 507, contentType: "application/json", body: JSON.stringify({ error: "No space left." }) };
  await page.route("**/refused.bin", (route) => route.request().method() === "PUT" ? route.fulfill(full) : route.continue());
  await upload(page, "#choose", path);
  await item(page, "refused.bin").getByText("No space left.").waitFor();
  await told(page, "1 could not be uploaded.");
  await stage.shot(page, "failed");
});
