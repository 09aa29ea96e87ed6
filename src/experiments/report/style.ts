/** The report's look: one column, light and dark by the reader's setting, fit for print. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2129, #e4e6ea);
  --quiet: light-dark(#59606b, #a2a9b4);
  --paper: light-dark(#ffffff, #15181d);
  --card: light-dark(#f5f6f8, #1e2229);
  --line: light-dark(#d9dde3, #343a44);
  --better: light-dark(#00694d, #3fcfa3);
  --worse: light-dark(#a84300, #ff9a5c);
  --arm0: #808080; --arm1: #e69f00; --arm2: #0072b2; --arm3: #009e73; --arm4: #cc79a7; --arm5: #56b4e9;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.75rem 0 .4rem; }
p { max-width: 72ch; margin: .5rem 0; }
a { color: inherit; }
.summary { font-size: 1.2rem; max-width: 62ch; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin-top: 1rem; font-size: .9rem; }
small, figcaption, nav, .quiet { color: var(--quiet); }
small { font-size: .8rem; font-variant-numeric: tabular-nums; }
.better { color: var(--better); } .worse { color: var(--worse); }
.scroll { overflow-x: auto; }
.wide td { white-space: nowrap; } .wide th:first-child { position: sticky; left: 0; background: var(--paper); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .55rem .9rem .55rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } th small, td small.better, td small.worse, td small.unclear, td:last-child small { display: block; font-weight: 400; }
thead th { border-bottom-width: 2px; }
figure { margin: 1.25rem 0 1.75rem; }
figcaption { max-width: 72ch; margin: 0 0 .6rem; font-size: .92rem; }
.headline { background: var(--card); border-radius: 12px; padding: 1.1rem 1.25rem; }
.bar { display: grid; grid-template-columns: minmax(6rem, 11rem) 1fr 4rem; gap: .9rem; align-items: center; margin: .45rem 0; }
.bar b { font-size: 1.15rem; font-variant-numeric: tabular-nums; text-align: right; }
.track { position: relative; height: 1.5rem; }
.track i { position: absolute; inset: 0 auto 0 0; border-radius: 3px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.track em { position: absolute; top: calc(50% - 1px); height: 2px; background: var(--ink); }
.track em::before, .track em::after { content: ""; position: absolute; top: -4px; width: 2px; height: 10px; background: var(--ink); }
.track em::before { left: 0; } .track em::after { right: 0; }
.track u { position: absolute; top: -.25rem; bottom: -.25rem; border-left: 2px dashed var(--ink); }
${[0, 1, 2, 3, 4, 5].map((i) => `.arm${i} { background: var(--arm${i}); }`).join(" ")}
pre { background: var(--card); border-radius: 8px; padding: 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.45; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; } dt { color: var(--quiet); } dd { margin: 0; }
@media print {
  :root { color-scheme: light; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; } nav { display: none; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } pre { white-space: pre-wrap; }
}
`;
