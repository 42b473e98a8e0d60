"use strict";
// Reads /results and shows it. What is filtered stands behind the # of the address, so that a view can be linked.

const EVERY = 15000;
const PAGE = 100;
const PODS = 50;

const at = (selector) => document.querySelector(selector);
const state = { search: "", namespace: "", status: [], view: "images" };
const known = new Map();
const opened = new Set();
let token = "";
let pages = 1;
let paused = false;
let timer;
let asked = 0;

// The view and the fragment.

function readFragment() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  state.search = parameters.get("search") ?? "";
  state.namespace = parameters.get("namespace") ?? "";
  state.status = (parameters.get("status") ?? "").split(",").filter((status) => STATUSES.includes(status));
  state.view = parameters.get("view") === "namespaces" ? "namespaces" : "images";
}

function writeFragment() {
  const parameters = new URLSearchParams();
  if (state.search) parameters.set("search", state.search);
  if (state.namespace) parameters.set("namespace", state.namespace);
  if (state.status.length) parameters.set("status", state.status.join(","));
  if (state.view !== "images") parameters.set("view", state.view);
  history.replaceState(null, "", `#${parameters}`);
}

function change(what) {
  Object.assign(state, what);
  pages = 1;
  writeFragment();
  showControls();
  read();
}

function showControls() {
  if (at("#search").value !== state.search) at("#search").value = state.search;
  for (const radio of document.querySelectorAll("[name=view]")) radio.checked = radio.value === state.view;
  showNamespaces();
}

// Reading.

async function read() {
  clearTimeout(timer);
  const mine = ++asked;
  at("#results").setAttribute("aria-busy", "true");
  try {
    const answer = await readPages();
    if (mine !== asked) return;
    showDocument(answer);
  } catch (problem) {
    if (mine !== asked) return;
    showProblem(problem);
  }
  at("#results").setAttribute("aria-busy", "false");
  if (!paused) timer = setTimeout(read, EVERY);
}

/** As many answers as are shown, as one. */
async function readPages() {
  let whole = await ask("");
  for (let page = 1; page < pages && whole.continue; page++) {
    const next = await ask(whole.continue);
    whole = { ...next, images: whole.images.concat(next.images) };
  }
  return whole;
}

