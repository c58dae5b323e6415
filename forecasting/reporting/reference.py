"""The pages of the manual that are made from code: config, commands, map of modules, catalogue."""

from pathlib import Path

from forecasting.reporting.catalogue import catalogue
from forecasting.reporting.commands_page import Command, commands_page
from forecasting.reporting.config_reference import Row, Section, reference
from forecasting.reporting.markdown import code, table
from forecasting.reporting.modules_page import modules_page

MADE = "<!-- Made from code by `make docs-reference`: change the code, not this page. -->\n\n"


def pages(root: Path, commands: Command) -> dict[str, str]:
    """File name -> text of each page; `root` is the folder of the source code, `commands` the command line's root."""
    made = {
        "config.md": _config_page(),
        "commands.md": commands_page(commands),
        "modules.md": modules_page(root),
        "catalogue.md": _catalogue_page(),
    }
    return {name: MADE + text for name, text in made.items()}


def write(folder: Path, root: Path, commands: Command) -> list[Path]:
    """Write all pages into `folder`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {folder / name: text for name, text in pages(root, commands).items()}
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return [*made]


def _config_page() -> str:
    intro = (
        "# Config keys\n\n"
        "Every key that a config can hold. `[]` stands for each entry of a list, `KEY` for a name of your own; "
        "`--set forecasters.0.cell=lstm` overrides one from the command line. The same in the terminal: "
        "`forecast config`, `forecast config task.horizon`; for editors: `forecast config --schema`.\n\n"
    )
    return intro + "\n".join(_config_section(section) for section in reference())


def _config_section(section: Section) -> str:
    rows = [_config_row(row) for row in section.rows]
    lines = table(("key", "takes", "default", "meaning", "null becomes", "example"), rows)
    title = code(section.path) if section.path else "Top level"
    return f"## {title}\n\n{section.about}\n\n{lines}"


def _config_row(row: Row) -> tuple[str, ...]:
    default = row.default if row.default in ("required", "those of its keys") else code(row.default)
    example = code(f"{row.name}: {row.example}") if row.example else ""
    return (code(row.name), row.takes, default, row.meaning, row.null.rstrip("."), example)


def _catalogue_page() -> str:
    parts = [
        f"## {title.capitalize()}\n\n{table(('name', 'what it is'), [(code(name), line) for name, line in rows])}"
        for title, rows in catalogue().items()
    ]
    intro = "# Catalogue\n\nWhat a config can name. The same in the terminal: `forecast forecasters`.\n\n"
    return intro + "\n".join(parts)
