"""The style sheet of the widgets, and the pieces of HTML that they share; text and lines follow the theme."""

from collections.abc import Sequence
from html import escape

CUT_OFF = (
    "The kernel of this form was restarted: the form is cut off, and nothing that is typed here is sent. Run its cell "
    "again."
)
"""What a form says by its style alone once its kernel is gone: no code of ours runs in the page then.

ipywidgets marks what has lost its kernel by a class, and shows a broken chain in front of each part.
"""

# The arrow of ipywidgets is black, also on the dark ground.
_ARROW = (
    "url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E"
    "%3Cpath fill='%237a7a7a' d='M5.2 5.9 9 9.7l3.8-3.8L14 7.1l-5 5-5-5z'/%3E%3C/svg%3E\")"
)

STYLE = """<style>
.atw{color:var(--jp-ui-font-color1,inherit);font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;
line-height:1.45;--atw-line:var(--jp-border-color2,rgba(128,128,128,.3));overflow-wrap:anywhere}
.atw-name{font-size:16px;font-weight:600}
.atw-soft{opacity:.75;font-size:12px}
.atw-values{display:flex;flex-wrap:wrap;gap:10px 34px;margin:8px 0 10px}
.atw-label{opacity:.75;font-size:13px}
.atw-big{font-size:30px;line-height:1.15;font-weight:600;font-variant-numeric:tabular-nums}
.atw-big span{font-size:17px;font-weight:400;margin-left:5px}
.atw table{border-collapse:collapse;color:inherit;font-size:13px;margin:4px 0}
.atw th,.atw td{text-align:left!important;padding:4px 14px 4px 0;font-weight:400;background:none;border:0;
border-bottom:1px solid var(--atw-line);font-variant-numeric:tabular-nums}
.atw thead th{opacity:.75;font-size:12px;overflow-wrap:break-word}
.atw tr{background:none!important}
.atw-good,.atw-bad{padding:4px 10px;border-left:3px solid #2da44e;font-size:13px;white-space:pre-line}
.atw-bad{border-left-color:#da3633}
.atw-field{color:var(--jp-error-color1,#da3633);font-size:12px;line-height:1.3;padding-left:2px;
max-width:230px}
.atw a{color:var(--jp-content-link-color,#2f81f7)}
.atw a:focus-visible{outline:2px solid currentColor;outline-offset:2px}
.atw-above.widget-inline-hbox{flex-direction:column;align-items:stretch;height:auto}
.atw-above .widget-label{text-align:left;width:auto;max-width:none;font-size:12px;line-height:19px;height:19px;
opacity:.8}
.atw-above.widget-dropdown select{flex:none;height:28px;background-image:@arrow@}
.atw-above.widget-select select{font-variant-numeric:tabular-nums}
.atw pre{white-space:pre;overflow-x:auto;margin:4px 0;padding:6px 10px;border:1px solid var(--atw-line);
font-size:12.5px}
.atw summary{cursor:pointer}
.atw-busy{opacity:.6;cursor:progress}
.atw-form.jupyter-widgets-disconnected::before{content:"@cut@";display:block;margin:0 0 8px;padding:4px 10px;
font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,inherit);
border-left:3px solid #da3633}
.atw-form .jupyter-widgets-disconnected::before{content:none}
.atw-form.jupyter-widgets-disconnected>*{opacity:.75;pointer-events:none}
</style>""".replace("@cut@", CUT_OFF).replace("@arrow@", _ARROW)


def block(body: str) -> str:
    """Put the style of the widgets around HTML."""
    return f'<div class="atw">{body}</div>'


def styled(body: str) -> str:
    """Put the style of the widgets around HTML that is shown alone."""
    return f"{STYLE}{block(body)}"


def title(name: str, more: str) -> str:
    """Write the first line of a widget: a name, and a few words about it."""
    return f'<div class="atw-name">{escape(name)}</div><div class="atw-soft">{escape(more)}</div>'


def alert(text: str, *, is_good: bool = False) -> str:
    """Write what happened, so that screen readers say it too; an empty text writes nothing."""
    if not text:
        return ""
    kind, role = ("atw-good", "status") if is_good else ("atw-bad", "alert")
    return block(f'<div class="{kind}" role="{role}">{escape(text)}</div>')


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table with its caption; every cell is escaped."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    above = f'<caption class="atw-soft" style="text-align:left">{escape(caption)}</caption>'
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
