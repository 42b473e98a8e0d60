// Annotations: spans of time that a query names, marked in every panel with lines.

import { type DataFrame, type GrafanaTheme2, colorManipulator, rangeUtil } from "@grafana/data";
import type { AnnotationQuery } from "@grafana/schema";
import type { UPlotConfigBuilder } from "@grafana/ui";

import { input } from "./input";
import { type Target, ask } from "./prometheus";

const BAR = 5;
const FAINT = 0.1;
const DASHES = [5, 5];

/** In milliseconds since 1970. */
export interface Mark {
  from: number;
  to: number;
  color: string;
}

type Query = AnnotationQuery & Target & { step?: string };

export function annotations(): Query[] {
  return ((input.dashboard.annotations?.list ?? []) as Query[]).filter(({ enable, expr }) => enable && expr);
}

export async function readMarks(theme: GrafanaTheme2): Promise<Mark[]> {
  return (await Promise.all(annotations().map((query) => marksOf(query, theme)))).flat();
}

async function marksOf(query: Query, theme: GrafanaTheme2): Promise<Mark[]> {
  const step = rangeUtil.intervalToSeconds(query.step ?? "60s");
  const color = theme.visualization.getColorByName(query.iconColor);
  const frames = await ask(query, step);
  return frames.flatMap((frame) => spans(frame, step * 1000)).map((span) => ({ ...span, color }));
}

/** Points that are a step apart belong to one span. */
function spans({ fields: [time, value] }: DataFrame, step: number) {
  const list: { from: number; to: number }[] = [];
  for (const at of time.values.filter((_, index) => value.values[index])) {
    const last = list.at(-1);
    if (last && at - last.to <= step) last.to = at;
    else list.push({ from: at, to: at });
  }
  return list;
}

/** Draws them over the lines of a panel. */
export function addMarks(builder: UPlotConfigBuilder, marks: Mark[]) {
  builder.addHook("draw", (plot) => {
    const { left, top, width, height } = plot.bbox;
    const inside = (time: number) => Math.min(Math.max(plot.valToPos(time, "x", true), left), left + width);
    for (const { from, to, color } of marks) drawMark(plot.ctx, color, inside(from), inside(to), top, height);
  });
}

function drawMark(canvas: CanvasRenderingContext2D, color: string, from: number, to: number, top: number, height: number) {
  canvas.save();
  canvas.fillStyle = colorManipulator.alpha(color, FAINT);
  canvas.fillRect(from, top, to - from, height);
  canvas.fillStyle = color;
  canvas.fillRect(from, top + height, to - from, BAR);
  canvas.strokeStyle = color;
  canvas.setLineDash(DASHES);
  canvas.beginPath();
  for (const x of [from, to]) {
    canvas.moveTo(x, top);
    canvas.lineTo(x, top + height);
  }
  canvas.stroke();
  canvas.restore();
}
