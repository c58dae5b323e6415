"""The map of modules as a page: each folder of the source code, and what each file says of itself."""

import ast
from pathlib import Path

from forecasting.reporting.markdown import code, table

FOLDERS = ("forecasting", "flows", "dashboards")


def modules_page(root: Path) -> str:
    """One section per folder that holds code, one row per file that says something of itself."""
    folders = sorted({path.parent for top in FOLDERS for path in (root / top).rglob("*.py")})
    parts = [part for folder in folders if (part := _section(folder, root))]
    intro = (
        "# Map of modules\n\n"
        "What each file is for, in its own words. Data moves through the layers from sources to predictions; a module "
        "imports from lower layers or from its own folder, see [design](../design.md).\n\n"
    )
    return intro + "\n".join(parts)


def _section(folder: Path, root: Path) -> str:
    about = first_sentence(folder / "__init__.py")
    files = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    rows = [(code(path.name), line) for path in files if (line := first_sentence(path))]
    if not rows and not about:
        return ""
    title = f"## {code(folder.relative_to(root).as_posix() + '/')}\n"
    return "\n".join(filter(None, [title, f"{about}\n" if about else "", table(("file", "what it is for"), rows)]))


def first_sentence(path: Path) -> str:
    """The first paragraph of a module's docstring; empty where there is no file or no docstring."""
    if not path.exists():
        return ""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())
