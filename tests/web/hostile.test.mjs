// Names and files that would like to be a program.

import assert from "node:assert/strict";
import { chosen, names, row, stage, test } from "./stage.mjs";

const NAMES = {
  "<img src=x onerror=alert(1)>.txt": "<img src=x onerror=alert(1)>.txt",
  "\"onmouseover='alert(2)'.txt": "\"onmouseover='alert(2)'.txt",
  "&lt;b&gt;.txt": "&lt;b&gt;.txt",
  "{name}$&.txt": "{name}$&.txt",
  "invoice\u202Egpj.exe": "invoice⟨U+202E⟩gpj.exe",
  "\u2067right\u200F.txt": "⟨U+2067⟩right⟨U+200F⟩.txt",
  "javascript:alert(3)": "javascript:alert(3)",
};

test("names are text, in lists, questions and messages", async (t) => {
  const { server } = stage;
  server.make("odd");
  for (const name of Object.keys(NAMES)) server.write(`odd/${name}`, "x");
  const page = await stage.loggedIn(t, "/odd/");
  assert.deepEqual((await names(page)).sort(), Object.values(NAMES).sort());
  assert.equal(await page.locator("#list tbody img").count(), 0);
  await stage.shot(page, "hostile-names");
  await chosen(page, ...Object.values(NAMES));
  await page.click("#delete");
  assert.deepEqual((await page.locator("dialog li").allTextContents()).sort(), Object.values(NAMES).sort());
  assert.equal(await page.locator("dialog img").count(), 0);
  await page.keyboard.press("Escape");
  // Each is opened by its own address.
  for (const name of Object.values(NAMES).filter((name) => name.endsWith(".txt"))) {
    await row(page, name).locator("td.name a").click();
    assert.equal(await page.locator("body").innerText(), "x", name);
    await page.goBack();
  }
});

test("the script shows names of uploads by the same rules", async (t) => {
  const { server } = stage;
  server.make("odd-uploads");
  const page = await stage.loggedIn(t, "/odd-uploads/");
  const files = Object.keys(NAMES).map((name) => ({ name, mimeType: "text/plain", buffer: Buffer.from("x") }));
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click("#choose")]);
  await chooser.setFiles(files);
  await page.locator("#queue li.done").nth(files.length - 1).waitFor();
  assert.deepEqual((await page.locator("#queue li bdi").allTextContents()).sort(), Object.values(NAMES).sort());
  await page.waitForFunction((count) => document.querySelectorAll("#list tbody tr").length === count, files.length);
  assert.deepEqual((await names(page)).sort(), Object.values(NAMES).sort());
  assert.deepEqual(server.names("odd-uploads"), Object.keys(NAMES).sort());
});

test("files of users do not run", async (t) => {
  const { server } = stage;
  const script = "<script>alert(document.cookie)</script><img src=x onerror=alert(1)>";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script><text y="20">text</text></svg>`;
  server.make("running");
  server.write("running/page.html", `<!DOCTYPE html><title>x</title>${script}`);
  server.write("running/picture.svg", svg);
  server.write("running/page.xhtml", `<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>`);
  server.write("running/picture.png", `<!DOCTYPE html>${script}`);
  server.write("running/noextension", `<!DOCTYPE html>${script}`);
  const page = await stage.loggedIn(t, "/running/");
  for (const name of server.names("running")) {
    const download = page.waitForEvent("download", { timeout: 0 }).then(() => "saved", () => {});
    // Shown as text or as a broken picture, or saved: never as a page.
    const shown = page.goto(stage.url(`/running/${name}`)).then(() => "shown", () => download);
    if (await Promise.race([download, shown]) === "saved") continue;
    const state = await page.evaluate(() => [document.title, document.scripts.length, document.contentType]);
    assert.notEqual(state[0], "x", name);
    assert.equal(state[1], 0, `${name}: ${state}`);
  }
  // How the browser itself would have dressed up a file that it shows.
  page.wrong = page.wrong.filter((text) => !text.startsWith("Applying inline style violates"));
});
