// Recordings and snapshots: a page of their list, to show, download and delete.

import { confirmed, copy, dateAndTime, find, onClick, ownLink, show, size } from "./page.js";

const A_PAGE = 10;
/** The links of a list end after five minutes. */
const LOAD_EVERY = 4 * 60_000;

const CALLS = {
  recordings: { list: "list_recordings", remove: "delete_recording", show: "Play", none: "There are no recordings yet." },
  snapshots: { list: "list_snapshots", remove: "delete_snapshot", show: "Show", none: "There are no snapshots yet." },
};

export class Files {
  #service;
  #kind = "recordings";
  #offset = 0;

  /** `service` can `call(method, params)` and knows whether the role `may(method)`. */
  constructor(service) {
    this.#service = service;
    for (const button of document.querySelectorAll("#files [data-kind]")) {
      this.#onClick(button, () => this.#turnTo(button.dataset.kind, 0));
    }
    this.#onClick(find("#newer"), () => this.#turnTo(this.#kind, this.#offset - A_PAGE));
    this.#onClick(find("#older"), () => this.#turnTo(this.#kind, this.#offset + A_PAGE));
    // Without a connection there is nothing to renew; what is shown stays.
    const renew = () => document.hidden || this.load().catch(() => {});
    setInterval(renew, LOAD_EVERY);
    document.addEventListener("visibilitychange", renew);
  }

  #onClick(button, action) {
    onClick(button, find("#files-problem"), action);
  }

  #turnTo(kind, offset) {
    this.#kind = kind;
    this.#offset = Math.max(0, offset);
    return this.load();
  }

  async load() {
    const [calls, offset] = [CALLS[this.#kind], this.#offset];
    const { files, total } = await this.#service.call(calls.list, { limit: A_PAGE, offset });
    // Another list was asked for meanwhile.
    if (calls !== CALLS[this.#kind] || offset !== this.#offset) return;
    // The last of this page is gone.
    if (!files.length && offset > 0) return this.#turnTo(this.#kind, offset - A_PAGE);
    for (const button of document.querySelectorAll("#files [data-kind]")) {
      button.ariaPressed = String(button.dataset.kind === this.#kind);
    }
    this.#fill(files.map((file) => this.#row(file, calls)));
    find("#files-shown").textContent = total ? `${offset + 1}–${offset + files.length} of ${total}` : calls.none;
    find("#newer").hidden = offset === 0;
    find("#older").hidden = offset + files.length >= total;
  }

  /** The keyboard's focus stays where it was; where that is gone, at the list's beginning. */
  #fill(rows) {
    const [list, focused] = [find("#file-list"), document.activeElement];
    const name = list.contains(focused) && focused.closest("li").dataset.filename;
    list.replaceChildren(...rows);
    if (!name) return;
    const row = rows.find((row) => row.dataset.filename === name) ?? rows[0];
    (row ? find(`.${focused.classList[0]}`, row) : find("#files [aria-pressed=true]")).focus();
  }

  #row({ filename, file_size, modified_time, download_url }, calls) {
    const [row, kind, link] = [copy("#file-row"), this.#kind, ownLink(download_url)];
    const [shows, downloads, deletes] = [".show", ".download", ".delete"].map((name) => find(name, row));
    row.dataset.filename = filename;
    find(".name", row).textContent = filename;
    find(".size", row).textContent = size(file_size);
    Object.assign(find("time", row), { dateTime: modified_time, textContent: dateAndTime(modified_time) });
    shows.textContent = calls.show;
    Object.assign(downloads, { href: link, download: filename });
    deletes.hidden = !this.#service.may(calls.remove);
    for (const action of [shows, downloads, deletes]) action.ariaLabel = `${action.textContent} ${filename}`;
    this.#onClick(shows, async () => show(kind, filename, link));
    this.#onClick(deletes, async () => {
      if (!(await confirmed(`Delete ${filename}? It cannot be brought back.`))) return;
      await this.#service.call(calls.remove, { filename });
      await this.load();
    });
    return row;
  }

  clear() {
    this.#fill([]);
    find("#files-shown").textContent = find("#files-problem").textContent = "";
    this.#offset = 0;
  }
}
