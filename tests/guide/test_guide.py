"""Every sample of the guide runs against a real stack, as printed but for hosts and credentials.

`KYROS_GUIDE` names another guide, whose samples run, too. `table.toml` says how each is run.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from kyros_worker.settings import PROJECT_ROOT
from tests.guide.run import NOT_HERE, MissingError, Outcome, run
from tests.guide.samples import Sample, samples
from tests.guide.site import Site, open_site
from tests.guide.strangers import Strangers
from tests.guide.table import Entry, table

OURS = sorted((PROJECT_ROOT / "docs/guide").glob("*.md"))
OTHER = [PROJECT_ROOT / os.environ["KYROS_GUIDE"]] if os.environ.get("KYROS_GUIDE") else []
SAMPLES = [sample for page in (*OURS, *OTHER) for sample in samples(page)]
TABLE = table()
#: Samples that run side by side.
AT_ONCE = 3
FAILED = "FAILED"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, run_folder: Path) -> Iterator[Site]:
    """One stack for all, and the strangers whom samples call."""
    strangers = Strangers()
    with strangers.listening():
        site = open_site(tmp_path_factory.mktemp("guide"), run_folder, strangers)
        try:
            yield site
        finally:
            site.stack.down()


@pytest.fixture(scope="module")
def outcome(
    request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Sample], Outcome]]:
    """How a sample ran. All that were asked for run side by side from the beginning."""
    wanted = [
        item.callspec.params["sample"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == test_sample.__name__
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Sample, Future[Outcome]] = {
            sample: pool.submit(_run, sample, site, tmp_path_factory.mktemp("sample"))
            for sample in wanted
            if entry_of(sample)
        }
        yield lambda sample: running[sample].result()
        pool.shutdown(cancel_futures=True)


def entry_of(sample: Sample) -> Entry | None:
    return TABLE.get(sample.document, {}).get(sample.name)


def _run(sample: Sample, site: Site, folder: Path) -> Outcome:
    entry = entry_of(sample)
    assert entry
    of_page = {one.name: one for one in SAMPLES if one.document == sample.document}
    before = [of_page[name] for name in entry.follows]
    return run(sample, before, entry, site, folder)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: f"{one.document}: {one.name}")
def test_sample(sample, outcome, record_property):
    where = f"{sample.document}:{sample.line}"
    try:
        assert entry_of(sample), f"no entry of table.toml covers {sample.name!r} ({where})"
        ran = outcome(sample)
    except MissingError as missing:
        record_property("guide", (where, sample.name, NOT_HERE, str(missing)))
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))
    except Exception as error:
        why = str(error).partition("\n")[0]
        record_property("guide", (where, sample.name, FAILED, why))
        raise
    record_property("guide", (where, sample.name, ran.how, ran.why))


@pytest.mark.parametrize("page", [*OURS, *OTHER], ids=lambda page: page.name)
def test_the_table_covers_no_other_samples(page):
    of_page = {sample.name for sample in samples(page)}
    assert set(TABLE.get(page.name, {})) <= of_page


def test_the_table_knows_no_other_page():
    assert set(TABLE) <= {page.name for page in OURS} | {"integration-guide.md"}
