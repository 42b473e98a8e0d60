// Lets @grafana/data apply what a dashboard says of its fields. In Grafana the server's own front end fills these
// registries; the packages come with empty ones.

import {
  type DataFrame,
  type DataTransformerConfig,
  type FieldConfigPropertyItem,
  type FieldConfigSource,
  type GrafanaTheme2,
  FieldColorModeId,
  FieldConfigOptionsRegistry,
  FieldConfigProperty,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from "@grafana/data";
import type { Panel } from "@grafana/schema";
import { firstValueFrom } from "rxjs";

import { timeZone, withVariables } from "./input";

const CUSTOM = "custom.";

standardTransformersRegistry.setInit(() =>
  [...new Set(Object.values(standardTransformers))].map((one) => ({
    id: one.id,
    name: one.name,
    transformation: () => Promise.resolve(one),
    editor: () => null,
    imageDark: "",
    imageLight: "",
  })),
);

/** The frames as they are drawn: transformed, and with the settings of each field. */
export async function prepare(panel: Panel, frames: DataFrame[], theme: GrafanaTheme2): Promise<DataFrame[]> {
  const transformed = await firstValueFrom(transformDataFrame(transformations(panel), frames));
  const fieldConfig = settings(panel);
  const prepared = applyFieldOverrides({
    data: transformed,
    fieldConfig,
    fieldConfigRegistry: registry(fieldConfig),
    replaceVariables: withVariables,
    theme,
    timeZone: timeZone(),
  });
  cacheFieldDisplayNames(prepared);
  return prepared;
}

/** Lines have a colour each, if nothing else is said; it is the plugin that says so in Grafana. */
export function settings(panel: Panel): FieldConfigSource {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const color = panel.type === "timeseries" ? { mode: FieldColorModeId.PaletteClassic } : undefined;
  return { defaults: { color, ...defaults }, overrides } as FieldConfigSource;
}

/** An unknown transformation would be left out silently. */
function transformations({ transformations = [] }: Panel): DataTransformerConfig[] {
  return transformations.filter(({ id }) => standardTransformersRegistry.get(id)) as DataTransformerConfig[];
}

/** All standard properties, and those of its own kind that the panel sets. */
function registry({ defaults, overrides }: FieldConfigSource): FieldConfigOptionsRegistry {
  const overridden = overrides.flatMap(({ properties }) => properties.map(({ id }) => id));
  const own = [
    ...Object.keys(defaults.custom ?? {}),
    ...overridden.filter((id) => id.startsWith(CUSTOM)).map((id) => id.slice(CUSTOM.length)),
  ];
  const standard = Object.values(FieldConfigProperty).map((path) => property(path, path));
  return new FieldConfigOptionsRegistry(() => [
    ...standard,
    ...[...new Set(own)].map((path) => ({ ...property(CUSTOM + path, path), isCustom: true })),
  ]);
}

/** The values of a dashboard are well typed already. */
function property(id: string, path: string): FieldConfigPropertyItem {
  return { id, path, name: id, process: (value) => value, shouldApply: () => true, editor: () => null, override: () => null };
}
