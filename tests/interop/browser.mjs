// As much of a browser as a front end notices: a cookie jar that its script cannot see, and the headers that its script cannot set.
import axios from "axios";

export class Browser {
  #jar = new Map();

  /** The page's origin. */
  constructor(origin) {
    this.origin = origin;
  }

  /** An axios adapter: what `XMLHttpRequest` does with `withCredentials` set. */
  adapter = async (config) => {
    const { origin } = new URL(config.baseURL);
    config.headers.set("Origin", this.origin);
    // Ports do not separate sites.
    config.headers.set("Sec-Fetch-Site", origin === this.origin ? "same-origin" : "same-site");
    config.headers.set("Sec-Fetch-Mode", "cors");
    config.headers.set("Sec-Fetch-Dest", "empty");
    const credentials = config.withCredentials || origin === this.origin;
    if (credentials && this.#jar.size > 0) {
      config.headers.set("Cookie", [...this.#jar].map(([name, cookie]) => `${name}=${cookie.value}`).join("; "));
    }
    const keep = (response) => credentials && response?.headers["set-cookie"]?.forEach((line) => this.#keep(line));
    try {
      const response = await axios.getAdapter("http")(config);
      keep(response);
      return response;
    } catch (error) {
      keep(error.response);
      throw error;
    }
  };

  /** For the test alone: `{value, httpOnly}`. */
  cookie(name) {
    return this.#jar.get(name);
  }

  names() {
    return [...this.#jar.keys()].sort();
  }

  put(name, value) {
    this.#jar.set(name, { value, httpOnly: true });
  }

  forget(name) {
    this.#jar.delete(name);
  }

  #keep(line) {
    const [pair, ...rest] = line.split(";").map((part) => part.trim());
    const attributes = new Map(rest.map((part) => part.toLowerCase().split("=")));
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    if (attributes.get("path") !== "/") throw new Error(`a cookie that no other path would send: ${name}`);
    // RFC 6265 section 5.3: `Max-Age` before `Expires`. `Secure` is kept: this machine counts as trustworthy.
    const age = attributes.get("max-age");
    const gone = age === undefined ? Date.parse(attributes.get("expires")) <= Date.now() : Number(age) <= 0;
    if (gone) this.#jar.delete(name);
    else this.#jar.set(name, { value, httpOnly: attributes.has("httponly") });
  }
}
