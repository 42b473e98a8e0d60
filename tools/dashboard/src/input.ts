// What to draw, and from which Prometheus: a script beside the page sets it.

import { type TimeRange, dateTime } from "@grafana/data";
import type { Dashboard } from "@grafana/schema";

export interface Input {
  dashboard: Dashboard;
  /** Address of the API, without a slash at its end. */
  prometheus: string;
  /** Seconds since 1970. */
  from: number;
  to: number;
  /** Seconds between two points of a line. */
  step?: number;
  /** What $__rate_interval stands for. */
  rateInterval?: string;
  /** How many rows are open; those behind them are drawn closed. */
  rows?: number;
}

declare global {
  interface Window {
    input?: Input;
  }
}

const POINTS = 300;

export const input = window.input as Input;

export function step(): number {
  return input.step ?? Math.max(1, Math.ceil((input.to - input.from) / POINTS));
}

export function timeRange(): TimeRange {
  const from = dateTime(input.from * 1000);
  const to = dateTime(input.to * 1000);
  return { from, to, raw: { from, to } };
}

export function timeZone(): string {
  return input.dashboard.timezone ?? "browser";
}

/** Names and the values that "All" gives them; which data source is asked stands in the input. */
function variables(): Map<string, string> {
  const chosen = (input.dashboard.templating?.list ?? []).filter(({ type }) => type !== "datasource");
  return new Map([
    ...chosen.map(({ name, allValue }) => [name, allValue ?? ".*"] as const),
    ["__rate_interval", input.rateInterval ?? "30s"],
    ["__interval", `${step()}s`],
    ["__range", `${input.to - input.from}s`],
  ]);
}

/** A name that nobody knows must not be sent: it would match nothing, and the panel would be empty. */
export function withVariables(text: string): string {
  const known = variables();
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (_, braced?: string, bare?: string) => {
    const value = known.get(braced ?? bare ?? "");
    if (value === undefined) throw new Error(`unknown variable in ${text}`);
    return value;
  });
}
