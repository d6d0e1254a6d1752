// One camera's live picture in a video element. Its link ends after five minutes, so a new one is asked for in time; after an
// error, too. Where no error is told and the picture stands still all the same, it begins anew.

import { ownLink } from "./page.js";

const RENEW_EVERY = 4 * 60_000;
const LONGEST_WAIT = 15_000;
// How long the first picture may take, and the next one.
const PATIENCE = 30_000;
const LOOK_EVERY = 1000;

/** What was played, in seconds: it grows while a picture moves, and not where the player only jumps to what is live. */
const secondsIn = (ranges) => Array.from(ranges, (_, at) => ranges.end(at) - ranges.start(at)).reduce((sum, one) => sum + one, 0);

export class Live {
  #video;
  #ask;
  #say;
  #link = null;
  #player = null;
  /** Changes with every start and stop, so that what an older one still waited for is dropped. */
  #run = null;
  #timers = [];
  #failures = 0;
  #played = false;

  /** `ask` gives an answer of get_stream_url; `say` is told what the picture does. */
  constructor(video, ask, say) {
    [this.#video, this.#ask, this.#say] = [video, ask, say];
    video.addEventListener("playing", () => {
      this.#failures = 0;
      this.#played = true;
      say("");
    });
    // Without a player it is the browser itself that plays.
    video.addEventListener("error", () => this.#run && !this.#player && this.#again());
  }

  get running() {
    return this.#run !== null;
  }

  start() {
    if (!this.running) this.#open();
  }

  stop() {
    this.#run = null;
    this.#close();
    this.#failures = 0;
    this.#say("");
  }

  #close() {
    this.#timers.splice(0).forEach((timer) => clearTimeout(timer));
    this.#player?.destroy();
    this.#player = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  async #open() {
    const run = (this.#run = {});
    this.#played = false;
    this.#say("Connecting …");
    try {
      await this.#renew(run);
      if (run !== this.#run) return;
      if (!this.#link) return this.#say("This camera has no live picture for browsers.");
      const { default: Hls } = await import("./vendor/hls.light.min.mjs");
      if (run !== this.#run) return;
      if (Hls.isSupported()) this.#play(Hls);
      else if (this.#video.canPlayType("application/vnd.apple.mpegurl")) this.#video.src = this.#link;
      else return this.#say("This browser cannot show live pictures.");
      // Where the browser may not start by itself, the picture's own button does.
      this.#video.play().catch(() => {});
      this.#watch();
    } catch (error) {
      if (run === this.#run) this.#again(error.message);
    }
  }

  #play(Hls) {
    this.#player = new Hls({
      enableWorker: false,
      backBufferLength: 10,
      // Segments behind the newest; after a pause it goes on with what is live, not where it was.
      liveSyncDurationCount: 3,
      liveMaxLatencyDurationCount: 10,
      xhrSetup: (request, url) => request.open("GET", this.#signed(url)),
    });
    this.#player.on(Hls.Events.ERROR, (_, error) => error.fatal && this.#again());
    this.#player.loadSource(this.#link);
    this.#player.attachMedia(this.#video);
  }

  /** Whatever lies beside the playlist is asked for with the newest signature. */
  #signed(url) {
    const [asked, newest] = [new URL(url, location.href), new URL(this.#link, location.href)];
    const folder = (address) => address.origin + address.pathname.replace(/[^/]*$/, "");
    if (folder(asked) === folder(newest)) newest.searchParams.forEach((value, key) => asked.searchParams.set(key, value));
    return asked.href;
  }

  async #renew(run) {
    const { streams } = await this.#ask();
    if (run !== this.#run) return;
    this.#link = ownLink(streams.hls);
    if (this.#video.src && !this.#player) this.#video.src = this.#link;
    // If it fails, the player does too when its link ends, and all begins anew.
    this.#timers.push(setTimeout(() => this.#renew(run).catch(() => {}), RENEW_EVERY));
  }

  /** Looks whether the picture moves. One that only waits to be started is started; one that was paused after it had played is left alone. */
  #watch() {
    let [before, since] = [0, Date.now()];
    const look = () => {
      const { played, paused, readyState } = this.#video;
      const seconds = secondsIn(played);
      if (seconds !== before || (paused && this.#played)) [before, since] = [seconds, Date.now()];
      if (Date.now() - since < PATIENCE) return;
      if (paused && readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#video.play().catch(() => {});
      else this.#again(this.#played ? "The picture stood still." : "No picture came.");
    };
    this.#timers.push(setInterval(look, LOOK_EVERY));
  }

  /** Begins anew after a while, with a new link. */
  #again(why = "The picture was lost.") {
    this.#run = {};
    this.#close();
    this.#say(`${why} Trying again …`);
    this.#timers.push(setTimeout(() => this.#open(), Math.min(LONGEST_WAIT, 1000 * 2 ** this.#failures++)));
  }
}
