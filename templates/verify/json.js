// JSON, read strictly: no field twice, no number that two readers could take differently, and RFC 8785's spelling.

const MAX_DEPTH = 64;
const MAX_CONTAINERS = 1_000_000;
const MAX_NUMBER_DIGITS = 100;

function withinContainerLimit(text) {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x5b || code === 0x7b) count += 1;
  }
  return count <= MAX_CONTAINERS;
}

/**
 * The value of a JSON text. Objects have no prototype, so that no field name means anything to JavaScript.
 * With `exact`, whole numbers come as BigInt; without, every number is the double that ECMAScript reads.
 */
function parseJson(text, { exact }) {
  const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
  const plain = /[^"\\\u0000-\u001f]*/y;
  const escapes = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
  let at = 0;

  const fail = () => {
    throw new Refused(`this is not JSON, or was cut off, at character ${at}`);
  };
  const skip = () => {
    while (at < text.length && " \t\n\r".includes(text[at])) at += 1;
  };
  const take = (letter) => {
    if (text[at] !== letter) fail();
    at += 1;
  };

  function readString() {
    take('"');
    let value = "";
    for (;;) {
      plain.lastIndex = at;
      const run = plain.exec(text)[0];
      value += run;
      at += run.length;
      if (text[at] === '"') {
        at += 1;
        return value;
      }
      if (text[at] !== "\\") fail();
      const letter = text[at + 1];
      if (letter === "u") {
        const digits = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail();
        value += String.fromCharCode(parseInt(digits, 16));
        at += 6;
      } else {
        if (letter === undefined || !Object.hasOwn(escapes, letter)) fail();
        value += escapes[letter];
        at += 2;
      }
    }
  }

  function readNumber() {
    number.lastIndex = at;
    const found = number.exec(text);
    if (found === null) fail();
    at += found[0].length;
    if (!exact) return Number(found[0]);
    if (found[0].length > MAX_NUMBER_DIGITS) {
      throw new Refused(`a number is too long: more than ${MAX_NUMBER_DIGITS} characters`);
    }
    return found[1] === undefined && found[2] === undefined ? BigInt(found[0]) : Number(found[0]);
  }

  function readList(depth) {
    const list = [];
    take("[");
    skip();
    if (text[at] === "]") {
      at += 1;
      return list;
    }
    for (;;) {
      list.push(readValue(depth));
      if (text[at] === "]") {
        at += 1;
        return list;
      }
      take(",");
    }
  }

  function readObject(depth) {
    const object = Object.create(null);
    take("{");
    skip();
    if (text[at] === "}") {
      at += 1;
      return object;
    }
    for (;;) {
      skip();
      const name = readString();
      if (name in object) throw new Refused("an object holds the same field twice");
      skip();
      take(":");
      object[name] = readValue(depth);
      if (text[at] === "}") {
        at += 1;
        return object;
      }
      take(",");
    }
  }

  function readValue(depth) {
    skip();
    let value;
    const letter = text[at];
    if (letter === "{" || letter === "[") {
      if (depth === MAX_DEPTH) throw new Refused(`this nests deeper than ${MAX_DEPTH} levels`);
      value = letter === "{" ? readObject(depth + 1) : readList(depth + 1);
    } else if (letter === '"') {
      value = readString();
    } else if (text.startsWith("true", at)) {
      at += 4;
      value = true;
    } else if (text.startsWith("false", at)) {
      at += 5;
      value = false;
    } else if (text.startsWith("null", at)) {
      at += 4;
      value = null;
    } else {
      value = readNumber();
    }
    skip();
    return value;
  }

  const value = readValue(0);
  if (at !== text.length) fail();
  return value;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 8785: names in the order of their UTF-16 units, numbers and texts as ECMAScript writes them, no space. */
function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (isObject(value)) {
    const fields = Object.keys(value).sort();
    return `{${fields.map((name) => `${canonicalJson(name)}:${canonicalJson(value[name])}`).join(",")}}`;
  }
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new Refused("half a character, which UTF-8 cannot carry");
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Refused("a number that is too large");
    return String(value);
  }
  return JSON.stringify(value);
}

/** The value of canonical JSON; any other spelling of it is refused. */
function readCanonical(text) {
  const value = parseJson(text, { exact: false });
  if (canonicalJson(value) !== text) {
    throw new Refused(`JSON, but not its canonical spelling: ${excerpt(text.slice(0, 80))}`);
  }
  return value;
}
