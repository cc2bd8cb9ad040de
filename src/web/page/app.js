// What the page can do beyond links and forms: uploads, changes, pictures.
//
// Texts come from the page's <template id="phrases">, everything else from its rows. Names become text nodes, never HTML.
// The server decides what is allowed; the letters only say what is worth offering.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with properties (attributes, if they have a hyphen) and children: elements or text. */
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

const phrases = Object.fromEntries($$("i", $("#phrases").content).map((i) => [i.dataset.key, i.textContent]));
/** A phrase, with what belongs into its braces. */
const t = (key, values = {}) => phrases[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

// ---- Names, sizes, times: the same rules as in shown.rs ----

const shown = (name) => name
  .replace(/[\0-\x1f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
  .replace(/\x7f/g, "\u2421")
  .replace(/[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

function size(bytes) {
  if (bytes < 1024) return `${Math.floor(bytes)} B`;
  const unit = Math.floor(Math.log2(bytes) / 10);
  const tenths = Math.floor(bytes / 1024 ** unit * 10);
  return `${tenths < 100 ? (tenths / 10).toFixed(1) : Math.floor(tenths / 10)} ${"KMGTPE"[unit - 1]}B`;
}

const two = (number) => String(number).padStart(2, "0");
function when(seconds) {
  const d = new Date(seconds * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

function span(seconds) {
  const s = Math.max(1, Math.round(seconds));
  if (s < 100) return `${s} s`;
  return s < 6000 ? `${Math.round(s / 60)} min` : `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)}`;
}

const encode = (name) => encodeURIComponent(name.toWellFormed?.() ?? name);
/** The last name of an encoded path; as it is if that is not UTF-8. */
function nameOf(href) {
  const last = href.replace(/\/$/, "").split("/").pop();
  try { return decodeURIComponent(last); } catch { return last; }
}
const namesBelow = (href) => href.slice(here().length).split("/").map(nameOf);
const parentOf = (href) => href.replace(/[^/]*\/?$/, "");
/** The folder that the page shows, encoded as the server does. */
const here = () => location.pathname;

// ---- Telling and asking ----

let toldUntil;
/** Says something at the foot of the page; what went wrong stays longer. */
function tell(text, bad = false) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("bad", bad);
  clearTimeout(toldUntil);
  toldUntil = setTimeout(() => { status.textContent = ""; }, bad ? 15000 : 5000);
}

let asked = Promise.resolve();
/** Asks, one question at a time. Buttons: [value, text, class]; gives a value, "" for Escape. */
function ask(title, content, buttons) {
  const answer = asked.then(() => new Promise((resolve) => {
    const heading = el("h2", { id: "asked" }, title);
    const row = buttons.map(([value, text, kind = ""]) =>
      el("button", { value, className: kind, formNoValidate: value === "" }, text));
    const box = el("dialog", { "aria-labelledby": "asked" },
      el("form", { method: "dialog" }, heading, ...content, el("p", { className: "buttons" }, ...row)));
    box.addEventListener("close", () => { box.remove(); resolve(box.returnValue); });
    document.body.append(box);
    box.showModal();
  }));
  asked = answer;
  return answer;
}

const cancel = () => ["", t("cancel")];

async function askName(title, value, verb) {
  const input = el("input", { value, required: true, autofocus: true, autocomplete: "off", spellcheck: false, "aria-label": t("name") });
  input.addEventListener("input", () =>
    input.setCustomValidity(/\/|\0/.test(input.value) || [".", ".."].includes(input.value) ? t("bad_name") : ""));
  const dot = value.lastIndexOf(".");
  input.addEventListener("focus", () => input.setSelectionRange(0, dot > 0 ? dot : value.length), { once: true });
  return await ask(title, [input], [["yes", verb, "first"], cancel()]) && input.value;
}

// ---- Requests ----

/** What went wrong, in a sentence. */
class Failure extends Error {}
/** It is worth another try, `after` seconds. */
class Lost extends Failure {
  constructor(text, after = 0) { super(text); this.after = after; }
}

function sentence(status, text) {
  try { return JSON.parse(text).error ?? t("refused", { status }); } catch { return t("refused", { status }); }
}

const retryAfter = (headers) => Number(headers.get("Retry-After"));
const wait = (seconds) => new Promise((resolve) => {
  const done = () => { clearTimeout(timer); removeEventListener("online", done); resolve(); };
  const timer = setTimeout(done, seconds * 1000);
  addEventListener("online", done);
});

/** A request without a body; asks for a login and waits for a busy server, if it must. */
async function request(method, href, headers = {}) {
  for (let tries = 0; ; tries++) {
    const all = { Accept: "application/json", ...headers };
    const reply = await fetch(href, { method, headers: all, cache: "no-store" }).catch(() => { throw new Lost(t("lost")); });
    if (await isLoggedOut(reply.status)) await logIn();
    else if (reply.status === 503 && tries < 5) await wait(retryAfter(reply.headers) || 2);
    else return reply;
  }
}

async function act(method, href, headers = {}, alsoGood = []) {
  const reply = await request(method, href, headers);
  if (reply.ok || alsoGood.includes(reply.status)) return reply;
  throw new Failure(sentence(reply.status, await reply.text()));
}

/** Whether a refusal is because the session is over; where anonymous may come in, that is no 401. */
async function isLoggedOut(status) {
  if (status !== 403 || !document.body.dataset.account) return status === 401;
  const reply = await fetch(here(), { headers: { Accept: "text/html" } }).catch(() => null);
  return reply !== null && parse(await reply.text()).body.dataset.account !== document.body.dataset.account;
}

/** A document of its own, in which nothing runs; the server has escaped what it is made of. */
const parse = (html) => new DOMParser().parseFromString(html, "text/html");

let loggingIn;
/** Asks for name and password over the page, which keeps its uploads. */
function logIn() {
  loggingIn ??= (async () => {
    const user = el("input", { value: document.body.dataset.account, autocomplete: "username", required: true });
    const password = el("input", { type: "password", autocomplete: "current-password", autofocus: true });
    const why = el("p", {}, t("session_over"));
    for (;;) {
      password.value = "";
      const content = [why, el("label", {}, t("user"), user), el("label", {}, t("password"), password)];
      if (!await ask(t("log_in"), content, [["yes", t("log_in"), "first"], cancel()])) throw new Failure(t("session_over"));
      const body = new URLSearchParams({ user: user.value, password: password.value, next: here() });
      const reply = await fetch("/~ftpd/login", { method: "POST", body, redirect: "manual" }).catch(() => null);
      // A login leads on, and only that.
      if (reply?.type === "opaqueredirect") return;
      Object.assign(why, { className: "refused", textContent: t(reply ? "wrong_login" : "lost") });
    }
  })().finally(() => { loggingIn = undefined; });
  return loggingIn;
}

async function attempt(action) {
  try { await action(); } catch (error) {
    // The browser's own errors are about files that it can't read.
    const isKnown = error instanceof Failure;
    if (!isKnown && !(error instanceof DOMException)) throw error;
    tell(isKnown ? error.message : t("unreadable"), true);
  }
}

// ---- The list ----

const may = (letter) => document.body.dataset.letters.includes(letter);
const rows = () => $$("#list tbody tr");
const link = (row) => $("td.name a", row);
const hrefOf = (row) => link(row).getAttribute("href") ?? link(row).dataset.href;
const textOf = (row) => $("bdi", row).textContent;
const isFolder = (row) => hrefOf(row).endsWith("/");
const isViewable = (row) => ["image", "video", "audio"].includes(row.dataset.kind) && link(row).hasAttribute("href");

/** Adds checkboxes, local times and buttons. */
function enrich() {
  $("th.time a").textContent = t("modified");
  for (const row of rows()) $("td.time", row).textContent = when(row.dataset.time);
  if (may("f") || may("d")) {
    const box = (tag, label) => el(tag, { className: "check" }, el("label", {}, el("input", { type: "checkbox", "aria-label": label })));
    $("thead tr").prepend(box("th", t("choose_all")));
    for (const row of rows()) row.prepend(box("td", t("choose_one", { name: textOf(row) })));
  }
  for (const tool of $$("#choose, #choose-folder, #make-folder, #filter")) tool.hidden = false;
  $("#grid").hidden = !$('tr[data-kind="image"]');
  if (localStorage.getItem("ftpd:tiles") && !$("#grid").hidden) showTiles(true);
  $("#paste").hidden = !may("f") || !cutHere().length;
  for (const row of rows()) row.classList.toggle("cut", cut().includes(hrefOf(row)));
  $("#list").classList.add("ready");
}

/** Shows a folder without leaving the page, so that uploads go on. */
async function show(href, { push = false } = {}) {
  const reply = await act("GET", href, { Accept: "text/html" });
  const page = parse(await reply.text());
  if (!$("#list", page)) {
    await logIn();
    return show(href, { push });
  }
  const filter = push ? "" : $("#filter").value;
  const chosen = new Set(push ? [] : chosenRows().map(hrefOf));
  for (const part of ["header", "#tools", "#chosen", "#list"]) $(part).replaceWith(document.adoptNode($(part, page)));
  Object.assign(document.body.dataset, page.body.dataset);
  if (push) history.pushState(null, "", href);
  title = page.title;
  shownFolder = here();
  enrich();
  for (const row of rows()) if (chosen.has(hrefOf(row))) choose(row, true);
  $("#filter").value = filter;
  applyFilter();
  queue.draw();
}

const refresh = () => show(here() + location.search);
let title = document.title, shownFolder = here();

const collator = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });
const COMPARE = {
  name: (a, b) => collator.compare(textOf(a), textOf(b)),
  size: (a, b) => a.dataset.size - b.dataset.size,
  time: (a, b) => a.dataset.time - b.dataset.time,
};

/** Sorts the rows that are here, as the link would let the server do it. */
function sort(anchor) {
  const head = anchor.parentElement;
  const up = head.getAttribute("aria-sort") !== "ascending";
  $("th[aria-sort]").removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const by = anchor.dataset.sort;
  const order = (a, b) => isFolder(b) - isFolder(a) || (up ? 1 : -1) * (COMPARE[by](a, b) || COMPARE.name(a, b));
  $("#list tbody").append(...rows().sort(order));
  history.replaceState(history.state, "", `?sort=${by}&order=${up ? "asc" : "desc"}`);
}

function applyFilter() {
  const words = $("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows()) {
    const text = textOf(row).toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (row.hidden) choose(row, false);
  }
  showChosen();
}

const chosenRows = () => $$("#list tbody tr.chosen");
function choose(row, on) {
  const box = $("td.check input", row);
  if (!box) return;
  box.checked = on;
  row.classList.toggle("chosen", on);
}

function showChosen() {
  const chosen = chosenRows();
  const all = (letter) => chosen.every((row) => row.dataset.letters.includes(letter));
  $("#chosen").hidden = !chosen.length;
  $("#chosen output").textContent = t("chosen", { n: chosen.length });
  $("#rename").disabled = chosen.length !== 1 || !all("f");
  $("#cut").disabled = !all("f");
  $("#delete").disabled = !all("d");
}

// ---- Changes ----

async function makeFolder() {
  const name = await askName(t("new_folder"), "", t("make"));
  if (!name) return;
  const reply = await act("MKCOL", `${here()}${encode(name)}/`, {}, [405]);
  if (reply.status === 405) throw new Failure(t("exists", { name: shown(name) }));
  await refresh();
  tell(t("done"));
}

async function rename() {
  const [row] = chosenRows();
  const from = hrefOf(row);
  const name = await askName(t("rename"), nameOf(from), t("rename"));
  if (!name || name === nameOf(from)) return;
  await move(from, `${here()}${encode(name)}${isFolder(row) ? "/" : ""}`);
  await refresh();
  tell(t("done"));
}

async function move(from, to) {
  const reply = await act("MOVE", from, { Destination: to, Overwrite: "F" }, [412]);
  if (reply.status === 412) throw new Failure(t("exists", { name: shown(nameOf(to)) }));
}

async function remove() {
  const chosen = chosenRows();
  const content = [el("ul", {}, ...chosen.map((row) => el("li", {}, el("bdi", {}, textOf(row)))))];
  if (chosen.some(isFolder)) content.push(el("p", {}, t("delete_folders")));
  if (!await ask(t("delete_ask", { n: chosen.length }), content, [["yes", t("delete"), "dangerous"], cancel()])) return;
  try {
    for (const row of chosen) await act("DELETE", hrefOf(row) + (isFolder(row) ? "?recursive" : ""), {}, [404]);
  } finally {
    await refresh();
  }
  tell(t("done"));
}

/** What was cut, on this page or another. */
const cut = () => JSON.parse(sessionStorage.getItem("ftpd:cut") ?? "[]");
const setCut = (hrefs) => sessionStorage.setItem("ftpd:cut", JSON.stringify(hrefs));
/** What of that can be pasted here: not what is here already, and no folder into itself. */
const cutHere = () => cut().filter((href) => parentOf(href) !== here() && !here().startsWith(href));

function cutChosen() {
  const chosen = chosenRows();
  setCut(chosen.map(hrefOf));
  for (const row of rows()) row.classList.toggle("cut", chosen.includes(row));
  chooseNone();
  tell(t("cut_done", { n: chosen.length }));
}

async function paste() {
  try {
    for (const href of cutHere()) {
      await move(href, here() + href.slice(parentOf(href).length));
      setCut(cut().filter((other) => other !== href));
    }
  } finally {
    await refresh();
  }
  tell(t("done"));
}

function chooseNone() {
  for (const row of chosenRows()) choose(row, false);
  showChosen();
}

// ---- Uploads ----

/** Larger files ask first, by an upload of no bytes, whether they may come: a browser can't wait for a 100. */
const LARGE = 256 * 1024;
const AT_ONCE = 3;
/** Seconds without a byte after which a connection counts as lost, and those for the answer to a whole file. */
const STALLED = 30, FINISHING = 300;

/** What is known of unfinished uploads after the page is gone, by account and path. */
const memory = {
  key: (href) => `ftpd:upload:${document.body.dataset.account}:${href}`,
  get: (href) => JSON.parse(localStorage.getItem(memory.key(href))),
  set(href, value) {
    try { localStorage.setItem(memory.key(href), JSON.stringify(value)); } catch { /* full: then it is forgotten */ }
  },
  forget: (href) => localStorage.removeItem(memory.key(href)),
  below(folder) {
    const start = memory.key("");
    return Object.keys(localStorage).filter((key) => key.startsWith(start + folder)).map((key) => key.slice(start.length));
  },
};

const folders = new Map();
/** Makes a folder and those above it, up to `top`, if they are not there. */
function ensureFolder(href, top) {
  if (href === top) return;
  if (!folders.has(href)) {
    const made = (async () => {
      await ensureFolder(parentOf(href), top);
      const reply = await request("MKCOL", href);
      if (reply.ok || reply.status === 405 || (await request("HEAD", href)).ok) return;
      throw new Failure(sentence(reply.status, await reply.text()));
    })();
    folders.set(href, made);
    made.catch(() => folders.delete(href));
  }
  return folders.get(href);
}

class Upload {
  /** `path`: names below the folder `top`. */
  constructor(file, top, path) {
    Object.assign(this, { file, top, name: shown(path.join("/")), href: top + path.map(encode).join("/"), size: file.size });
    this.time = Math.floor(file.lastModified / 1000);
    this.state = "waiting";
    this.sent = 0;
    this.samples = [];
    const known = memory.get(this.href);
    const same = known?.size === this.size && known.time === this.time;
    /** Bytes of this file that the server may have; undefined if it got none. */
    this.reached = same ? known.reached : undefined;
    /** What requests that write ask for; undefined until it is known what is there. */
    this.conditions = same ? known.conditions : undefined;
  }

  get isActive() { return ["running", "retrying"].includes(this.state); }
  get isOpen() { return this.isActive || ["waiting", "paused"].includes(this.state); }

  async run() {
    for (let pause = 1; ; pause = Math.min(pause * 2, 30)) {
      Object.assign(this, { state: "running", note: "" });
      const before = this.reached;
      try {
        await ensureFolder(parentOf(this.href), this.top);
        await this.transfer();
        return this.end("done", t("uploaded"));
      } catch (error) {
        // It was paused, cancelled or skipped.
        if (this.state !== "running") return;
        if (!(error instanceof Lost)) return this.end("failed", error instanceof Failure ? error.message : t("unreadable"));
        if (this.reached > before) pause = 1;
        await this.rest(error.after || pause, error.message);
        if (this.state !== "retrying") return;
      }
    }
  }

  end(state, note) {
    Object.assign(this, { state, note });
    if (state !== "failed") memory.forget(this.href);
    if (state === "done") this.sent = this.size;
  }

  /** Waits before the next try, and shows for how long; the network's return ends it. */
  async rest(seconds, why) {
    this.state = "retrying";
    const offline = !navigator.onLine;
    for (let left = Math.ceil(seconds); left > 0 && this.state === "retrying" && !(offline && navigator.onLine); left--) {
      this.note = t("again_in", { why, time: span(left) });
      queue.draw();
      await Promise.race([wait(1), new Promise((resolve) => { this.wake = resolve; })]);
    }
  }

  /** One try to get the file, or its rest, to the server. */
  async transfer() {
    let offset = this.reached === undefined ? null : await this.offset();
    if (offset === null) {
      // The answer to the last byte may have been lost.
      if (this.reached === this.size && await this.isThere()) return;
      if (this.size <= LARGE) {
        this.conditions ??= { "If-None-Match": "*" };
        await this.put({}, 0);
        return;
      }
      if (!this.conditions) await this.agree();
      if (!await this.put({ "Upload-Complete": "?0", "Upload-Length": this.size }, null)) {
        await this.put({}, 0);
        return;
      }
      offset = this.reached = 0;
      this.remember();
    }
    for (let tries = 0; tries < 5; tries++) {
      const headers = { "Content-Type": "application/partial-upload", "Upload-Offset": offset, "Upload-Complete": "?1" };
      const reply = await this.send("PATCH", `${this.href}?upload`, headers, offset);
      if (reply.status === 412) await this.agree(true);
      else if (reply.status === 409 && this.fits(reply.offset)) offset = reply.offset;
      else if (reply.status === 404 || reply.status === 409) break;
      else return this.judge(reply);
    }
    this.reached = undefined;
    throw new Lost(t("lost"), 1);
  }

  /** False where files are taken whole only. */
  async put(headers, offset) {
    for (;;) {
      const reply = await this.send("PUT", this.href, headers, offset);
      if (reply.status === 501 && offset === null) return false;
      if (reply.status === 412) {
        await this.agree(true);
      } else {
        await this.judge(reply);
        return true;
      }
    }
  }

  /** The bytes that the server has of it, or null. */
  async offset() {
    const reply = await request("HEAD", `${this.href}?upload`);
    const offset = Number(reply.headers.get("Upload-Offset") ?? NaN);
    if (!reply.ok && reply.status !== 404) await this.judge({ status: reply.status, after: retryAfter(reply.headers) });
    return reply.ok && this.fits(offset) ? offset : null;
  }

  fits(offset) { return offset >= 0 && offset <= this.size; }

  /** What has the name now, or null. */
  async there() {
    const { ok, status, headers } = await request("HEAD", this.href);
    // A name that may not be read may still be there: the server knows.
    if (status === 403 || status === 404) return null;
    if (!ok) await this.judge({ status, after: retryAfter(headers) });
    return { size: Number(headers.get("Content-Length")), time: Date.parse(headers.get("Last-Modified")) / 1000, tag: headers.get("ETag") };
  }

  async isThere() {
    const there = await this.there();
    return there?.size === this.size && (there.time === this.time || there.tag !== this.conditions?.["If-Match"]);
  }

    async agree(exists = false) {
    const there = await this.there();
    if ((there || exists) && !await queue.mayReplace(this, there ?? {})) {
      this.end("cancelled");
      throw new Error("skipped");
    }
    this.conditions = there?.tag ? { "If-Match": there.tag } : exists ? {} : { "If-None-Match": "*" };
  }

  /** What an answer means, if it is no success: another try, or the end. */
  async judge({ status, text, after }) {
    if (status >= 200 && status < 300) return;
    if (await isLoggedOut(status)) {
      await logIn();
      throw new Lost(t("busy"), 1);
    }
    if (status === 423) throw new Lost(t("busy_file"), after);
    if ([408, 429, 502, 503, 504].includes(status)) throw new Lost(t("busy"), after);
    throw new Failure(sentence(status, text));
  }

  /** Sends the file from `offset` on, or nothing for null. (fetch can't tell how far it is.) */
  send(method, href, headers, offset) {
    return new Promise((resolve, reject) => {
      if (this.state !== "running") return reject(new Error("stopped while it waited for an answer"));
      const xhr = this.xhr = new XMLHttpRequest();
      let timer;
      const limit = (seconds) => { clearTimeout(timer); timer = setTimeout(() => xhr.abort(), seconds * 1000); };
      xhr.open(method, href);
      const all = { Accept: "application/json", "X-Modified": this.time, ...this.conditions, ...headers };
      for (const name in all) xhr.setRequestHeader(name, all[name]);
      if (offset !== null) {
        this.samples = [];
        this.progress(offset);
        xhr.upload.onprogress = ({ loaded }) => { limit(STALLED); this.progress(Math.min(offset + loaded, this.size)); };
        xhr.upload.onload = () => limit(FINISHING);
      }
      xhr.onload = () => resolve({
        status: xhr.status, text: xhr.responseText, after: Number(xhr.getResponseHeader("Retry-After")),
        offset: Number(xhr.getResponseHeader("Upload-Offset") ?? NaN),
      });
      xhr.onerror = xhr.onabort = () => reject(new Lost(t("lost")));
      xhr.onloadend = () => clearTimeout(timer);
      limit(STALLED);
      xhr.send(offset === null ? null : this.file.slice(offset));
    });
  }

  progress(sent) {
    const now = performance.now();
    this.sent = sent;
    this.samples = [...this.samples.filter(([at]) => now - at < 6000), [now, sent]];
    this.reached = Math.max(sent, this.reached ?? 0);
    if (!(now - this.noted < 1000)) this.remember();
    queue.draw();
  }

  remember() {
    const { size, time, reached, conditions } = this;
    this.noted = performance.now();
    if (size > LARGE && reached !== undefined) memory.set(this.href, { size, time, reached, conditions });
  }

  /** Bytes a second over the last moments; 0 if that is not known. */
  get speed() {
    const [begin, sent] = this.samples[0] ?? [0, this.sent];
    return this.state === "running" ? (this.sent - sent) * 1000 / (performance.now() - begin) : 0;
  }

  stop(state) {
    this.end(state, state === "paused" ? t("paused") : "");
    this.xhr?.abort();
    this.wake?.();
    if (state === "paused") this.remember();
    else if (this.reached !== undefined) dropPartial(this.href);
  }
}

/** Tells the server to forget what it has of a file. */
const dropPartial = (href) => request("DELETE", `${href}?upload`).catch(() => {});

const queue = {
  uploads: [],
  items: new Map(),

  /** Adds files: [file, names below this folder]. */
  add(files) {
    for (const [file, path] of files) {
      const upload = new Upload(file, here(), path);
      const other = queue.uploads.findIndex(({ href }) => href === upload.href);
      if (queue.uploads[other]?.isOpen) continue;
      if (other >= 0) queue.uploads.splice(other, 1);
      queue.uploads.push(upload);
    }
    queue.pump();
  },

  isActive: () => queue.uploads.some(({ isActive, state }) => isActive || state === "waiting"),

  pump() {
    const waiting = queue.uploads.filter(({ state, isBusy }) => state === "waiting" && !isBusy);
    const room = AT_ONCE - queue.uploads.filter(({ isActive }) => isActive).length;
    for (const upload of waiting.slice(0, Math.max(room, 0))) {
      upload.isBusy = queue.wasActive = true;
      upload.run().finally(() => { upload.isBusy = false; queue.pump(); });
    }
    if (queue.wasActive && !queue.isActive()) queue.end();
    queue.draw();
  },

  end() {
    queue.wasActive = false;
    queue.forAll = undefined;
    folders.clear();
    const count = (state) => queue.uploads.filter((upload) => upload.state === state).length;
    if (count("failed")) tell(t("some_failed", { n: count("failed") }), true);
    else if (count("done") && !count("paused")) tell(t("all_done", { n: count("done") }));
    attempt(refresh);
  },

  async mayReplace(upload, there) {
    while (queue.asking) await queue.asking;
    if (queue.forAll) return queue.forAll === "replace";
    const all = el("input", { type: "checkbox" });
    const facts = ({ size: bytes, time }) => bytes >= 0 ? `${size(bytes)} · ${when(time)}` : "–";
    const content = [el("dl", {}, el("dt", {}, t("old")), el("dd", {}, facts(there)), el("dt", {}, t("new")), el("dd", {}, facts(upload)))];
    if (there.size === upload.size && there.time === upload.time) content.push(el("p", {}, t("same")));
    if (queue.uploads.some((other) => other !== upload && other.isOpen)) content.push(el("label", { className: "line" }, all, t("for_all")));
    queue.asking = ask(t("replace_ask", { name: upload.name }), content, [["replace", t("replace"), "first"], ["", t("skip")]]);
    const answer = await queue.asking;
    queue.asking = undefined;
    if (all.checked) queue.forAll = answer || "skip";
    return answer === "replace";
  },

  draw() {
    queue.drawing ??= setTimeout(() => { queue.drawing = undefined; queue.redraw(); }, 100);
  },

  redraw() {
    const box = $("#queue");
    const shownUploads = queue.uploads.filter(({ state }) => state !== "cancelled");
    const done = shownUploads.filter(({ state }) => state === "done").length;
    const left = memory.below(here()).filter((href) => !queue.uploads.some((upload) => upload.href === href)).map(queue.unfinished);
    box.hidden = !shownUploads.length && !left.length;
    if (!$("ol", box)) {
      const tool = (key) => el("button", { id: key, "data-all": key }, t(key));
      box.append(el("div", { className: "head" }, el("h2"), ...["clear", "pause_all", "go_on_all", "cancel_all"].map(tool)), el("ol"));
    }
    queue.drawHead(box, shownUploads, done);
    // Many files that wait or are done are only counted.
    const listed = shownUploads.filter(({ state }) => state !== "waiting" && (state !== "done" || done <= 10));
    queue.drawItems($("ol", box), [...listed, ...left]);
  },

  drawHead(box, uploads, done) {
    const sum = (value) => uploads.reduce((total, upload) => total + value(upload), 0);
    const parts = [uploads.length ? t("progress", { done, n: uploads.length }) : t("unfinished")];
    document.title = title;
    if (queue.isActive()) {
      const percent = `${Math.floor(100 * sum(({ sent }) => sent) / Math.max(sum(({ size }) => size), 1))} %`;
      const speed = sum((upload) => upload.speed);
      parts.push(percent);
      if (speed) parts.push(`${size(speed)}/s`, t("left", { time: span(sum((upload) => upload.isOpen ? upload.size - upload.sent : 0) / speed) }));
      document.title = `${percent} – ${title}`;
    }
    $("h2", box).textContent = parts.join(" · ");
    const has = (...states) => uploads.some(({ state }) => states.includes(state));
    $("#pause_all").hidden = !queue.isActive();
    $("#go_on_all").hidden = !has("paused", "failed");
    $("#cancel_all").hidden = !uploads.some(({ isOpen }) => isOpen);
    $("#clear").hidden = queue.isActive() || !has("done", "failed");
  },

  /** An upload of an earlier page, as it is listed. */
  unfinished(href) {
    const { size, reached } = memory.get(href);
    return { href, name: shown(namesBelow(href).join("/")), size, sent: reached, state: "unfinished", note: t("choose_again") };
  },

  drawItems(list, uploads) {
    const items = new Map(uploads.map((upload) => [upload.href, queue.items.get(upload.href) ?? queue.item(upload)]));
    for (const [href, item] of queue.items) if (!items.has(href)) item.remove();
    for (const upload of uploads) queue.drawItem(items.get(upload.href), upload);
    for (const item of items.values()) if (!item.isConnected) list.append(item);
    queue.items = items;
  },

  item({ href, name }) {
    const button = (key) => el("button", { "data-press": key, "aria-label": `${t(key)}: ${name}` }, t(key));
    return el("li", { "data-href": href }, el("b", {}, el("bdi", {}, name)), el("progress", { "aria-label": name }), el("small"),
      el("span", { className: "buttons" }, ...["pause", "go_on", "choose_file", "cancel"].map(button)));
  },

  drawItem(item, { state, size: bytes, sent, speed, note }) {
    item.className = state;
    Object.assign($("progress", item), { max: bytes || 1, value: bytes ? sent : Number(state === "done") });
    const facts = [state === "done" ? size(bytes) : t("of", { sent: size(sent), size: size(bytes) })];
    if (speed && sent < bytes) facts.push(`${size(speed)}/s`, t("left", { time: span((bytes - sent) / speed) }));
    if (state === "running" && sent === bytes) facts.push(t("finishing"));
    if (note) facts.push(note);
    $("small", item).textContent = facts.join(" · ");
    const running = state === "running" || state === "retrying";
    const offered = { pause: running, go_on: state === "paused" || state === "failed", choose_file: state === "unfinished",
      cancel: running || state === "paused" || state === "unfinished" };
    for (const button of $$("button", item)) button.hidden = !offered[button.dataset.press];
  },

  press(href, key) {
    const upload = queue.uploads.find((other) => other.href === href);
    if (key === "pause") upload.stop("paused");
    if (key === "go_on") upload.state = "waiting";
    if (key === "choose_file") pick({}, ([file]) => queue.resume(file, href));
    if (key === "cancel" && upload) upload.stop("cancelled");
    else if (key === "cancel") { memory.forget(href); dropPartial(href); }
    queue.pump();
  },

  /** Goes on with an upload of an earlier page, if the file is the same one. */
  resume(file, href) {
    const { size: bytes, time } = memory.get(href);
    const path = namesBelow(href);
    if (file.name === path.at(-1) && file.size === bytes && Math.floor(file.lastModified / 1000) === time) queue.add([[file, path]]);
    else tell(t("another_file", { name: shown(path.at(-1)), size: size(bytes), time: when(time) }), true);
  },

  async all(key) {
    // What has arrived would be dropped.
    if (key === "cancel_all" && !await ask(t("cancel_all"), [], [["yes", t("cancel_all"), "dangerous"], ["", t("close")]])) return;
    for (const upload of queue.uploads) {
      if (key === "pause_all" && (upload.isActive || upload.state === "waiting")) upload.stop("paused");
      if (key === "go_on_all" && ["paused", "failed"].includes(upload.state)) upload.state = "waiting";
      if (key === "cancel_all" && upload.isOpen) upload.stop("cancelled");
    }
    if (key === "clear") queue.uploads = queue.uploads.filter(({ isOpen }) => isOpen);
    queue.pump();
  },
};

// ---- Choosing and dropping files ----

function pick(properties, then) {
  const input = el("input", { type: "file", ...properties });
  input.addEventListener("change", () => then([...input.files]));
  input.click();
}

const pickFiles = () => pick({ multiple: true }, (files) => queue.add(files.map((file) => [file, [file.name]])));
const pickFolder = () => pick({ webkitdirectory: true }, (files) =>
  queue.add(files.map((file) => [file, (file.webkitRelativePath || file.name).split("/")])));

/** All files below what was dropped, each with its names; folders without files are made at once. */
async function walk(entry, path, found) {
  const names = [...path, entry.name];
  if (entry.isFile) return found.push([await new Promise((resolve, reject) => entry.file(resolve, reject)), names]);
  const reader = entry.createReader();
  const before = found.length;
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    for (const inner of some) await walk(inner, names, found);
  }
  if (found.length === before) await ensureFolder(`${here()}${names.map(encode).join("/")}/`, here());
}

async function dropped(transfer) {
  // The entries are there only until this event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const found = [];
  for (const entry of entries) {
    if (entry.isDirectory && !may("m")) throw new Failure(t("no_folders"));
    await walk(entry, [], found);
  }
  queue.add(found);
  if (!found.length) await refresh();
}

const bringsFiles = ({ dataTransfer }) => may("w") && dataTransfer.types.includes("Files");
const dragging = (on) => document.body.classList.toggle("drop", on);
addEventListener("dragover", (event) => {
  event.preventDefault();
  event.dataTransfer.dropEffect = bringsFiles(event) ? "copy" : "none";
  dragging(bringsFiles(event));
});
// Only at the window's edge is there nothing that it goes to.
addEventListener("dragleave", ({ relatedTarget }) => { if (!relatedTarget) dragging(false); });
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(false);
  if (bringsFiles(event)) attempt(() => dropped(event.dataTransfer));
});
addEventListener("beforeunload", (event) => { if (queue.isActive()) event.preventDefault(); });
addEventListener("pagehide", () => {
  for (const upload of queue.uploads) if (upload.isActive) upload.remember();
});

// ---- Pictures ----

function showTiles(on) {
  $("#list").classList.toggle("tiles", on);
  $("#grid").setAttribute("aria-pressed", on);
  if (!on) return;
  for (const row of rows()) {
    if (row.dataset.kind !== "image" || $("img", row) || !isViewable(row)) continue;
    link(row).prepend(el("img", { loading: "lazy", decoding: "async", alt: "", src: hrefOf(row) }));
  }
}

/** Shows pictures, video and audio over the whole window; going back in the browser closes it. */
function view(row) {
  const list = rows().filter((other) => !other.hidden && isViewable(other));
  let at = list.indexOf(row);
  const name = el("b"), count = el("span"), figure = el("figure"), down = el("a", { className: "button" }, t("download"));
  const button = (text, label, className, onclick) => el("button", { type: "button", className, "aria-label": label, title: label, onclick }, text);
  const turn = (step) => draw((at + step + list.length) % list.length);
  const head = el("div", { className: "head" }, name, count, down, button("✕", t("close"), "", () => box.close()));
  const box = el("dialog", { className: "viewer", "aria-label": t("viewer") }, head, figure);
  let media = el("p");
  const place = (other) => { media.replaceWith(other); media = other; };
  figure.append(media);
  if (list.length > 1) figure.append(button("‹", t("previous"), "back", () => turn(-1)), button("›", t("next"), "on", () => turn(1)));

  function draw(index) {
    at = index;
    const current = list[at], src = hrefOf(current), kind = current.dataset.kind;
    name.replaceChildren(el("bdi", {}, textOf(current)));
    count.textContent = list.length > 1 ? `${at + 1} / ${list.length}` : "";
    down.href = `${src}?download`;
    const fresh = kind === "image" ? el("img", { src, alt: textOf(current) }) : el(kind, { src, controls: true, autoplay: true });
    fresh.addEventListener("error", () => { if (fresh === media) place(el("p", {}, t("not_shown"))); });
    place(fresh);
  }

  // In a film, the arrows seek.
  box.addEventListener("keydown", ({ key, target }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step && !target.matches("video, audio")) turn(step);
  });
  let start;
  figure.addEventListener("touchstart", ({ touches }) => { start = touches.length === 1 ? touches[0].clientX : NaN; }, { passive: true });
  figure.addEventListener("touchend", ({ changedTouches, target }) => {
    const moved = changedTouches[0].clientX - start;
    if (Math.abs(moved) > 60 && !target.matches("video, audio")) turn(-Math.sign(moved));
  });
  const back = () => box.close();
  box.addEventListener("close", () => {
    removeEventListener("popstate", back);
    box.remove();
    if (history.state?.viewer) history.back();
    link(list[at]).focus();
  });
  document.body.append(box);
  draw(at);
  history.pushState({ viewer: true }, "");
  addEventListener("popstate", back);
  box.showModal();
}

