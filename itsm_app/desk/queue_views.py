"""The views of the queue page: the lists, changes of several tickets, the export and the news."""

from __future__ import annotations

from flask import Response, g, jsonify, redirect, request
from werkzeug import Response as BaseResponse

from ..api import bulk_changes, notices
from ..tickets import lists
from ..tickets.errors import InvalidField, TicketNotFound
from . import bulk, export, list_queries, messages, news, pages, sessions


def show_queue() -> Response:
    """Show a page of a list, and the results of a change of several tickets if there was one."""
    query = list_queries.parse(request.args.to_dict())
    # Before the tickets are read: see `bulk_changes.change_tickets`.
    shown_at = bulk_changes.now()
    results = bulk.read_results(request.args.get("results", ""))
    return pages.render(
        "queue.html",
        query=query,
        queue=list_queries.find(query),
        notice=notices.current(),
        counts=lists.count_views(g.key.name),
        colleagues=sessions.colleagues(),
        shown_at=shown_at,
        results=results and messages.bulk_results(results.action, results.results),
        problem=messages.PROBLEMS.get(request.args.get("problem", "")),
        list_url=list_queries.url,
        has_reply=news.has_reply,
    )


def confirm_closing() -> BaseResponse:
    """Show which tickets a form would close, before it closes them."""
    try:
        form = bulk.parse({**request.args.to_dict(), "action": "close"})
        rows = bulk.selected(request.args.getlist("ticket"))
    except InvalidField as error:
        return _back_with_problem(request.args.get("back", ""), error)
    found = []
    for row in rows:
        try:
            found.append((row, bulk_changes.read(row.ticket_id)[0]))
        except TicketNotFound:
            continue
    if not found:
        return redirect(bulk.back_url(form.back, problem="ticket"), 303)
    return pages.render("close_several.html", form=form, found=found, back=bulk.back_url(form.back))


def change_tickets() -> BaseResponse:
    """Change the selected tickets, and redirect to the list with the results."""
    back = request.form.get("back", "")
    try:
        form = bulk.parse(request.form.to_dict())
        rows = bulk.selected(request.form.getlist("ticket"))
        bulk.check_sure(form)
    except InvalidField as error:
        return _back_with_problem(back, error)
    return redirect(bulk.back_url(back, results=bulk.sign(bulk.change(form, rows))), 303)


def export_list() -> Response:
    """Return a list as a CSV file."""
    query = list_queries.parse(request.args.to_dict())
    file = export.export(query)
    name = f"tickets-{query.tab}{'' if file.is_complete else '-incomplete'}.csv"
    response = Response(file.text, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def show_news() -> Response:
    """Return the waiting hand-overs, and the replies to the tickets of this person, as JSON."""
    return jsonify(news.news())


def _back_with_problem(back: str, error: InvalidField) -> BaseResponse:
    if error.field not in messages.PROBLEMS:
        raise error
    return redirect(bulk.back_url(back, problem=error.field), 303)
