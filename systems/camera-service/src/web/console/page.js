// What the parts of the page share: finding elements, words for numbers and times, the two dialogs.

export const find = (selector, root = document) => root.querySelector(selector);

/** A copy of a template's only element. */
export const copy = (template) => find(template).content.firstElementChild.cloneNode(true);

export const time = (when) => new Date(when).toLocaleTimeString();
export const dateAndTime = (when) => new Date(when).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds as 1:02 or 1:00:02. */
export function running(milliseconds) {
  const [hours, minutes, seconds] = [3_600_000, 60_000, 1000].map((unit) => Math.floor(milliseconds / unit));
  const two = (number) => String(number % 60).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** A link of the service to its own files, through whatever address this page came from; null for any other. */
export function ownLink(link) {
  const url = link && new URL(link, location.href);
  return url && /^\/(files|live)\//.test(url.pathname) ? url.pathname + url.search : null;
}

/** Lets a button do something: it waits meanwhile, and an error is said in `problem`. */
export function onClick(button, problem, action) {
  button.addEventListener("click", async () => {
    if (button.ariaDisabled === "true") return;
    // Not `disabled`: the keyboard's focus would be lost.
    button.ariaDisabled = "true";
    problem.textContent = "";
    await action().catch((error) => (problem.textContent = error.message));
    button.ariaDisabled = null;
  });
}

/** Asks; true only for a yes. */
export function confirmed(question) {
  const dialog = find("#question");
  find("#question-text").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

/** Shows a recording or a snapshot. */
export function show(kind, filename, link) {
  const dialog = find("#viewer");
  const media = document.createElement(kind === "recordings" ? "video" : "img");
  const looks = { recordings: { controls: true, autoplay: true, muted: true, playsInline: true }, snapshots: { alt: `Snapshot ${filename}` } };
  Object.assign(media, looks[kind], { src: link });
  find("#viewer-problem").textContent = "";
  media.onerror = () => (find("#viewer-problem").textContent = "The browser cannot show this file. Download it instead.");
  find("#viewer-title").textContent = filename;
  find("#viewer-media").replaceChildren(media);
  Object.assign(find("#viewer-download"), { href: link, download: filename });
  dialog.addEventListener("close", () => find("#viewer-media").replaceChildren(), { once: true });
  dialog.showModal();
}
