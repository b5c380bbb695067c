"""A contract for import-linter: contexts meet only at their doors.

Its own `forbidden` contract wants every forbidden room listed and in existence; this one forbids
whatever is not a door, so that a new room is closed from the day it is made.
"""

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class DoorsContract(Contract):
    """No module outside a context imports another room of it than its doors.

    - `contexts`: the packages, all of one parent.
    - `doors`: the names of the rooms that are open to the parent's other packages.
    """

    type_name = "doors"

    contexts = fields.ListField(subfield=fields.StringField())
    doors = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        trespasses = sorted(set(self._find_trespasses(graph)))
        return ContractCheck(kept=not trespasses, metadata={"trespasses": trespasses})

    def _find_trespasses(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for context in self.contexts:
            parent = context.rpartition(".")[0]
            for room in graph.find_descendants(context):
                if room.removeprefix(f"{context}.").split(".")[0] in self.doors:
                    continue
                for importer in graph.find_modules_that_directly_import(room):
                    is_neighbour = importer.startswith(f"{parent}.")
                    if is_neighbour and not f"{importer}.".startswith(f"{context}."):
                        yield importer, room

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, room in check.metadata["trespasses"]:
            output.print_error(f"{importer} imports {room}, which is not a door.", bold=False)
