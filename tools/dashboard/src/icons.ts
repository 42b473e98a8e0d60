// Grafana's icons are read from its server by address; here they are known before anybody asks.

import { cacheStore } from "react-inlinesvg";

import down from "../node_modules/@grafana/ui/dist/public/img/icons/unicons/angle-down.svg";
import right from "../node_modules/@grafana/ui/dist/public/img/icons/unicons/angle-right.svg";
import check from "../node_modules/@grafana/ui/dist/public/img/icons/unicons/check.svg";
import clock from "../node_modules/@grafana/ui/dist/public/img/icons/unicons/clock-nine.svg";
import warning from "../node_modules/@grafana/ui/dist/public/img/icons/unicons/exclamation-triangle.svg";
import info from "../node_modules/@grafana/ui/dist/public/img/icons/unicons/info-circle.svg";

const ICONS = {
  "angle-down": down,
  "angle-right": right,
  check,
  "clock-nine": clock,
  "exclamation-triangle": warning,
  "info-circle": info,
};

for (const [name, content] of Object.entries(ICONS)) {
  cacheStore.set(`public/build/img/icons/unicons/${name}.svg`, { content, status: "loaded" });
}
