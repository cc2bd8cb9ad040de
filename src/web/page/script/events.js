// ---- What clicks and keys do ----

const TOOLS = {
  choose: () => pickAll({ multiple: true }), "choose-folder": () => pickAll({ webkitdirectory: true }), "choose-none": chooseNone,
  "make-folder": makeFolder, rename, delete: remove, cut: cutChosen, paste,
  grid() {
    const on = $("#grid").getAttribute("aria-pressed") !== "true";
    kept.setItem("ftpd:tiles", on ? "1" : "");
    showTiles(on);
  },
};

addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.press) {
    button.closest("li").upload.press(button.dataset.press);
    return queue.pump();
  }
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
  else if (queue.isOpen() && href.endsWith("/") && (row || anchor.closest(".crumbs"))) attempt(() => openFolder(href));
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
  const n = applyFilter();
  tell(n ? t("filtered", { n, all: rows().length }) : t("no_match"));
});
addEventListener("keydown", (event) => {
  if ($("dialog") || event.target.matches("input:not([type=checkbox])")) return;
  const name = event.ctrlKey || event.metaKey ? `^${event.key}` : event.key;
  const tool = $({ F2: "#rename", Delete: "#delete", "^x": "#cut", "^v": "#paste" }[name] ?? "#none");
  if (tool && !tool.closest("[hidden]")) tool.click();
});
addEventListener("popstate", () => {
  if (here() !== location.pathname) attempt(refresh);
});

document.body.dataset.drop = t("drop_here");
enrich();
queue.redraw();
