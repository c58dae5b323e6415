"""The pages of the dashboard: one file each, and the file's name is the view's name in the page's address.

A view has TITLE (in the switch), ORDER (its place there) and `render(pipeline)`, which draws it.
"""

import importlib
import pkgutil
from typing import Protocol, cast

from dashboards.reading import Pipeline


class View(Protocol):
    """What a file of this folder holds."""

    TITLE: str
    ORDER: int

    def render(self, pipeline: Pipeline) -> None:
        """Draw the view; what is missing is said in the page, never raised."""


def views() -> dict[str, View]:
    """Every file of this folder by its name, in the order in which the switch shows them."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found = {name: cast(View, importlib.import_module(f"{__name__}.{name}")) for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].ORDER, item[0])))
