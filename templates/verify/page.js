// The page: files in, verdict out. Nothing leaves it: its content security policy allows no address at all.

const VERDICTS = {
  proved: ["Proved", "\u2713"],
  partly: ["Proved, but not whose log it is", "!"],
  "not-proved": ["Not proved", "\u2717"],
  unable: ["No answer", "?"],
};
const STATES = {
  ok: ["holds", "\u2713"],
  unproved: ["not proved", "!"],
  "not-asked": ["not asked", "\u2013"],
  failed: ["failed", "\u2717"],
  "not-reached": ["not reached", "\u2013"],
};
const PAGE_OF_ENTRIES = 100;

const byId = (id) => document.getElementById(id);
const given = { bundle: null, digest: "" };
let run = 0;

async function bytesFrom(file, limit) {
  // One byte more than the limit, which the reader of that format then refuses.
  return new Uint8Array(await file.slice(0, limit + 1).arrayBuffer());
}

/** Check what is chosen now; whatever an earlier call still finds is dropped. */
async function check() {
  run += 1;
  const mine = run;
  const root = byId("result");
  delete root.dataset.verdict;
  root.hidden = given.bundle === null;
  if (root.hidden) return;
  root.replaceChildren(element("p", "working", "Checking \u2026"));
  const report = (done, all) => {
    if (mine === run && all > 1000) root.firstChild.textContent = `Checking: ${done} of ${all} entries \u2026`;
  };
  let answer;
  try {
    answer = await judged(report);
  } catch (error) {
    // A fault of this page is not a verdict on the bundle.
    answer = { verdict: "unable", steps: [], problem: `This page failed (${plainText(String(error), 200)}).`, bundle: null };
  }
  if (mine === run) showAnswer(root, answer);
}

async function judged(progress) {
  if (!globalThis.crypto?.subtle) {
    return { verdict: "unable", steps: [], bundle: null, problem: "This browser gives this page no WebCrypto." };
  }
  const data = await bytesFrom(given.bundle, MAX_BUNDLE_BYTES);
  given.digest = toHex(await sha256(data));
  let policy = null;
  const [policyFile] = byId("policy").files;
  if (policyFile !== undefined) {
    try {
      policy = await parsePolicy(await bytesFrom(policyFile, MAX_POLICY_BYTES));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { verdict: "unable", steps: [], bundle: null, problem: `The policy cannot be used: ${error.message}.` };
    }
  }
  const key = byId("key").value.trim();
  const [outsideFile] = byId("outside").files;
  const outside = outsideFile === undefined ? null : await bytesFrom(outsideFile, MAX_NOTE);
  return verifyBundle(data, { key: key === "" ? null : key, policy, outside, progress });
}

function showAnswer(root, answer) {
  const [title, mark] = VERDICTS[answer.verdict];
  const verdict = element(
    "div",
    `verdict ${answer.verdict}`,
    element("span", "mark", mark),
    element("div", "", element("h2", "", title), element("p", "", sentence(answer))),
  );
  verdict.firstChild.setAttribute("aria-hidden", "true");
  const parts = [verdict];
  if (answer.steps.length) parts.push(showSteps(answer));
  if (answer.notProved?.length) {
    parts.push(
      element(
        "section",
        "limits",
        element("h2", "", "What this does not prove"),
        element("ul", "", ...answer.notProved.map((said) => element("li", "", said))),
      ),
    );
  }
  if (answer.bundle !== null) parts.push(showFacts(answer), showEntries(answer));
  root.replaceChildren(...parts);
  root.dataset.verdict = answer.verdict;
  root.dataset.step = answer.failed ?? "";
  root.dataset.index = answer.index ?? "";
  root.dataset.states = answer.steps.map((step) => `${step.step}=${step.state}`).join(" ");
}

function sentence(answer) {
  if (answer.verdict === "unable") {
    return `${answer.problem} Nothing is said about the bundle: use verify.pyz, or a newer browser.`;
  }
  if (answer.verdict === "not-proved") return "Do not rely on anything in this bundle. The steps say what failed.";
  const entries = counted(answer.bundle.entries.length, "entry is", "entries are");
  if (answer.verdict === "partly") {
    return (
      `${entries} in a log that calls itself ${plainText(answer.checkpoint.origin, 200)}, exactly as shown here. ` +
      "Whose log that is was not proved, since no key was given: get the key from its owner and put it in above."
    );
  }
  return `${entries} in the log ${plainText(answer.checkpoint.origin, 200)}, exactly as shown here.`;
}

