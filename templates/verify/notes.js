// Signed notes and checkpoints: c2sp.org/signed-note, c2sp.org/tlog-checkpoint (no extension lines).

const MAX_SIZE = 2n ** 63n - 1n;
const MAX_NOTE = 1_000_000;
const MAX_SIGNATURES = 100;
const DASH = "\u2014 ";

const ED25519 = 1;
const COSIGNATURE_ED25519 = 4;
const COSIGNATURE_ML_DSA = 6;

// What Python calls a space, so that both verifiers refuse the same names.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function requireName(name) {
  if (name === "" || /[+\x00-\x1f]/.test(name) || SPACE.test(name) || /\p{Surrogate}/u.test(name)) {
    throw new Refused(`a key name is not empty and holds no space, plus or control character: ${excerpt(name)}`);
  }
}

/** A key as its owner publishes it: name+hex8+Base64. `types` are the signature types that are meant here. */
async function parseKey(vkey, types = [ED25519]) {
  const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey);
  if (match === null) throw new Refused(`a key reads name+8 hex digits+Base64, not ${excerpt(vkey)}`);
  const [, name, id, encoded] = match;
  const material = fromBase64(encoded, "the key");
  if (!types.includes(material[0])) throw new Refused("the key is of a type that is not meant here");
  requireName(name);
  const length = material[0] === COSIGNATURE_ML_DSA ? 1312 : 32;
  if (material.length !== 1 + length) throw new Refused(`the key has ${material.length - 1} bytes, not ${length}`);
  const digest = await sha256(joined(bytesOf(`${name}\n`, "the name"), material));
  const right = toHex(digest.subarray(0, 4));
  if (right !== id) throw new Refused(`the key's id should be ${right}, not ${id}`);
  return { name, id, type: material[0], public: material.subarray(1), vkey };
}

/** Whether `signature` is the key's over `message`. A browser without Ed25519 is Unable: that is no answer. */
async function ed25519(key, signature, message) {
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
  } catch (error) {
    if (error.name === "DataError") return false;
    throw new Unable("This browser cannot check Ed25519 signatures.");
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** The text with its last newline, and the signature lines. Nothing is verified yet. */
function splitNote(note) {
  if (note.length > MAX_NOTE && [...note].length > MAX_NOTE) {
    throw new Refused(`a note has at most ${MAX_NOTE} characters`);
  }
  bytesOf(note, "the note");
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) {
    throw new Refused("the note holds a control character other than the newline");
  }
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0) throw new Refused("the note has no blank line before its signatures");
  const block = note.slice(blank + 2);
  if (!block.endsWith("\n")) throw new Refused("the note does not end in a signature line with its newline");
  const lines = block.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) throw new Refused(`the note has more than ${MAX_SIGNATURES} signatures`);
  return { text: note.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
  const rest = line.startsWith(DASH) ? line.slice(DASH.length) : "";
  const space = rest.indexOf(" ");
  if (space < 0 || space === rest.length - 1) throw new Refused(`not a signature line: ${excerpt(line)}`);
  const name = rest.slice(0, space);
  requireName(name);
  const value = fromBase64(rest.slice(space + 1), "the signature");
  if (value.length <= 4) throw new Refused("the signature holds nothing but a key id");
  return { name, id: toHex(value.subarray(0, 4)), value: value.subarray(4) };
}

function signaturesOf(split, key) {
  return split.signatures.filter((signature) => signature.name === key.name && signature.id === key.id);
}

/** The checkpoint that `key` signed for the log of its own name. Every signature of that key must hold. */
async function openCheckpoint(note, key) {
  const split = splitNote(note);
  const own = signaturesOf(split, key);
  if (!own.length) throw new Refused("no known key signed this note");
  const message = bytesOf(split.text, "the note");
  for (const signature of own) {
    if (!(await ed25519(key, signature.value, message))) {
      throw new Refused(`the signature of ${excerpt(key.name)} does not hold`);
    }
  }
  const checkpoint = parseCheckpoint(split.text);
  if (checkpoint.origin !== key.name) {
    throw new Refused(`the checkpoint is of the log ${excerpt(checkpoint.origin)}, the key of ${excerpt(key.name)}`);
  }
  return checkpoint;
}

function parseCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length !== 4 || lines[3] !== "") {
    throw new Refused("a checkpoint here is three lines (origin, size, root) and no extension");
  }
  const [origin, digits, encoded] = lines;
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(digits)) throw new Refused(`not a tree size: ${excerpt(digits)}`);
  const size = BigInt(digits);
  const root = fromBase64(encoded, "the root");
  if (origin === "") throw new Refused("an origin is one line that is not empty");
  if (size > MAX_SIZE) throw new Refused(`a tree has 0 to ${MAX_SIZE} entries`);
  if (root.length !== 32) throw new Refused(`a root has 32 bytes, not ${root.length}`);
  if (size === 0n && toHex(root) !== EMPTY_ROOT) throw new Refused("the empty tree has another root");
  return { origin, size, root };
}
