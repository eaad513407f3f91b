"""What `flowhouse doctor` asks of a Jenkins."""

from collections.abc import Iterator

from extract.probes import Probe, clock, scopes
from extract.run import LoadRun
from extract.sources.jenkins.client import NO_PLUGIN, STAGE_PATHS, connect, path_of, server_time
from extract.sources.jenkins.reader import Reader
from extract.sources.jenkins.rows import PIPELINE_JOB
from extract.sources.jenkins.settings import JenkinsSettings
from extract.sources.jenkins.tables import NAME


def doctor_probes(config: JenkinsSettings) -> Iterator[Probe]:
    """Ask what only this controller can answer; `flowhouse doctor` prints it."""
    api = connect(config)
    now = server_time(api)
    yield clock(now)
    reader = Reader(LoadRun(NAME, "doctor", server_now=now), api)
    reader.list_jobs(config.folders)
    yield from scopes("jobs", len(reader.jobs), reader.run)
    built = [job for job in reader.jobs if job.newest]
    yield Probe(True, f"jobs with builds: {len(built):,}")
    pipelines = [job for job in built if job.kind == PIPELINE_JOB]
    if pipelines:
        newest, _ = pipelines[0].newest[0]
        build = f"{path_of(pipelines[0].full_name)}/{newest}"
        answers = (api.get(f"{build}/{path}", allow=(403, 404)).status for path in STAGE_PATHS)
        status = next((status for status in answers if status != 404), 404)
        yield Probe(
            status == 200,
            "stages: readable"
            if status == 200
            else f"stages: not readable: {NO_PLUGIN if status == 404 else status}",
        )
