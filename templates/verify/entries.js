// Entries in words. Whatever a bundle holds is put on the page as text, never as markup.

const OPERATIONS = { I: "added", U: "changed", D: "deleted", S: "as it stood" };
const LONGEST = 400;

/** An element with a class and children; strings become text nodes. */
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Any value in one line, with control and direction characters made visible. */
function plainText(value, longest = LONGEST) {
  const text = typeof value === "string" ? value : JSON.stringify(value, (_, item) => (typeof item === "bigint" ? String(item) : item));
  const cut = text.length > longest ? `${text.slice(0, longest)}\u2026` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`,
  );
}

function factRow(term, value) {
  return element("div", "", element("dt", "", term), element("dd", "", value));
}

function showEntry(entry) {
  const article = element("article", "entry");
  const act = isObject(entry.value) && isObject(entry.value.act) ? entry.value.act : null;
  const kind = act === null ? "another kind of entry" : plainText(act.kind ?? "no kind", 100);
  article.append(
    element(
      "h3",
      "",
      element("span", "number", `#${entry.index}`),
      " ",
      act === null ? kind : sentenceOf(kind),
      " ",
      element("span", "quiet", act === null ? "" : plainText(act.at ?? "no time", 40)),
    ),
  );
  if (act !== null) {
    const facts = element("dl", "facts");
    facts.append(factRow("kind", element("code", "", kind)));
    for (const name of ["actor", "role", "via", "subject", "reason", "data"]) {
      const value = act[name];
      const empty = value === undefined || value === null || value === "" || (isObject(value) && !Object.keys(value).length);
      if (!empty) facts.append(factRow(name, told(value)));
    }
    article.append(facts);
    const changes = entry.changes ?? entry.value.changes;
    if (Array.isArray(changes) && changes.length) article.append(showChanges(changes));
    if (changes === undefined) article.append(element("p", "quiet", "What it changed is not in this bundle."));
  }
  const exact = element("details", "exact", element("summary", "", "Exact bytes, as they were hashed"));
  exact.addEventListener("toggle", () => {
    if (exact.open && exact.children.length === 1) {
      exact.append(
        element("pre", "", entry.text),
        element("p", "quiet", "Leaf: ", element("code", "", entry.leaf ? toBase64(entry.leaf) : "not computed")),
      );
    }
  });
  article.append(exact);
  return article;
}

/** `governance.approval.granted` as "Approval granted". */
function sentenceOf(kind) {
  const words = kind.split(".").slice(1).join(" ").replaceAll("_", " ");
  return words === "" ? kind : words[0].toUpperCase() + words.slice(1);
}

function told(value) {
  if (isObject(value) && Object.keys(value).length === 1 && typeof value.committed === "string") {
    return element("span", "quiet", "a text of which the log holds a commitment only");
  }
  return plainText(value);
}

function showChanges(changes) {
  const body = element("tbody", "");
  for (const change of changes.slice(0, 200)) {
    if (!isObject(change)) {
      body.append(element("tr", "", element("td", "", plainText(change))));
      continue;
    }
    const operation = Object.hasOwn(OPERATIONS, String(change.op)) ? OPERATIONS[change.op] : plainText(change.op ?? "");
    const fields = element("td", "fields");
    if (isObject(change.diff)) {
      for (const [name, difference] of Object.entries(change.diff)) fields.append(showField(name, difference));
    }
    body.append(
      element(
        "tr",
        "",
        element("td", "", operation),
        element("td", "", element("code", "", plainText(change.table ?? "", 80)), " ", element("code", "quiet", plainText(change.key ?? "", 80))),
        fields,
      ),
    );
  }
  if (changes.length > 200) {
    body.append(element("tr", "", element("td", "quiet", `and ${changes.length - 200} more, in the exact bytes`)));
  }
  const head = element("thead", "", element("tr", "", element("th", "", ""), element("th", "", "row"), element("th", "", "columns")));
  return element("div", "scroll", element("table", "changes", head, body));
}

function showField(name, difference) {
  const line = element("div", "", element("span", "name", plainText(name, 80)), ": ");
  if (Array.isArray(difference) && difference.length === 2) {
    line.append(element("del", "", plainText(difference[0], 120)), " \u2192 ", element("ins", "", plainText(difference[1], 120)));
  } else {
    line.append(told(difference));
  }
  return line;
}
