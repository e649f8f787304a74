// The page's style: light and dark, narrow and printed.

export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --ground: #fff; --soft: #57606a; --line: #d0d7de; --raised: #f6f8fa; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --ground: #0d1117; --soft: #9aa4af; --line: #30363d; --raised: #161b22; --link: #79b8ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--link); } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
.verdict { padding: .75rem 1rem; background: var(--raised); border-left: 4px solid var(--link); }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
thead th { background: var(--raised); } td { max-width: 26rem; } tbody th { font-weight: 400; }
figure { margin: 1.5rem 0; } figure svg { display: block; width: 100%; height: auto; max-width: 40rem; }
figcaption, .note { color: var(--soft); font-size: .9rem; max-width: 46rem; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; padding: 0; list-style: none; }
.key span { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .4em; }
details { margin: .5rem 0; padding: .4rem .8rem; border: 1px solid var(--line); border-radius: 4px; } summary { cursor: pointer; }
dt { font-weight: 600; margin-top: .5rem; } dd { margin: 0; white-space: pre-wrap; font-family: ui-monospace, monospace; font-size: .85rem; }
@media print { body { max-width: none; font-size: 10pt; } .wide { overflow: visible; } table { font-size: 8pt; } figure, tr { break-inside: avoid; } .skip, nav { display: none; } }
`;
