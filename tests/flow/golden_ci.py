"""Golden cases of jobs of CI: which were tried again, which are flaky, and what each cost.

The jib is of GitHub, the jig of GitLab, the jet of Jenkins; nobody gave them a service.
"""

from datetime import datetime, timedelta
from typing import Any

from tests.flow.golden import Case
from tests.flow.scratch import Named, Run, Told, moment

JIB, JIG, JET = "yard/jib", "yard/jig", "yard/jet"


def jib(
    name: str, number: int, start: str, length: int, result: str = "success", pipeline: str = "ci",
    repository: str = JIB, labels: tuple[str, ...] = (),
) -> Run:  # fmt: skip
    """Return a run whose one job begins at once and lasts some minutes."""
    began = f"2024-{start}"
    ended = f"{datetime.fromisoformat(began) + timedelta(minutes=length):%Y-%m-%d %H:%M}"
    return Run(
        name, number, began, began, ended, result, 1, repository, pipeline, (began, began, ended),
        labels,
    )  # fmt: skip


def jig(name: str, number: int, *tries: tuple[str, str, str, list[str]]) -> list[Named]:
    """Return a pipeline of 11 June in which one job runs: how, from when to when, and where."""
    times = dict.fromkeys(
        ("created_at", "started_at", "finished_at", "updated_at"), moment("2024-06-11 10:00")
    )
    pipeline = {
        "id": name, "iid": number, "project": JIG, "sha": f"{number:040x}", "source": "push",
        "status": "success", **times,
    }  # fmt: skip
    jobs = [
        {
            "id": f"{name}-{no}", "pipeline_id": name, "status": status,
            "created_at": moment(f"2024-06-11 {began}"),
            "started_at": moment(f"2024-06-11 {began}"),
            "finished_at": moment(f"2024-06-11 {ended}"),
            "payload": {"name": "test", "labels": labels},
        }
        for no, (status, began, ended, labels) in enumerate(tries, 1)
    ]  # fmt: skip
    return [Named("pipelines", pipeline, "gitlab"), *(Named("jobs", job, "gitlab") for job in jobs)]


def jet(*starts: str) -> list[Named]:
    """Return a build of 9 January with stages of one minute."""
    began = moment("2024-01-09 23:59")
    build = {
        "job_full_name": JET, "number": 1, "started_at": began, "duration_ms": 180_000_000,
        "is_building": False, "result": "SUCCESS", "class": "WorkflowRun",
        "payload": {"head_sha": None, "repository": None, "causes": []},
    }  # fmt: skip
    stages = [
        {
            "job_full_name": JET, "number": 1, "build_started_at": began, "stage_id": str(no),
            "started_at": moment(f"2024-{start}"), "duration_ms": 60_000, "status": "SUCCESS",
            "payload": {"name": f"minute {no}"},
        }
        for no, start in enumerate(starts, 1)
    ]  # fmt: skip
    return [
        Named("builds", build, "jenkins"),
        *(Named("stages", stage, "jenkins") for stage in stages),
    ]


def told(name: str, type_: str, **facts: Any) -> Told:
    """Return what the inbox says of a run of the pipeline that GitHub has, too."""
    return Told(name, type_, "2024-06-11 11:10", facts, "argo", name)


def towed() -> list[Told]:
    """Return eleven runs of one task: eight that tell all, one without a queue, two of an end."""
    events = []
    for no in range(1, 12):
        times = {"queued_at": f"{no:02}:00", "started_at": f"{no:02}:05"}
        known = {1: ["started_at"], 2: [], 3: []}.get(no, [*times])
        facts = {name: f"2024-06-11T{times[name]}:00+00:00" for name in known}
        facts |= {"run_id": f"tow-{no}", "result": "Timed Out" if no == 1 else "success"}
        for type_, more in (
            ("pipelinerun", {"pipeline": "tow", "repository": "yard/tow"}),
            ("taskrun", {"task_id": f"tow-{no}", "name": "lint"}),
        ):
            name, when = f"tow-{type_}-{no}", f"2024-06-11 {no:02}:35"
            events.append(Told(name, f"{type_}.finished", when, {**facts, **more}))
    return events


