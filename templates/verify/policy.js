// The verifier's own trust file (c2sp.org/tlog-policy) and what witnesses say (c2sp.org/tlog-cosignature).
// It never takes a key from anything that is to be verified.

const MAX_POLICY_BYTES = 1_000_000;
const MAX_POLICY_LINES = 1000;

async function parsePolicy(bytes) {
  if (bytes.length > MAX_POLICY_BYTES) throw new Refused("the policy is too long");
  const text = textOf(bytes, "the policy");
  if (/[^\t\n -~\u0080-\u{10ffff}]/u.test(text)) throw new Refused("the policy holds a control character");
  const policy = { logs: [], witnesses: [], groups: new Map(), quorum: null };
  const names = new Set();
  const members = new Set();
  let quorums = 0;

  const define = (name) => {
    if (name === "none" || names.has(name)) throw new Refused(`the name ${excerpt(name)} is taken`);
    names.add(name);
  };
  const known = (name) => {
    if (!names.has(name)) throw new Refused(`nothing is called ${excerpt(name)} above that line`);
    return name;
  };
  const once = (keys, key) => {
    const same = keys.some((other) => sameBytes(other.public, key.public));
    if (same) throw new Refused("the same key comes twice");
    keys.push(key);
  };

  // A file that was cut off within its last name could otherwise ask for another quorum.
  if (!text.endsWith("\n")) throw new Refused("the policy does not end with a newline: it may have been cut off");
  const lines = text.slice(0, -1).split("\n");
  if (lines.length > MAX_POLICY_LINES) throw new Refused(`the policy has more than ${MAX_POLICY_LINES} lines`);
  for (const line of lines) {
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (!words.length || words[0].startsWith("#")) continue;
    const [kind, ...rest] = words;
    if (kind === "log" && (rest.length === 1 || rest.length === 2)) {
      once(policy.logs, await parseKey(rest[0]));
    } else if (kind === "witness" && (rest.length === 2 || rest.length === 3)) {
      define(rest[0]);
      const key = await parseKey(rest[1], [COSIGNATURE_ED25519, COSIGNATURE_ML_DSA]);
      once(policy.witnesses, { ...key, alias: rest[0] });
    } else if (kind === "group" && rest.length >= 3) {
      const [name, rule, ...of] = rest;
      of.forEach((member) => {
        known(member);
        if (members.has(member)) throw new Refused(`${excerpt(member)} is in two groups`);
        members.add(member);
      });
      define(name);
      policy.groups.set(name, { threshold: thresholdOf(rule, of.length), members: of });
    } else if (kind === "quorum" && rest.length === 1) {
      quorums += 1;
      if (quorums > 1) break;
      policy.quorum = rest[0] === "none" ? null : known(rest[0]);
    } else {
      throw new Refused(`not a line of a policy: ${excerpt(line)}`);
    }
  }
  if (quorums !== 1) throw new Refused("a policy has exactly one quorum line");
  return policy;
}

function thresholdOf(rule, count) {
  if (rule === "all") return count;
  if (rule === "any") return 1;
  const threshold = /^[1-9][0-9]{0,3}$/.test(rule) ? Number(rule) : 0;
  if (threshold < 1 || threshold > count) throw new Refused(`${excerpt(rule)} of ${count} members cannot be`);
  return threshold;
}

/** The step on witnesses: every line of a known witness must hold, and the quorum be met. */
async function judgeWitnesses(policy, note) {
  const split = splitNote(note);
  if (policy.logs.length && !policy.logs.some((key) => signaturesOf(split, key).length)) {
    throw new Refused("no log of the policy signed the checkpoint");
  }
  const seen = new Map();
  let unreadable = 0;
  for (const witness of policy.witnesses) {
    for (const signature of signaturesOf(split, witness)) {
      if (witness.type === COSIGNATURE_ML_DSA) {
        unreadable += 1;
        continue;
      }
      const at = await cosignedAt(witness, signature.value, split.text);
      seen.set(witness.alias, Math.min(at, seen.get(witness.alias) ?? at));
    }
  }
  const met = (name) => {
    const group = policy.groups.get(name);
    if (group === undefined) return seen.has(name);
    return group.members.filter(met).length >= group.threshold;
  };
  const times = [...seen].map(([name, at]) => `${name} at ${new Date(at * 1000).toISOString().slice(0, 19)}Z`);
  const who = times.length ? `cosigned by ${times.join(", ")}` : "no witness of the policy cosigned it";
  if (policy.quorum !== null && !met(policy.quorum)) {
    if (unreadable) {
      throw new Unable("This page cannot check ML-DSA cosignatures, and the policy's quorum needs them: use verify.pyz.");
    }
    throw new Refused(`the policy's quorum ${excerpt(policy.quorum)} is not met: ${who}`);
  }
  if (policy.quorum === null && !times.length) return notAsked("the policy asks for none, and none cosigned");
  return ok(who);
}

/** Unix time of a cosignature/v1: eight bytes of time, then Ed25519 over a header, the time and the text. */
async function cosignedAt(witness, value, text) {
  const failed = new Refused(`the cosignature of ${excerpt(witness.name)} does not hold`);
  if (value.length !== 72) throw failed;
  const at = new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0);
  const message = bytesOf(`cosignature/v1\ntime ${at}\n${text}`, "the checkpoint");
  if (at > 2n ** 53n - 1n || !(await ed25519(witness, value.subarray(8), message))) throw failed;
  return Number(at);
}
