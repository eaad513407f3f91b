"""Golden cases of evidence: the health of CI, and what speaks for every change in production.

The crane is of the value stream `dock`, which is seven hours behind UTC from 10 March 2024 on.
"""

from datetime import datetime, timedelta
from typing import Any

from tests.flow.golden import Case, at, day
from tests.flow.scratch import (
    ChangeRequest,
    Commit,
    Delivery,
    Deployment,
    GitHubIssue,
    Issue,
    MergeRequest,
    Named,
    Run,
    Ticket,
    Told,
    moment,
)

CRANE, WINCH, BARGE, RAFT = "yard/crane", "yard/winch", "yard/barge", "yard/raft"


def minutes(start: str, more: float) -> str:
    """Return a moment some minutes after one of 2024, as histories write it."""
    return f"{datetime.fromisoformat(f'2024-{start}') + timedelta(minutes=more):%Y-%m-%d %H:%M}"


def run(
    name: str, number: int, start: str, queue: float, length: float, result: str = "success",
    attempt: int = 1, pipeline: str = "ci", labels: tuple[str, ...] = (), has_job: bool = True,
) -> Run:  # fmt: skip
    """Return a run of the crane that waits and runs for some minutes."""
    begins, ends = minutes(start, queue), minutes(start, queue + length)
    return Run(
        name, number, minutes(start, 0), minutes(start, 0), ends, result, attempt, CRANE, pipeline,
        (minutes(start, 0), begins, ends) if has_job else None, labels,
    )  # fmt: skip


def checks() -> list[Any]:
    """Return nine runs of May that wait for 1 to 9 minutes and run for ten times as long."""
    results = {3: "failure", 4: "timed_out", 5: "failure", 6: "cancelled"}
    return [
        *(
            run(
                f"CR{no}", 1000 + no, f"05-{1 + no:02} 08:00", no, 10 * no,
                results.get(no, "success"), labels=("Big", "linux") if no < 9 else (),
            )
            for no in range(1, 10)
        ),
        # The third passed when it was tried again; one was not let run, one was of the day before
        # in Los Angeles, one of 1 June there, and one goes on.
        run("CR3", 1003, "05-04 10:00", 10, 10, attempt=2, labels=("linux",)),
        run("CR12", 1012, "05-12 08:00", 1, 1, "skipped"),
        run("CRN1", 1020, "06-01 02:00", 5, 55, pipeline="nightly"),
        run("CRN2", 1021, "06-01 07:00", 5, 55, "failure", pipeline="nightly"),
        # One that never began, and one that somebody stopped.
        run("CRX1", 1023, "05-20 08:00", 0, 1, "startup_failure", pipeline="other", has_job=False),
        run("CRX2", 1023, "06-20 08:00", 0, 1, "cancelled", pipeline="other"),
        # The last owner is eight hours behind the first one, and so it is still April there.
        *(
            Run(name, 1030, *[f"2024-{start} 02:00"] * 2, f"2024-{start} 03:00", "success",
                repository="yard/dinghy")
            for name, start in (("DN1", "05-01"), ("DN2", "06-02"))
        ),
        Run("CRN3", 1022, "2024-06-30 08:00", "2024-06-30 08:05", None, None, 1, CRANE, "nightly"),
    ]  # fmt: skip


def crane(number: int, first_commit: str, merged: str, deployed: str) -> list[Any]:
    """Return a change of the crane and its deployment."""
    when = [f"2024-{moment}" for moment in (first_commit, first_commit, merged)]
    return [
        Delivery(number, (), *when, None, CRANE),
        Deployment(f"crane-{number}", number, f"2024-{deployed}", repository=CRANE),
    ]


def builds() -> list[Any]:
    """Return two changes of May with what built them, and one of before."""
    return [
        *crane(1050, "04-10 08:00", "04-10 09:00", "04-10 12:00"),
        run("CRB0", 1050, "04-10 08:10", 0, 10, pipeline="build"),
        # Ten hours. It is built before its first commit, twice at once, over its deployment, and
        # after it.
        *crane(1051, "05-06 08:00", "05-06 16:00", "05-06 18:00"),
        run("CRB1", 1051, "05-06 07:30", 40, 50, pipeline="build", labels=("linux", "big")),
        run("CRB2", 1051, "05-06 08:30", 0, 60, pipeline="build", has_job=False),
        run("CRB7", 1051, "05-06 08:05", 0, 5, pipeline="build", has_job=False),
        run("CRB3", 1051, "05-06 17:30", 10, 80, pipeline="build", labels=("arm", "linux")),
        run("CRB4", 1051, "05-06 20:00", 10, 50, pipeline="build", labels=("arm",)),
        # Eight hours, until the evening of 31 May in Los Angeles.
        *crane(1052, "05-31 20:00", "06-01 03:00", "06-01 04:00"),
        # Built in May, in production in June.
        *crane(1056, "05-30 20:00", "06-10 03:00", "06-10 04:00"),
        run("CRL1", 1056, "05-30 21:00", 0, 60, pipeline="late", has_job=False),
        # Of a commit of its branch, and of none; a minute of the big one costs more now.
        Named(
            "pull_request_commits",
            {
                "pull_request_id": "P1052", "sha": f"{1053:040x}", "repository": CRANE,
                "authored_at": moment("2024-05-31 20:30"),
                "committed_at": moment("2024-05-31 20:30"),
            },
            "github",
        ),
        run("CRB5", 1053, "05-31 21:00", 0, 30, pipeline="build", has_job=False),
        # When it began nobody tells.
        Told(
            "crane-told", "pipelinerun.finished", "2024-05-06 12:00",
            {"repository": CRANE, "pipeline": "told", "sha": f"{1051:040x}", "run_id": "7",
             "outcome": "success"},
        ),
        run("CRB6", 1099, "05-21 08:00", 0, 60, pipeline="build", labels=("big",)),
        Named(
            "history_gaps",
            {
                "object": "workflow_runs", "scope": CRANE, "gap": "beginning",
                "reason": "retention", "gap_from": None, "gap_to": moment("2024-05-01 07:00"),
            },
            "github",
        ),
    ]  # fmt: skip


