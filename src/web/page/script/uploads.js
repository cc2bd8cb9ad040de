// ---- Uploads ----

/** Larger files ask first, by an upload of no bytes, whether they may come: a browser can't wait for a 100. */
const LARGE = 256 * 1024;
const AT_ONCE = 3;
/** Seconds without a byte after which a connection counts as lost, and those for the answer to a whole file. */
const STALLED = 30, FINISHING = 300;
/** Milliseconds without a byte after which there is no speed, and those over which it is measured. */
const RESTING = 3000, MEASURED = 6000;

/** What is known of unfinished uploads after the page is gone, by account and path. */
const memory = {
  key: (href) => `ftpd:upload:${account()}:${href}`,
  get: (href) => JSON.parse(kept.getItem(memory.key(href))),
  set(href, value) {
    try { kept.setItem(memory.key(href), JSON.stringify(value)); } catch { /* full: then it is forgotten */ }
  },
  forget: (href) => kept.removeItem(memory.key(href)),
  below(folder) {
    const start = memory.key("");
    return Object.keys(kept).filter((key) => key.startsWith(start + folder)).map((key) => key.slice(start.length));
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
      await refuse(reply);
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
    const same = known && this.isSame(known);
    /** Bytes of this file that the server may have; undefined if it got none. */
    this.reached = same ? known.reached : undefined;
    /** What requests that write ask for; undefined until it is known what is there. */
    this.conditions = same ? known.conditions : undefined;
  }

  isSame({ size, time }) { return size === this.size && time === this.time; }
  get isActive() { return ["running", "retrying"].includes(this.state); }
  get isOpen() { return this.isActive || ["waiting", "paused"].includes(this.state); }
  /** What can be done with it, by the buttons' keys. */
  get offers() {
    return { pause: this.isActive || this.state === "waiting", go_on: ["paused", "failed"].includes(this.state), cancel: this.isOpen };
  }

  press(key) {
    if (key === "pause") this.stop("paused");
    if (key === "go_on") Object.assign(this, { state: "waiting", note: "" });
    if (key === "cancel") this.stop("cancelled");
  }

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
    const offset = this.reached === undefined ? null : await this.offset();
    if (offset !== null) return this.goOn(offset);
    // The answer to the last byte may have been lost.
    if (this.reached === this.size && await this.isThere()) return;
    if (this.size > LARGE) {
      if (!this.conditions) await this.agree();
      if (await this.put({ "Upload-Complete": "?0", "Upload-Length": this.size }, null)) return this.goOn(0);
    }
    this.conditions ??= { "If-None-Match": "*" };
    await this.put({}, 0);
  }

  /** The rest of the file, from where the server has it. */
  async goOn(offset) {
    this.reached ??= offset;
    for (let tries = 0; tries < 5; tries++) {
      const headers = { "Content-Type": "application/partial-upload", "Upload-Offset": offset, "Upload-Complete": "?1" };
      const reply = await this.send("PATCH", `${this.href}?upload`, headers, offset);
      const other = offsetOf(reply);
      if (reply.status === 412) await this.agree(true);
      else if (reply.status === 409 && this.fits(other)) offset = other;
      else if (reply.status === 404 || reply.status === 409) break;
      else return this.judge(reply);
    }
    this.reached = undefined;
    throw new Lost(t("lost"), 1);
  }

  /** The file, or its head alone; false where files are taken whole only. */
  async put(headers, offset) {
    let reply;
    while ((reply = await this.send("PUT", this.href, headers, offset)).status === 412) await this.agree(true);
    if (reply.status === 501 && offset === null) return false;
    await this.judge(reply);
    return true;
  }

  /** The bytes that the server has of it, or null. */
  async offset() {
    const reply = await request("HEAD", `${this.href}?upload`), offset = offsetOf(reply);
    if (!reply.ok && reply.status !== 404) await refuse(reply);
    return reply.ok && this.fits(offset) ? offset : null;
  }

  fits(offset) { return offset >= 0 && offset <= this.size; }

  /** What has the name now, or null. */
  async there() {
    const reply = await request("HEAD", this.href), field = (name) => reply.headers.get(name);
    // A name that may not be read may still be there: the server knows.
    if (reply.status === 403 || reply.status === 404) return null;
    if (!reply.ok) await refuse(reply);
    return { size: Number(field("Content-Length")), time: Date.parse(field("Last-Modified")) / 1000, tag: field("ETag") };
  }

  async isThere() {
    const there = await this.there();
    return there?.size === this.size && (there.time === this.time || there.tag !== this.conditions?.["If-Match"]);
  }

  /** Makes sure that the user wants to replace what is there, and only that. */
  async agree(exists = false) {
    const there = await this.there();
    if ((there || exists) && !await queue.mayReplace(this, there ?? {})) {
      this.end("cancelled");
      throw new Error("skipped");
    }
    this.conditions = there?.tag ? { "If-Match": there.tag } : exists ? {} : { "If-None-Match": "*" };
  }

  /** What an answer means, if it is no success: another try, or the end. */
  async judge(reply) {
    if (reply.ok) return;
    if (!await isLoggedOut(reply.status)) await refuse(reply);
    await logIn();
    throw new Lost("", 1);
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
      xhr.onload = () => {
        const lines = xhr.getAllResponseHeaders().trim().split("\r\n").map((line) => line.split(/: (.*)/, 2));
        resolve(new Response(xhr.response || null, { status: xhr.status, headers: lines }));
      };
      const broken = () => reject(new Lost(t("lost")));
      xhr.onabort = broken;
      // Or was the file changed or removed?
      xhr.onerror = () => this.file.slice(0, 1).arrayBuffer().then(broken, reject);
      xhr.onloadend = () => clearTimeout(timer);
      limit(STALLED);
      xhr.send(offset === null ? null : this.file.slice(offset));
    });
  }

  progress(sent) {
    const now = performance.now();
    this.sent = sent;
    this.samples = [...this.samples.filter(([at]) => now - at < MEASURED), [now, sent]];
    this.reached = Math.max(sent, this.reached ?? 0);
    if (!(now - this.noted < 1000)) this.remember();
    queue.draw();
  }

  remember() {
    const { size, time, reached, conditions } = this;
    this.noted = performance.now();
    if (size > LARGE && reached !== undefined) memory.set(this.href, { size, time, reached, conditions });
  }

  /** Bytes a second over the last moments; 0 if nothing moves, or that is not known yet. */
  get speed() {
    const now = performance.now(), [first] = this.samples, last = this.samples.at(-1);
    if (this.state !== "running" || !last || now - last[0] > RESTING) return 0;
    return (this.sent - first[1]) * 1000 / Math.max(now - first[0], 1);
  }

  stop(state) {
    this.end(state, state === "paused" ? t("paused") : "");
    this.xhr?.abort();
    this.wake?.();
    if (state === "paused") this.remember();
    else if (this.reached !== undefined) dropPartial(this.href);
  }
}

const offsetOf = ({ headers }) => Number(headers.get("Upload-Offset") ?? NaN);

/** An upload of an earlier page, which needs its file again. */
class Unfinished {
  constructor(href) {
    const { size, reached } = memory.get(href);
    Object.assign(this, { href, size, sent: reached, name: shown(namesBelow(href).join("/")), state: "unfinished", note: t("choose_again") });
    this.offers = { choose_file: true, cancel: true };
  }

  press(key) {
    if (key === "choose_file") return pick({}, ([file]) => this.resume(file));
    memory.forget(this.href);
    dropPartial(this.href);
  }

  /** Goes on, if the file is the same one. */
  resume(file) {
    const known = memory.get(this.href), path = namesBelow(this.href), name = path.at(-1);
    if (file.name === name && new Upload(file, here(), path).isSame(known)) queue.add([[file, path]]);
    else tell(t("another_file", { name: shown(name), size: size(known.size), time: when(known.time) }), true);
  }
}

/** Tells the server to forget what it has of a file. */
const dropPartial = (href) => request("DELETE", `${href}?upload`).catch(() => {});

