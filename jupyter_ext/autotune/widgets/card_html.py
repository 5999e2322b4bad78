"""A suggestion as HTML: with values that are readable from a distance, and as a sheet to print."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from autotune.ask_tell import AskTell
from autotune.values import value_text
from autotune.views.goals import NAMELESS, expected_text, label_of
from autotune.views.shown import Suggestion, labelled, origin_text
from autotune.widgets.style import block, table, title
from autotune_wire.responses import RESPONSE, Response

_SHEET = """<!doctype html><meta charset="utf-8"><title>{name}</title><style>
body{{font:15px/1.5 system-ui,sans-serif;color:#000;background:#fff;margin:24px}}h1{{font-size:20px;margin:0 0 4px}}
table{{border-collapse:collapse;width:100%;margin-top:16px}}caption{{text-align:left}}
th,td{{border:1px solid #000;padding:9px 10px;text-align:left;font-size:17px}}th{{font-size:13px}}
p{{margin:0;font-size:13px}}tr{{break-inside:avoid}}</style><h1>{name}</h1>
<p>{about}</p>{table}"""


def label_of_response(name: str, goal: Response) -> str:
    """Return the label of a response: its name, with its target or bound; one without a name is ``response``."""
    return label_of(NAMELESS if name == RESPONSE else name, goal)


def suggestion_html(experiment: AskTell, suggestion: Suggestion) -> str:
    """Write a suggestion: its row of a list and its values, large; where it came from; and what is predicted."""
    values = "".join(
        f'<div role="listitem"><div class="atw-label">{escape(name)}</div>'
        f'<div class="atw-big">{escape(text)}</div></div>'
        for name, text in suggestion.row_texts()
    )
    values += "".join(
        f'<div role="listitem"><div class="atw-label">{escape(name)}</div>'
        f'<div class="atw-big" title="{escape(value_text(value))}">{escape(suggestion.value(name))}'
        f"{_unit(suggestion.units.get(name))}</div></div>"
        for name, value in suggestion.covars.items()
    )
    return block(
        f"{title(experiment.name, f'Suggested by: {origin_text(suggestion)}')}"
        f'<div class="atw-values" role="list">{values}</div>{prediction_html(experiment, suggestion)}'
        f'<div class="atw-soft">Why this one: {escape(suggestion.reason)}</div>'
    )


def prediction_html(experiment: AskTell, suggestion: Suggestion) -> str:
    """Write the predicted mean and standard deviation of each response."""
    if not suggestion.predictions:
        return f"<div>Predicted: {escape(suggestion.prediction())}</div>"
    texts = [
        f"{NAMELESS if name == RESPONSE else name} {expected_text(suggestion.predictions[name], goal)}"
        for name, goal in experiment.responses.items()
        if name in suggestion.predictions
    ]
    return f"<div>Predicted (mean ± sd): {escape('; '.join(texts))}</div>"


def sheet_link(experiment: AskTell, suggestions: Sequence[Suggestion]) -> str:
    """Write a link that saves a sheet to print: the suggestions, with empty cells for what is measured."""
    names = list(dict.fromkeys(name for suggestion in suggestions for name in suggestion.covars))
    units = {name: unit for suggestion in suggestions for name, unit in suggestion.units.items()}
    responses = [label_of_response(name, goal) for name, goal in experiment.responses.items()]
    details = list(dict.fromkeys(name for suggestion in suggestions for name, _text in suggestion.row_texts()))
    rows = [
        [
            str(number),
            *(dict(suggestion.row_texts()).get(name, "") for name in details),
            *(value_text(suggestion.covars[name]) if name in suggestion.covars else "" for name in names),
            *("" for _response in responses),
            "",
        ]
        for number, suggestion in enumerate(suggestions, start=1)
    ]
    header = ["run", *details, *(labelled(name, units.get(name)) for name in names), *responses, "remarks"]
    created = max(suggestion.time_created for suggestion in suggestions)
    about = f"Experiment {experiment.exp_uuid}. Suggested {created:%Y-%m-%d %H:%M} UTC."
    sheet = _SHEET.format(name=escape(experiment.name), about=escape(about), table=table("", header, rows))
    data = b64encode(sheet.encode()).decode()
    return block(
        f'<a download="runs to do.html" href="data:text/html;charset=utf-8;base64,{data}">Save a sheet to print</a>'
    )


def _unit(unit: str | None) -> str:
    return "" if unit is None else f"<span>{escape(unit)}</span>"
