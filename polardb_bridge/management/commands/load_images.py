from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from polardb_bridge.conf import command_database
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.table.loading import find_files, load_images

# Told apart from a failure (1) and from a wrong command line (2): what could be loaded is.
EXIT_SKIPPED = 3


class Command(BridgeCommand):
    help = (
        "Load the image files of a folder into a source table, one row a file, as base64. "
        "A file whose name (its path below the folder) is already in the table is left alone, so the command can be "
        "repeated. What is not an image that browsers show is skipped and named; the command exits with 3 then. "
        "Example: load_images ./photos --table polardb4ai_annotation_source_animal"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="folder with images; subfolders count")
        parser.add_argument("--table", required=True, metavar="NAME", help="source table")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        files = find_files(options["folder"])
        with self.progress(options["json"]) as progress:
            bar = progress.add_task("Loading", total=len(files))
            report = load_images(
                command_database(),
                options["table"],
                options["folder"],
                files,
                on_file=lambda path: progress.advance(bar),
            )
        if options["json"]:
            self.print_json(vars(report))
        else:
            for reason in report.skipped:
                self.stdout.write(f"skipped {reason}")
            self.stdout.write(
                f"{options['table']}: {len(report.loaded)} loaded, {len(report.existed)} existed already, "
                f"{len(report.skipped)} skipped"
            )
        if report.skipped:
            raise CommandError(f"Skipped files: {len(report.skipped)} of {len(files)}.", returncode=EXIT_SKIPPED)