async function ask(position) {
  const parameters = new URLSearchParams({ limit: PAGE, pods: PODS });
  for (const name of ["search", "namespace"]) if (state[name]) parameters.set(name, state[name]);
  if (state.status.length) parameters.set("status", state.status.join(","));
  if (position) parameters.set("continue", position);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(`results?${parameters}`, { headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch {
    throw { reason: "Unreachable" };
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw { status: answer.status, ...body };
  return body;
}

// Showing.

function showDocument(answer) {
  at("#notice").hidden = true;
  at("#sign-in").hidden = true;
  at("#updated").textContent = `as of ${answer.generated.slice(11, 19)} UTC`;
  if (!state.namespace) known.clear();
  for (const namespace of answer.namespaces) known.set(namespace.name, namespace);
  showNamespaces();
  showSummary(answer.counts.images);
  showPods(answer);
  if (state.view === "namespaces") showNamespaceTable(answer);
  else showImageTable(answer);
}

function showSummary(counts) {
  // The buttons stay, so that the keyboard stays on them.
  const summary = at("#summary");
  if (!summary.children.length) {
    for (const status of STATUSES) {
      const button = element("button", status, element("b", ""), element("span", "", status));
      button.type = "button";
      button.dataset.status = status;
      button.addEventListener("click", () => change({ status: state.status.includes(status) ? state.status.filter((other) => other !== status) : [...state.status, status] }));
      summary.append(button);
    }
  }
  for (const button of summary.children) {
    const count = counts[button.dataset.status] ?? 0;
    button.querySelector("b").textContent = count.toLocaleString("en");
    button.classList.toggle("none", count === 0);
    button.setAttribute("aria-pressed", String(state.status.includes(button.dataset.status)));
  }
}

function showPods(answer) {
  const { verified = 0, unverified = 0, unknown = 0 } = answer.counts.pods;
  const words = [plural(verified + unverified + unknown, "pod") + (state.namespace ? ` in ${state.namespace}` : ""),
    `${verified.toLocaleString("en")} verified`, `${unverified.toLocaleString("en")} not`];
  if (unknown) words.push(`${unknown.toLocaleString("en")} not known`);
  if (answer.waiting) words.push(`${plural(answer.waiting, "pod")} of the cluster not looked at yet`);
  if (answer.namespacesNotAsked) words.push(`${plural(answer.namespacesNotAsked, "namespace")} not asked about yet: refresh, or choose one`);
  at("#pods").textContent = words.join(" · ");
}

function showNamespaces() {
  const select = at("#namespace");
  const names = [...new Set([...known.keys(), state.namespace].filter(Boolean))].sort();
  const wanted = ["", ...names];
  if (wanted.join("\n") !== [...select.options].map((option) => option.value).join("\n")) {
    select.replaceChildren(...wanted.map((name) => new Option(name || "all", name)));
  }
  select.value = state.namespace;
}

function showTable(headings, rows, whenEmpty) {
  at("#results thead tr").replaceChildren(...headings.map(([text, className]) => {
    const heading = element("th", className, text);
    heading.scope = "col";
    return heading;
  }));
  const focused = document.activeElement?.getAttribute("aria-label");
  at("#results tbody").replaceChildren(...rows);
  at(".table").hidden = rows.length === 0;
  at("#empty").hidden = rows.length > 0;
  at("#empty").textContent = whenEmpty;
  if (focused) [...document.querySelectorAll("#results [aria-label]")].find((other) => other.getAttribute("aria-label") === focused)?.focus();
}

function showImageTable(answer) {
  const toggle = (key) => {
    if (!opened.delete(key)) opened.add(key);
    showImageTable(answer);
  };
  const rows = answer.images.flatMap((image) => imageRows(image, opened.has(keyOf(image)), toggle, (namespace) => change({ namespace })));
  const filtered = state.search || state.namespace || state.status.length;
  showTable([["Status"], ["Image and digest"], ["Pods", "number"], ["Namespaces"], ["Reason"]], rows,
    filtered ? "Nothing that runs is like that." : "Nothing runs that a policy applies to.");
  at("#more span").textContent = answer.matching ? `${answer.images.length.toLocaleString("en")} of ${plural(answer.matching, "image")}` : "";
  at("#more button").hidden = !answer.continue;
}

function showNamespaceTable(answer) {
  const names = [...known.values()].filter((namespace) => !state.namespace || namespace.name === state.namespace)
    .filter((namespace) => !state.search || namespace.name.includes(state.search.toLowerCase()))
    .filter((namespace) => !state.status.length || state.status.some((status) => namespace.images[status]));
  const rows = namespaceRows(names, (namespace) => change({ namespace, view: "images" }));
  showTable([["Namespace"], ["Pods", "number"], ["Images by status"]], rows, "No namespace is like that.");
  at("#more span").textContent = plural(rows.length, "namespace") + (answer.namespacesLeftOut ? ` and ${answer.namespacesLeftOut} more` : "");
  at("#more button").hidden = true;
}

const PROBLEMS = {
  Unauthorized: ["Who are you?", "This operator asks whoever does not come from its own machine. Give a token that the API server knows."],
  Forbidden: ["You may not see this", ""],
  TooManyRequests: ["Too many requests", ""],
  NotLeader: ["This replica does not know what runs", ""],
  Unavailable: ["No answer", ""],
  BadRequest: ["The question was not understood", ""],
  Unreachable: ["The operator cannot be reached", "It may have restarted, or the connection to it has ended. This page tries again by itself."],
};

function showProblem(problem) {
  const [title, words] = PROBLEMS[problem.reason] ?? ["Something went wrong", `The operator answered ${problem.status ?? "something unexpected"}.`];
  const rejected = problem.reason === "Unauthorized" && token;
  at("#notice h2").textContent = rejected ? "This token is not known" : title;
  at("#notice p").textContent = words || problem.error || "";
  const reach = problem.leader?.reach;
  at("#notice code").hidden = !reach;
  at("#notice code").textContent = reach ?? "";
  at("#notice").hidden = false;
  at("#sign-in").hidden = !["Unauthorized", "Forbidden"].includes(problem.reason);
  // What was shown before belongs to somebody else, or to another question.
  if (problem.status) {
    known.clear();
    at("#results tbody").replaceChildren();
    at("#summary").replaceChildren();
    at(".table").hidden = true;
    at("#empty").hidden = true;
    at("#pods").textContent = "";
    at("#more span").textContent = "";
    at("#more button").hidden = true;
  }
  at("#updated").textContent = "";
}

// What people do.

let typing;
at("#search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => change({ search: at("#search").value.trim() }), 200);
});
at("#namespace").addEventListener("change", () => change({ namespace: at("#namespace").value }));
for (const radio of document.querySelectorAll("[name=view]")) radio.addEventListener("change", () => change({ view: radio.value }));
at("#filters").addEventListener("submit", (event) => event.preventDefault());
at("#reset").addEventListener("click", () => change({ search: "", namespace: "", status: [], view: "images" }));
at("#now").addEventListener("click", read);
at("#pause").addEventListener("click", () => {
  paused = !paused;
  at("#pause").setAttribute("aria-pressed", String(paused));
  at("#pause").textContent = paused ? "Paused" : "Pause";
  if (paused) clearTimeout(timer);
  else read();
});
at("#more button").addEventListener("click", () => {
  pages += 1;
  read();
});
at("#sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("#token").value.trim();
  at("#token").value = "";
  read();
});
addEventListener("hashchange", () => {
  readFragment();
  pages = 1;
  showControls();
  read();
});
addEventListener("keydown", (event) => {
  const writes = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement?.tagName);
  if (event.key === "/" && !writes) {
    event.preventDefault();
    at("#search").focus();
  }
});

readFragment();
showControls();
read();