def winch() -> list[Any]:
    """Return a pipeline of GitLab in which one job is tried again, and one runs twice."""
    stays = [
        ("test", "failed", "10:00", "10:01", "10:05", ["docker", "instance_type"]),
        ("test", "success", "10:05", "10:06", "10:10", ["docker", "instance_type"]),
        ("lint", "success", "10:00", "10:01", "10:02", []),
        ("lint", "success", "10:05", "10:07", "10:08", []),
        # Two at once, of which one had failed before the other one ended.
        ("scan", "failed", "10:00", "10:01", "10:05", ["docker"]),
        ("scan", "success", "10:00", "10:02", "10:03", ["docker"]),
        # Another one runs while the failed one is tried again.
        ("pack", "success", "10:04", "10:05", "10:09", []),
    ]
    times = {
        name: moment(f"2024-05-07 {at}")
        for name, at in (
            ("created_at", "10:00"), ("started_at", "10:01"), ("finished_at", "10:11"),
            ("updated_at", "10:11"),
        )
    }  # fmt: skip
    pipeline = {"id": "W1", "iid": 1, "project": WINCH, "sha": f"{1080:040x}", "source": "push"}
    # The same job of another run passes between the two tries.
    other = {"id": "W2", "iid": 2, "project": WINCH, "sha": f"{1081:040x}", "source": "push"}
    jobs = [("W1", no, *stay) for no, stay in enumerate(stays, 1)]
    jobs.append(("W2", 1, "test", "success", "10:05", "10:05", "10:06", []))
    # Of two runs of unknown commits nobody knows whether it is the same code that passes at last.
    nameless = [
        {"id": f"W{no}", "iid": no, "project": RAFT, "sha": None, "source": "api"} for no in (3, 4)
    ]
    jobs.append(("W3", 1, "test", "failed", "10:00", "10:01", "10:05", []))
    jobs.append(("W4", 1, "test", "success", "10:05", "10:06", "10:10", []))
    return [
        Named("pipelines", {**pipeline, "status": "success", **times}, "gitlab"),
        Named("pipelines", {**other, "status": "success", **times}, "gitlab"),
        *(Named("pipelines", {**one, "status": "success", **times}, "gitlab") for one in nameless),
        *(
            Named(
                "jobs",
                {
                    "id": f"{of}-{no}", "pipeline_id": of, "status": status,
                    "created_at": moment(f"2024-05-07 {created}"),
                    "started_at": moment(f"2024-05-07 {started}"),
                    "finished_at": moment(f"2024-05-07 {finished}"),
                    "payload": {"name": name, "labels": labels},
                },
                "gitlab",
            )
            for of, no, name, status, created, started, finished, labels in jobs
        ),
    ]  # fmt: skip


def barge(
    number: int, day_: str, issues: tuple[str, ...] = (),
    reviews: tuple[tuple[str, str, str], ...] = (), author: str | None = "ann", **how: Any,
) -> list[Any]:  # fmt: skip
    """Return a change of the barge that is merged at noon and deployed from 14:00 to 15:00."""
    start, merged, deployed = (f"2024-{day_} {hour}:00" for hour in ("08", "12", "14"))
    told = tuple((f"2024-{day_} {at}", who, state) for at, who, state in reviews)
    how = {name: f"2024-{day_} {value}" if ":" in value else value for name, value in how.items()}
    return [
        Delivery(number, issues, start, start, merged, None, BARGE, reviews=told, author=author),
        Deployment(
            f"barge-{number}", number, deployed, "success", BARGE, f"2024-{day_} 15:00", **how
        ),
    ]


def built(
    name: str, number: int, start: str, length: float, result: str = "success",
    pipeline: str = "ci", attempt: int = 1,
) -> Run:  # fmt: skip
    """Return a run of the barge that lasts some minutes."""
    begins, ends = minutes(start, 0), minutes(start, length)
    return Run(
        name, number, begins, begins, ends, result, attempt, BARGE, pipeline, (begins, begins, ends)
    )


def request(name: str, number: int, history: str = "", kind: str = "normal") -> Ticket:
    """Return a change request for a deployment of the barge, opened on 1 May."""
    text = f"2024-05-01 08:00 created in New\n{history}"
    start = {"type": kind, "correlation_id": f"barge-{number}"}
    return Ticket("change_request", f"CHG-EV{name}", text, start=start)


def ok(at: str, who: str) -> tuple[str, str, str]:
    """Return an approval of a pull request."""
    return (at, who, "approved")


