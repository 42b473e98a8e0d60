// Asks Prometheus what a panel asks, and makes of the answers the frames that Grafana's components draw.

import { type DataFrame, type Field, FieldType, type Labels, createDataFrame } from "@grafana/data";

import { input, step, withVariables } from "./input";

/** What the dashboard says of a query; @grafana/schema leaves it to each data source. */
export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  format?: "time_series" | "table";
}

type Sample = [seconds: number, value: string];

interface Series {
  metric: Labels;
  value?: Sample;
  values?: Sample[];
}

interface Answer {
  status: "success" | "error";
  error?: string;
  data: { resultType: string; result: Series[] };
}

/** The frames of one query, with so many seconds between two points. */
export async function ask(target: Target, every = step()): Promise<DataFrame[]> {
  const series = await read(target, every);
  if (target.format === "table") return series.length ? [table(target, series)] : [];
  return series.map((one) => line(target, one, every));
}

async function read(target: Target, every: number): Promise<Series[]> {
  const [path, parameters] = target.instant ? instant() : range(every);
  const query = withVariables(target.expr);
  const answer = await get(`${input.prometheus}/api/v1/${path}?${new URLSearchParams({ query, ...parameters })}`);
  if (!["vector", "matrix"].includes(answer.data.resultType)) throw new Error(`a ${answer.data.resultType} cannot be drawn`);
  return answer.data.result;
}

/** Prometheus says in the body what is wrong with a query; a browser says of no answer only that it failed. */
async function get(address: string): Promise<Answer> {
  const response = await fetch(address).catch(() => {
    throw new Error(`no answer from ${input.prometheus}`);
  });
  const answer = (await response.json()) as Answer;
  if (answer.status !== "success") throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

function instant(): [string, Record<string, string>] {
  return ["query", { time: String(input.to) }];
}

/** Points lie on multiples of the step, as Grafana asks for them. */
function range(every: number): [string, Record<string, string>] {
  const start = Math.floor(input.from / every) * every;
  const end = Math.floor(input.to / every) * every;
  return ["query_range", { start: String(start), end: String(end), step: String(every) }];
}

/** Each series has its own frame; the interval lets a line end where samples are missing. */
function line(target: Target, series: Series, every: number): DataFrame {
  const samples = series.values ?? [series.value as Sample];
  return createDataFrame({
    refId: target.refId,
    fields: [
      { ...times(samples), config: { interval: every * 1000 } },
      { ...values(samples), labels: series.metric, config: { displayNameFromDS: legend(target, series.metric) } },
    ],
  });
}

/** A row for each series, a column for each label. */
function table(target: Target, series: Series[]): DataFrame {
  const samples = series.map(({ value }) => value as Sample);
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return createDataFrame({
    refId: target.refId,
    fields: [
      times(samples),
      ...labels.map((name) => ({ name, type: FieldType.string, config: {}, values: series.map(({ metric }) => metric[name] ?? "") })),
      values(samples),
    ],
  });
}

function times(samples: Sample[]): Field<number> {
  return { name: "Time", type: FieldType.time, config: {}, values: samples.map(([seconds]) => seconds * 1000) };
}

function values(samples: Sample[]): Field<number | null> {
  return { name: "Value", type: FieldType.number, config: {}, values: samples.map(([, value]) => number(value)) };
}

/** Not a number is what a quotient of nothing by nothing gives: there is no point to draw. */
function number(value: string): number | null {
  const parsed = Number(value.replace("Inf", "Infinity"));
  return Number.isNaN(parsed) ? null : parsed;
}

/** The legend, or nothing, which leaves the name to Grafana's own rules. */
function legend({ legendFormat }: Target, labels: Labels): string | undefined {
  if (!legendFormat || legendFormat === "__auto") return undefined;
  return legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? "");
}