function showQr(href) {
  ask(t("qr"), [el("img", { src: href, alt: t("qr"), className: "qr" }), el("p", {}, location.origin + here())], [["", t("close")]]);
}

// ---- What clicks and keys do ----

const TOOLS = {
  choose: pickFiles, "choose-folder": pickFolder, "make-folder": makeFolder, rename, delete: remove, cut: cutChosen, paste,
  "choose-none": chooseNone,
  grid() {
    const on = $("#grid").getAttribute("aria-pressed") !== "true";
    localStorage.setItem("ftpd:tiles", on ? "1" : "");
    showTiles(on);
  },
};

addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.press) return queue.press(button.closest("li").dataset.href, button.dataset.press);
  if (button?.dataset.all) return queue.all(button.dataset.all);
  if (button && TOOLS[button.id]) return void attempt(TOOLS[button.id]);
  const anchor = event.target.closest("a[href]");
  if (!anchor || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const href = anchor.getAttribute("href");
  const row = anchor.closest("td.name")?.parentElement;
  if (anchor.dataset.sort) sort(anchor);
  else if (anchor.id === "qr") showQr(href);
  else if (row && isViewable(row)) view(row);
  // Leaving the page would break its uploads.
  else if (queue.isActive() && href.endsWith("/") && (row || anchor.closest(".crumbs"))) attempt(() => show(href, { push: true }));
  else return;
  event.preventDefault();
});

addEventListener("change", ({ target }) => {
  if (!target.matches(".check input")) return;
  const row = target.closest("tbody tr");
  for (const one of row ? [row] : rows().filter(({ hidden }) => !hidden)) choose(one, target.checked);
  showChosen();
});
addEventListener("input", (event) => {
  if (event.target.id !== "filter") return;
  applyFilter();
  tell(t("filtered", { n: rows().filter(({ hidden }) => !hidden).length, all: rows().length }));
});
addEventListener("keydown", (event) => {
  if ($("dialog") || event.target.matches("input:not([type=checkbox])")) return;
  const name = event.ctrlKey || event.metaKey ? `^${event.key}` : event.key;
  const tool = $({ F2: "#rename", Delete: "#delete", "^x": "#cut", "^v": "#paste" }[name] ?? "#none");
  if (tool && !tool.closest("[hidden]")) tool.click();
});
addEventListener("popstate", () => {
  if (here() !== shownFolder) attempt(refresh);
});

document.body.dataset.drop = t("drop_here");
enrich();
queue.redraw();