function showSteps(answer) {
  const list = element("ol", "steps");
  const done = new Map(answer.steps.map((step) => [step.step, step]));
  for (const [step, title] of Object.entries(STEPS)) {
    const { state, said } = done.get(step) ?? { state: "not-reached", said: "" };
    const [word, mark] = STATES[state];
    const sign = element("span", "mark", mark);
    sign.setAttribute("aria-hidden", "true");
    list.append(
      element(
        "li",
        state,
        element("div", "head", element("span", "title", title), element("span", "state", sign, " ", word)),
        said ? element("p", "said", plainText(said, 600)) : "",
      ),
    );
  }
  return element("section", "", element("h2", "", "What was checked, in order"), list);
}

function showFacts(answer) {
  const { bundle, checkpoint } = answer;
  const facts = element("dl", "facts wide");
  facts.append(factRow("File", plainText(given.bundle.name, 200)));
  facts.append(factRow("SHA-256 of the file", element("code", "", given.digest)));
  facts.append(factRow("Log", element("code", "", plainText(bundle.origin, 200))));
  facts.append(factRow("Key", element("code", "", plainText(bundle.key, 300))));
  if (checkpoint !== null) {
    facts.append(factRow("Entries in the log", String(checkpoint.size)));
    facts.append(factRow("Root", element("code", "", toBase64(checkpoint.root))));
  }
  const { first, last } = span(bundle.entries);
  facts.append(factRow("Entries in the bundle", `${bundle.entries.length}, from #${first} to #${last}`));
  const said = element("dl", "facts wide");
  for (const source of [bundle.selection ?? {}, bundle.about]) {
    for (const [name, value] of Object.entries(source)) said.append(factRow(plainText(name, 60), plainText(value)));
  }
  const section = element("section", "", element("h2", "", "The log and the file"), facts);
  if (said.children.length) {
    section.append(element("h3", "", "What the file says of itself (no signature covers it)"), said);
  }
  return section;
}

function showEntries(answer) {
  const proved = answer.verdict === "proved" || answer.verdict === "partly";
  const entries = [...answer.bundle.entries].sort((one, other) => (one.index < other.index ? -1 : 1));
  for (const entry of entries) {
    // Steps that were not reached have read nothing yet; what cannot be read is shown as bytes.
    if (entry.value === undefined) {
      try {
        entry.value = parseJson(entry.text, { exact: false });
      } catch {
        entry.value = null;
      }
    }
  }
  const list = element("div", "entries");
  const more = element("button", "plain", "");
  more.type = "button";
  const grow = () => {
    const from = list.children.length;
    list.append(...entries.slice(from, from + PAGE_OF_ENTRIES).map(showEntry));
    const left = entries.length - list.children.length;
    more.textContent = `Show ${Math.min(left, PAGE_OF_ENTRIES)} more of ${left}`;
    more.hidden = left <= 0;
  };
  more.addEventListener("click", grow);
  grow();
  if (proved) {
    return element("section", "", element("h2", "", `The ${counted(entries.length, "entry", "entries")}`), list, more);
  }
  const title = "The entries as the file shows them. Nothing here is proved.";
  return element("details", "unproved-entries", element("summary", "", title), list, more);
}

function takeBundle(file) {
  given.bundle = file;
  byId("chosen").textContent = file === null ? "" : file.name;
  check();
}

function listen() {
  byId("bundle").addEventListener("change", (event) => {
    takeBundle(event.target.files[0] ?? null);
  });
  for (const name of ["key", "policy", "outside"]) byId(name).addEventListener("change", check);
  // The fields are emptied only after this event.
  byId("trust").addEventListener("reset", () => setTimeout(check));
  byId("trust").addEventListener("submit", (event) => {
    event.preventDefault();
    check();
  });
  const zone = byId("zone");
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.remove("over");
    });
  }
  document.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) takeBundle(event.dataTransfer.files[0]);
  });
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.unproved-entries")) details.open = false;
  });
  byId("ready").textContent = "Ready. This page works without a network and sends nothing anywhere.";
}

listen();
