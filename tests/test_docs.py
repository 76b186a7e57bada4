"""What the documents say is so: printed pages equal the code, links lead somewhere, and what is to be pasted works."""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app import reference
from app.__main__ import _parser
from app.core import wire
from app.settings import describe
from tests.nodes import ROOT, Node
from tests.people import Person, Wire

RUN_S = 40
URL = "http://localhost:8000"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PAGES = sorted(reference.PAGES.glob("*.md"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
OTHER_NAMES = {"WEB_CONCURRENCY", "DURABLE_FACTS", "TCP_NOTSENT_LOWAT"}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SCRIPTS = [
    (page.relative_to(ROOT), number, block[2])
    for page in DOCUMENTS
    for number, block in enumerate(BLOCK.finditer(page.read_text()))
    if block[1] == "js"
]

needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "curl", "node"))
    or not (ROOT / "node_modules" / "socket.io-client").is_dir(),
    reason="needs bash, curl, Node and socket.io-client (npm ci)",
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _section(page: Path, title: str) -> str:
    return page.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _slugs(page: Path) -> set[str]:
    """Name the headings of a page as GitHub's links do; a heading that comes again gets a number."""
    found: dict[str, int] = {}
    slugs = set()
    for heading in re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        slugs.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return slugs


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_reference_page_is_what_the_code_prints(page: Path) -> None:
    """Run `python -m app.reference` after changing what a page lists."""
    assert page.read_text() == reference.filled(page.read_text())


def test_everything_that_is_printed_stands_on_a_page() -> None:
    assert set(reference.GAPS) == {gap[2] for page in PAGES for gap in reference.GAP.finditer(page.read_text())}


@pytest.mark.parametrize("page", DOCUMENTS, ids=_name)
def test_links_lead_to_documents_that_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        target, _, heading = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not heading or heading in _slugs(path), link


@pytest.mark.parametrize("page", DOCUMENTS, ids=_name)
def test_settings_that_a_document_names_exist(page: Path) -> None:
    known = {name for name, _ in describe()} | OTHER_NAMES
    named = re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b(?!\()", BLOCK.sub("", page.read_text()))
    assert [name for name in named if name not in known] == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=_name)
def test_command_lines_that_a_document_shows_are_taken(page: Path) -> None:
    shown = re.findall(r"(?:python|PYTHON) -m app(?: +([^`\n|#]+))", page.read_text())
    for line in shown:
        arguments = [
            part for part in shlex.split(line.replace("[", "").replace("]", "").replace("NAME", "ana")) if part
        ]
        assert _parser().parse_args(arguments).verb


def test_every_fact_that_is_sent_has_an_example() -> None:
    sent = {value for value in vars(wire).values() if isinstance(value, str)} & (
        wire.DURABLE_FACTS | wire.PASSING_FACTS
    )
    headings = re.findall(r"^### (.+)$", (reference.PAGES / "facts.md").read_text(), re.MULTILINE)
    assert sent == set(headings)


def test_every_document_is_on_the_map() -> None:
    linked = (ROOT / "docs" / "index.md").read_text()
    left_out = [
        page
        for page in DOCUMENTS
        if page.parent.name in ("reference", "howto") or page in DECISIONS
        if str(page.relative_to(ROOT / "docs")) not in linked
    ]
    assert left_out == []


@pytest.mark.parametrize("page", DECISIONS, ids=_name)
def test_decision_says_what_made_it_necessary_and_what_follows(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


@needs_tools
@pytest.mark.parametrize(("page", "number", "script"), SCRIPTS)
async def test_javascript_of_a_document_parses(page: Path, number: int, script: str, tmp_path: Path) -> None:
    (tmp_path / "script.mjs").write_text(script)
    status, output = await _run(["node", "--check", "script.mjs"], tmp_path, dict(os.environ))
    assert status == 0, f"{page}, block {number}: {output}"


@needs_tools
async def test_quickstart_works_when_it_is_pasted(node: Node, tmp_path: Path) -> None:
    section = _section(ROOT / "README.md", "Talk in five minutes").replace(URL, node.url)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    shell, expected = ["set -euo pipefail"], []
    for kind, text in BLOCK.findall(section):
        if kind == "js":
            (tmp_path / text.split()[1]).write_text(text)
        elif kind == "sh":
            shell.append(text)
        else:
            expected += text.splitlines()
    status, output = await _run(["bash", "-c", "\n".join(shell)], tmp_path, node.environ)
    assert status == 0, output
    assert expected, "the quickstart shows no output"
    assert sorted(expected) == sorted(output.splitlines()[-len(expected) :]), output


@needs_tools
async def test_administrator_is_made_next_to_a_running_node(node: Node, http: aiohttp.ClientSession) -> None:
    """Neither is in the other's way: what the node acknowledges afterwards is stored as before."""
    ana = await Person.registers(node, http)
    section = _section(ROOT / "README.md", "The first administrator")
    line = next(line for line in section.splitlines() if "user create" in line).removeprefix("$ ")
    command = f"echo 'a long enough password' | {line} --password-stdin".replace(".venv/bin/python", sys.executable)
    status, output = await _run(["bash", "-c", command], ROOT, node.environ)
    assert status == 0, output
    assert "roles: member, admin" in output

    channel_id = await ana.creates()
    await ana.posts(channel_id, "Still here")
    await node.kill()
    await node.start()
    answer = await ana.call("GET", f"/v1/channels/{channel_id}/messages")
    assert [message["text"] for message in answer.body["items"]] == ["Still here"]


async def test_facts_have_the_shape_of_their_examples(node: Node, http: aiohttp.ClientSession) -> None:
    ana, bob = await Person.registers(node, http, "ana"), await Person.registers(node, http, "bob")
    at_ana, at_bob = await ana.connects(), await bob.connects()
    channel_id = await ana.creates()
    await at_ana.fact("channel.added")
    await bob.joins(channel_id)
    await at_bob.fact("channel.added")
    await ana.posts(channel_id, "Hello", client_msg_id="3f0c2a")
    await at_ana.fact("message.created")
    await bob.call("DELETE", f"/v1/channels/{channel_id}/members/me")
    await at_bob.fact("channel.removed")
    await at_ana.fact("member.left")
    await ana.call("POST", "/v1/auth/logout")
    await at_ana.fact("session.revoked")
    await node.stop()
    await at_bob.fact("server.draining")

    examples = _examples()
    for kind in ("hello", "channel.added", "member.joined", "message.created", "member.left", "session.revoked"):
        _has_shape_of(examples[kind], at_ana, kind)
    for kind in ("channel.removed", "server.draining"):
        _has_shape_of(examples[kind], at_bob, kind)


def _examples() -> dict[str, Any]:
    blocks = BLOCK.findall((reference.PAGES / "facts.md").read_text())
    return {example["type"]: example for kind, text in blocks if kind == "json" for example in [json.loads(text)]}


def _has_shape_of(example: dict[str, Any], connection: Wire, kind: str) -> None:
    fact = connection.of(kind)[0]
    assert _shape({key: fact[key] for key in fact if key in example}) == _shape(example), kind
    copies = {key: value for key, value in fact.items() if key not in example}
    assert copies.items() <= fact["data"].items(), kind


def _shape(value: Any) -> Any:
    """Reduce JSON to its names and types."""
    if isinstance(value, dict):
        return {key: _shape(part) for key, part in value.items()}
    return [_shape(part) for part in value[:1]] if isinstance(value, list) else type(value).__name__


async def _run(command: list[str], folder: Path, environ: dict[str, str]) -> tuple[int, str]:
    """Run a command to its end, within the limit, and return its status and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_S):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, printed.decode()
