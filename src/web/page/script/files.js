
// ---- Choosing and dropping files ----

function pick(properties, then) {
  const input = el("input", { type: "file", ...properties });
  input.addEventListener("change", () => then([...input.files]));
  input.click();
}

const pickAll = (properties) => pick(properties, (files) =>
  queue.add(files.map((file) => [file, (file.webkitRelativePath || file.name).split("/")])));

/** All files below what was dropped on the folder `top`, each with its names; folders without files are made at once. */
async function walk(entry, path, top, found) {
  const names = [...path, entry.name];
  if (entry.isFile) return found.push([await new Promise((resolve, reject) => entry.file(resolve, reject)), names]);
  const reader = entry.createReader();
  const before = found.length;
  // Each time, it gives a hundred or so.
  for (let some; (some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))).length;) {
    for (const inner of some) await walk(inner, names, top, found);
  }
  if (found.length === before) await ensureFolder(`${top}${names.map(encode).join("/")}/`, top);
}

async function dropped(transfer) {
  // The entries are there only until this event is over; the user may open another folder before they are all read.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const top = here(), found = [];
  for (const entry of entries) {
    if (entry.isDirectory && !may("m")) throw new Failure(t("no_folders"));
    await walk(entry, [], top, found);
  }
  queue.add(found, top);
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
addEventListener("beforeunload", (event) => { if (queue.isOpen()) event.preventDefault(); });
addEventListener("pagehide", () => {
  for (const upload of queue.uploads) if (upload.isActive) upload.remember();
});
// The browser kept the page as it was when it was left.
addEventListener("pageshow", ({ persisted }) => { if (persisted) attempt(refresh); });
