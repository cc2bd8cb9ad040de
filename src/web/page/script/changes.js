
// ---- Changes ----

/** Changes one after the other, and shows what came of it. */
async function changeAll(hrefs, change) {
  try {
    for (const href of hrefs) await change(href);
  } finally {
    await refresh();
  }
  tell(t("done"));
}

async function makeFolder() {
  if (await askName(t("new_folder"), "", t("make"), (name) => act("MKCOL", `${here()}${encode(name)}/`))) await changeAll([]);
}

async function rename() {
  const [row] = chosenRows();
  const from = hrefOf(row), old = nameOf(from);
  const end = isFolder(row) ? "/" : "";
  const renamed = await askName(t("rename"), old, t("rename"), async (name) => {
    if (name !== old) await move(from, `${here()}${encode(name)}${end}`);
  });
  if (renamed) await changeAll([]);
}

const move = (from, to) => act("MOVE", from, { Destination: to, Overwrite: "F" });

async function remove() {
  const chosen = chosenRows();
  const content = [el("ul", {}, ...chosen.map((row) => el("li", {}, el("bdi", {}, textOf(row)))))];
  if (chosen.some(isFolder)) content.push(el("p", {}, t("delete_folders")));
  if (!await ask(t("delete_ask", { n: chosen.length }), content, [["yes", t("delete"), "dangerous"], cancel()])) return;
  await changeAll(chosen.map(hrefOf), (href) => act("DELETE", href + (href.endsWith("/") ? "?recursive" : ""), {}, [404]));
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

function paste() {
  // The user may open another folder meanwhile.
  const folder = here();
  return changeAll(cutHere(), async (href) => {
    await move(href, folder + href.slice(parentOf(href).length));
    setCut(cut().filter((other) => other !== href));
  });
}

function chooseNone() {
  for (const row of chosenRows()) choose(row, false);
  showChosen();
}
