"""How soon ``variantformer app`` is ready, how long a demo prediction takes in a browser, and its memory, on two cores.

Run: python -m benchmarks.speed.app [--predictions 5]

The demo is served by the command; a headless chromium (or what CHROMIUM names) asks for one gene after the other in all
tissues, with the enhancer map. Limits: 60 s until it is ready, 10 s a prediction, 1.2 GB.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.timing import Timer, show

READY_S, PREDICTION_S, MOST_GB, CORES = 60.0, 10.0, 1.2, 2
_PATIENCE_MS = 300_000


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=5)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    command = [sys.executable, "-m", "variantformer_hf", "app", "--demo", "--port", "0"]
    with Timer() as ready:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        line = process.stderr.readline()
    try:
        address = line.split()[0]
        seconds = predict(address, arguments.predictions)
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 2**20
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
    report = {"s until ready": ready.seconds, "s of the first prediction": seconds[0], "s of the slowest": max(seconds)}
    report |= {"GB at its peak": peak, "cores": len(cores), "load": os.getloadavg()[0]}
    report |= {"ready / limit": ready.seconds / READY_S, "prediction / limit": max(seconds) / PREDICTION_S}
    report |= {"GB / limit": peak / MOST_GB}
    show(report)


def predict(address: str, count: int) -> list[float]:
    """Seconds from the press until the answer is in the page, of each of the demo's genes in turn."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        for number in range(count):
            page.goto(address)
            gene = f"DEMO{number % 6 + 1}"
            page.locator("#gene textarea, #gene input").fill(gene)
            began = time.perf_counter()
            page.locator("#predict").click()
            page.locator("#status", has_text=f"{gene} of person").wait_for(state="attached")
            found.append(time.perf_counter() - began)
        browser.close()
    return found


if __name__ == "__main__":
    main()
