// New folders, new names, other places, and the end of files.

import assert from "node:assert/strict";
import { chosen, names, PHONE, row, stage, test, told } from "./stage.mjs";

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
  await page.getByRole("alert").getByText("Name taken: ").waitFor();
  assert.equal(await page.locator("dialog input").inputValue(), "two.txt");
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

const LOOKS = { "english": {}, "chinese-phone-dark": { locale: "zh-CN", colorScheme: "dark", ...PHONE } };

for (const [look, options] of Object.entries(LOOKS)) {
  test(`a name that is refused can be mended: ${look}`, async (t) => {
    const { server } = stage;
    const folder = `refused-${look}`;
    server.make(`${folder}/there`);
    const page = await stage.loggedIn(t, `/${folder}/`, options);
    await page.click("#make-folder");
    await page.keyboard.type("there");
    await page.keyboard.press("Enter");
    const alert = page.getByRole("alert");
    await alert.waitFor();
    assert.match(await alert.textContent(), look === "english" ? /^Name taken: .*\.$/ : /^已存在：.*[a-z]\.$/);
    const input = page.locator("dialog input");
    assert.equal(await input.inputValue(), "there");
    assert.equal(await input.evaluate((one) => one === document.activeElement), true);
    await stage.shot(page, `dialog-${look}`);
    await page.keyboard.press("End");
    await page.keyboard.type(" too");
    await page.keyboard.press("Enter");
    await row(page, "there too").waitFor();
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.deepEqual(server.names(folder), ["there", "there too"]);
  });
}

test("a dialog that needs a login gets it, and goes on", async (t) => {
  const { server } = stage;
  server.make("dialog-login");
  const page = await stage.loggedIn(t, "/dialog-login/");
  await page.click("#make-folder");
  await page.context().clearCookies();
  await page.keyboard.type("made");
  await page.keyboard.press("Enter");
  const password = page.locator("dialog input[type=password]");
  await password.fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
  await password.fill("secret");
  await page.keyboard.press("Enter");
  await row(page, "made").waitFor();
  await page.locator("dialog").waitFor({ state: "detached" });
});

test("rows stay as the user had them sorted", async (t) => {
  const { server } = stage;
  server.make("sorted");
  for (const name of ["9.txt", "10.txt", "x.txt"]) server.write(`sorted/${name}`, "x");
  const page = await stage.loggedIn(t, "/sorted/");
  await page.click("th.name a");
  await page.click("th.name a");
  assert.deepEqual(await names(page), ["9.txt", "10.txt", "x.txt"]);
  await chosen(page, "x.txt");
  await page.keyboard.press("F2");
  await page.keyboard.type("11");
  await page.keyboard.press("Enter");
  await row(page, "11.txt").waitFor();
  assert.deepEqual(await names(page), ["9.txt", "10.txt", "11.txt"]);
});

test("a page that the browser kept shows what has changed since", async (t) => {
  const { server } = stage;
  server.make("kept");
  const page = await stage.loggedIn(t, "/kept/");
  server.write("kept/new.txt", "x");
  // As if it came out of the browser's cache; the browser of these tests has none.
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await row(page, "new.txt").waitFor();
});
