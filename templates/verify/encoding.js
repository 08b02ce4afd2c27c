// Bytes and texts with exactly one spelling of each value, and the one error of this page.

/** Something that should have been proved was not. `step` names where, `index` the lowest entry that failed. */
class Refused extends Error {
  constructor(message, details = {}) {
    super(message);
    this.index = details.index ?? null;
    this.failures = details.failures ?? 0;
  }
}

/** This browser cannot do what is needed, so nothing is said either way. */
class Unable extends Error {}

const encoder = new TextEncoder();

/** UTF-8 to text; a byte order mark stays, since it is not part of any format here. */
function textOf(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(`${what} is not UTF-8`);
  }
}

/** Text to UTF-8; half of a surrogate pair has no UTF-8 and is refused. */
function bytesOf(text, what) {
  if (/\p{Surrogate}/u.test(text)) throw new Refused(`${what} holds a lone surrogate, which is not text`);
  return encoder.encode(text);
}

/** Standard Base64 with padding (RFC 4648 section 4). Another spelling of the same bytes is refused. */
function fromBase64(text, what) {
  let data = null;
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0) {
    data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }
  if (data === null || toBase64(data) !== text) throw new Refused(`${what} is not standard Base64: ${excerpt(text)}`);
  return data;
}

function toBase64(bytes) {
  let letters = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    letters += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(letters);
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** At most sixty characters of a foreign text, in quotes, with everything unprintable escaped. */
function excerpt(text) {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text).replace(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
