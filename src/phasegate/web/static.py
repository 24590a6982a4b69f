"""Style, scripts and htmx from files of this installation."""

from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from starlette.responses import Response

from phasegate.web.problems import NotFound

router = APIRouter()
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def _files() -> dict[str, Traversable]:
    ours, htmx = resources.files("phasegate.web") / "static", resources.files("django_htmx") / "static/django_htmx"
    return {
        "page.css": ours / "page.css",
        "page.js": ours / "page.js",
        "mark.svg": ours / "mark.svg",
        "htmx.js": htmx / "htmx-2.min.js",
        "htmx-sse.js": htmx / "ext" / "hx-sse-2.min.js",
    }


@router.get("/static/{name}")
def static(name: str, request: Request) -> Response:
    """Serve a listed file, and no other path."""
    file = _files().get(name)
    if file is None:
        raise NotFound("such file")
    content_type = _TYPES[name.rpartition(".")[2]]
    return Response(file.read_bytes(), media_type=content_type, headers={"cache-control": "max-age=300"})
