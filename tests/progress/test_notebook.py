"""A bar in a real notebook kernel."""

import pytest

from baler_vae.sample import SAMPLE

CELL = f"""
import time
import baler_vae
baler_vae.verify
from baler_vae.progress import callback, shows_progress

@shows_progress
def work(*, progress):
    callback(progress)("columns <5>", 3, 4)
    time.sleep(1.6)

work(progress=True)
codec = baler_vae.fit("{SAMPLE}:Events", model="independent", progress=True)
"""


def test_a_cell_shows_a_bar_whose_clock_goes_on_and_which_stays_with_the_time_it_took():
    manager = pytest.importorskip("jupyter_client.manager", reason="needs ipykernel")
    pytest.importorskip("ipykernel")
    kernel, client = manager.start_new_kernel(startup_timeout=120)
    shown = []
    try:
        client.execute_interactive(CELL, timeout=240, output_hook=shown.append)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    assert [message["msg_type"] for message in shown if message["msg_type"] in {"error", "stream"}] == []
    drawn = [message for message in shown if message["msg_type"] in {"display_data", "update_display_data"}]
    places = [message["content"]["transient"]["display_id"] for message in drawn]
    assert len(set(places)) == 2
    first = [message["content"]["data"] for message, place in zip(drawn, places, strict=True) if place == places[0]]
    pages = [data["text/html"] for data in first]
    assert any('<progress value="0.7500" max=1></progress> columns &lt;5&gt; 3/4, 0:00:01' in page for page in pages)
    assert pages[-1] == '<div><progress value="1.0000" max=1></progress> done in 0:00:02</div>'
    assert drawn[-1]["content"]["data"]["text/plain"].startswith("done in ")
