"""The style sheet of the panel.

A notebook that is not trusted, and GitHub's viewer, strip it: without it the panel is a heading, lines of text, a table
and an image, one below the other. What colours a word is written beside the word.
"""

from collections.abc import Sequence

# Text takes its colour from the notebook's theme.
STYLE = """<style>
.at-live-panel{--at-line:var(--jp-border-color2,rgba(128,128,128,.3));color:var(--jp-ui-font-color1,inherit);
font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.45;
border:1px solid var(--at-line);border-radius:10px;padding:14px 18px;max-width:940px;box-sizing:border-box;margin:2px}
.at-live-panel .at-head{display:flex;align-items:center;gap:8px;flex-wrap:wrap;padding-bottom:10px;margin-bottom:12px;
border-bottom:1px solid var(--at-line)}
.at-live-panel .at-name{font-size:16px;font-weight:600;margin-right:auto;overflow-wrap:anywhere}
.at-live-panel .at-pill{border:1px solid var(--at-line);border-radius:999px;padding:1px 10px;font-size:12px}
.at-live-panel .at-comma{display:none}
.at-live-panel .at-body{display:flex;flex-wrap:wrap;gap:18px}
.at-live-panel .at-facts{flex:1 1 270px;min-width:0}.at-live-panel .at-picture{flex:1.6 1 380px;min-width:0}
.at-live-panel .at-tiles{display:flex;gap:28px;margin-bottom:12px}
.at-live-panel .at-tile b{display:block;font-size:25px;line-height:1.2;font-weight:600}
.at-live-panel .at-soft{opacity:.75;font-size:12px}
.at-live-panel .at-mark{white-space:nowrap}
.at-live-panel .at-scroll{max-height:250px;overflow:auto}
.at-live-panel table.at-values{border-collapse:collapse;width:100%;font-size:13px;color:inherit;margin:0}
.at-live-panel .at-values tr{background:none}
.at-live-panel .at-values th,.at-live-panel .at-values td{text-align:left;padding:4px 10px 4px 0;font-weight:400;
background:none;border:0;border-bottom:1px solid var(--at-line);font-variant-numeric:tabular-nums;
overflow-wrap:anywhere;max-width:none}
.at-live-panel .at-values thead th{opacity:.75;font-size:12px}
.at-live-panel .at-values tr.at-sum>*{font-weight:600;border-bottom:0}
.at-live-panel .at-image{max-width:100%;height:auto;display:block}
.at-live-panel .at-row{display:flex;flex-wrap:wrap;gap:10px}
.at-live-panel .at-trouble{margin-top:10px;padding:6px 10px;border-left:3px solid #d29922;overflow-wrap:anywhere}
.at-live-panel .at-part{margin-top:14px;padding-top:8px;border-top:1px solid var(--at-line)}
</style>"""


def framed(body: str) -> str:
    """Put the style sheet and the frame around the panel."""
    return f'{STYLE}<div class="at-live-panel">{body}</div>'


def legend(marks: Sequence[tuple[str, str, str]]) -> str:
    """Write what the marks of a picture stand for: for each its colour, a character like it, and its meaning."""
    # A space that does not break keeps a mark and its word together, with and without a style sheet.
    shown = [
        f'<span class="at-mark"><span style="color:{color}">{mark}</span>\N{NO-BREAK SPACE}{meaning}</span>'
        for color, mark, meaning in marks
    ]
    joined = " \N{EN SPACE}".join(shown)
    return f'<div class="at-soft">{joined}</div>'
