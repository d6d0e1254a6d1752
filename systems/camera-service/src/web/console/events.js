// What happens, as it comes; the newest first.

import { find, time } from "./page.js";

const MOST = 100;

/** Topics that say the same as others, only with the whole state: the cards take them. */
const STATE_ONLY = ["camera_status_update", "recording_status_update"];

const WORDS = {
  "camera.connected": "connected",
  "camera.disconnected": "disconnected",
  "camera.status_change": "changed its status",
  "recording.start": "recording began",
  "recording.stop": "recording ended",
  "recording.error": "recording failed",
  "snapshot.taken": "snapshot taken",
  "system.health": "System",
};

export class Events {
  add(topic, event) {
    if (STATE_ONLY.includes(topic)) return;
    const what = event.device ? `${event.device}: ${WORDS[topic] ?? topic}` : (WORDS[topic] ?? topic);
    const more = [topic === "camera.status_change" && event.camera?.status, event.filename, event.reason].filter(Boolean);
    this.#line(topic, event.timestamp, what, more.join(", "));
  }

  lost(count) {
    this.#line("events_lost", new Date(), `${count} events were lost`, "they came faster than this page could read them");
  }

  #line(topic, when, what, more) {
    const [line, stamp, words] = ["li", "time", "span"].map((name) => document.createElement(name));
    line.dataset.topic = topic;
    stamp.textContent = time(when);
    words.textContent = more ? `${what} (${more})` : what;
    line.append(stamp, " ", words);
    const list = find("#events");
    list.prepend(line);
    if (list.children.length > MOST) list.lastElementChild.remove();
    find("#no-events").hidden = true;
  }

  clear() {
    find("#events").replaceChildren();
    find("#no-events").hidden = false;
  }
}
