// What happens, as it comes; the newest first.

import { find, time } from "./page.js";

const MOST = 100;

/** Topics that say nothing to a reader that another one has not said; the cards take what is in them. */
const SAID_OTHERWISE = ["camera_status_update", "camera.status_change", "recording_status_update"];

const WORDS = {
  "camera.connected": "connected",
  "camera.disconnected": "disconnected",
  "recording.start": "recording began",
  "recording.stop": "recording ended",
  "recording.interrupted": "recording interrupted",
  "recording.resumed": "recording goes on",
  "recording.error": "recording incomplete",
  "snapshot.taken": "snapshot taken",
  "system.health": "state changed",
};

export class Events {
  add(topic, { device, timestamp, filename, reason }) {
    if (SAID_OTHERWISE.includes(topic)) return;
    const more = [filename, reason].filter(Boolean).join(", ");
    this.#line(topic, timestamp, `${device ?? "System"}: ${WORDS[topic] ?? topic}${more && ` (${more})`}`);
  }

  lost(count) {
    this.#line("events_lost", new Date(), `${count} events were lost: they came faster than this page could read them`);
  }

  #line(topic, when, words) {
    const [line, stamp] = [document.createElement("li"), document.createElement("time")];
    line.dataset.topic = topic;
    stamp.textContent = time(when);
    line.append(stamp, ` ${words}`);
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