def proven() -> list[Any]:
    """Return changes of the barge, each with something else that speaks for or against it."""
    return [
        # Runs of the barge are known from the day of its first deployment on.
        *barge(1100, "05-02"),
        built("EV0", 1100, "05-02 12:30", 30),
        Issue("EVD-1", "2024-05-02 08:00 created in In Progress\n2024-06-20 08:00 Done"),
        Named(
            "environments",
            {
                "repository": BARGE, "name": "production", "id": "E", "created_at": None,
                "updated_at": None, "payload": {"protection_rules": [
                    {"type": "branch_policy"}, {"type": "required_reviewers"},
                ]},
            },
            "github",
        ),
        # All is well; the other region brings nothing more.
        *barge(
            1101, "05-06", ("EVD-1",), (ok("11:00", "gus"), ok("10:00", "bob")), deployer="carl"
        ),
        Deployment(
            "barge-1101-us", 1101, "2024-05-06 18:00", "success", BARGE,
            environment="production-us",
        ),
        # The first approval proves it, whatever its name.
        Told("ev-1a", "approval.granted", "2024-05-06 13:30",
             {"deployment_id": "barge-1101", "approver": "eve"}),
        # An event that names both means the deployment of the id.
        Told("ev-9", "approval.granted", "2024-05-06 17:00",
             {"deployment_id": "barge-1101-us", "sha": f"{1101:040x}", "approver": "eve"}),
        built("EV1", 1101, "05-06 12:30", 30),
        request("1", 1101, "2024-05-06 09:00 approval: requested @ann\n"
                           "2024-05-06 13:00 approval: approved @dan"),
        # An item that nobody loaded, approved by its author alone, built red, approved too late.
        *barge(1102, "05-07", ("EVD-99",), (ok("10:00", "ann"),), deployer="robot"),
        built("EV2", 1102, "05-07 12:30", 30, "failure"),
        request("2", 1102, "2024-05-07 14:00:01 approval: approved @dan"),
        # Approvals that were taken back, one of them when it was merged, and one of a program;
        # nothing was built or asked for.
        *barge(
            1103, "05-08", (),
            (
                ok("10:00", "bob"), ("11:00", "bob", "changes_requested"),
                ok("10:30", "carl"), ("12:00", "carl", "changes_requested"),
            ),
        ),
        Named(
            "reviews",
            {
                "id": "P1103-robot", "pull_request_id": "P1103", "state": "approved",
                "submitted_at": moment("2024-05-08 11:30"),
                "payload": {"author": {"person_key": "robot", "actor_type": "bot"}},
            },
            "github",
        ),
        # Approved after the merge, and in time by who then deployed; green at last; let run.
        *barge(
            1104, "05-09", (), (ok("12:01", "bob"), ok("12:00", "carl")), deployer="carl",
            waited="14:00", began="14:20",
        ),
        built("EV4", 1104, "05-09 12:10", 10, "failure"),
        built("EV4", 1104, "05-09 12:30", 10, attempt=2),
        built("EV4L", 1104, "05-09 12:10", 10, "cancelled", "lint"),
        # Deployed by its author; one of two pipelines is red; an event approves it by its id.
        *barge(1105, "05-10", (), (ok("10:00", "bob"),), deployer="ann"),
        built("EV5", 1105, "05-10 12:10", 10),
        built("EV5L", 1105, "05-10 12:10", 5, "timed_out", "lint"),
        Told("ev-5", "approval.granted", "2024-05-10 14:00",
             {"deployment_id": "barge-1105", "approver": "eve"}),
        # Refused, and approved for another place; deployed by a program in the run that built it.
        # Who asks for changes takes back no approval of somebody else.
        *barge(
            1106, "05-13", (), (ok("10:00", "bob"), ("11:00", "eve", "changes_requested")),
            deployer="robot",
        ),
        built("EV6", 1106, "05-13 13:30", 120),
        built("EV6L", 1106, "05-13 14:30", 60, "failure", "lint"),
        Told("ev-6", "approval.rejected", "2024-05-13 13:00", {"sha": f"{1106:040x}"}),
        Told("ev-7", "approval.approved", "2024-05-13 13:00",
             {"sha": f"{1106:040x}", "environment": "staging"}),
        # Pushed past any pull request; by its commit, an event approves it in the last second.
        Commit(1107, "2024-05-14 12:00", BARGE),
        Deployment("barge-1107", 1107, "2024-05-14 14:00", "success", BARGE),
        Told("ev-8", "approval.approved", "2024-05-14 14:00",
             {"sha": f"{1107:040x}", "environment": "production", "approver": "eve"}),
        # Nobody else than an approver of another tool; and one that was taken back in time.
        *barge(1108, "05-15", deployer="carl"),
        request("8", 1108, "2024-05-15 13:00 approval: approved @dan"),
        *barge(1109, "05-16", deployer="carl"),
        request("9", 1109, "2024-05-16 12:00 approval: approved @dan\n"
                           "2024-05-16 14:00 approval: requested @dan"),
        # Approved once and for all; a request that says nothing.
        *barge(1110, "05-17", (), (("10:00", "bob", "changes_requested"),)),
        request("10", 1110, kind="standard"),
        # Green, and red in the last second.
        *barge(1111, "05-20"),
        built("EV11", 1111, "05-20 12:30", 10),
        built("EV11", 1111, "05-20 14:30", 30, "failure", attempt=2),
        ChangeRequest("CHG-EV11", "2024-05-20 08:00", "barge-1111"),
        # Whose it is nobody knows.
        *barge(1112, "05-21", (), (ok("10:00", "bob"),), None, deployer="carl"),
        # Approved, and taken back in the second in which it begins; approved when it has begun.
        *(
            Told(name, f"approval.{word}", f"2024-{when}",
                 {"deployment_id": deployment, "approver": "eve"})
            for name, word, when, deployment in (
                ("ev-12", "granted", "05-21 12:00", "barge-1112"),
                ("ev-13", "rejected", "05-21 14:00", "barge-1112"),
                ("ev-14", "granted", "05-08 14:30", "barge-1103"),
            )
        ),
        # What was deployed is built, and what merging made is not, or the other way round. Who let
        # the first one run nobody tells: it may have been its author.
        *barge(1113, "05-22", waited="14:00", began="14:10"),
        Delivery(1114, (), *["2024-05-23 08:00"] * 2, "2024-05-23 09:00", None, BARGE),
        *barge(1115, "05-23"),
        request("15", 1115, "2024-05-23 09:30 approval: rejected @dan"),
        built("EV14", 1114, "05-23 09:30", 10, "failure"),
        built("EV15", 1115, "05-23 12:30", 10),
        built("EV16", 1115, "05-23 12:20", 10, "failure"),
        Delivery(1116, (), *["2024-05-24 08:00"] * 2, "2024-05-24 09:00", None, BARGE),
        *barge(1117, "05-24"),
        request("17", 1117, "2024-05-24 14:00 approval: approved @dan"),
        built("EV17", 1116, "05-24 09:30", 10),
        # A commit that no change made; back to what was there.
        Deployment("barge-1190", 1190, "2024-05-27 14:00", "success", BARGE),
        Deployment("barge-back", 1117, "2024-05-28 14:00", "success", BARGE),
        # The surest of two links proves its item, though the other one comes first by name.
        GitHubIssue(9709, "2024-05-28 09:00"),
        GitHubIssue(9710, "2024-05-28 09:00"),
        Delivery(
            1118, ("elsewhere/board#9709",), *["2024-05-29 08:00"] * 2, "2024-05-29 12:00", None,
            BARGE, closes=("I9710",),
        ),
        Deployment("barge-1118", 1118, "2024-05-29 14:00", "success", BARGE, "2024-05-29 15:00"),
        # Who deployed nobody tells.
        *barge(1119, "05-30", (), (ok("10:00", "bob"),)),
        # It was green, until it did not even begin.
        built("EV18", 1118, "05-29 12:30", 10),
        built("EV18", 1118, "05-29 12:50", 10, "startup_failure", attempt=2),
        # A standard change that is asked for in the second in which its deployment begins.
        *barge(1120, "05-31"),
        Ticket("change_request", "CHG-EV20", "2024-05-31 14:00 created in New",
               start={"type": "standard", "correlation_id": "barge-1120"}),
        # A standard change that somebody approved all the same, and too late.
        *barge(1121, "06-04"),
        request("21", 1121, "2024-06-04 14:00:01 approval: approved @dan", kind="standard"),
        # One that somebody refused all the same.
        *barge(1122, "06-05"),
        request("22", 1122, "2024-06-05 10:00 approval: rejected @dan", kind="standard"),
        # What nobody tells anything of, of GitLab; and what was deleted before it was read.
        MergeRequest(1160, RAFT, "2024-05-06 08:00", "2024-05-06 09:00", "2024-05-06 10:00"),
        *crane(1049, "04-20 08:00", "04-20 09:00", "04-20 12:00"),
        # In the second in which what was deleted ends, nothing is missing.
        *crane(1048, "04-30 08:00", "04-30 09:00", "05-01 07:00"),
    ]  # fmt: skip


