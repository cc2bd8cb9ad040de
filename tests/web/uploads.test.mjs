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
  server.make("Holiday/Mountains");
  server.make("Holiday/海边");
  for (const [name, bytes] of [["2026-08-14 lake.jpg", 2_345_678], ["map.pdf", 765_432], ["song.mp3", 4_567_890]]) {
    server.write(`Holiday/${name}`, Buffer.alloc(bytes));
  }
  const { path, content } = file("film.mp4", LARGE);
  const page = await stage.loggedIn(t, "/Holiday/", { viewport: { width: 960, height: 560 } });
  const went = offsets(page);
  const held = line.hold(16 * MIB);
  await upload(page, "#choose", path);
  await held;
  const film = item(page, "film.mp4");
  await page.waitForFunction(() => document.querySelector("#queue progress")?.value > 8 * 1024 * 1024);
  assert.match(await film.locator("small").textContent(), /MB of 32 MB · .*MB\/s · .* left/);
  assert.match(await page.title(), /^\d+ % – Holiday$/);
  await stage.shot(page, "uploading");
  line.cut();
  await film.getByText("The connection was lost. Trying again in").waitFor();
  line.mend();
  await film.getByText("uploaded").waitFor();
  assert.deepEqual(server.read("Holiday/film.mp4"), content);
  assert.equal(went[0], 0);
  assert.ok(went.at(-1) > 4 * MIB, `it went on at ${went}`);
  await row(page, "film.mp4").waitFor();
  assert.deepEqual(await names(page), ["Mountains", "海边", "2026-08-14 lake.jpg", "film.mp4", "map.pdf", "song.mp3"]);
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

/** The names in the queue, from above. */
const queued = (page) => page.locator("#queue li bdi").allTextContents();

const hasFocus = (page, label) => page.waitForFunction((expected) =>
  (document.activeElement.ariaLabel ?? document.activeElement.textContent) === expected, label);

test("an upload that stands still has no speed, and no time left", async (t) => {
  const { server, line } = stage;
  server.make("still");
  const page = await stage.loggedIn(t, "/still/");
  const held = line.hold(8 * MIB);
  await upload(page, "#choose", file("still.bin", LARGE).path);
  await held;
  await item(page, "still.bin").getByText("MB/s").waitFor();
  await item(page, "still.bin").getByText(/ · 0 B\/s$/).waitFor();
  assert.doesNotMatch(await page.locator("#queue h2").textContent(), /left/);
  assert.match(await page.locator("#queue h2").textContent(), /0 B\/s/);
  line.release();
  await item(page, "still.bin").getByText("uploaded").waitFor();
});

