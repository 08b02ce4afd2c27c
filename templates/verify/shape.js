// The bundle as a file: "countersign/bundle/v1", its limits, and no field that nobody checks (docs/bundle.md).

const FORMAT = "countersign/bundle/v1";
const MAX_BUNDLE_BYTES = 32 * 2 ** 20;
const LIMITS = { entries: 20_000, proof: 63, consistency: 100, retired_keys: 100, timestamps: 100 };
const MAX_TOKEN_BYTES = 100_000;

function readBundle(data) {
  if (data.length > MAX_BUNDLE_BYTES) throw new Refused(`a bundle has at most ${MAX_BUNDLE_BYTES} bytes`);
  const text = textOf(data, "the file");
  if (!withinContainerLimit(text)) throw new Refused(`a bundle has at most ${MAX_CONTAINERS} brackets and braces`);
  const fields = objectOf(
    parseJson(text, { exact: true }),
    "the bundle",
    ["format", "origin", "key", "checkpoint", "entries", "about"],
    ["consistency", "retired_keys", "timestamps", "selection"],
  );
  if (fields.format !== FORMAT) throw new Refused(`the format is not "${FORMAT}", which is what this page reads`);
  const entries = itemsOf(fields.entries, "entries", LIMITS.entries, readEntry);
  if (!entries.length) throw new Refused("the bundle holds no entry, so it proves nothing");
  if (!isObject(fields.about)) throw new Refused("about is not an object");
  if ("selection" in fields && !isObject(fields.selection)) throw new Refused("selection is not an object");
  return {
    origin: noteOf(fields.origin, "origin"),
    key: noteOf(fields.key, "key"),
    checkpoint: noteOf(fields.checkpoint, "checkpoint"),
    entries,
    consistency: itemsOf(fields.consistency ?? [], "consistency", LIMITS.consistency, readConsistency),
    retiredKeys: itemsOf(fields.retired_keys ?? [], "retired_keys", LIMITS.retired_keys, readRetiredKey),
    timestamps: itemsOf(fields.timestamps ?? [], "timestamps", LIMITS.timestamps, readTimestamp),
    selection: fields.selection ?? null,
    about: fields.about,
  };
}

function readEntry(value, what) {
  const fields = objectOf(value, what, ["index", "body", "proof"], ["content"]);
  const text = stringOf(fields.body, `${what}.body`);
  const content = "content" in fields ? stringOf(fields.content, `${what}.content`) : null;
  return {
    index: wholeOf(fields.index, `${what}.index`),
    text,
    body: bytesOf(text, `${what}.body`),
    proof: itemsOf(fields.proof, `${what}.proof`, LIMITS.proof, readHash),
    contentText: content,
    content: content === null ? null : bytesOf(content, `${what}.content`),
  };
}

function readConsistency(value, what) {
  const fields = objectOf(value, what, ["first", "second", "proof"]);
  return {
    first: wholeOf(fields.first, `${what}.first`),
    second: wholeOf(fields.second, `${what}.second`),
    // A consistency proof may begin with one hash more than a path has.
    proof: itemsOf(fields.proof, `${what}.proof`, LIMITS.proof + 1, readHash),
  };
}

function readRetiredKey(value, what) {
  const fields = objectOf(value, what, ["key", "last"]);
  return { key: stringOf(fields.key, `${what}.key`), last: wholeOf(fields.last, `${what}.last`) };
}

function readTimestamp(value, what) {
  const fields = objectOf(value, what, ["checkpoint", "token"]);
  const token = fromBase64(stringOf(fields.token, `${what}.token`), `${what}.token`);
  if (token.length > MAX_TOKEN_BYTES) throw new Refused(`${what}.token has more than ${MAX_TOKEN_BYTES} bytes`);
  return { checkpoint: stringOf(fields.checkpoint, `${what}.checkpoint`), token };
}

function readHash(value, what) {
  const hash = fromBase64(stringOf(value, what), what);
  if (hash.length !== 32) throw new Refused(`${what} has ${hash.length} bytes; a hash has 32`);
  return hash;
}

function objectOf(value, what, required, optional = []) {
  if (!isObject(value)) throw new Refused(`${what} is not an object`);
  for (const name of required) if (!(name in value)) throw new Refused(`${what} lacks ${name}`);
  for (const name of Object.keys(value)) {
    if (!required.includes(name) && !optional.includes(name)) {
      throw new Refused(`${what} has a field that this format does not know: ${excerpt(name)}`);
    }
  }
  return value;
}

function itemsOf(value, what, limit, read) {
  if (!Array.isArray(value)) throw new Refused(`${what} is not a list`);
  if (value.length > limit) throw new Refused(`${what} has ${value.length} items; the limit is ${limit}`);
  return value.map((item, position) => read(item, `${what}[${position}]`));
}

function stringOf(value, what) {
  if (typeof value !== "string") throw new Refused(`${what} is not text`);
  return value;
}

function noteOf(value, what) {
  const text = stringOf(value, what);
  if (text.length > MAX_NOTE && [...text].length > MAX_NOTE) throw new Refused(`${what} is too long`);
  return text;
}

/** A whole number as an index is written: 1.0 and true are none. */
function wholeOf(value, what) {
  if (typeof value !== "bigint" || value < 0n || value > MAX_SIZE) {
    throw new Refused(`${what} is not a whole number from 0 to ${MAX_SIZE}`);
  }
  return value;
}