def punted() -> list[Any]:
    """Return deployments of the punt, and what was said of each by eve or by nobody knows whom."""
    places = ("production-eu", "production-us", *["production"] * 3)
    numbers = (1300, 1300, 1301, 1302, 1303)
    eve = {"approver": "eve"}

    def of(number: int, **more: str) -> dict[str, str]:
        return {"sha": f"{number:040x}", **more}

    words = (
        # Of one commit in two places.
        ("a", "granted", "10:00", of(1300, environment="production-eu", **eve)),
        ("b", "rejected", "11:00", of(1300, environment="production-us", **eve)),
        # Of two commits, wherever they go.
        ("c", "granted", "10:00", of(1301, **eve)),
        ("e", "rejected", "11:30", of(1302, **eve)),
        ("d", "rejected", "12:00", of(1301, **eve)),
        # Two who did not say who they are.
        ("f", "granted", "10:00", of(1303)),
        ("g", "rejected", "11:00", of(1303)),
        # Of two deployments, of one with its place and without.
        ("h", "granted", "12:10", {"deployment_id": "punt-1", "environment": places[0], **eve}),
        ("j", "rejected", "12:20", {"deployment_id": "punt-2", **eve}),
        ("i", "rejected", "12:30", {"deployment_id": "punt-1", **eve}),
    )
    return [
        *(
            Deployment(
                f"punt-{no}", number, "2024-06-12 13:00", "success", "yard/punt", environment=place
            )
            for no, (number, place) in enumerate(zip(numbers, places, strict=True), 1)
        ),
        *(
            Told(f"pu-{name}", f"approval.{word}", f"2024-06-12 {when}", facts)
            for name, word, when, facts in words
        ),
    ]


