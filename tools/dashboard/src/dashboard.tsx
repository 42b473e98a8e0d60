// All that is seen: the title, what is chosen, rows and panels at their places, and the note.

import { rangeUtil } from "@grafana/data";
import { GlobalStyles, Icon, InlineField, InlineSwitch, Input, Text, ToolbarButton } from "@grafana/ui";
import type { CSSProperties } from "react";

import { type Mark, annotations } from "./annotations";
import { input, timeRange, timeZone } from "./input";
import { type Box, type Section, place } from "./layout";
import { type Answered, DrawnPanel } from "./panel";

const NOTE = "Drawn from dashboard.json with Grafana's components and data of a test cluster";
const MARGIN = 16;

export function DrawnDashboard({ list, answers, marks }: { list: Section[]; answers: Answered[]; marks: Mark[] }) {
  const { boxes, height } = place(list, window.innerWidth - 2 * MARGIN);
  return (
    <div style={{ padding: MARGIN }}>
      <GlobalStyles />
      <Text element="h1" variant="h4">{input.dashboard.title ?? ""}</Text>
      <Controls />
      <main style={{ height }}>
        {list.map((section) => section.row && <Row key={section.row.id} section={section} style={boxes.get(section.row)} />)}
        {answers.map((answered) => {
          const box = boxes.get(answered.panel) as Box;
          return (
            <div key={answered.panel.id} style={box}>
              <DrawnPanel {...answered} marks={marks} width={box.width} height={box.height} />
            </div>
          );
        })}
      </main>
      <footer>{NOTE}</footer>
    </div>
  );
}

/** Variables, annotations and the time, as Grafana shows them above the panels. */
function Controls() {
  const variables = (input.dashboard.templating?.list ?? []).filter(({ type, hide }) => type !== "datasource" && !hide);
  return (
    <nav>
      {variables.map(({ name, label }) => (
        <InlineField key={name} label={label ?? name}>
          <Input readOnly value="All" width={16} suffix={<Icon name="angle-down" />} />
        </InlineField>
      ))}
      {annotations().map(({ name }) => (
        <InlineSwitch key={name} label={name} showLabel readOnly value />
      ))}
      <ToolbarButton variant="canvas" icon="clock-nine" isOpen={false}>
        {rangeUtil.describeTimeRange(timeRange().raw, timeZone())}
      </ToolbarButton>
    </nav>
  );
}

/** A closed row says how many panels it hides. */
function Row({ section: { row, open, panels }, style }: { section: Section; style?: CSSProperties }) {
  return (
    <div className="heading" style={style}>
      <Icon name={open ? "angle-down" : "angle-right"} />
      {row?.title}
      {!open && <small>({panels.length} panels)</small>}
    </div>
  );
}
