"""run_notebook.py NOTEBOOK --output FILE [--stop-at TEXT]: runs a notebook top to bottom with the Deno kernel.

The executed notebook is written to FILE, also when a cell fails; then that cell and its error are printed and the
status is 1. Deno's kernel may send outputs after it says "idle", large ones and on a busy machine by more than a tenth of
a second, and nbclient as it stands drops those; here it goes on listening for a moment after each cell.
"""

import argparse
import pathlib
import sys
import time
from queue import Empty

import nbformat
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete
from nbclient.exceptions import CellExecutionError

DRAIN_SECONDS = 0.3


class DrainingClient(NotebookClient):
    """Takes the outputs that arrive just after the kernel became idle. Presses Stop once when `stop_at` is shown."""

    stop_at = None

    async def _stop_when_due(self, message):
        text = message["content"].get("data", {}).get("text/plain", "")
        if self.stop_at is not None and self.stop_at in text:
            self.stop_at = None
            await ensure_async(self.km.interrupt_kernel())

    async def _async_poll_output_msg(self, parent_msg_id, cell, cell_index):
        deadline = None
        while deadline is None or time.monotonic() < deadline:
            left = None if deadline is None else max(0.001, deadline - time.monotonic())
            try:
                message = await self.kc.iopub_channel.get_msg(timeout=left)
            except Empty:
                return
            if message["parent_header"].get("msg_id") != parent_msg_id:
                continue
            await self._stop_when_due(message)
            try:
                self.process_message(message, cell, cell_index)
            except CellExecutionComplete:
                deadline = time.monotonic() + DRAIN_SECONDS


def last_started_cell(notebook):
    started = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.get("execution_count")]
    return started[-1] if started else None


def report_failure(path, notebook, error):
    cell = last_started_cell(notebook)
    message = error.evalue or ""
    if message in ("", "Execution failed"):
        message = "the kernel gave no message; this is how it reports a syntax error"
    print(f"{path}: cell {notebook.cells.index(cell) + 1 if cell else '?'} failed: {error.ename}: {message}")
    print("".join(f"    {line}\n" for line in (cell.source if cell else "").splitlines()), end="")
    for line in error.traceback.splitlines():
        print(f"  {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--stop-at", metavar="TEXT", help="press Stop when this is shown")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    arguments = parser.parse_args()
    notebook = nbformat.read(arguments.notebook, as_version=4)
    folder = str(arguments.notebook.resolve().parent)
    client = DrainingClient(
        notebook,
        kernel_name="deno",
        timeout=arguments.timeout,
        allow_stdin=False,
        coalesce_streams=True,
        resources={"metadata": {"path": folder}},
    )
    client.stop_at = arguments.stop_at
    try:
        client.execute()
    except CellExecutionError as error:
        report_failure(arguments.notebook, notebook, error)
        return 1
    finally:
        nbformat.write(notebook, arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
