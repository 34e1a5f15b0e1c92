"""The style sheet and the script of the report. Nothing is loaded from elsewhere."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;
--live:#6e7781;--candidate:#0969da;--head:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--soft:#9198a1;
--line:#3d444d;--live:#9198a1;--candidate:#4493f8;--head:#151b23}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1.5rem;background:var(--back);color:var(--text);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.5rem}
dl{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0}
dl div{border:1px solid var(--line);border-radius:6px;padding:.5rem 1rem;min-width:9rem}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
code{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
.scroll{overflow-x:auto;max-height:32rem;margin:1rem 0;
border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding:.5rem .75rem;font-weight:600}
th,td{padding:.35rem .75rem;text-align:left;border-top:1px solid var(--line);vertical-align:top}
th{background:var(--head);position:sticky;top:0}
.number{text-align:right;font-variant-numeric:tabular-nums}
th button{all:unset;cursor:pointer;font-weight:600}
th button:focus-visible,.scroll:focus-visible{
outline:2px solid var(--candidate);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
figure{margin:1rem 0;overflow-x:auto}svg{width:100%;min-width:36rem;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
figcaption,.soft{color:var(--soft);font-size:.9rem}
polyline{fill:none;stroke-width:1.5}
polyline.live{stroke:var(--live);stroke-dasharray:4 3}polyline.candidate{stroke:var(--candidate)}
rect.live{fill:var(--live)}rect.candidate{fill:var(--candidate)}
.axis{stroke:var(--line)}
.key span::before{content:"";display:inline-block;width:1.2em;height:.6em;margin:0 .4em 0 1em}
.key .live::before{background:var(--live)}.key .candidate::before{background:var(--candidate)}
@media print{.scroll{max-height:none;overflow:visible}}
"""

SCRIPT: Final = """
document.querySelectorAll("th button").forEach(function (button) {
  button.addEventListener("click", function () {
    var head = button.parentNode, place = head.cellIndex;
    var body = head.closest("table").tBodies[0];
    var up = head.getAttribute("aria-sort") !== "ascending";
    head.parentNode.querySelectorAll("th").forEach(function (one) {
      one.removeAttribute("aria-sort");
    });
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    Array.from(body.rows).sort(function (a, b) {
      var x = a.cells[place], y = b.cells[place];
      var order = x.dataset.value !== undefined && y.dataset.value !== undefined
        ? x.dataset.value - y.dataset.value
        : x.textContent.localeCompare(y.textContent);
      return up ? order : -order;
    }).forEach(function (row) { body.appendChild(row); });
  });
});
"""
