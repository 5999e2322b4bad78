"""The style sheet of the live panel, the insights and the Pareto front, and the boxes that they are made of."""

from collections.abc import Sequence
from html import escape

# Text takes its colour from the notebook's theme. The colours of the pictures are of a middle lightness, which stands
# out on white and on near-black.
STYLE = """<style>
.at-panel{--at-blue:#2f81f7;--at-orange:#f0883e;--at-grey:#8b949e;--at-red:#da3633;
--at-line:var(--jp-border-color2,rgba(128,128,128,.3));
color:var(--jp-ui-font-color1,inherit);font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;
line-height:1.45;border:1px solid var(--at-line);border-radius:10px;padding:14px 18px;max-width:940px;
box-sizing:border-box;margin:2px;overflow:hidden}
.at-head{display:flex;align-items:center;gap:8px;flex-wrap:wrap;padding-bottom:10px;margin-bottom:12px;
border-bottom:1px solid var(--at-line)}
.at-name{font-size:16px;font-weight:600;margin-right:auto;overflow-wrap:anywhere}
.at-pill{border:1px solid var(--at-line);border-radius:999px;padding:1px 10px;font-size:12px;white-space:nowrap}
.at-pill i{display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:6px;background:var(--at-grey)}
.at-live i{background:#2da44e}.at-reconnecting i{background:#d29922}.at-stopped i{background:#da3633}
.at-body{display:flex;flex-wrap:wrap;gap:18px}
.at-facts{flex:1 1 270px;min-width:0}.at-picture{flex:1.6 1 380px;min-width:0}
.at-tiles{display:flex;gap:28px;margin-bottom:12px}
.at-tile b{display:block;font-size:25px;line-height:1.2;font-weight:600;font-variant-numeric:tabular-nums}
.at-soft{opacity:.68;font-size:12px}
.at-scroll{max-height:250px;overflow:auto}
.at-panel table.at-values{border-collapse:collapse;width:100%;font-size:13px;color:inherit;table-layout:auto;margin:0}
.at-panel .at-values tr{background:none}
.at-panel .at-values th,.at-panel .at-values td{text-align:left;padding:4px 10px 4px 0;font-weight:400;background:none;
border:0;border-bottom:1px solid var(--at-line);font-variant-numeric:tabular-nums;overflow-wrap:anywhere;max-width:none}
.at-panel .at-values thead th{opacity:.68;font-size:12px}
.at-panel .at-values tr.at-sum>*{font-weight:600;border-bottom:0}
.at-why{margin-top:8px;font-size:12px;opacity:.68}
.at-trouble{margin-top:10px;padding:6px 10px;border-left:3px solid #d29922;font-size:12px;overflow-wrap:anywhere}
.at-curve{width:100%;height:auto;display:block}
.at-grid{stroke:currentColor;stroke-opacity:.13}.at-tick{fill:currentColor;fill-opacity:.68;font-size:11px;
font-variant-numeric:tabular-nums}
.at-dot{stroke-width:1.4}.at-model{fill:var(--at-blue);stroke:var(--at-blue);fill-opacity:.75}
.at-first{fill:none;stroke:var(--at-grey)}.at-top{fill:var(--at-orange);stroke:var(--at-orange)}
.at-best{fill:none;stroke:var(--at-orange);stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.at-next path{fill:none;stroke:var(--at-blue);stroke-width:1.4}.at-next .at-diamond{fill:var(--jp-layout-color0,none)}
.at-legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:12px;opacity:.85;padding-left:10%}
.at-legend svg{width:18px;height:10px;margin-right:5px;vertical-align:middle}
.at-tail{stroke:var(--at-grey);stroke-width:1.6}.at-cross{stroke:var(--at-red);stroke-width:1.8;fill:none}
.at-broken{fill:none;stroke:var(--at-red)}.at-open{fill:none;stroke:var(--at-grey)}
.at-mark{fill:none;stroke:currentColor;stroke-opacity:.4;stroke-width:1;stroke-dasharray:3 3}
.at-part{margin-top:16px;padding-top:10px;border-top:1px solid var(--at-line)}
.at-title{font-weight:600;margin-bottom:6px;overflow-wrap:anywhere}
.at-row{display:flex;flex-wrap:wrap;gap:10px 24px;align-items:flex-start}
.at-figure{margin:4px 0 8px;min-width:0}.at-figure>.at-soft{margin-bottom:4px}
.at-chart{width:100%;height:auto;display:block}.at-row>.at-figure{flex:1 1 300px}
.at-pale{fill:var(--at-grey);stroke:none;fill-opacity:.5}
.at-ring{fill:none;stroke:var(--at-orange);stroke-opacity:.7;stroke-width:1.2}
.at-verdict{font-size:15px;line-height:1.4;margin-bottom:10px;overflow-wrap:anywhere}
.at-health{margin-bottom:12px}.at-health>div{margin:6px 0;padding:4px 10px;border-left:3px solid #d29922;
overflow-wrap:anywhere}
</style>"""


def framed(body: str) -> str:
    """Put the style sheet and the frame around what is shown."""
    return f'{STYLE}<div class="at-panel">{body}</div>'


def head(title: str, notes: Sequence[str]) -> str:
    """Write the line at the top: a title, and short notes beside it."""
    shown = "".join(f'<span class="at-pill">{escape(note)}</span>' for note in notes)
    return f'<div class="at-head"><span class="at-name">{escape(title)}</span>{shown}</div>'


def part(title: str, body: str) -> str:
    """Write a part with a title of its own."""
    return f'<div class="at-part"><div class="at-title">{escape(title)}</div>{body}</div>'


def figure(caption: str, picture: str) -> str:
    """Write a picture below its caption."""
    return f'<div class="at-figure"><div class="at-soft">{escape(caption)}</div>{picture}</div>'


def grid(header: Sequence[str], rows: Sequence[Sequence[str]], totals: Sequence[Sequence[str]] = ()) -> str:
    """Write a table that scrolls if it is long; the totals are its last rows, in bold."""
    columns = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    last = "".join(f'<tr class="at-sum">{_cells(row)}</tr>' for row in totals)
    return (
        f'<div class="at-scroll"><table class="at-values"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}{last}</tbody></table></div>"
    )


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)
