// New folders, new names, other places, and the end of files.

import assert from "node:assert/strict";
import { chosen, names, row, stage, test, told } from "./stage.mjs";

test("a folder is made, renamed and deleted with what is in it, after a question", async (t) => {
  const { server } = stage;
  server.make("tidy");
  const page = await stage.loggedIn(t, "/tidy/");
  await page.getByText("This folder is empty.").waitFor();
  await stage.shot(page, "empty");
  await page.click("#make-folder");
  await page.keyboard.type("new: 新 & <b>");
  await page.keyboard.press("Enter");
  await row(page, "new: 新 & <b>").waitFor();
  assert.deepEqual(server.names("tidy"), ["new: 新 & <b>"]);
  server.write("tidy/new: 新 & <b>/inside.txt", "x");

  await chosen(page, "new: 新 & <b>");
  await page.click("#rename");
  await page.locator("dialog input").fill("..");
  assert.equal(await page.locator("dialog input").evaluate((input) => input.validity.valid), false);
  await page.locator("dialog input").fill("100% #?.d");
  await page.keyboard.press("Enter");
  await row(page, "100% #?.d").waitFor();
  assert.deepEqual(server.names("tidy/100% #?.d"), ["inside.txt"]);

  await chosen(page, "100% #?.d");
  await page.click("#delete");
  await page.getByText("Folders are deleted with all that is in them.").waitFor();
  await stage.shot(page, "delete");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.deepEqual(server.names("tidy"), ["100% #?.d"]);
  await page.keyboard.press("Delete");
  await page.locator("dialog .dangerous").click();
  await row(page, "100% #?.d").waitFor({ state: "detached" });
  assert.deepEqual(server.names("tidy"), []);
});

test("a new name never replaces a file", async (t) => {
  const { server } = stage;
  server.make("names");
  server.write("names/one.txt", "one");
  server.write("names/two.txt", "two");
  const page = await stage.loggedIn(t, "/names/");
  await chosen(page, "one.txt");
  await page.keyboard.press("F2");
  // The name is chosen up to its extension.
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await told(page, "There is already something called two.txt.");
  assert.equal(server.read("names/two.txt").toString(), "two");
  assert.equal(server.read("names/one.txt").toString(), "one");
});

test("what is cut on one page is pasted on another", async (t) => {
  const { server } = stage;
  server.make("from/folder");
  server.make("to");
  server.write("from/file.txt", "x");
  server.write("from/stays.txt", "x");
  const page = await stage.loggedIn(t, "/from/");
  await chosen(page, "folder", "file.txt");
  await page.click("#cut");
  await told(page, "2 cut.");
  assert.equal(await page.locator("#paste").isVisible(), false);
  await page.goto(stage.url("/to/"));
  await page.click("#paste");
  await row(page, "file.txt").waitFor();
  assert.deepEqual(await names(page), ["folder", "file.txt"]);
  assert.deepEqual([server.names("from"), server.names("to")], [["stays.txt"], ["file.txt", "folder"]]);
});