CASES: list[Case] = [
    Case(
        "a job is flaky if the same one passed later on its commit: of its pipeline and its tool",
        [
            # It failed; another pipeline, another repository and another tool passed on the commit.
            jib("JIB1", 1200, "06-11 10:00", 5, "failure"),
            jib("JIB2", 1200, "06-11 11:00", 5, pipeline="nightly"),
            jib("JIB3", 1200, "06-11 11:00", 5, repository="yard/jib-fork"),
            told("jib", "pipelinerun.finished", repository=JIB, pipeline="ci.yml",
                 sha=f"{1200:040x}", run_id="jib", outcome="success"),
            told("jib-test", "taskrun.finished",
                 content={"taskName": "test", "pipelineRun": {"id": "jib"}, "outcome": "success"}),
            # One failed and one passed in the same second.
            jib("JIB4", 1201, "06-11 12:00", 5, "failure"),
            jib("JIB5", 1201, "06-11 12:01", 4),
            # The second one by its id was the first; a job of another run ran in between.
            *jig("JIG1", 1210, ("success", "10:05", "10:09", []), ("failed", "10:00", "10:04",
                                                                  ["big"])),
            *jig("JIG2", 1211, ("success", "10:02", "10:30", [])),
            # It begins in the second in which the failed one ends, which had lasted, or had not.
            *jig("JIG3", 1212, ("failed", "12:00", "12:05", []), ("success", "12:05", "12:06", [])),
            *jig("JIG4", 1213, ("failed", "13:00", "13:00", []), ("success", "13:00", "13:05", [])),
        ],
        rows={
            """select split_part(ci_job_key, ':', 3), job, is_retry, is_flaky
               from marts.fct_ci_jobs
               where ci_job_key similar to '.*:(JIB[1-5]|JIG[0-9])-[0-9]' order by 1""": [
                ("JIB1-1", "test", False, False), ("JIB2-1", "test", False, False),
                ("JIB3-1", "test", False, False), ("JIB4-1", "test", False, False),
                ("JIB5-1", "test", False, False),
                ("JIG1-1", "test", True, False), ("JIG1-2", "test", False, True),
                ("JIG2-1", "test", False, False),
                ("JIG3-1", "test", False, True), ("JIG3-2", "test", True, False),
                ("JIG4-1", "test", False, True), ("JIG4-2", "test", True, False),
            ],
            """select job, result, is_flaky from marts.fct_ci_jobs
               where ci_run_key = 'inbox:argo:jib:1'""": [("test", "success", False)],
        },
    ),
    Case(
        "a percentile is of ten and more that are known, and what is not known loses no time",
        towed(),
        rows={
            f"""select attempts, queue_n, queue_p50_s, queue_p85_s, run_n, run_p50_s, run_p85_s,
                   environment_failures, environment_lost_s
               from metrics.{table} where repository = 'yard/tow'""": [
                (11, 8, None, None, 9, None, None, 1, 1800)
            ]
            for table in ("metric_ci_health", "metric_ci_health_jobs")
        },
    ),
    Case(
        "a minute costs what its runner does on the day, by the dearest label or the first",
        [
            # From 20 May on the huge one costs 0.60 and no longer 2.40.
            jib("JIB6", 1202, "05-19 23:50", 10, labels=("huge",)),
            jib("JIB7", 1203, "05-20 00:00", 10, labels=("huge",)),
            # Small and linux cost the same; zed and arm have no rate.
            jib("JIB8", 1204, "06-11 14:00", 10, labels=("small", "linux")),
            jib("JIB9", 1205, "06-11 14:00", 10, labels=("linux", "small")),
            jib("JIBA", 1206, "06-11 14:00", 10, labels=("zed", "arm")),
            jib("JIBB", 1207, "06-11 14:00", 10, labels=("arm", "zed")),
            # Any runner of Jenkins costs 0.10 on 10 and 11 January, and nobody says what else.
            *jet("01-09 23:59", "01-10 00:00", "01-11 23:59", "01-12 00:00"),
        ],
        rows={
            """select split_part(ci_job_key, ':', 3), runner_label, round(cost, 6)
               from marts.fct_ci_jobs
               where ci_job_key similar to 'github:job:JIB([6-9]|A|B)-1' order by 1""": [
                ("JIB6-1", "huge", 24.0), ("JIB7-1", "huge", 6.0),
                ("JIB8-1", "small", 3.0), ("JIB9-1", "linux", 3.0),
                ("JIBA-1", "zed", None), ("JIBB-1", "arm", None),
            ],
            # GitHub's rate of a big one is none of GitLab's, where any other one costs 0.90.
            """select runner_label, round(cost, 6) from marts.fct_ci_jobs
               where ci_job_key = 'gitlab:job:JIG1-2'""": [("big", 3.6)],
            """select job, run_s, round(cost, 6) from marts.fct_ci_jobs
               where source_system = 'jenkins' and started_at < '2024-01-13' order by 1""": [
                ("minute 1", 60, None), ("minute 2", 60, 0.1), ("minute 3", 60, 0.1),
                ("minute 4", 60, None),
            ],
        },
    ),
]  # fmt: skip