def rowed() -> list[Any]:
    """Return what two boats deployed: the oar after runs of GitHub, the row after Jenkins."""

    def deployed(name: str, number: int, when: str) -> Deployment:
        return Deployment(name, number, f"2024-{when}", "success", f"yard/{name[:3]}")

    def ran(name: str, number: int, day_: str, *hours: str, result: str = "success") -> Run:
        asked, began, ended = (f"2024-{day_} {hour}" for hour in hours)
        times = asked, began, ended
        return Run(name, number, asked, asked, ended, result, 1, "yard/oar", "ci", times)

    def change(number: int, day_: str, began: str, merged: str, name: str = "oar") -> Delivery:
        times = (f"2024-{day_} {hour}" for hour in (began, began, merged))
        return Delivery(number, (), *times, None, f"yard/{name}")

    builds = (("06-12 12:00", 60_000, None), ("06-13 12:50", 3_600_000, 1313))
    return [
        # One that was written after it ran, one that ran at once, and an hour of one.
        change(1311, "06-13", "14:00", "12:40"), change(1312, "06-14", "13:00", "13:00"),
        change(1313, "06-13", "12:00", "12:40", "row"),
        # The first run is asked for in the second in which it begins, of another commit.
        deployed("oar-1", 1310, "06-12 13:00"),
        ran("OAR1", 1319, "06-12", "13:00", "13:10", "13:20"),
        # A run that deploys itself: it begins when the deployment ends, or is only asked for.
        deployed("oar-2", 1311, "06-13 13:00"),
        ran("OAR2", 1311, "06-13", "12:50", "13:00", "13:30"),
        deployed("oar-3", 1312, "06-14 13:00"),
        ran("OAR3", 1312, "06-14", "12:59", "13:01", "13:30"),
        # When a build of Jenkins was asked for nobody tells.
        deployed("row-1", 1314, "06-12 13:00"), deployed("row-2", 1313, "06-13 13:00"),
        *(
            Named(
                "builds",
                {
                    "job_full_name": "yard/rower", "number": no, "started_at": moment(f"2024-{at}"),
                    "duration_ms": took, "is_building": False, "result": "SUCCESS",
                    "class": "WorkflowRun",
                    "payload": {
                        "head_sha": number and f"{number:040x}", "repository": "yard/row",
                        "causes": [],
                    },
                },
                "jenkins",
            )
            for no, (at, took, number) in enumerate(builds, 1)
        ),
        # The runs of an hour were lost: what ended in its first second, not in its last.
        deployed("oar-4", 1315, "06-15 13:00"), deployed("oar-5", 1316, "06-15 14:00"),
        deployed("oar-6", 1317, "06-15 13:30"),
        ran("OAR4", 1317, "06-15", "13:00", "13:10", "13:20", result="failure"),
        *(
            Run(f"MOL{no}", 1320, *[f"2024-0{no}-20 10:00"] * 2, f"2024-0{no}-20 11:00", "success",
                repository="harbour/mole")
            for no in (4, 5)
        ),
        *(
            Named(
                "history_gaps",
                {
                    "object": "workflow_runs", "scope": scope, "gap": "a", "reason": "pause",
                    "gap_from": moment(f"2024-{start}"), "gap_to": moment(f"2024-{end}"),
                },
                "github",
            )
            for scope, start, end in (
                ("yard/oar", "06-15 13:00", "06-15 14:00"),
                ("harbour/mole", "05-01 03:00", "05-01 04:00"),
            )
        ),
    ]  # fmt: skip


def helped() -> list[Any]:
    """Return changes that programs wrote, helped to write, left no trace in, or nobody read."""
    words = [("agent", "account"), ("assisted", "trailer"), ("none", "messages"), (None, None)]
    items: list[Any] = []
    for no, (word, method) in enumerate(words):
        told = {"ai_assistance": word, "ai_method": method}
        opened = moment("2024-06-03 08:00")
        pull = {
            "id": f"PA{no}",
            "repository": "yard/ai",
            "number": no,
            "state": "open",
            "created_at": opened,
            "updated_at": opened,
        }
        items.append(Named("pull_requests", {**pull, "payload": told}, "github"))
        request_ = {
            "id": f"MA{no}",
            "iid": no,
            "project": "yard/ai",
            "status": "opened",
            "created_at": opened,
            "updated_at": opened,
        }
        items.append(Named("merge_requests", {**request_, "payload": told}, "gitlab"))
        commit = Commit(1170 + no, f"2024-06-03 09:0{no}", "yard/ai")
        for table, some in commit.rows().items():
            for row in some:
                if table[1] == "commits":
                    row["payload"] |= told
                items.append(Named(table[1], row, "github"))
    return items  # fmt: skip


CI = """
    select attempts, judged_attempts, failed_attempts, failure_share, flaky_attempts, flaky_share,
        retries, environment_failures, environment_lost_s, queue_n, queue_p50_s, queue_p85_s,
        run_n, run_p50_s, run_p85_s, machine_s, priced_machine_s, round(cost, 6)
    from metrics.{} where repository = '{}' and {} order by month_start
"""


