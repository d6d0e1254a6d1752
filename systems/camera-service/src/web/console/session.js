// One WebSocket to the service: calls and their answers, notifications, and coming back by itself when it is lost.

/** Codes of the contract. */
const NOT_AUTHENTICATED = -32001;
const INVALID_PARAMS = -32602;
const RATE_LIMITED = -32040;
/** WebSocket close code with which the service ends a session that has expired or was revoked. */
const POLICY = 1008;

const LONGEST_CALL = 60_000;
/** How long calls that came too soon are held back in all, before that is told. */
const LONGEST_HOLD = 120_000;
const LONGEST_WAIT = 30_000;

/** The service's refusal of a call, as an error. */
function refusal({ code, message, data }) {
  const wait = (data?.retry_after ?? 0) * 1000;
  const again = wait ? ` (at ${new Date(Date.now() + wait).toLocaleTimeString()})` : "";
  // Administrators are told in the machine's own words, too.
  const detail = data?.detail ? `: ${data.detail}` : "";
  return Object.assign(new Error(message + detail + again), { code, wait });
}

export class Session {
  #heard;
  #token = null;
  #accepted = false;
  #socket = null;
  #calls = new Map();
  #lastId = 0;
  #attempts = 0;
  #waiting = null;
  /** Until then no call is made: the service said that too many came. */
  #heldUntil = 0;

  /** `heard` is told: signedIn(who), refused(why), waiting(milliseconds), notified(method, params). */
  constructor(heard) {
    this.#heard = heard;
    // Whoever looks at the page, or has the network back, does not want to wait.
    const now = () => this.#waiting && !document.hidden && this.#accepted && this.#connect();
    addEventListener("online", now);
    document.addEventListener("visibilitychange", now);
  }

  /** Signs in with a token; stays connected until `stop` or a refusal. */
  start(token) {
    this.stop();
    this.#token = token;
    this.#connect();
  }

  stop() {
    this.#accepted = false;
    this.#attempts = 0;
    this.#leave("You are signed out.");
  }

  /**
   * The result of a call; throws what the service refused, or why it could not be asked. What came too soon, as after quick reloads or with
   * several copies of this page, is asked again when the service said.
   */
  async call(method, params = {}) {
    for (const begun = Date.now(); ; ) {
      while (Date.now() < this.#heldUntil) await new Promise((go) => setTimeout(go, this.#heldUntil - Date.now()));
      try {
        return await this.#ask(method, params);
      } catch (error) {
        if (error.code !== RATE_LIMITED || Date.now() + error.wait > begun + LONGEST_HOLD) throw error;
        // A random part, so that what waits does not all come at once.
        this.#heldUntil = Math.max(this.#heldUntil, Date.now() + error.wait + Math.random() * 500);
      }
    }
  }

  #ask(method, params) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("There is no connection to the service."));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const overdue = setTimeout(() => this.#lost(socket), LONGEST_CALL);
      this.#calls.set(id, { resolve, reject, overdue });
      socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  #connect() {
    this.#leave("The connection was made anew.");
    const socket = (this.#socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws`));
    socket.onopen = () => this.#authenticate(socket);
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = ({ code, reason }) => (code === POLICY ? this.#refuse(reason) : this.#lost(socket));
  }

  /** Forgets the socket there is, so that nothing it still says counts. */
  #leave(why) {
    clearTimeout(this.#waiting);
    const socket = this.#socket;
    this.#waiting = this.#socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const id of this.#calls.keys()) this.#settle(id, "reject", new Error(why));
  }

  #settle(id, how, value) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    clearTimeout(call?.overdue);
    call?.[how](value);
  }

  async #authenticate(socket) {
    try {
      const who = await this.#ask("authenticate", { auth_token: this.#token });
      this.#accepted = true;
      this.#attempts = 0;
      this.#heard.signedIn(who);
    } catch ({ code, wait, message }) {
      if (socket !== this.#socket) return;
      // A good token costs no attempt: one that is refused for too many was wrong, made in an older way, or signs in too often. Anything else says nothing of it.
      if ([NOT_AUTHENTICATED, INVALID_PARAMS].includes(code) || (code === RATE_LIMITED && !this.#accepted)) this.#refuse(message);
      else this.#lost(socket, wait);
    }
  }

  #refuse(why) {
    this.stop();
    this.#heard.refused(why);
  }

  #lost(socket, atLeast = 0) {
    if (socket !== this.#socket) return;
    this.#leave("The connection to the service was lost.");
    // A random part, so that a service that comes back is not met by all pages at once.
    const backoff = Math.min(LONGEST_WAIT, 1000 * 2 ** this.#attempts++) * (0.5 + Math.random() / 2);
    const wait = Math.max(atLeast, backoff);
    this.#waiting = setTimeout(() => this.#connect(), wait);
    this.#heard.waiting(wait);
  }

  #take({ id, method, params, error, result }) {
    if (method) this.#heard.notified(method, params);
    else if (error) this.#settle(id, "reject", refusal(error));
    else this.#settle(id, "resolve", result);
  }
}
