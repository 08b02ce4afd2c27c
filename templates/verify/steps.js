// The nine steps, in order. No step rests on one that did not hold: the first that fails ends it.

const STEPS = {
  shape: "The file has the right shape",
  key: "The key is the log's",
  checkpoint: "That key signed the checkpoint",
  witnesses: "The witnesses you trust saw that checkpoint",
  entries: "Every entry is written exactly as the log writes",
  inclusion: "Every entry is in the log, unaltered",
  content: "Every content is the one that its entry names",
  timestamps: "A timestamp authority you trust saw the log",
  outside: "The log agrees with the checkpoint kept outside",
};

const ENTRY_FORMAT = "countersign/entry/v1";

const ok = (said) => ({ state: "ok", said });
const unproved = (said) => ({ state: "unproved", said });
const notAsked = (said) => ({ state: "not-asked", said });

/**
 * Verify the bytes of a bundle. What the verifier trusts comes from elsewhere: `key` (text or null), `policy`,
 * `outside` (bytes or null). Answers {verdict, steps, failed, index, bundle, checkpoint, notProved}; verdict is
 * "proved", "partly" (not whose log it is), "not-proved" or "unable".
 */
async function verifyBundle(data, { key = null, policy = null, outside = null, progress = () => {} } = {}) {
  const steps = [];
  const found = { trusted: [], bundle: null, checkpoint: null };
  const checks = {
    shape: () => checkShape(found, data),
    key: () => checkKey(found),
    checkpoint: () => checkCheckpoint(found),
    witnesses: () => checkWitnesses(found, policy),
    entries: () => checkEntries(found),
    inclusion: () => checkInclusion(found, progress),
    content: () => checkContent(found),
    timestamps: () => checkTimestamps(found),
    outside: () => checkOutside(found, outside),
  };
  try {
    found.trusted = [...(key === null ? [] : [await parseKey(key)]), ...(policy === null ? [] : policy.logs)];
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { ...answer("unable", found, steps), problem: `The key you gave is not one: ${error.message}.` };
  }
  for (const [step, check] of Object.entries(checks)) {
    try {
      steps.push({ step, ...(await check()) });
    } catch (error) {
      if (error instanceof Unable) return { ...answer("unable", found, steps), problem: error.message };
      if (!(error instanceof Refused)) throw error;
      steps.push({ step, state: "failed", said: error.message });
      return { ...answer("not-proved", found, steps), failed: step, index: error.index, failures: error.failures };
    }
  }
  const verdict = found.trusted.length ? "proved" : "partly";
  return { ...answer(verdict, found, steps), notProved: notProved(found) };
}

function answer(verdict, found, steps) {
  return {
    verdict,
    steps,
    bundle: found.bundle,
    checkpoint: found.checkpoint,
    failed: null,
    index: null,
    failures: 0,
    problem: null,
    notProved: [],
  };
}

function checkShape(found, data) {
  found.bundle = readBundle(data);
  return ok(`${counted(found.bundle.entries.length, "entry", "entries")}, ${data.length} bytes`);
}

async function checkKey(found) {
  const present = { ...(await parseKey(found.bundle.key)), last: null };
  const own = [present];
  const retired = new Set();
  for (const { key: vkey, last } of found.bundle.retiredKeys) {
    const key = await parseKey(vkey);
    if (retired.has(vkey)) throw new Refused("the bundle retires the same key twice");
    if (key.name !== present.name) throw new Refused("the bundle names keys of several logs");
    retired.add(vkey);
    // A present key that is retired too is good up to that size alone: its successor has not signed yet.
    if (vkey === present.vkey) present.last = last;
    else own.push({ ...key, last });
  }
  found.own = own;
  found.usable = own;
  if (!found.trusted.length) {
    return unproved(`taken from the bundle itself, so compare it with the one the log publishes: ${own[0].vkey}`);
  }
  found.usable = own.filter((key) => found.trusted.some((trusted) => trusted.vkey === key.vkey));
  if (!found.usable.length) {
    const given = found.trusted.map((trusted) => trusted.vkey).join(", ");
    throw new Refused(`the bundle was made with the key ${own[0].vkey}, you trust ${given}`);
  }
  const [first] = found.usable;
  if (first.last === null) return ok(`the one you trust: ${first.vkey}`);
  return ok(`you trust one that the log has retired since: ${first.vkey}, after ${first.last} entries`);
}

