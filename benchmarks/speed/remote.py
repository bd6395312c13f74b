"""A genome's VCF on a web server: requests, bytes and seconds of genes far apart and of genes side by side.

Run: python -m benchmarks.speed.remote [--genes 40] [--latency 0.02]

A server on this machine that waits before each answer, as a far one does, and counts. The file is a chromosome of 250
Mb with a record every 1,250 bases and about 200 compressed bytes a record, as a caller of one person's genome writes
them. A gene is 2.4 Mb of records, what 1,500 cCREs around it need. Beside it, where pysam finds a libcurl, htslib reads
the same regions by its own network code from the same server; the index is on this disk then. Bytes that are needed are
those of the blocks of the region.
"""

import argparse
import os
import random
import re
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pysam

from benchmarks.timing import Timer, show
from variantformer_hf.genome.region_bytes import RegionBytes
from variantformer_hf.genome.variants import VariantFile
from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_vcf

_REACH = 2_400_000
_FAR, _NEAR = 5_700_000, 100_000  # from one gene to the next
_CONTIG, _LENGTH = "chr2", 250_000_000


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        time.sleep(self.server.latency)
        path = self.server.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(asked[1]) if asked else 0
        last = min(size, int(asked[2]) + 1 if asked and asked[2] else size)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(last - first))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{size}"')
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last - 1}/{size}")
        self.end_headers()
        self.server.requests += 1
        with path.open("rb") as file:
            file.seek(first)
            while first < last and (piece := file.read(min(1 << 16, last - first))):
                first += len(piece)
                try:
                    self.wfile.write(piece)
                except OSError:  # the reader has enough
                    return
                self.server.sent += len(piece)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.latency = folder, latency
        self.requests = self.sent = 0

    def handle_error(self, *arguments: object) -> None:
        """A reader that hangs up."""


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=40)
    parser.add_argument("--latency", type=float, default=0.02)
    arguments = parser.parse_args()
    pysam.set_verbosity(0)
    with tempfile.TemporaryDirectory() as name:
        os.environ["VARIANTFORMER_CACHE"] = str(Path(name) / "cache")
        vcf = write_chromosome(Path(name) / "person.vcf.gz")
        server = _Server(vcf.parent, arguments.latency)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        show(measure(vcf, server, arguments.genes))
        server.shutdown()


def write_chromosome(path: Path) -> Path:
    """A chromosome of one person."""
    rng = random.Random(0)
    lines = (
        f"{_CONTIG}\t{position}\t.\tA\tG\t.\tPASS\tDP={rng.getrandbits(1_450):x}\tGT\t0/1"
        for position in range(1, _LENGTH, 1_250)
    )
    return write_vcf(path, lines, meta=[*contig_lines({_CONTIG: _LENGTH}), GENOTYPES], samples=["person"])


def measure(vcf: Path, server: _Server, genes: int) -> dict[str, Any]:
    """Requests, bytes and seconds, by what is read."""
    address = f"http://127.0.0.1:{server.server_address[1]}/{vcf.name}"
    report: dict[str, Any] = {"MB of the file": vcf.stat().st_size / 1e6}
    with Timer() as took:
        where = RegionBytes(Path(f"{vcf}.tbi"))
    report |= {"seconds to read the index": took.seconds, "MB of the index": Path(f"{vcf}.tbi").stat().st_size / 1e6}
    contig = where.names.index(_CONTIG)
    ways = {"far": [_FAR * number for number in range(1, genes + 1)]}
    ways["near"] = [_NEAR * number for number in range(1, genes + 1)]

    def counted(what: str, work: Any, n: int = 1) -> Any:
        server.requests = server.sent = 0
        with Timer() as took:
            found = work()
        report[f"{what}: requests"] = server.requests / n
        report[f"{what}: MB"] = server.sent / 1e6 / n
        report[f"{what}: seconds"] = took.seconds / n
        return found

    def read(lines: Any, starts: list[int]) -> int:
        return sum(len(list(lines(_CONTIG, start, start + _REACH))) for start in starts)

    there = counted("open", lambda: VariantFile(address))
    here = VariantFile(vcf)
    for name, starts in ways.items():
        blocks = [where.of(contig, start, start + _REACH) for start in starts]
        report[f"{name}: MB needed"] = sum(b - a - 65_536 for some in blocks for a, b in some) / 1e6 / genes
        with Timer() as took:
            wanted = read(here.lines_within, starts)
        report[f"{name}: seconds on this disk"] = took.seconds / genes
        for what in (name, f"{name} again"):
            found = counted(what, lambda starts=starts: read(there.lines_within, starts), genes)
            assert found == wanted > 0
    try:
        htslib = pysam.TabixFile(address, index=f"{vcf}.tbi")
    except OSError:
        return report
    for name, starts in ways.items():
        counted(f"{name}, htslib", lambda starts=starts: read(htslib.fetch, starts), genes)
    return report


if __name__ == "__main__":
    main()
