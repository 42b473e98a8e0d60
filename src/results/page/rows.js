"use strict";
// Rows of the table. Every text comes from images, pods, policies and signers, so it is set as text and never as markup.

const STATUSES = ["Untrusted", "Revoked", "Unsupported", "Unknown", "Exempt", "Unmatched", "Trusted"];

/** An element with a class, and texts or elements inside. */
function element(name, className, ...inside) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...inside.filter((part) => part !== null && part !== undefined));
  return made;
}

/** A status of the closed list; anything else would choose its own class. */
function badge(status, count) {
  const known = STATUSES.includes(status) ? status : "Unmatched";
  return element("span", `status ${known}`, count === undefined ? status : `${count} ${status}`);
}

function cell(label, ...inside) {
  const made = element("td", "", ...inside);
  made.dataset.label = label;
  return made;
}

function number(label, value) {
  const made = cell(label, value.toLocaleString("en"));
  made.className = "number";
  return made;
}

function link(text, act) {
  const made = element("button", "link", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** What identifies a row over refreshes. */
function keyOf(image) {
  return `${image.image}\n${image.digest ?? ""}`;
}

/** The row of an image, and the one with its details behind it. */
function imageRows(image, isOpen, toggle, chooseNamespace) {
  const open = element("button", "open", isOpen ? "▾" : "▸");
  open.type = "button";
  open.setAttribute("aria-expanded", String(isOpen));
  open.setAttribute("aria-label", `Details of ${image.image}`);
  open.addEventListener("click", () => toggle(keyOf(image)));
  const name = element("span", "image", image.image);
  const digest = image.digest ? element("span", "digest", image.digest) : null;
  const names = image.namespaces.map((namespace) => namespace.name);
  const few = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3 + (image.namespacesLeftOut ?? 0)} more` : "");
  const row = element("tr", "row", cell("", badge(image.status)), element("td", "", open, name, digest), number("Pods", image.pods),
    cell("Namespaces", few), cell("Reason", image.reasons.join(", ")));
  if (!isOpen) return [row];
  const detail = element("td", "", verdicts(image), runs(image, chooseNamespace));
  detail.colSpan = 5;
  return [row, element("tr", "detail", detail)];
}

function verdicts(image) {
  const items = image.verdicts.map((verdict) => element("li", "", badge(verdict.status), ` policy `, element("code", "", verdict.policy),
    verdict.rule ? ` rule “${verdict.rule}”` : " no rule", ` · ${verdict.reason}`, verdict.validator ? ` · validator ${verdict.validator}` : "",
    ` · ${plural(verdict.pods, "pod")}`,
    verdict.signers.length ? element("div", "soft", "signed by ", element("code", "", verdict.signers.join(", "))) : null,
    verdict.message ? element("div", "soft", verdict.message) : null));
  const left = image.verdictsLeftOut ? element("li", "soft", `and ${image.verdictsLeftOut} more verdicts`) : null;
  return element("section", "", element("h3", "", "What policies say"), element("ul", "", ...items, left));
}

function runs(image, chooseNamespace) {
  const items = image.runs.map((run) => element("li", "", badge(run.status), " ", link(run.namespace, () => chooseNamespace(run.namespace)),
    ` / ${run.pod}`, element("span", "soft", ` · ${run.containers.join(", ")}`,
      run.workload ? ` · ${run.workload.kind} ${run.workload.name}` : "", run.since ? ` · since ${when(run.since)}` : "")));
  const left = image.pods - image.runs.length;
  if (left > 0) items.push(element("li", "soft", `and ${plural(left, "more pod")}: choose a namespace to see them`));
  return element("section", "", element("h3", "", "Where it runs"), element("ul", "", ...items));
}

/** One row per namespace: the one with the worst images first. */
function namespaceRows(namespaces, choose) {
  const weight = (namespace) => STATUSES.map((status) => namespace.images[status] ?? 0);
  const worst = (one, other) => {
    const [a, b] = [weight(one), weight(other)];
    const at = a.findIndex((count, place) => count !== b[place]);
    return at < 0 ? one.name.localeCompare(other.name) : b[at] - a[at];
  };
  return [...namespaces].sort(worst).map((namespace) => {
    const counts = STATUSES.filter((status) => namespace.images[status]).map((status) => badge(status, namespace.images[status]));
    return element("tr", "row", cell("", link(namespace.name, () => choose(namespace.name))), number("Pods", namespace.pods),
      element("td", "", element("div", "counts", ...counts)));
  });
}

function plural(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

function when(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().slice(0, 16).replace("T", " ");
}
