// The page: who is signed in, and what of it is shown to whom. The token is kept in this tab only.

import { Cameras } from "./cameras.js";
import { Events } from "./events.js";
import { Files } from "./files.js";
import { dateAndTime, find } from "./page.js";
import { Session } from "./session.js";

const TOKEN = "camera-service.token";
/** The system's state and the list of cameras are asked for so often, which also notices a connection that is dead. */
const LOOK_EVERY = 30_000;

let permissions = new Set();
let signedIn = false;

const session = new Session({ signedIn: begin, refused, waiting, notified });
const service = {
  call: (method, params) => session.call(method, params),
  may: (method) => permissions.has(method),
};
const [cameras, files, events] = [new Cameras(service), new Files(service), new Events()];

async function begin({ role, permissions: granted, expires_at }) {
  signedIn = true;
  permissions = new Set(granted);
  sayConnection("");
  find("#token").value = "";
  find("#who").textContent = expires_at ? `${role}, until ${dateAndTime(expires_at)}` : role;
  arrange();
  try {
    // First, so that nothing happens between what is listed and what is told.
    const { topics } = await service.call("get_server_info");
    await service.call("subscribe_events", { topics });
    await Promise.all([look(), files.load()]);
  } catch (error) {
    sayConnection(error.message);
  }
}

async function look() {
  if (!signedIn || document.hidden) return;
  try {
    const [{ status, problems }] = await Promise.all([service.call("get_system_status"), cameras.load()]);
    const reasons = problems.map(({ name, state, reason }) => `${name} ${state}${reason ? `: ${reason}` : ""}`);
    find("#system").textContent = [`System ${status}`, ...reasons].join("; ");
    find("#system").dataset.state = status;
  } catch (error) {
    find("#system").textContent = error.message;
    find("#system").dataset.state = "unknown";
  }
}

function waiting(milliseconds) {
  signedIn = false;
  sayConnection(`There is no connection to the service. Trying again in ${Math.ceil(milliseconds / 1000)} s …`);
}

function refused(why) {
  leave();
  find("#refusal").textContent = `Not signed in: ${why}`;
  find("#token").focus();
  find("#token").select();
}

function leave() {
  signedIn = false;
  sessionStorage.removeItem(TOKEN);
  session.stop();
  permissions.clear();
  for (const part of [cameras, files, events]) part.clear();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const id of ["#who", "#system"]) find(id).textContent = "";
  sayConnection("");
  arrange();
}

/** Shows the form, or the console. */
function arrange() {
  const has = sessionStorage.getItem(TOKEN) !== null;
  const shown = has && permissions.size > 0;
  const appears = shown && find("#console").hidden;
  find("#sign-in").hidden = shown;
  find("#console").hidden = !shown;
  if (appears) find("#console").focus();
  find("#sign-out").hidden = !has;
}

function sayConnection(text) {
  find("#connection").textContent = text;
}

function notified(topic, params) {
  if (topic === "events_lost") return events.lost(params.count), look();
  events.add(topic, params);
  if (topic === "camera_status_update" && params.camera) cameras.update(params.camera);
  if (topic === "recording_status_update") cameras.recording(params);
  if (topic === "system.health") look();
  if (["recording.stop", "recording.error", "snapshot.taken"].includes(topic)) files.load().catch(() => {});
}

find("#sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const token = find("#token").value.trim();
  if (!token) return;
  find("#refusal").textContent = "";
  sessionStorage.setItem(TOKEN, token);
  session.start(token);
});
find("#sign-out").addEventListener("click", () => {
  leave();
  find("#refusal").textContent = "";
  find("#token").focus();
});
setInterval(look, LOOK_EVERY);
document.addEventListener("visibilitychange", look);

const kept = sessionStorage.getItem(TOKEN);
arrange();
if (kept) session.start(kept);
