"""The style sheets of pages, and the script that sorts tables. Nothing is fetched."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--soft:#57606a;--line:#d0d7de;
--live:#6e7781;--candidate:#0969da;--head:#f6f8fa}
@media screen and (prefers-color-scheme:dark){:root{--back:#0d1117;--text:#e6edf3;--soft:#9198a1;
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
.number{text-align:right;font-variant-numeric:tabular-nums}td.number{white-space:nowrap}
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

REPORT: Final = (
    """
:root{--accent:#2f5bd3;--accent-soft:#dfe7fb;--good:#1a7f4b;--warm:#b3560f;--card:#fff;
--back:#f7f8fa;--head:#f1f3f6;--track:#e6e9ee;
--t0:#2f5bd3;--t1:#0f8a8a;--t2:#b3560f;--t3:#7a4fc9;--t4:#1a7f4b;--t5:#b3336b;--t6:#7a6a1a;
--t7:#5b6b80;--s0:#2f8f5b;--s1:#8fb23a;--s2:#d9902f;--s3:#c93b3b}
@media screen and (prefers-color-scheme:dark){:root{--accent:#7ea2ff;--accent-soft:#1d2a4d;
--good:#4cc38a;
--warm:#e8935a;--card:#151b23;--back:#0d1117;--head:#1b222c;--track:#232b36;
--t0:#7ea2ff;--t1:#4cc3c3;--t2:#e8935a;--t3:#b497f0;--t4:#4cc38a;--t5:#f07fb0;--t6:#d3be5a;
--t7:#9fb0c7;--s0:#4cc38a;--s1:#b5d45f;--s2:#f0b25a;--s3:#f47067}}
body{max-width:76rem;font-size:15px}
h1{font-size:1.9rem;margin:.2rem 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.3rem;margin:2.6rem 0 .4rem;padding-bottom:.35rem;
border-bottom:2px solid var(--line)}
h3{font-size:1rem;margin:0 0 .6rem}h2,h3,p{overflow-wrap:anywhere}
.lead{color:var(--soft);margin:0 0 1rem}
.missing{border-left:4px solid var(--warm);padding:.3rem .9rem;margin:1rem 0;
background:var(--card)}
nav{margin:1rem 0;display:flex;flex-wrap:wrap;gap:.3rem .5rem;font-size:.85rem}
nav a{color:var(--accent);text-decoration:none;border:1px solid var(--line);border-radius:99px;
padding:.1rem .7rem;background:var(--card)}
nav a:hover,nav a:focus-visible{border-color:var(--accent)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(11rem,100%),1fr));gap:.8rem}
dl div{background:var(--card);padding:.7rem 1rem;min-width:0}
@media (min-width:40rem){dl:has(>:nth-child(6):last-child){grid-template-columns:repeat(3,1fr)}}
dd{font-size:1.7rem;font-weight:650;line-height:1.25;overflow-wrap:anywhere}
dd.about{font-size:.8rem;font-weight:400;color:var(--soft)}
.blocks{display:grid;grid-template-columns:repeat(12,minmax(0,1fr));gap:1rem;margin-top:1rem}
.block{grid-column:span 12;background:var(--card);border:1px solid var(--line);border-radius:8px;
padding:1rem 1.1rem;break-inside:avoid;min-width:0}
@media (min-width:62rem){.half+.half,.half:has(+.half){grid-column:span 6}}
.block figure{margin:0}.block svg{width:100%;display:block}
.block .scroll{margin:0;max-height:none}
caption{display:none}
td:first-child{white-space:nowrap;max-width:min(22rem,45vw);overflow:hidden;text-overflow:ellipsis}
.note{color:var(--soft);font-size:.82rem;margin:.6rem 0 0}
.how{color:var(--soft);font-size:.78rem;margin:.6rem 0 0}
.how code{background:var(--head);padding:.1rem .35rem;border-radius:4px;font-size:.95em}
ol.findings{margin:0;padding-left:1.4rem}ol.findings li{margin:0 0 .8rem}
ol.findings p{margin:0;font-size:1.02rem}
ol.findings details,.block details{color:var(--soft);font-size:.8rem}
summary{cursor:pointer;width:fit-content}
.funnel{margin:0;padding:0;list-style:none;counter-reset:step}
.funnel li{display:grid;grid-template-columns:1fr auto 4.2rem;gap:.1rem .8rem;margin:0 0 .7rem}
td:not(:first-child,.number){min-width:7rem}
.bars li{grid-template-columns:1fr auto}.funnel span:first-child{overflow-wrap:anywhere}
.funnel span:nth-child(3){color:var(--soft);text-align:right;font-variant-numeric:tabular-nums}
.meter{grid-column:1/-1;height:.9rem;border-radius:4px;background:var(--track);overflow:hidden}
.meter div{height:100%;background:var(--accent);border-radius:4px}
.series{display:grid;grid-template-columns:auto 1fr auto;gap:.2rem .7rem;font-size:.8rem;
color:var(--soft)}
.series svg{height:9rem;grid-row:1;grid-column:2}.series .high{grid-row:1;grid-column:1}
.series .last{grid-row:1;grid-column:3;color:var(--text);font-size:1rem;align-self:end}
.series .first{grid-row:2;grid-column:2}.series .end{grid-row:2;grid-column:2;justify-self:end}
.series svg,.spectrum svg{min-width:0}.series path{vector-effect:non-scaling-stroke}
.spectrum{display:grid;grid-template-columns:1fr auto;gap:.2rem .7rem;font-size:.85rem}
.spectrum>*{grid-column:1/-1}.spectrum time{grid-column:1;color:var(--soft);font-size:.8rem}
.spectrum time:last-child{grid-column:2}.spectrum svg{height:8rem}
.passage{fill:none;stroke-width:1;stroke-opacity:.55;vector-effect:non-scaling-stroke}
.key{font-size:.8rem;color:var(--soft);margin:0 0 .5rem;display:flex;flex-wrap:wrap;gap:0 1rem}
.key span::before{margin:0 .4em 0 0}
svg text{fill:var(--text)}svg .small,svg .figure{fill:var(--soft);font-size:11.5px}
svg .strong{font-weight:650}svg .name{font-weight:650;font-size:13px}
svg .figure{font-variant-numeric:tabular-nums;fill:var(--text)}
svg .enters{fill:var(--good);font-size:11.5px}svg .leaves{fill:var(--warm);font-size:11.5px}
svg .label{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.grid{stroke:var(--line);fill:none}.area{fill:var(--accent-soft)}
.trend{fill:none;stroke:var(--accent);stroke-width:2.2;stroke-linejoin:round}
.band{fill:none;stroke-opacity:.38}.band:hover{stroke-opacity:.75}
.way{fill:none;stroke:var(--accent);stroke-opacity:.5}.way:hover{stroke-opacity:1}
.way.back{stroke:var(--warm);stroke-dasharray:5 3}.way.entry{stroke:var(--good);stroke-opacity:.9}
.card{fill:var(--card);stroke:var(--line);stroke-width:1.4}.card.final{fill:var(--head)}
.band.t0{stroke:var(--t0)}.node.t0{fill:var(--t0)}.band.t1{stroke:var(--t1)}.node.t1{fill:var(--t1)}.band.t2{stroke:var(--t2)}.node.t2{fill:var(--t2)}.band.t3{stroke:var(--t3)}.node.t3{fill:var(--t3)}.band.t4{stroke:var(--t4)}.node.t4{fill:var(--t4)}.band.t5{stroke:var(--t5)}.node.t5{fill:var(--t5)}.band.t6{stroke:var(--t6)}.node.t6{fill:var(--t6)}.band.t7{stroke:var(--t7)}.node.t7{fill:var(--t7)}
"""
    + "".join(
        f".passage.s{n}{{stroke:var(--s{n})}}.key .s{n}::before{{background:var(--s{n})}}"
        for n in range(4)
    )
    + """
footer{margin-top:3rem;color:var(--soft);font-size:.82rem}
@media print{@page{size:A4;margin:14mm}:root{color-scheme:light;--back:#fff}
body{max-width:none;padding:0;font-size:10.5pt}nav,.how,.block details,footer{display:none}
h2,.lead{break-after:avoid}tr,li,.lead{break-inside:avoid}
.block:has(.findings){break-inside:auto}table{font-size:8pt}
th,td{padding:.25rem .4rem}td:not(:first-child,.number){min-width:0}
dd{font-size:1.3rem}.funnel li{margin:0 0 .4rem}.meter{height:.6rem}
.block svg{min-width:0!important}figure{overflow:visible}section.journey{break-before:page}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
)
"""What reports add to the style sheet of all pages."""

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
