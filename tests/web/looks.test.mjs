// Pictures, sound, and how the page looks and is reached.

import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { chosen, DESKTOP, PHONE, ready, row, stage, test } from "./stage.mjs";

/** A PNG of one colour. */
function png(width, height, colour) {
  const table = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
  const crc = (bytes) => (bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]), out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length);
    body.copy(out, 4);
    out.writeUInt32BE(crc(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from(colour))]);
  const pixels = deflateSync(Buffer.concat(Array(height).fill(line)));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

/** A minute of silence, as WAV. */
function wav() {
  const bytes = 8000 * 60, head = Buffer.alloc(44);
  head.write("RIFF");
  head.writeUInt32LE(bytes + 36, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.set([1, 0, 1, 0], 20);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.set([1, 0, 8, 0], 32);
  head.write("data", 36);
  head.writeUInt32LE(bytes, 40);
  return Buffer.concat([head, Buffer.alloc(bytes, 128)]);
}

function fill(folder) {
  const { server } = stage;
  server.make(`${folder}/Summer`);
  server.make(`${folder}/中文文件夹`);
  for (const [index, colour] of [[255, 120, 80], [60, 140, 220], [80, 190, 120]].entries()) {
    server.write(`${folder}/IMG_00${index + 1}.png`, png(300, 200, colour));
  }
  server.write(`${folder}/IMG_000.jpg`, "no picture");
  server.write(`${folder}/sound.wav`, wav());
  server.write(`${folder}/a name that is so long that it needs several lines on any phone and on most desktops, too.txt`, "x");
  server.write(`${folder}/report.pdf`, Buffer.alloc(1_234_567));
}

/** The picture that the viewer shows has come. */
const sees = (page, name) => page.waitForFunction((end) => {
  const picture = document.querySelector(".viewer img");
  return picture?.src.endsWith(end) && picture.naturalWidth > 0;
}, name);

test("pictures are seen as tiles and one by one", async (t) => {
  fill("pictures");
  const page = await stage.loggedIn(t, "/pictures/");
  await page.click("#grid");
  await page.waitForFunction(() => [...document.querySelectorAll("#list img")].filter((picture) => picture.naturalWidth === 300).length === 3);
  await stage.shot(page, "tiles");
  await row(page, "IMG_002.png").locator("td.name a").click();
  await sees(page, "IMG_002.png");
  await stage.shot(page, "viewer");
  await page.keyboard.press("ArrowRight");
  await sees(page, "IMG_003.png");
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByRole("button", { name: "Previous" }).click();
  await sees(page, "IMG_001.png");
  await page.keyboard.press("ArrowLeft");
  await page.getByText("The browser can't show this file.").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".viewer").waitFor({ state: "detached" });
  // Going back in the browser closes it, too, and stays on the page.
  await row(page, "IMG_001.png").locator("td.name a").click();
  await sees(page, "IMG_001.png");
  await page.goBack();
  await page.locator(".viewer").waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).pathname, "/pictures/");
  // The choice is kept.
  await page.reload();
  await page.waitForSelector("#list.tiles.ready");
});

test("sound plays, and can be wound", async (t) => {
  fill("sound");
  const page = await stage.loggedIn(t, "/sound/");
  await row(page, "sound.wav").locator("td.name a").click();
  const at = await page.locator(".viewer audio").evaluate(async (audio) => {
    const event = (name) => new Promise((resolve) => audio.addEventListener(name, resolve, { once: true }));
    if (audio.readyState < 1) await event("loadedmetadata");
    const found = event("seeked");
    audio.currentTime = 50;
    await found;
    return [audio.duration, audio.currentTime];
  });
  assert.equal(at[0], 60);
  assert.ok(at[1] >= 50, `${at}`);
});

const LOOKS = {
  "desktop": DESKTOP,
  "desktop-dark": { ...DESKTOP, colorScheme: "dark" },
  "phone": PHONE,
  "phone-dark": { ...PHONE, colorScheme: "dark" },
  "phone-small": { ...PHONE, viewport: { width: 320, height: 640 } },
};

