// One panel: Grafana's chrome, and inside what its kind draws.

import { type DataFrame, type FieldDisplay, getDisplayValueAlignmentFactors, getFieldDisplayValues } from "@grafana/data";
import type { Panel, ReduceDataOptions, TableCellHeight, VizLegendOptions, VizOrientation } from "@grafana/schema";
import { BigValue, type BigValueColorMode, type BigValueGraphMode, type BigValueJustifyMode, type BigValueTextMode } from "@grafana/ui";
import { PanelChrome, TimeSeries, VizRepeater, useTheme2 } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import type { ReactNode } from "react";

import { type Mark, addMarks } from "./annotations";
import { settings } from "./fields";
import { timeRange, timeZone, withVariables } from "./input";

/** What Prometheus has answered to a panel, or why there is nothing. */
export interface Answered {
  panel: Panel;
  frames: DataFrame[];
  problem?: string;
}

interface Inside extends Answered {
  marks: Mark[];
  width: number;
  height: number;
}

const KINDS: Record<string, (inside: Inside) => ReactNode> = { stat: Stat, table: Table, timeseries: Lines };

export function canDraw(panel: Panel): boolean {
  return panel.type in KINDS;
}

export function DrawnPanel(inside: Inside) {
  const { panel, problem, width, height } = inside;
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height} statusMessage={problem}>
      {(innerWidth, innerHeight) => <Content {...inside} width={innerWidth} height={innerHeight} />}
    </PanelChrome>
  );
}

function Content(inside: Inside) {
  if (inside.problem) return <p className="notice problem">{inside.problem}</p>;
  if (!inside.frames.length && inside.panel.type !== "stat") return <p className="notice">No data</p>;
  const Kind = KINDS[inside.panel.type];
  return <Kind {...inside} />;
}

interface StatOptions {
  colorMode: BigValueColorMode;
  graphMode: BigValueGraphMode;
  justifyMode: BigValueJustifyMode;
  textMode: BigValueTextMode;
  orientation?: VizOrientation;
  reduceOptions: ReduceDataOptions;
}

function Stat({ panel, frames, width, height }: Inside) {
  const theme = useTheme2();
  const options = panel.options as unknown as StatOptions;
  const values = () =>
    getFieldDisplayValues({
      data: frames,
      fieldConfig: settings(panel),
      reduceOptions: { ...options.reduceOptions, calcs: options.reduceOptions.calcs ?? [] },
      replaceVariables: withVariables,
      sparkline: options.graphMode !== "none",
      theme,
      timeZone: timeZone(),
    });
  return (
    <VizRepeater<FieldDisplay, ReturnType<typeof getDisplayValueAlignmentFactors>>
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value: { display, sparkline }, ...place }) => (
        <BigValue {...options} {...place} value={display} sparkline={sparkline} theme={theme} />
      )}
      source={frames}
      renderCounter={0}
      orientation={options.orientation ?? ("auto" as VizOrientation)}
      autoGrid
      width={width}
      height={height}
    />
  );
}

function Lines({ panel, frames, marks, width, height }: Inside) {
  return (
    <TimeSeries
      frames={frames}
      timeRange={timeRange()}
      timeZone={timeZone()}
      legend={panel.options?.legend as VizLegendOptions}
      renderers={[{ fieldMap: {}, indicesOnly: [], init: (builder) => addMarks(builder, marks) }]}
      width={width}
      height={height}
    />
  );
}

function Table({ panel, frames, width, height }: Inside) {
  const options = panel.options as { showHeader?: boolean; cellHeight?: TableCellHeight };
  return (
    <TableNG
      data={frames[0]}
      noHeader={options.showHeader === false}
      cellHeight={options.cellHeight}
      fieldConfig={settings(panel)}
      enableVirtualization={false}
      width={width}
      height={height}
    />
  );
}