CASES = [
    Case(
        "what CI costs in time and money is told by pipeline and job, failures of no cause apart",
        checks() + builds() + winch(),
        rows={
            # Waits of 1 .. 10 minutes: the 5th and the 9th of 10. Runs of 10, 10, 20 .. 90 minutes.
            # Lost are the first try of the third and the fourth: 3 + 30 + 4 + 40 minutes. 360
            # minutes of a big runner, 10 of linux; 90 of a runner that has no rate.
            CI.format("metric_ci_health", CRANE, "pipeline = 'ci.yml'"): [
                (10, 9, 3, 3 / 9, 1, 1 / 9, 1, 2, 77 * 60, 10, 300, 540, 10, 2400, 4800,
                 460 * 60, 370 * 60, 219.0),
            ],
            CI.format("metric_ci_health_jobs", CRANE, "pipeline = 'ci.yml'"): [
                (10, 9, 3, 3 / 9, 1, 1 / 9, 1, 2, 77 * 60, 10, 300, 540, 10, 2400, 4800,
                 460 * 60, 370 * 60, 219.0),
            ],
            # Of May and of June in Los Angeles; of one nobody says much.
            CI.format("metric_ci_health", CRANE, "pipeline = 'nightly.yml'"): [
                (1, 1, 0, 0.0, 0, 0.0, 0, 0, 0, 1, None, None, 1, None, None, 3300, 0, None),
                (1, 1, 1, 1.0, 0, 0.0, 0, 0, 0, 1, None, None, 1, None, None, 3300, 0, None),
            ],
            """select source_system, service_key, month_start, is_history_known, is_complete_period
               from metrics.metric_ci_health
               where repository = 'yard/crane' and pipeline <> 'ci.yml'
               order by pipeline, month_start""": [
                ("github", "crane", day("04-01"), False, True),
                ("github", "crane", day("05-01"), True, True),
                *[
                    ("github", "crane", day("05-01"), True, True),
                    ("github", "crane", day("06-01"), True, False),
                ] * 3,
                ("inbox", "crane", day("05-01"), True, True),
            ],
            # 8:00 to 9:30 and 17:30 to 18:00 of ten hours, half an hour of eight. The change cost
            # 50 minutes of a big runner and 80 of linux; what nobody knows the rate of is left out.
            """select month_start, attempts, built_changes, lead_time_s, lead_time_in_ci_s,
                   round(lead_time_in_ci_share, 6), priced_changes, cost_per_change, cost
               from metrics.metric_ci_health
               where repository = 'yard/crane' and pipeline = 'build.yml'
               order by month_start""": [
                (day("04-01"), 1, 0, 0, 0, None, 0, None, None),
                (day("05-01"), 7, 2, 18 * 3600, 9000, 0.138889, 1, 54.0, 126.0),
            ],
            # Nothing ran in June, but what ran in May came to production; nobody knows more than
            # that a run did not begin, or was stopped.
            """select pipeline, month_start, attempts, judged_attempts, failure_share,
                   environment_failures, environment_lost_s, built_changes, lead_time_in_ci_s
               from metrics.metric_ci_health
               where repository = 'yard/crane' and pipeline in ('late.yml', 'other.yml')
               order by 1, 2""": [
                ("late.yml", day("05-01"), 1, 1, 0.0, 0, 0, 0, 0),
                ("late.yml", day("06-01"), 0, 0, None, 0, 0, 1, 3600),
                ("other.yml", day("05-01"), 1, 1, 1.0, 1, 0, 0, 0),
                ("other.yml", day("06-01"), 1, 0, None, 0, 0, 0, 0),
            ],
            """select service_key, month_start from metrics.metric_ci_health
               where repository = 'yard/dinghy' and source_system = 'github' order by 2""": [
                ("crane", day("04-01")), ("crane", day("05-01")), ("crane", day("06-01")),
            ],
            """select attempts, queue_n, run_n, built_changes, lead_time_s, lead_time_in_ci_s
               from metrics.metric_ci_health where pipeline = 'told'""": [
                (1, 0, 0, 1, 36000, 0)
            ],
            """select ci_job_key, runner_label, round(cost, 6) from marts.fct_ci_jobs
               where ci_run_key like 'github:run:CRB%' order by 1""": [
                ("github:job:CRB0-1", None, None), ("github:job:CRB1-1", "big", 30.0),
                ("github:job:CRB3-1", "linux", 24.0), ("github:job:CRB4-1", "arm", None),
                ("github:job:CRB6-1", "big", 72.0),
            ],
            """select change_key, ci_run_key, is_merged from marts.bridge_change_runs
               where change_key in ('github:pr:P1051', 'github:pr:P1052')
                 and ci_run_key like 'github:%' order by 2""": [
                ("github:pr:P1051", f"github:run:CRB{no}:1", True) for no in range(1, 5)
            ] + [
                ("github:pr:P1052", "github:run:CRB5:1", False),
                ("github:pr:P1051", "github:run:CRB7:1", True),
            ],
            # Tried again after a failure; run twice; two at once.
            """select ci_job_key, runner_label, is_retry, is_flaky, round(cost, 6)
               from marts.fct_ci_jobs where ci_run_key = 'gitlab:pipeline:W1' order by 1""": [
                ("gitlab:job:W1-1", "instance_type", False, True, 2.4),
                ("gitlab:job:W1-2", "instance_type", True, False, 2.4),
                ("gitlab:job:W1-3", None, False, False, 0.9),
                ("gitlab:job:W1-4", None, False, False, 0.9),
                ("gitlab:job:W1-5", "docker", False, False, 3.6),
                ("gitlab:job:W1-6", "docker", False, False, 0.9),
                ("gitlab:job:W1-7", None, False, False, 3.6),
            ],
            """select ci_job_key, is_flaky from marts.fct_ci_jobs
               where ci_run_key in ('gitlab:pipeline:W3', 'gitlab:pipeline:W4') order by 1""": [
                ("gitlab:job:W3-1", False), ("gitlab:job:W4-1", False),
            ],
            """select job, service_key, attempts, failed_attempts, retries, environment_lost_s, cost
               from metrics.metric_ci_health_jobs where repository = 'yard/winch' order by 1""": [
                ("lint", "unassigned", 2, 0, 0, 0, 1.8), ("pack", "unassigned", 1, 0, 0, 0, 3.6),
                ("scan", "unassigned", 2, 1, 0, 0, 4.5),
                ("test", "unassigned", 3, 1, 1, 300, 5.7),
            ],
        },
    ),
    Case(
        "a run is its owner's from the second on in which one begins, and a gap ends with a month",
        [
            # On 1 June dinghy, ferry and pram get another owner; a repository that is called as
            # the ferry's job is no job; of one that two tools have the first name counts.
            *(
                Told(f"told-{name}", "pipelinerun.finished", f"2024-{when}",
                     {"repository": f"yard/{name}", "pipeline": f"told {name}",
                      "sha": f"{1030:040x}", "run_id": name, "outcome": "success"})
                for name, when in (
                    ("dinghy", "06-01 00:00"), ("ferry", "06-01 00:00"), ("gig", "06-01 00:00"),
                    ("pram", "05-31 12:00"), ("twin", "06-01 00:00"),
                )
            ),
            *(
                Run(name, 1031, *["2024-05-31 23:59"] * 2, "2024-06-01 00:01", "success",
                    repository=f"yard/{repository}",
                    job=("2024-05-31 23:59", "2024-06-01 00:00", "2024-06-01 00:01"))
                for name, repository in (("DN3", "dinghy"), ("PR1", "pram"))
            ),
            # The job's owner counts, whoever owns the code.
            *(
                Named(
                    "builds",
                    {
                        "job_full_name": "yard/ferry", "number": no, "started_at": moment(when),
                        "duration_ms": 60_000, "is_building": False, "result": "SUCCESS",
                        "class": "WorkflowRun",
                        "payload": {"head_sha": None, "repository": repository, "causes": []},
                    },
                    "jenkins",
                )
                for no, when, repository in (
                    (1, "2024-05-31 23:59", None), (2, "2024-06-01 00:00", None),
                    (3, "2024-06-02 00:00", "lab/trail"),
                )
            ),
            # It begins with May in Los Angeles: April is whole, and May is not.
            Named(
                "history_gaps",
                {
                    "object": "workflow_runs", "scope": "yard/dinghy", "gap": "a",
                    "reason": "pause", "gap_from": moment("2024-05-01 07:00"),
                    "gap_to": moment("2024-05-02 07:00"),
                },
                "github",
            ),
        ],
        rows={
            """select coalesce(repository, pipeline), queued_at, started_at, finished_at,
                   service_key
               from marts.fct_ci_runs
               where pipeline like 'told %' or pipeline = 'yard/ferry'
                 or ci_run_key in ('github:run:DN3:1', 'github:run:PR1:1')
               order by 1, 3, 4""": [
                ("lab/trail", None, at("06-02 00:00"), at("06-02 00:01"), "crane"),
                ("yard/dinghy", at("05-31 23:59"), at("06-01 00:00"), at("06-01 00:01"), "app"),
                ("yard/dinghy", None, None, at("06-01 00:00"), "crane"),
                ("yard/ferry", None, at("05-31 23:59"), at("06-01 00:00"), "app"),
                ("yard/ferry", None, at("06-01 00:00"), at("06-01 00:01"), "crane"),
                ("yard/ferry", None, None, at("06-01 00:00"), "unassigned"),
                ("yard/gig", None, None, at("06-01 00:00"), "barge"),
                ("yard/pram", at("05-31 23:59"), at("06-01 00:00"), at("06-01 00:01"), "crane"),
                ("yard/pram", None, None, at("05-31 12:00"), "crane"),
                ("yard/twin", None, None, at("06-01 00:00"), "app"),
            ],
            """select month_start, is_history_known from metrics.metric_ci_health
               where repository = 'yard/dinghy' and source_system = 'github' order by 1""": [
                (day("04-01"), True), (day("05-01"), False), (day("06-01"), True),
            ],
        },
    ),
    Case(
        "what speaks for a change in production is yes, no or not known, with its proof",
        proven(),
        rows={
            """select split_part(deployment_key, ':', 3), split_part(change_key, ':', 3) , item,
                   review, build, approval, separation
               from metrics.metric_change_evidence
               where service_key in ('barge', 'unassigned:gitlab:yard/raft')
                 or change_key in ('github:pr:P1048', 'github:pr:P1049')
               order by deployed_at, change_key""": [
                ("crane-1049", "P1049", "no", "no", "not_known", "not_known", "no"),
                ("crane-1048", "P1048", "no", "no", "no", "not_known", "no"),
                ("barge-1100", "P1100", "no", "no", "yes", "no", "no"),
                ("a-1160", "1160", "no", "no", "not_known", "not_known", "no"),
                ("barge-1101", "P1101", "yes", "yes", "yes", "yes", "yes"),
                ("barge-1102", "P1102", "not_known", "no", "no", "no", "no"),
                ("barge-1103", "P1103", "no", "no", "no", "no", "no"),
                ("barge-1104", "P1104", "no", "yes", "yes", "yes", "no"),
                ("barge-1105", "P1105", "no", "yes", "no", "yes", "no"),
                ("barge-1106", "P1106", "no", "yes", "yes", "no", "yes"),
                ("barge-1107", "yard/barge", "no", "no", "no", "yes", "not_known"),
                ("barge-1108", "P1108", "no", "no", "no", "yes", "not_known"),
                ("barge-1109", "P1109", "no", "no", "no", "no", "no"),
                ("barge-1110", "P1110", "no", "no", "no", "yes", "no"),
                ("barge-1111", "P1111", "no", "no", "no", "no", "no"),
                ("barge-1112", "P1112", "no", "not_known", "no", "no", "not_known"),
                ("barge-1113", "P1113", "no", "no", "no", "yes", "not_known"),
                ("barge-1115", "P1114", "no", "no", "yes", "no", "no"),
                ("barge-1115", "P1115", "no", "no", "yes", "no", "no"),
                ("barge-1117", "P1116", "no", "no", "yes", "yes", "not_known"),
                ("barge-1117", "P1117", "no", "no", "no", "yes", "not_known"),
                ("barge-1190", None, "not_known", "not_known", "no", "no", "not_known"),
                ("barge-1118", "P1118", "yes", "no", "no", "no", "no"),
                ("barge-1119", "P1119", "no", "yes", "no", "no", "not_known"),
                ("barge-1120", "P1120", "no", "no", "no", "yes", "no"),
                ("barge-1121", "P1121", "no", "no", "no", "no", "no"),
                ("barge-1122", "P1122", "no", "no", "no", "no", "no"),
            ],
            """select change_key, change_request_key, work_item_key,
                   split_part(work_item_link_key, '>issue_key>', 1), review_approval_key,
                   ci_run_key, approval_key
               from metrics.metric_change_evidence
               where deployment_key in (
                   'github:deployment:barge-1101', 'github:deployment:barge-1104',
                   'github:deployment:barge-1105', 'github:deployment:barge-1107',
                   'github:deployment:barge-1110', 'github:deployment:barge-1118')
               order by deployed_at""": [
                ("github:pr:P1101", "servicenow:change_request:CHG-EV1", "jira:EVD-1",
                 "github:pr:P1101>implements>jira:EVD-1", "github:P1101-2",
                 "github:run:EV1:1", "servicenow:audit:CHG-EV1-2"),
                ("github:pr:P1104", None, None, None, "github:P1104-2", "github:run:EV4:2",
                 "github:status:barge-1104-in_progress"),
                ("github:pr:P1105", None, None, None, "github:P1105-1", "github:run:EV5L:1",
                 "inbox:argo:ev-5>github:deployment:barge-1105"),
                (f"github:commit:yard/barge:{1107:040x}", None, None, None, None, None,
                 "inbox:argo:ev-8>github:deployment:barge-1107"),
                ("github:pr:P1110", "servicenow:change_request:CHG-EV10", None, None, None, None,
                 None),
                ("github:pr:P1118", None, "github:issue:I9710",
                 "github:pr:P1118>implements>github:issue:I9710>closing_reference>"
                 "2024-05-29 08:00:00>", None, "github:run:EV18:2", None),
            ],
            """select approval_key, kind, approver_key, is_approved, is_by_program, decided_at,
                   withdrawn_at
               from marts.fct_approvals
               where change_key = 'github:pr:P1103' or approval_key like 'inbox:argo:ev-_>%'
                 or change_request_key = 'servicenow:change_request:CHG-EV9' order by 1""": [
                ("github:P1103-1", "review", "bob", True, False, at("05-08 10:00"),
                 at("05-08 11:00")),
                ("github:P1103-3", "review", "carl", True, False, at("05-08 10:30"),
                 at("05-08 12:00")),
                ("github:P1103-robot", "review", "robot", True, True, at("05-08 11:30"), None),
                ("inbox:argo:ev-5>github:deployment:barge-1105", "event", "eve", True, False,
                 at("05-10 14:00"), None),
                ("inbox:argo:ev-6>github:deployment:barge-1106", "event", None, False, False,
                 at("05-13 13:00"), None),
                ("inbox:argo:ev-8>github:deployment:barge-1107", "event", "eve", True, False,
                 at("05-14 14:00"), None),
                ("inbox:argo:ev-9>github:deployment:barge-1101-us", "event", "eve", True, False,
                 at("05-06 17:00"), None),
                ("servicenow:audit:CHG-EV9-1", "change_request", "dan", True, False,
                 at("05-16 12:00"), at("05-16 14:00")),
            ],
        },
    ),
    Case(
        "an approval is taken back by whoever gave it, for the same commit and the same place",
        punted(),
        rows={
            """select split_part(approval_key, ':', 3), split_part(deployment_key, ':', 3),
                   is_approved, decided_at, withdrawn_at
               from marts.fct_approvals where approval_key like 'inbox:argo:pu-_>%'
               order by 1, 2""": [
                ("pu-a>github", "punt-1", True, at("06-12 10:00"), None),
                ("pu-b>github", "punt-2", False, at("06-12 11:00"), None),
                ("pu-c>github", "punt-3", True, at("06-12 10:00"), at("06-12 12:00")),
                ("pu-d>github", "punt-3", False, at("06-12 12:00"), None),
                ("pu-e>github", "punt-4", False, at("06-12 11:30"), None),
                ("pu-f>github", "punt-5", True, at("06-12 10:00"), None),
                ("pu-g>github", "punt-5", False, at("06-12 11:00"), None),
                ("pu-h>github", "punt-1", True, at("06-12 12:10"), at("06-12 12:30")),
                ("pu-i>github", "punt-1", False, at("06-12 12:30"), None),
                ("pu-j>github", "punt-2", False, at("06-12 12:20"), None),
            ],
        },
    ),
    Case(
        "no build is known to be missing from the first run on, and but for what was lost",
        rowed(),
        rows={
            """select split_part(deployment_key, ':', 3), build, ci_run_key
               from metrics.metric_change_evidence
               where service_key in ('unassigned:github:yard/oar', 'unassigned:github:yard/row')
               order by 1""": [
                ("oar-1", "no", None), ("oar-2", "yes", "github:run:OAR2:1"),
                ("oar-3", "no", None), ("oar-4", "not_known", None), ("oar-5", "no", None),
                ("oar-6", "no", "github:run:OAR4:1"), ("row-1", "no", None),
                ("row-2", "yes", "jenkins:build:yard/rower:2:1718283000"),
            ],
            # Ten minutes of the hour were those of Jenkins.
            """select pipeline, built_changes, lead_time_s, lead_time_in_ci_s,
                   round(lead_time_in_ci_share, 6)
               from metrics.metric_ci_health
               where repository in ('yard/oar', 'yard/row') order by 1""": [
                ("ci.yml", 1, 0, 0, None), ("yard/rower", 1, 3600, 600, round(1 / 6, 6)),
            ],
            # In Los Angeles the gap lies in April.
            """select month_start, is_history_known from metrics.metric_ci_health
               where repository = 'harbour/mole' order by 1""": [
                (day("04-01"), False), (day("05-01"), True),
            ],
        },
    ),
    Case(
        "whether a program wrote a change is one word, and none is not sure",
        helped(),
        rows={
            """select source_system, kind, ai_assistance, ai_method, ai_confidence
               from marts.fct_changes where repository = 'yard/ai'
               order by source_system, kind, ai_confidence""": [
                (source, kind, *what)
                for source, kind in (
                    ("github", "commit"), ("github", "pull_request"), ("gitlab", "pull_request")
                )
                for what in (
                    ("none", "messages", 0.5), ("assisted", "trailer", 0.9),
                    ("agent", "account", 0.95), ("unknown", None, None),
                )
            ],
        },
    ),
]  # fmt: skip
