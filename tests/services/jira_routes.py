"""The paths of the local Jira."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from services.jira_state import (
    FIELDS,
    LINK_TYPES,
    STATUSES,
    SUBTASK,
    WORKFLOW,
    Issue,
    Person,
    Refusal,
    Transition,
    checked,
    status,
)
from services.jira_views import Views

if TYPE_CHECKING:
    from services.jira import JiraService


def offered(jira: "JiraService", issue: Issue) -> list[Transition]:
    """The transitions from where an issue is; open sub-tasks hide those that close it."""
    below = [other for other in jira.issues.values() if other.parent == issue.key]
    opened = jira.blocks_closing and any(STATUSES[other.status] != "Done" for other in below)
    ways = [way for way in jira.workflow or WORKFLOW if way.start == issue.status]
    return [way for way in ways if not (opened and STATUSES[way.to] == "Done")]


def routes(jira: "JiraService") -> APIRouter:
    """All paths, below /rest/api/<version>."""
    router, views = APIRouter(), Views(jira)
    _about(jira, router)
    _meta_routes(jira, router)
    _search(jira, router, views)
    _issues(jira, router, views)
    _comments(jira, router, views)
    _rest(jira, router)
    return router


def _about(jira: "JiraService", router: APIRouter) -> None:
    @router.get("/serverInfo")
    async def server_info() -> Response:
        about = {"baseUrl": "http://jira.test", "version": "1001.0.0", "versionNumbers": [1001, 0, 0], "buildNumber": 1}
        return jira.shapes.answer("serverInfo", {**about, "deploymentType": jira.deployment, "serverTitle": "Jira"})

    @router.get("/myself")
    async def myself(request: Request) -> Response:
        return jira.shapes.answer("user", jira.person(request).shown())

    @router.get("/mypermissions")
    async def permissions(request: Request) -> Response:
        jira.person(request)
        project, asked = (request.query_params.get(name, "") for name in ("projectKey", "permissions"))
        if project not in jira.projects:
            raise Refusal(404, f"No project could be found with key '{project}'.")
        if jira.deployment == "Cloud" and not asked:
            raise Refusal(400, "The 'permissions' query parameter is required.")
        names = asked.split(",") if asked else ["BROWSE_PROJECTS"]
        rows = {name: _permission(name, have=name not in jira.forbidden) for name in names}
        return jira.shapes.answer("permissions", {"permissions": rows})

    @router.get("/field")
    async def fields(request: Request) -> Response:
        jira.person(request)
        names = ["summary", "description", "labels", "status", "duedate", "assignee", "updated", "created", "parent"]
        names += ["subtasks", "issuelinks", "issuetype", "project"]
        return jira.shapes.answer(
            "fields", [{"id": name, "name": name.title(), "custom": False, "clauseNames": [name]} for name in names]
        )

    @router.get("/issueLinkType")
    async def link_types(request: Request) -> Response:
        jira.person(request)
        return jira.shapes.answer("linkTypes", {"issueLinkTypes": [dict(kind) for kind in LINK_TYPES]})


def _meta(name: str, *, required: bool) -> dict[str, Any]:
    """A field of a screen, as the API describes it."""
    shown = {"key": name, "name": "Team" if name.startswith("custom") else name.title(), "operations": ["set"]}
    items = {"items": "string"} if FIELDS[name] == "array" else {}
    schema = {"type": FIELDS[name], **items, "system": name}
    return {**shown, "required": required, "hasDefaultValue": False, "fieldId": name, "schema": schema}


def _meta_routes(jira: "JiraService", router: APIRouter) -> None:
    def known(project: str) -> None:
        if project not in jira.projects:
            raise Refusal(404, f"No project could be found with key '{project}'.")

    @router.get("/issue/createmeta/{project}/issuetypes")
    async def types(request: Request, project: str) -> Response:
        jira.person(request)
        known(project)
        shown = [{"id": id, "name": name, "subtask": id == SUBTASK} for name, id in jira.types.items()]
        name = "issueTypes" if jira.deployment == "Cloud" else "values"
        return JSONResponse({"startAt": 0, "maxResults": 50, "total": len(shown), name: shown})

    @router.get("/issue/createmeta/{project}/issuetypes/{id}")
    async def create_fields(request: Request, project: str, id: str) -> Response:
        jira.person(request)
        known(project)
        shown = [_meta(name, required=name in {*jira.required, "summary"}) for name in FIELDS if name in jira.screen]
        name = "fields" if jira.deployment == "Cloud" else "values"
        return JSONResponse({"startAt": 0, "maxResults": 50, "total": len(shown), name: shown})

    @router.get("/project/{project}/statuses")
    async def statuses(request: Request, project: str) -> Response:
        jira.person(request)
        known(project)
        names = [status(name) for name in STATUSES]
        rows = [{"id": i, "name": n, "subtask": i == SUBTASK, "statuses": names} for n, i in jira.types.items()]
        return JSONResponse(rows)


def _permission(name: str, *, have: bool) -> dict[str, Any]:
    shown = {"id": "10", "key": name, "name": name.replace("_", " ").title(), "type": "PROJECT", "description": ""}
    return {**shown, "havePermission": have}


def _search(jira: "JiraService", router: APIRouter, views: Views) -> None:
    @router.get("/search/jql")
    async def search_get(request: Request, version: str) -> Response:
        query = request.query_params
        asked = {**query, "fields": views.many(request, "fields"), "properties": views.many(request, "properties")}
        return search(jira.person(request), asked, version)

    @router.post("/search/jql")
    async def search_post(request: Request, version: str) -> Response:
        return search(jira.person(request), await request.json(), version)

    def search(_: Person, asked: dict[str, Any], version: str) -> Response:
        if jira.deployment != "Cloud":
            raise HTTPException(404)
        found, size = jira.search(str(asked.get("jql", ""))), min(int(asked.get("maxResults") or 50), 100)
        start = views.start(str(asked.get("nextPageToken") or ""))
        wanted = asked.get("fields") or ["id"], asked.get("properties") or []
        page = [views.issue(issue, version, *wanted) for issue in found[start : start + size]]
        more = {"nextPageToken": views.token(start + size)} if start + size < len(found) else {}
        return jira.shapes.answer("searchResults", {"issues": page, "isLast": not more, **more})

    @router.get("/search")
    async def search_old(request: Request, version: str, jql: str = "") -> Response:
        jira.person(request)
        if jira.deployment == "Cloud":
            raise Refusal(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
        found, wanted = jira.search(jql), (views.many(request, "fields"), views.many(request, "properties"))
        start, size = views.page(request)
        page = [views.issue(issue, version, *wanted) for issue in found[start : start + size]]
        return jira.shapes.answer(
            "searchPage", {"startAt": start, "maxResults": size, "total": len(found), "issues": page}
        )


def _issues(jira: "JiraService", router: APIRouter, views: Views) -> None:
    @router.post("/issue")
    async def create(request: Request) -> Response:
        issue = jira.create(await request.json(), jira.person(request))
        return jira.shapes.answer("created", {"id": issue.id, "key": issue.key, "self": views.self(issue)}, 201)

    @router.get("/issue/{key}")
    async def read(request: Request, version: str, key: str, expand: str = "") -> Response:
        jira.person(request)
        wanted = views.many(request, "fields") or ["*all"]
        return jira.shapes.answer(
            "issue", views.issue(jira.find(key), version, wanted, views.many(request, "properties"), expand=expand)
        )

    @router.put("/issue/{key}")
    async def update(request: Request, key: str) -> Response:
        by, body = jira.person(request), await request.json()
        jira.edit(jira.find(key).key, by, **checked(body.get("fields", {}), jira.screen))
        return Response(status_code=204)

    @router.get("/issue/{key}/transitions")
    async def transitions(request: Request, key: str, expand: str = "") -> Response:
        jira.person(request)
        ways = [
            {
                "id": way.id,
                "name": way.name,
                "to": status(way.to),
                "isAvailable": True,
                **({"fields": {name: _meta(name, required=True) for name in way.requires}} if expand else {}),
            }
            for way in offered(jira, jira.find(key))
        ]
        return jira.shapes.answer("transitions", {"expand": "transitions", "transitions": ways})

    @router.post("/issue/{key}/transitions")
    async def transit(request: Request, key: str) -> Response:
        by, body = jira.person(request), await request.json()
        issue, id, given = jira.find(key), str(body["transition"]["id"]), body.get("fields") or {}
        way = next((each for each in offered(jira, issue) if each.id == id), None)
        if way is not None:
            checked(given, frozenset(way.requires))
            if lacking := [name for name in way.requires if name not in given]:
                raise Refusal(400, **{name: f"{name.title()} is required." for name in lacking})
        jira.transit(issue, id, by)
        issue.more |= given
        return Response(status_code=204)


def _comments(jira: "JiraService", router: APIRouter, views: Views) -> None:
    @router.get("/issue/{key}/comment")
    async def comments(request: Request, version: str, key: str, expand: str = "") -> Response:
        jira.person(request)
        start, size = views.page(request)
        listed = jira.find(key).comments[:: -1 if request.query_params.get("orderBy") == "-created" else 1]
        page = [views.comment(comment, version, expand) for comment in listed[start : start + size]]
        return jira.shapes.answer(
            "comments", {"startAt": start, "maxResults": size, "total": len(listed), "comments": page}
        )

    @router.post("/issue/{key}/comment")
    async def comment(request: Request, version: str, key: str) -> Response:
        by, body = jira.person(request), await request.json()
        if isinstance(body.get("body"), dict) != (version == "3") or not body["body"]:
            raise Refusal(400, comment="Comment body is not valid!")
        said = jira.say(key, by, body["body"], body.get("properties"))
        return jira.shapes.answer("comment", views.comment(said, version, "properties"), 201)


def _rest(jira: "JiraService", router: APIRouter) -> None:
    @router.get("/issue/{key}/properties/{name}")
    async def get_property(request: Request, key: str, name: str) -> Response:
        jira.person(request)
        issue = jira.find(key)
        if name not in issue.properties:
            raise Refusal(404, f"The property {name} does not exist.")
        return jira.shapes.answer("property", {"key": name, "value": issue.properties[name]})

    @router.put("/issue/{key}/properties/{name}")
    async def set_property(request: Request, key: str, name: str) -> Response:
        jira.person(request)
        issue = jira.find(key)
        known = name in issue.properties
        issue.properties[name] = await request.json()
        return JSONResponse(None, 200 if known else 201)

    @router.post("/issueLink")
    async def add_link(request: Request) -> Response:
        by, body = jira.person(request), await request.json()
        if body["type"]["name"] not in [kind["name"] for kind in LINK_TYPES]:
            raise Refusal(404, f"No issue link type with name '{body['type']['name']}' found.")
        jira.link(
            body["type"]["name"],
            jira.find(body["inwardIssue"]["key"]).key,
            jira.find(body["outwardIssue"]["key"]).key,
            by,
        )
        return Response(status_code=201)