async function checkCheckpoint(found) {
  const { checkpoint, key } = await openSigned(found.bundle.checkpoint, found.usable);
  if (checkpoint.origin !== found.bundle.origin) {
    throw new Refused("the bundle names another log than its checkpoint");
  }
  found.checkpoint = checkpoint;
  const retired = key.last === null ? "" : `, by a key that was retired after ${key.last} entries`;
  return ok(`${checkpoint.origin} at ${checkpoint.size} entries, root ${toBase64(checkpoint.root)}${retired}`);
}

/** The checkpoint and who of `keys` signed it; a retired key never beyond its last size. */
async function openSigned(note, keys) {
  let refused = null;
  for (const key of keys) {
    try {
      const checkpoint = await openCheckpoint(note, key);
      if (key.last === null || checkpoint.size <= key.last) return { checkpoint, key };
      refused = new Refused(`signed at ${checkpoint.size} entries by a key that was retired after ${key.last}`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refused ??= error;
    }
  }
  throw refused;
}

async function checkWitnesses(found, policy) {
  if (policy === null || (!policy.witnesses.length && policy.quorum === null)) {
    return notAsked("you gave no policy that names any");
  }
  return judgeWitnesses(policy, found.bundle.checkpoint);
}

/** Call `check` for every entry; throw for the lowest index that failed, so that two runs name the same one. */
async function checkEach(entries, check, progress = () => {}) {
  const failed = new Map();
  let failures = 0;
  // In runs, since each hash is a task of its own to the browser.
  for (let at = 0; at < entries.length; at += 400) {
    await Promise.all(
      entries.slice(at, at + 400).map(async (entry) => {
        try {
          await check(entry);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          if (!failed.has(entry.index)) failed.set(entry.index, error.message);
          failures += 1;
        }
      }),
    );
    progress(Math.min(at + 400, entries.length), entries.length);
  }
  if (failures) {
    const index = [...failed.keys()].reduce((least, next) => (next < least ? next : least));
    const said = `entry ${index}: ${failed.get(index)} (${failures} of ${entries.length} entries failed)`;
    throw new Refused(said, { index, failures });
  }
}

async function checkEntries(found) {
  const seen = new Set();
  await checkEach(found.bundle.entries, (entry) => {
    if (entry.index >= found.checkpoint.size) {
      throw new Refused(`the checkpoint has ${found.checkpoint.size} entries only`);
    }
    if (seen.has(entry.index)) throw new Refused("the index comes twice");
    seen.add(entry.index);
    if (!withinContainerLimit(entry.text)) throw new Refused("the body has too many brackets and braces");
    entry.value = readCanonical(entry.text);
  });
  return ok(`${counted(seen.size, "body", "bodies")} in canonical JSON, each index once`);
}

async function checkInclusion(found, progress) {
  const { entries } = found.bundle;
  const { size, root } = found.checkpoint;
  await checkEach(
    entries,
    async (entry) => {
      entry.leaf = await leafHash(entry.body);
      await verifyInclusion({ leaf: entry.leaf, index: entry.index, size, proof: entry.proof, root });
    },
    progress,
  );
  const { first, last } = span(entries);
  const gapless = entries.length > 1 && last - first + 1n === BigInt(entries.length);
  const said = `${entries.length} of ${entries.length} entries lead to the signed root`;
  return ok(gapless ? `${said}; none is left out from ${first} to ${last}` : said);
}

function span(entries) {
  const indexes = entries.map((entry) => entry.index);
  return {
    first: indexes.reduce((least, next) => (next < least ? next : least)),
    last: indexes.reduce((most, next) => (next > most ? next : most)),
  };
}

function namesContent(value) {
  return isObject(value) && value.format === ENTRY_FORMAT && "content" in value;
}

async function checkContent(found) {
  let named = 0;
  found.withoutContent = [];
  await checkEach(found.bundle.entries, async (entry) => {
    if (!namesContent(entry.value)) {
      if (entry.content !== null) throw new Refused("the entry names no content, and one is given");
      return;
    }
    named += 1;
    const { length, sha256: digest } = contentNamed(entry.value.content);
    if (entry.content === null) {
      found.withoutContent.push(entry.index);
      return;
    }
    if (entry.content.length !== length) {
      throw new Refused(`the content has ${entry.content.length} bytes, the entry says ${length}`);
    }
    if (toHex(await sha256(entry.content)) !== digest) {
      throw new Refused("the content is not the one that the entry names");
    }
    if (!withinContainerLimit(entry.contentText)) throw new Refused("the content has too many brackets and braces");
    entry.changes = readCanonical(entry.contentText);
  });
  if (!named) return notAsked("every entry is whole in itself");
  const given = named - found.withoutContent.length;
  const said = `${given} of ${named} contents are given, and each is the one named`;
  return found.withoutContent.length ? unproved(said) : ok(said);
}

function contentNamed(content) {
  const right =
    isObject(content) &&
    Object.keys(content).length === 2 &&
    Number.isSafeInteger(content.length) &&
    content.length >= 0 &&
    typeof content.sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(content.sha256);
  if (!right) throw new Refused("the entry names a content without its length and SHA-256");
  return content;
}

async function checkTimestamps(found) {
  const { timestamps } = found.bundle;
  if (!timestamps.length) return notAsked("the bundle holds none");
  let size = 0n;
  for (const timestamp of timestamps) {
    const { checkpoint } = await openSigned(timestamp.checkpoint, signersKnown(found));
    await requireSameLog(found, checkpoint, "a timestamped checkpoint");
    if (checkpoint.size > size) size = checkpoint.size;
  }
  return unproved(
    `${counted(timestamps.length, "timestamp", "timestamps")}, up to ${size} entries, of checkpoints of this log: ` +
      "this page does not check who issued them, verify.pyz does (--tsa-roots)",
  );
}

/** Every key that may have signed an older checkpoint: the bundle's, and whatever else you trust for this log. */
function signersKnown(found) {
  const others = found.trusted.filter((key) => !found.own.some((own) => own.vkey === key.vkey));
  return [...found.own, ...others.map((key) => ({ ...key, last: null }))];
}

async function checkOutside(found, note) {
  if (note === null) return notAsked("you gave none");
  const { checkpoint: outside } = await openSigned(textOf(note, "the checkpoint"), signersKnown(found));
  await requireSameLog(found, outside, "the checkpoint kept outside");
  found.outside = outside;
  if (outside.size === 0n) {
    return unproved("it is of the empty log, which every log begins with: this says nothing");
  }
  if (outside.size === found.checkpoint.size) return ok(`same root at ${outside.size} entries`);
  const [older, newer] =
    outside.size < found.checkpoint.size
      ? [outside.size, found.checkpoint.size]
      : [found.checkpoint.size, outside.size];
  return ok(`the log of ${newer} entries begins with the log of ${older}`);
}

/** Throw unless the bundle proves that its checkpoint and `other` are of one log that only grew. */
async function requireSameLog(found, other, name) {
  const [older, newer] = other.size < found.checkpoint.size ? [other, found.checkpoint] : [found.checkpoint, other];
  let proof = [];
  if (older.size > 0n && older.size < newer.size) {
    const kept = found.bundle.consistency.find((item) => item.first === older.size && item.second === newer.size);
    if (kept === undefined) {
      throw new Refused(
        `${name} has ${other.size} entries, the bundle's ${found.checkpoint.size}: a consistency proof from ` +
          `${older.size} to ${newer.size} is needed and the bundle holds none; ask the log for a bundle with it`,
      );
    }
    proof = kept.proof;
  }
  await verifyConsistency({
    first: older.size,
    firstRoot: older.root,
    second: newer.size,
    secondRoot: newer.root,
    proof,
  });
}

function notProved(found) {
  const said = [];
  if (!found.trusted.length) {
    said.push("Whose log this is: the key came with the bundle. Compare it with the one its owner publishes.");
  }
  if (found.outside === undefined || found.outside.size === 0n) {
    said.push("That everybody is shown this same log: compare with a checkpoint that was kept outside the log.");
  } else {
    said.push(`That the log was not forked after the first ${found.outside.size} entries of the outside checkpoint.`);
  }
  if (found.withoutContent.length) {
    const least = span(found.withoutContent.map((index) => ({ index }))).first;
    said.push(`What entry ${least} and others of its kind changed: their contents are not given.`);
  }
  said.push("That these are all the entries on the matter: a bundle shows what it holds, not what was left out.");
  said.push("That what the entries say is true, or when it was written: the times in them are the log's own.");
  said.push('Anything under "about" or "selection": no signature covers it.');
  return said;
}

function counted(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}
