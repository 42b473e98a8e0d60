// Where each row and panel stands: 24 columns, as Grafana lays them out.

import type { Dashboard, Panel, RowPanel } from "@grafana/schema";

const COLUMNS = 24;
const UNIT = 30;
const GAP = 8;

export interface Section {
  row?: RowPanel;
  open: boolean;
  panels: Panel[];
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Rows with the panels behind them, of which the first are open. */
export function sections(dashboard: Dashboard, rows = Infinity): Section[] {
  const list: Section[] = [{ open: true, panels: [] }];
  for (const panel of dashboard.panels ?? []) {
    if (isRow(panel)) list.push({ row: panel, open: list.length <= rows, panels: [...panel.panels] });
    else list.at(-1)?.panels.push(panel);
  }
  return list;
}

function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === "row";
}

/** The places of all that is drawn, and how high that is. */
export function place(list: Section[], width: number) {
  const boxes = new Map<Panel | RowPanel, Box>();
  let line = 0;
  for (const { row, open, panels } of list) {
    const first = row?.gridPos?.y ?? 0;
    if (row) boxes.set(row, box({ x: 0, y: line, w: COLUMNS, h: 1 }, width));
    const shown = open ? panels : [];
    for (const panel of shown) boxes.set(panel, box(moved(panel, line - first), width));
    line += Math.max(row ? 1 : 0, ...shown.map(({ gridPos }) => (gridPos ? gridPos.y + gridPos.h - first : 0)));
  }
  return { boxes, height: line * (UNIT + GAP) };
}

function moved({ gridPos }: Panel, lines: number) {
  if (!gridPos) throw new Error("a panel has no place");
  return { ...gridPos, y: gridPos.y + lines };
}

function box({ x, y, w, h }: { x: number; y: number; w: number; h: number }, width: number): Box {
  const column = (width + GAP) / COLUMNS;
  return { left: x * column, top: y * (UNIT + GAP), width: w * column - GAP, height: h * (UNIT + GAP) - GAP };
}
