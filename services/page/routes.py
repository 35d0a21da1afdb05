"""The page's routes."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from services.page.page import FILES, HEADERS, page, page_without_model, static_file
from services.problems import ProblemError
from services.worker import worker_of


def add_page(app: FastAPI) -> None:
    """Serve the page at `/` and its files below `/page/`."""
    app.add_api_route("/", front, include_in_schema=False)
    app.add_api_route("/page/{file}", page_file, include_in_schema=False)


def front(request: Request) -> Response:
    """The form of the model that serves now."""
    current = worker_of(request).current
    if current.model is None:
        content = page_without_model(current.problem)
        return HTMLResponse(content, HTTPStatus.SERVICE_UNAVAILABLE, HEADERS)
    return HTMLResponse(page(current.model), headers=HEADERS)


def page_file(file: str) -> Response:
    """One of the page's files."""
    if file not in FILES:
        expected = ", ".join(FILES)
        raise ProblemError(HTTPStatus.NOT_FOUND, f"/page has no such file; expected {expected}")
    return Response(
        static_file(file), media_type=FILES[file], headers={"Cache-Control": "max-age=86400"}
    )