test("the keyboard's focus stays where the user works", async (t) => {
  const { server, line } = stage;
  server.make("focus");
  const page = await stage.loggedIn(t, "/focus/");
  const held = line.hold(6 * MIB);
  await upload(page, "#choose", ...["a.bin", "b.bin", "c.bin"].map((name) => file(name, LARGE).path));
  await held;
  await item(page, "c.bin").locator("[data-press=pause]").focus();
  await page.keyboard.press("Enter");
  await hasFocus(page, "Go on: c.bin");
  await page.keyboard.press("Enter");
  await hasFocus(page, "Pause: c.bin");
  await page.keyboard.press("Tab");
  await hasFocus(page, "Cancel: c.bin");
  await page.keyboard.press("Enter");
  await hasFocus(page, "Pause: b.bin");
  await page.getByRole("button", { name: "Pause all" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("#queue li.paused").nth(1).waitFor();
  await hasFocus(page, "Go on");
  line.release();
  for (const name of ["a.bin", "b.bin"]) await item(page, name).locator("[data-press=cancel]").click();
  await page.locator("#queue").waitFor({ state: "hidden" });
  await hasFocus(page, "Upload files");
});

const SHOWN = { "desktop": {}, "phone-dark-chinese": { ...PHONE, locale: "zh-CN", colorScheme: "dark" } };
for (const [look, options] of Object.entries(SHOWN)) {
  test(`what moves is above what is done, which is only counted if it is much: ${look}`, async (t) => {
    const { server, line } = stage;
    const folder = `order-${look}`;
    server.make(folder);
    const page = await stage.loggedIn(t, `/${folder}/`, options);
    const held = line.hold(6 * MIB);
    const small = [1, 2, 3].map((index) => file(`small ${index}.txt`, 100).path);
    const denied = { status: 403, contentType: "application/json", body: JSON.stringify({ error: "You may not do that." }) };
    await page.route("**/denied.txt", (route) => route.request().method() === "PUT" ? route.fulfill(denied) : route.continue());
    await upload(page, "#choose", ...small, file("denied.txt", 100).path, file("large.bin", LARGE).path);
    await held;
    await page.waitForFunction(() => document.querySelectorAll("#queue li.done").length === 3);
    await item(page, "large.bin").locator("[data-press=pause]").waitFor();
    await page.locator("#queue li.failed").waitFor();
    await stage.shot(page, `queue-${look}`);
    assert.deepEqual(await queued(page), ["large.bin", "denied.txt", "small 1.txt", "small 2.txt", "small 3.txt"]);
    const why = await page.locator("#queue li.failed small").textContent();
    assert.match(why, look === "desktop" ? /Not allowed: You may not do that\.$/ : /没有权限：You may not do that\.$/);
    await upload(page, "#choose", ...Array.from({ length: 9 }, (_, index) => file(`more ${index}.txt`, 100).path));
    await page.locator("#queue h2").getByText(look === "desktop" ? "12 of 14 uploaded" : "已上传 12 / 14").waitFor();
    assert.deepEqual(await queued(page), ["large.bin", "denied.txt"]);
    await stage.shot(page, `queue-much-${look}`);
    line.release();
    await page.locator("#queue h2").getByText(look === "desktop" ? "13 of 14 uploaded" : "已上传 13 / 14").waitFor();
  });
}

test("a second file of one name is told, and the first one is uploaded", async (t) => {
  const { server } = stage;
  server.make("twice");
  mkdirSync(join(own, "other"), { recursive: true });
  const first = file("twice.txt", 1000), second = file("other/twice.txt", 2000);
  const page = await stage.loggedIn(t, "/twice/");
  await upload(page, "#choose", first.path, second.path);
  await told(page, "twice.txt is being uploaded already, and this is another file of that name.");
  await item(page, "twice.txt").getByText("uploaded").waitFor();
  assert.deepEqual(server.read("twice/twice.txt"), first.content);
});

test("a large folder arrives whole, with names of any kind", async (t) => {
  const { server } = stage;
  server.make("pics (1)");
  const odd = ["100% #1?.txt", "back\\slash.txt", "it's (2)!*.txt", "%2e%2e", "~tilde ü 中.txt"];
  mkdirSync(join(own, "big (1)"), { recursive: true });
  const plain = Array.from({ length: 250 }, (_, index) => `${index}.txt`);
  for (const name of [...odd, ...plain]) file(`big (1)/${name}`, 10);
  const page = await stage.loggedIn(t, "/pics (1)/");
  await drop(page, join(own, "big (1)"));
  await told(page, "255 uploaded.");
  assert.deepEqual(server.names("pics (1)/big (1)"), [...odd, ...plain].sort());
});

test("an unfinished upload is known again in a folder with brackets in its name", async (t) => {
  const { server, line } = stage;
  server.make("copy");
  mkdirSync(join(own, "copy (1)"), { recursive: true });
  const { path, content } = file("copy (1)/long.bin", LARGE);
  const page = await stage.loggedIn(t, "/copy/");
  const held = line.hold(12 * MIB);
  await drop(page, join(own, "copy (1)"));
  await held;
  await page.waitForFunction(() => document.querySelector("#queue progress")?.value > 4 * 1024 * 1024);
  await page.reload();
  line.release();
  await page.goto(stage.url("/copy/"));
  await row(page, "copy (1)").locator("td.name a").click();
  await item(page, "long.bin").getByText("Choose the same file again").waitFor();
  await upload(page, "#queue [data-press=choose_file]", path);
  await item(page, "long.bin").getByText("uploaded").waitFor();
  assert.deepEqual(server.read("copy/copy (1)/long.bin"), content);
});

test("a folder is made again that was dropped before and is gone", async (t) => {
  const { server } = stage;
  server.make("hollow");
  mkdirSync(join(own, "empty"), { recursive: true });
  const page = await stage.loggedIn(t, "/hollow/");
  const made = () => page.waitForResponse((response) => response.request().method() === "MKCOL" && response.status() === 201);
  for (let round = 0; round < 2; round++) {
    const answer = made();
    await drop(page, join(own, "empty"));
    await answer;
    assert.deepEqual(server.names("hollow"), ["empty"]);
    await row(page, "empty").waitFor();
    rmSync(server.path("hollow/empty"), { recursive: true });
  }
});

test("a file that changes while it is uploaded is no lost connection", async (t) => {
  const { server, line } = stage;
  server.make("changing");
  const { path } = file("changing.bin", LARGE);
  const page = await stage.loggedIn(t, "/changing/");
  const held = line.hold(8 * MIB);
  await upload(page, "#choose", path);
  await held;
  writeFileSync(path, "something else");
  line.cut();
  line.mend();
  await item(page, "changing.bin").getByText("This file can't be read.").waitFor();
});

test("a busy server is asked again", async (t) => {
  const { server } = stage;
  server.make("busy");
  const page = await stage.loggedIn(t, "/busy/");
  const full = { status: 503, headers: { "Retry-After": "1" }, contentType: "application/json", body: JSON.stringify({ error: "Too many connections." }) };
  let times = 0;
  await page.route("**/busy.bin?upload", (route) => route.request().method() === "PATCH" && times++ < 2 ? route.fulfill(full) : route.continue());
  const { path, content } = file("busy.bin", MIB);
  await upload(page, "#choose", path);
  await item(page, "busy.bin").getByText("Busy: Too many connections. Trying again in").waitFor();
  await item(page, "busy.bin").getByText("uploaded").waitFor();
  assert.deepEqual(server.read("busy/busy.bin"), content);
});

test("who does not log in again is asked once, and the uploads wait", async (t) => {
  const { server, line } = stage;
  server.make("once");
  const page = await stage.loggedIn(t, "/once/");
  const files = ["1.bin", "2.bin", "3.bin", "4.bin", "5.bin"].map((name) => file(`once ${name}`, LARGE).path);
  const held = line.hold(4 * MIB);
  await upload(page, "#choose", ...files);
  await held;
  await page.context().clearCookies();
  line.cut();
  line.mend();
  await page.locator("dialog").getByText("Your session is over.").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.locator("#queue li.paused").nth(4).waitFor();
  assert.equal(await page.locator("dialog").count(), 0);
});

test("folders open beside an upload that is paused, and it goes on", async (t) => {
  const { server, line } = stage;
  server.make("beside/inside");
  const { path, content } = file("beside.bin", LARGE);
  const page = await stage.loggedIn(t, "/beside/");
  const held = line.hold(8 * MIB);
  await upload(page, "#choose", path);
  await held;
  await item(page, "beside.bin").locator("[data-press=pause]").click();
  line.release();
  await item(page, "beside.bin").getByText("paused").waitFor();
  await row(page, "inside").locator("td.name a").click();
  await page.locator(".crumbs [aria-current]").getByText("inside").waitFor();
  await item(page, "beside.bin").locator("[data-press=go_on]").click();
  await item(page, "beside.bin").getByText("uploaded").waitFor();
  assert.deepEqual(server.read("beside/beside.bin"), content);
});

test("folders that are opened one after the other are shown in that order", async (t) => {
  const { server, line } = stage;
  server.make("turns/slow");
  const page = await stage.loggedIn(t, "/turns/");
  const held = line.hold(8 * MIB);
  await upload(page, "#choose", file("turns.bin", LARGE).path);
  await held;
  // The answer for the first folder could come after that for the second.
  let letGo;
  await page.route("**/turns/slow/", async (route) => {
    await new Promise((resolve) => { letGo = resolve; });
    await route.continue();
  });
  const slow = page.waitForRequest("**/turns/slow/");
  await row(page, "slow").locator("td.name a").click();
  await slow;
  await page.locator(".crumbs a").first().click();
  // Time for the second one to overtake.
  await page.waitForTimeout(500);
  const came = page.waitForResponse("**/turns/slow/");
  letGo();
  await came;
  await row(page, "turns").waitFor();
  await page.waitForTimeout(500);
  assert.equal(await page.locator(".crumbs [aria-current]").getAttribute("href"), "/");
  assert.equal(new URL(page.url()).pathname, "/");
  line.release();
});