for (const [name, look] of Object.entries(LOOKS)) {
  test(`the page fits: ${name}`, async (t) => {
    fill("looks");
    const page = await stage.loggedIn(t, "/looks/", look);
    await stage.shot(page, name);
    await chosen(page, "Summer", "report.pdf");
    await stage.shot(page, `${name}-chosen`);
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth, screen.width]);
    assert.ok(wide[0] <= look.viewport.width, `${wide}`);
    const small = await page.locator("a, button, label, input:not([type=checkbox])").evaluateAll((all) => all
      .map((one) => [one, one.getBoundingClientRect()])
      .filter(([one, box]) => box.width && (box.height < 43.9 || (box.width < 43.9 && !one.matches(".crumbs a"))))
      .map(([one, box]) => `${one.outerHTML.slice(0, 80)} ${box.width}x${box.height}`));
    assert.deepEqual(small, []);
    const outside = await page.locator("a, button, input").evaluateAll((all, width) => all
      .filter((one) => one.getBoundingClientRect().right > width)
      .map((one) => one.outerHTML), look.viewport.width);
    assert.deepEqual(outside, []);
    const [light, dark] = [[244, 246, 249], [14, 18, 24]];
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(back, `rgb(${(look.colorScheme ? dark : light).join(", ")})`);
  });
}

test("everything has a name for screen readers, and the keyboard reaches it", async (t) => {
  fill("reach");
  const page = await stage.loggedIn(t, "/reach/");
  const nameless = await page.locator("a[href], button, input").evaluateAll((all) => all
    .filter((one) => one.checkVisibility() && !(one.ariaLabel || one.labels?.[0]?.textContent || one.innerText?.trim() || one.title))
    .map((one) => one.outerHTML));
  assert.deepEqual(nameless, []);
  const reached = [];
  await page.locator("#choose").focus();
  for (let steps = 0; steps < 60; steps++) {
    reached.push(await page.evaluate(() => {
      const one = document.activeElement, { outlineStyle } = getComputedStyle(one);
      return { name: one.id || one.ariaLabel || one.textContent, isVisible: outlineStyle !== "none" };
    }));
    await page.keyboard.press("Tab");
  }
  for (const name of ["choose", "choose-folder", "make-folder", "zip", "qr", "filter", "Name", "Choose Summer", "Summer", "report.pdf"]) {
    assert.ok(reached.some((one) => one.name === name), `${name} is not reached`);
  }
  // A page that is in no window has no focus of its own.
  assert.deepEqual(reached.filter((one) => !one.isVisible && one.name !== "" && one.name.length < 60), []);
});

test("an error is a page, too", async (t) => {
  const page = await stage.page(t);
  await page.goto(stage.url("/nothing/here.txt"));
  await page.getByText("404").waitFor();
  await stage.shot(page, "error");
  await page.click("a.button");
  await ready(page);
});

test("buttons of the viewer leave the player free", async (t) => {
  fill("player");
  stage.server.write("player/film.mp4", "no film");
  for (const [name, look] of [["viewer-sound-phone", PHONE], ["viewer-sound", DESKTOP]]) {
    const page = await stage.loggedIn(t, "/player/", look);
    await row(page, "sound.wav").locator("td.name a").click();
    await page.locator(".viewer audio").waitFor();
    await stage.shot(page, name);
    const boxes = await page.locator(".viewer figure > *").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()));
    assert.equal(boxes.length, 3);
    const [player, ...buttons] = boxes;
    for (const button of buttons) {
      const isApart = button.left >= player.right || button.right <= player.left || button.top >= player.bottom || button.bottom <= player.top;
      assert.ok(isApart && button.bottom <= look.viewport.height, JSON.stringify(boxes));
    }
  }
});

test("five thousand pictures are a page that can be used", async (t) => {
  stage.server.make("many");
  const picture = png(8, 8, [1, 2, 3]);
  for (let index = 0; index < 5000; index++) stage.server.write(`many/${index}.png`, picture);
  const page = await stage.loggedIn(t, "/many/");
  let requests = 0;
  page.on("request", (request) => { if (request.url().endsWith(".png")) requests++; });
  const began = Date.now();
  await page.click("#grid");
  await page.waitForFunction(() => document.querySelector("#list img")?.naturalWidth > 0);
  await page.fill("#filter", "4999");
  await page.waitForFunction(() => [...document.querySelectorAll("#list tbody tr")].filter((row) => row.checkVisibility()).length === 1);
  await page.fill("#filter", "");
  // Only those near the window are fetched.
  assert.ok(requests < 500, `${requests}`);
  assert.ok(Date.now() - began < 15_000, `${Date.now() - began} ms`);
});
