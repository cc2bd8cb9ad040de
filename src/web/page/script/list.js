
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
  const isChoosable = may("f") || may("d"), gone = cut();
  const box = (tag, label) => el(tag, { className: "check" }, el("label", {}, el("input", { type: "checkbox", "aria-label": label })));
  if (isChoosable) $("thead tr").prepend(box("th", t("choose_all")));
  for (const row of rows()) {
    $("td.time", row).textContent = when(row.dataset.time);
    row.classList.toggle("cut", gone.includes(hrefOf(row)));
    if (isChoosable) row.prepend(box("td", t("choose_one", { name: textOf(row) })));
  }
  for (const tool of $$("#choose, #choose-folder, #make-folder, #filter")) tool.hidden = false;
  $("#grid").hidden = !$('tr[data-kind="image"]');
  if (kept.getItem("ftpd:tiles") && !$("#grid").hidden) showTiles(true);
  $("#paste").hidden = !may("f") || !cutHere().length;
  if (isSortedHere) order();
  $("#list").classList.add("ready");
}

let shows = Promise.resolve();
/** One after the other, so that what is shown is what the address says. */
const inTurn = (step) => shows = shows.catch(() => {}).then(step);
/** Shows a folder without leaving the page, so that uploads go on. */
const openFolder = (href) => inTurn(() => show(href, () => history.pushState(null, "", href)));
/** Shows the folder again, or the one that back and forward led to. */
const refresh = () => inTurn(() => show(location.pathname + location.search));
let title = document.title;

async function show(href, moveOn) {
  const reply = await act("GET", href, { Accept: "text/html" });
  const page = parse(await reply.text().catch(lost));
  if (!$("#list", page) || (account() && !account(page.body))) {
    await logIn();
    return show(href, moveOn);
  }
  const old = here(), focused = document.activeElement.id;
  const filter = $("#filter").value, chosen = new Set(chosenRows().map(hrefOf));
  moveOn?.();
  for (const part of ["header", "#tools", "#chosen", "#list"]) $(part).replaceWith(document.adoptNode($(part, page)));
  Object.assign(document.body.dataset, page.body.dataset);
  title = page.title;
  enrich();
  if (here() === old) {
    for (const row of rows()) choose(row, chosen.has(hrefOf(row)));
    $("#filter").value = filter;
  }
  applyFilter();
  if (focused) document.getElementById(focused)?.focus();
  queue.draw();
}

const collator = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });
const COMPARE = {
  name: (a, b) => collator.compare(textOf(a), textOf(b)),
  size: (a, b) => a.dataset.size - b.dataset.size,
  time: (a, b) => a.dataset.time - b.dataset.time,
};

/** Whether the user has the rows sorted by the script, which puts 9 before 10; so it stays then. */
let isSortedHere = false;

/** Sorts the rows that are here, as the link would let the server do it. */
function sort(anchor) {
  const head = anchor.parentElement;
  const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  $("th[aria-sort]").removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way);
  isSortedHere = true;
  order();
  history.replaceState(history.state, "", `?sort=${anchor.dataset.sort}&order=${way.replace("ending", "")}`);
}

/** Puts the rows in the order that the heads tell. */
function order() {
  const head = $("th[aria-sort]"), by = COMPARE[$("a", head).dataset.sort];
  const sign = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
  const compare = (a, b) => isFolder(b) - isFolder(a) || sign * (by(a, b) || COMPARE.name(a, b));
  const body = $("#list tbody");
  for (const row of rows().sort(compare)) body.append(row);
}

/** Shows the rows that have all words of the filter; gives how many. */
function applyFilter() {
  const words = $("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const row of rows()) {
    const text = textOf(row).toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (row.hidden) choose(row, false);
    else left++;
  }
  $("#list").classList.toggle("none", !left);
  $(".empty").textContent = t(words.length ? "no_match" : "empty");
  showChosen();
  return left;
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
