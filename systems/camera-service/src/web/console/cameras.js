// The cameras as cards: state, live picture, snapshot, recording.

import { Live } from "./live.js";
import { copy, find, onClick, ownLink, running, show } from "./page.js";

/** So many cameras show their picture without being asked to. */
const AT_ONCE = 4;

/** Whether the camera has a recording, be it interrupted. */
const runs = ({ recording, recording_state }) => recording || recording_state?.status === "interrupted";

class Card {
  #service;
  #device;
  #live;
  #watched = false;
  #recording = false;
  /** Since when the recording runs, in milliseconds; null: not known. */
  #since = null;

  constructor(camera, service) {
    this.#service = service;
    this.#device = { device: camera.device };
    this.element = copy("#camera-card");
    this.element.dataset.device = camera.device;
    const video = this.#part("video");
    video.ariaLabel = `Live picture of ${camera.name}`;
    const title = this.#part("h3");
    title.textContent = camera.name;
    title.id = `camera-${camera.device}`;
    const ask = () => service.call("get_stream_url", this.#device);
    this.#live = new Live(video, ask, (text) => (this.#part(".picture-note").textContent = text));
    const actions = {
      ".live": async () => this.watch(!this.#watched),
      ".snapshot": () => this.#snapshot(),
      ".record": () => this.#record(),
    };
    for (const [name, action] of Object.entries(actions)) {
      this.#part(name).setAttribute("aria-describedby", title.id);
      onClick(this.#part(name), this.#part(".problem"), action);
    }
    this.#part(".snapshot").hidden = !service.may("take_snapshot");
    this.#part(".record").hidden = !service.may("start_recording");
    this.recording(runs(camera), false);
    this.update(camera);
  }

  #part(selector) {
    return find(selector, this.element);
  }

  /** Shows the camera as the service has just described it. */
  update({ status, resolution, fps, recording, recording_state, reason }) {
    this.connected = status === "connected";
    Object.assign(this.#part(".state"), { textContent: status }).dataset.state = status;
    this.#part(".resolution").textContent = resolution?.replace("x", " × ") ?? "";
    this.#part(".fps").textContent = fps === null ? "" : `${Math.round(fps * 10) / 10} fps`;
    this.play();
    if (!this.connected) this.#part(".picture-note").textContent = reason ?? "There is no picture.";
    else if (!this.#live.running) this.#part(".picture-note").textContent = "";
    const now = runs({ recording, recording_state });
    if (now !== this.#recording) this.recording(now, false);
    this.interrupted(now && !recording);
  }

  /** Whether a recording runs, and whether it has just begun. */
  recording(now, begun) {
    this.#recording = now;
    this.#since = now && begun ? Date.now() : null;
    this.#part(".recording").hidden = !now;
    this.#part(".record").textContent = now ? "Stop recording" : "Record";
    this.tick();
  }

  /** Whether nothing is written of the recording that runs. */
  interrupted(now) {
    this.#part(".recording").classList.toggle("interrupted", now);
    this.#part(".recording").firstChild.textContent = now ? "Recording interrupted " : "Recording ";
  }

  tick() {
    this.#part(".running").textContent = this.#since === null ? "" : running(Date.now() - this.#since);
  }

  watch(wanted) {
    this.#watched = wanted;
    this.#part(".live").ariaPressed = String(wanted);
    this.play();
  }

  /** The picture plays while it is wanted, there, and looked at. */
  play() {
    const plays = this.#watched && this.connected && !document.hidden;
    if (plays !== this.#live.running) plays ? this.#live.start() : this.#live.stop();
    this.#part("video").controls = plays;
  }

  async #snapshot() {
    const { filename } = await this.#service.call("take_snapshot", this.#device);
    const { download_url } = await this.#service.call("get_snapshot_info", { filename });
    show("snapshots", filename, ownLink(download_url));
  }

  async #record() {
    const begin = !this.#recording;
    await this.#service.call(begin ? "start_recording" : "stop_recording", this.#device);
    this.recording(begin, begin);
  }
}

export class Cameras {
  #service;
  #cards = new Map();

  /** `service` can `call(method, params)` and knows whether the role `may(method)`. */
  constructor(service) {
    this.#service = service;
    setInterval(() => this.#cards.forEach((card) => card.tick()), 1000);
    document.addEventListener("visibilitychange", () => this.#cards.forEach((card) => card.play()));
  }

  async load() {
    const { cameras, total } = await this.#service.call("get_camera_list");
    const first = this.#cards.size === 0;
    this.#keep(cameras.map((camera) => camera.device));
    cameras.forEach((camera) => this.update(camera));
    if (first && total <= AT_ONCE) this.#cards.forEach((card) => card.watch(true));
    find("#no-cameras").hidden = total > 0;
  }

  update(camera) {
    const { device } = camera;
    if (this.#cards.has(device)) {
      this.#cards.get(device).update(camera);
    } else {
      this.#cards.set(device, new Card(camera, this.#service));
      find("#cameras").append(this.#cards.get(device).element);
    }
    const connected = [...this.#cards.values()].filter((card) => card.connected).length;
    find("#camera-count").textContent = `${connected} of ${this.#cards.size} connected`;
  }

  /** What a notification says of a recording. */
  recording({ device, recording }) {
    const [now, card] = [["recording", "interrupted"].includes(recording.status), this.#cards.get(device)];
    card?.recording(now, now && recording.interruptions === 0);
    card?.interrupted(recording.status === "interrupted");
  }

  clear() {
    this.#keep([]);
    find("#camera-count").textContent = "";
  }

  #keep(devices) {
    for (const [device, card] of this.#cards) {
      if (devices.includes(device)) continue;
      card.watch(false);
      card.element.remove();
      this.#cards.delete(device);
    }
  }
}
