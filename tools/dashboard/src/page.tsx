// The page: asks for everything, draws it once, and says in its title when that is done.

import { ThemeContext, createTheme } from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import type { Panel } from "@grafana/schema";
import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";

import "./icons";
import "./page.css";
import { readMarks } from "./annotations";
import { DrawnDashboard } from "./dashboard";
import { prepare } from "./fields";
import { input } from "./input";
import { type Section, sections } from "./layout";
import { type Answered, canDraw } from "./panel";
import { type Target, ask } from "./prometheus";

const FONT = "Roboto";
const QUIET = 250;

const theme = createTheme({ colors: { mode: "dark" }, typography: { fontFamily: `${FONT}, sans-serif` } });
const page = document.getElementById("page") as HTMLElement;
/** What React could not draw. */
let broken: unknown;

async function draw() {
  if (!input) throw new Error("data.js does not set window.input");
  await initPluginTranslations("page");
  // Text on canvases is not drawn again when a font comes late.
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 14px ${FONT}`)));
  const list = sections(input.dashboard, input.rows);
  const [answers, marks] = await Promise.all([answerAll(list), readMarks(theme)]);
  show(<DrawnDashboard list={list} answers={answers} marks={marks} />);
  await settled();
  if (broken) throw broken;
  const problems = answers.filter(({ problem }) => problem).map(({ panel, problem }) => `${panel.title}: ${problem}`);
  if (problems.length) throw new Error(problems.join("; "));
}

function answerAll(list: Section[]): Promise<Answered[]> {
  return Promise.all(list.filter(({ open }) => open).flatMap(({ panels }) => panels.map(answer)));
}

/** A problem of one panel is shown in its place, so that the others can be seen. */
async function answer(panel: Panel): Promise<Answered> {
  try {
    if (!canDraw(panel)) throw new Error(`panels of kind ${panel.type} cannot be drawn`);
    const frames = await Promise.all(((panel.targets ?? []) as unknown as Target[]).map((target) => ask(target)));
    return { panel, frames: await prepare(panel, frames.flat(), theme) };
  } catch (problem) {
    return { panel, frames: [], problem: message(problem) };
  }
}

function show(drawn: ReactNode) {
  const root = createRoot(page, { onUncaughtError: (problem) => (broken = problem) });
  root.render(<ThemeContext.Provider value={theme}>{drawn}</ThemeContext.Provider>);
}

/** Components measure themselves and draw again. */
async function settled() {
  let before;
  do {
    before = page.innerHTML;
    await new Promise((done) => setTimeout(done, QUIET));
  } while (page.innerHTML !== before);
}

function fail(problem: unknown) {
  document.title = `failed: ${message(problem)}`;
  if (!page.innerText) page.innerText = document.title;
}

function message(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}

draw().then(() => (document.title = "drawn"), fail);
