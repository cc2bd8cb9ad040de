const queue = {
  uploads: [],
  /** The item of each upload that is listed, by its path. */
  items: new Map(),

  /** Adds files: [file, names below the folder `top`]. */
  add(files, top = here()) {
    // What was done before is no part of what begins now.
    if (!queue.isActive()) folders.clear();
    if (!queue.isOpen()) queue.uploads = queue.uploads.filter(({ state }) => state === "failed");
    for (const [file, path] of files) {
      const upload = new Upload(file, top, path);
      const other = queue.uploads.findIndex(({ href }) => href === upload.href);
      if (queue.uploads[other]?.isOpen) {
        if (!queue.uploads[other].isSame(upload)) tell(t("twice", { name: upload.name }), true);
        continue;
      }
      if (other >= 0) queue.uploads.splice(other, 1);
      queue.uploads.push(upload);
    }
    queue.pump();
  },

  isActive: () => queue.uploads.some(({ isActive, state }) => isActive || state === "waiting"),
  /** Whether something would be lost with the page. */
  isOpen: () => queue.uploads.some(({ isOpen }) => isOpen),

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
    const count = (state) => queue.uploads.filter((upload) => upload.state === state).length;
    if (count("failed")) tell(t("some_failed", { n: count("failed") }), true);
    else if (count("done") && !count("paused") && !$("#status.bad:not(:empty)")) tell(t("all_done", { n: count("done") }));
    attempt(refresh);
  },

  async mayReplace(upload, there) {
    while (queue.asking) await queue.asking;
    if (queue.forAll) return queue.forAll === "replace";
    const all = el("input", { type: "checkbox" });
    const facts = ({ size: bytes, time }) => bytes >= 0 ? `${size(bytes)} · ${when(time)}` : "–";
    const content = [el("dl", {}, el("dt", {}, t("old")), el("dd", {}, facts(there)), el("dt", {}, t("new")), el("dd", {}, facts(upload)))];
    if (upload.isSame(there)) content.push(el("p", {}, t("same")));
    if (queue.uploads.some((other) => other !== upload && other.isOpen)) content.push(el("label", { className: "line" }, all, t("for_all")));
    queue.asking = ask(t("replace_ask", { name: upload.name }), content, [["replace", t("replace"), "first"], ["", t("skip")]]);
    const answer = await queue.asking;
    queue.asking = undefined;
    if (all.checked) queue.forAll = answer || "skip";
    return answer === "replace";
  },

  /** Presses a button of all uploads that offer it. */
  async all(key) {
    // What has arrived would be dropped.
    if (key === "cancel" && !await ask(t("cancel_all"), [], [["yes", t("cancel_all"), "dangerous"], ["", t("close")]])) return;
    if (key === "clear") queue.uploads = queue.uploads.filter(({ isOpen }) => isOpen);
    for (const upload of queue.uploads) if (upload.offers[key]) upload.press(key);
    queue.pump();
  },

  // How it is shown.

  draw() {
    queue.drawing ??= setTimeout(() => { queue.drawing = undefined; queue.redraw(); }, 100);
  },

  redraw() {
    const box = $("#queue"), focused = document.activeElement?.closest("#queue button");
    if (!$("ol", box)) {
      const tool = (key, text) => el("button", { "data-all": key }, t(text));
      box.append(el("div", { className: "head" }, el("h2"), tool("clear", "clear"), tool("pause", "pause_all"),
        tool("go_on", "go_on_all"), tool("cancel", "cancel_all")), el("ol"));
    }
    const place = $$("li", box).indexOf(focused?.closest("li"));
    const uploads = queue.uploads.filter(({ state }) => state !== "cancelled");
    const left = memory.below(here()).filter((href) => !queue.uploads.some((upload) => upload.href === href));
    box.hidden = !uploads.length && !left.length;
    queue.drawHead(box, uploads);
    queue.drawItems($("ol", box), queue.listed([...uploads, ...left.map((href) => new Unfinished(href))]));
    if (focused) queue.keepFocus(focused, place);
  },

  /** Those that have an item: first what moves, last what is done. Of many, the rest is only counted. */
  listed(uploads) {
    const those = (...states) => uploads.filter(({ state }) => states.includes(state));
    const open = [those("running", "retrying"), those("failed", "paused"), those("unfinished"), those("waiting")].flat();
    const done = those("done");
    return [...open.slice(0, 100), ...done.length > 10 ? [] : done];
  },

  drawHead(box, uploads) {
    const sum = (value) => uploads.reduce((total, upload) => total + value(upload), 0);
    const count = (...states) => uploads.filter(({ state }) => states.includes(state)).length;
    const parts = [uploads.length ? t("progress", { done: count("done"), n: uploads.length }) : t("unfinished")];
    document.title = title;
    if (queue.isActive()) {
      const percent = `${Math.floor(100 * sum(({ sent }) => sent) / Math.max(sum(({ size }) => size), 1))} %`;
      const left = sum((upload) => upload.isOpen ? upload.size - upload.sent : 0);
      parts.push(percent, ...pace(sum(({ speed }) => speed), left));
      document.title = `${percent} – ${title}`;
    }
    $("h2", box).textContent = parts.join(" · ");
    for (const button of $$("[data-all]", box)) button.hidden = !uploads.some(({ offers }) => offers[button.dataset.all]);
    $("[data-all=clear]").hidden = queue.isActive() || !count("done", "failed");
  },

  drawItems(list, uploads) {
    const items = new Map(uploads.map((upload) => [upload.href, queue.items.get(upload.href) ?? queue.item(upload)]));
    for (const [href, item] of queue.items) if (!items.has(href)) item.remove();
    for (const upload of uploads) queue.drawItem(items.get(upload.href), upload);
    [...items.values()].forEach((item, at) => { if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null); });
    queue.items = items;
  },

  item({ name }) {
    const button = (key) => el("button", { "data-press": key, "aria-label": `${t(key)}: ${name}` }, t(key));
    return el("li", {}, el("b", {}, el("bdi", {}, name)), el("progress", { "aria-label": name }), el("small"),
      el("span", { className: "buttons" }, ...["pause", "go_on", "choose_file", "cancel"].map(button)));
  },

  drawItem(item, upload) {
    const { state, size: bytes, sent, speed, note, offers } = upload;
    Object.assign(item, { upload, className: state });
    Object.assign($("progress", item), { max: bytes || 1, value: bytes ? sent : Number(state === "done") });
    const facts = [state === "done" ? size(bytes) : t("of", { sent: size(sent), size: size(bytes) })];
    if (state === "running") facts.push(...sent < bytes ? pace(speed, bytes - sent) : [t("finishing")]);
    if (note) facts.push(note);
    $("small", item).textContent = facts.join(" · ");
    for (const button of $$("button", item)) button.hidden = !offers[button.dataset.press];
  },

  /** Keeps the focus, or gives it to what took the place of a button that is gone. */
  keepFocus(button, place) {
    const items = $$("#queue li");
    const near = [button.closest("li"), items[place], items[place - 1], $("#queue .head")].filter((one) => one?.isConnected);
    const next = near.map((one) => $("button:not([hidden])", one)).find(Boolean);
    (button.isConnected && !button.hidden ? button : next ?? $("#choose"))?.focus();
  },
};

/** A speed, and the time that the rest needs. */
const pace = (speed, left) => [`${size(speed)}/s`, ...speed ? [t("left", { time: span(left / speed) })] : []];

// What stands still is drawn, too.
setInterval(() => { if (queue.isActive()) queue.draw(); }, 1000);
