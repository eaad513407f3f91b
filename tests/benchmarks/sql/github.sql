-- Pull requests [first, last) with commits, reviews, events, runs and their jobs, and what was merged.
create or replace temp table drawn as
select
    i,
    cast(1700000000 + i as varchar) as id,
    'bench/' || numbered('repo-', skewed(chance(i, 0, 'repository'), 60)) as repository,
    timestamp '2023-01-01' + seconds(86400 * 1095 * chance(i, 0, 'born')) as created_at,
    1 + skewed(chance(i, 0, 'commits'), 6) as commits,
    skewed(chance(i, 0, 'reviews'), 5) as reviews,
    chance(i, 0, 'draft') < 0.15 as is_drafted,
    60 + 86400 * least(exp(ln(1.5) + 1.2 * normal(i, 0, 'open')), 200) as open_s,
    case
        when chance(i, 0, 'end') < 0.85 then 'merged'
        when chance(i, 0, 'end') < 0.95 then 'closed'
        else 'open'
    end as ending

from range(getvariable('first'), getvariable('last')) as pulls (i);

create or replace temp table pulls as
select
    *,
    case
        when ending <> 'open' and created_at + seconds(open_s) <= getvariable('as_of')
            then created_at + seconds(open_s)
    end as closed_at,
    case when ending = 'merged' then closed_at end as merged_at,
    least(created_at + seconds(open_s), getvariable('as_of')) as until
from drawn
where created_at <= getvariable('as_of');

insert into raw_github.github.pull_requests by name
select
    id,
    repository,
    i as number,
    case when closed_at is null then 'open' else 'closed' end as state,
    created_at,
    until as updated_at,
    cast(to_json({
        'isDraft': false,
        'closedAt': zulu(closed_at),
        'mergedAt': zulu(merged_at),
        'headRefOid': sha_of(i, commits - 1, 'commit'),
        'additions': 1 + cast(300 * chance(i, 0, 'additions') as integer),
        'deletions': cast(200 * chance(i, 0, 'deletions') as integer),
        'changedFiles': 1 + cast(10 * chance(i, 0, 'files') as integer),
        'author': person(i, 0, 'pull author'),
        'baseRefName': 'main',
        'mergeCommitOid': case when merged_at is not null then sha_of(i, 0, 'merge') end,
        'is_revert': chance(i, 0, 'revert') < 0.01,
        'is_hotfix': chance(i, 0, 'hotfix') < 0.02,
        'issue_keys': case
            when chance(i, 0, 'named') < 0.7 and getvariable('issues') > 0 then [
                numbered('P', skewed(chance(issue // 25, 0, 'project'), 40)) || '-' || issue
            ]
            else []
        end,
        'node_id': 'PR_' || i,
        'closes': [],
        'events':
            case when is_drafted then [
                {'type': 'ready_for_review', 'at': zulu(created_at + seconds(0.1 * open_s)), 'actor': person(i, 1, 'event')}
            ] else [] end
            || list_transform(range(0, 1 + reviews), lambda k: {
                'type': case when k % 2 = 0 then 'review_requested' else 'head_ref_force_pushed' end,
                'at': zulu(created_at + seconds((0.11 + 0.8 * k / (reviews + 1.0)) * open_s)),
                'actor': person(i, k, 'event')
            })
            || case when closed_at is not null and chance(i, 0, 'reopened') < 0.02 then [
                {'type': 'closed', 'at': zulu(created_at + seconds(0.95 * open_s)), 'actor': person(i, 4, 'event')},
                {'type': 'reopened', 'at': zulu(created_at + seconds(0.96 * open_s)), 'actor': person(i, 4, 'event')}
            ] else [] end
            || case when merged_at is not null then [
                {'type': 'merged', 'at': zulu(merged_at), 'actor': person(i, 2, 'event')}
            ] else [] end
            || case when closed_at is not null then [
                {'type': 'closed', 'at': zulu(closed_at), 'actor': person(i, 2, 'event')}
            ] else [] end
    }) as varchar) as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from (
    select *, cast(floor(getvariable('issues') * chance(i, 0, 'issue')) as bigint) as issue from pulls
) as pulls;

create or replace temp table pushed as
select
    i,
    k,
    id,
    repository,
    until,
    sha_of(i, k, 'commit') as sha,
    case
        when k = 0 then created_at - seconds(5 * 86400 * chance(i, 0, 'coding') ** 2)
        else created_at + seconds(0.9 * k / commits * open_s)
    end as authored_at
from pulls, unnest(range(0, commits)) as each_commit (k);

delete from pushed where authored_at > until;

insert into raw_github.github.pull_request_commits by name
select
    id as pull_request_id,
    sha,
    repository,
    authored_at,
    authored_at as committed_at,
    cast(to_json({'author': person(i, 0, 'pull author')}) as varchar) as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from pushed;

insert into raw_github.github.reviews by name
select
    cast(2000000000 + i * 10 + k as varchar) as id,
    id as pull_request_id,
    case
        when k = reviews - 1 then 'APPROVED'
        else among(['COMMENTED', 'CHANGES_REQUESTED', 'APPROVED'], chance(i, k, 'review'))
    end as state,
    created_at + seconds((0.15 + 0.8 * k / reviews) * open_s) as submitted_at,
    cast(to_json({'author': person(i, k, 'reviewer')}) as varchar) as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from pulls, unnest(range(0, reviews)) as each_review (k)
where created_at + seconds((0.15 + 0.8 * k / reviews) * open_s) <= until;

-- A run for each push, and one for what was merged; each runs two jobs.
create or replace temp table runs as
select i, k, repository, sha, 'pull_request' as event, greatest(authored_at, timestamp '2023-01-01') as started_at
from pushed
union all
select i, 9 as k, repository, sha_of(i, 0, 'merge') as sha, 'push' as event, merged_at as started_at
from pulls
where merged_at is not null;

insert into raw_github.github.workflow_runs by name
select
    cast(7000000000 + i * 10 + k as varchar) as id,
    1 as run_attempt,
    repository,
    sha as head_sha,
    event,
    'completed' as status,
    case when chance(i, k, 'run') < 0.12 then 'failure' else 'success' end as conclusion,
    started_at as created_at,
    started_at as run_started_at,
    started_at + seconds(120 + 900 * chance(i, k, 'took')) as updated_at,
    cast(to_json({'name': 'CI', 'path': '.github/workflows/ci.yml', 'actor': person(i, k, 'run')}) as varchar) as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from runs;

insert into raw_github.github.jobs by name
select
    cast(20000000000 + i * 100 + k * 10 + job as varchar) as id,
    cast(7000000000 + i * 10 + k as varchar) as run_id,
    1 as run_attempt,
    'completed' as status,
    case when job = 1 and chance(i, k, 'run') < 0.12 then 'failure' else 'success' end as conclusion,
    started_at as created_at,
    started_at + seconds(30 * chance(i, k, 'queue')) as started_at,
    started_at + seconds(100 + 880 * chance(i, k, 'took')) as completed_at,
    cast(to_json({'name': case when job = 0 then 'build' else 'test' end}) as varchar) as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from runs, unnest([0, 1]) as each_job (job);

-- The main line: what was merged, and now and then a commit without a pull request.
create or replace temp table landed as
select i, 0 as part, repository, sha_of(i, 0, 'merge') as sha, sha_of(i, commits - 1, 'commit') as head, merged_at as landed_at
from pulls
where merged_at is not null
union all
select i, 1 as part, repository, sha_of(i, 1, 'merge') as sha, null as head, created_at + to_seconds(77) as landed_at
from pulls
where chance(i, 0, 'direct') < 0.03 and created_at + to_seconds(77) <= getvariable('as_of');

insert into raw_github.github.commits by name
select
    repository,
    sha,
    lag(sha) over in_order as first_parent,
    landed_at as authored_at,
    landed_at as committed_at,
    cast(to_json({
        'parents': [x for x in [lag(sha) over in_order, head] if x is not null],
        'author': person(i, 0, 'pull author'),
        'is_revert': part = 0 and chance(i, 0, 'revert') < 0.01,
        'is_hotfix': part = 0 and chance(i, 0, 'hotfix') < 0.02
    }) as varchar) as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from landed
window in_order as (partition by repository order by landed_at, sha);

insert into raw_github.github.main_lines by name
select
    repository, sha, '{}' as payload, repository as _scope,
    getvariable('fetched_at') as _fetched_at, getvariable('load_id') as _dlt_load_id
from landed;

-- Three of five merges go to staging, then to production; four in a hundred fail, and now and then the
-- commit before comes back.
create or replace temp table deployed as
with chosen as (
    select
        i,
        repository,
        sha,
        landed_at,
        lag(sha) over (partition by repository order by landed_at) as sha_before
    from landed
    where part = 0 and chance(i, 0, 'deployed') < 0.6
)

select
    cast(9000000000 + i * 10 + target as varchar) as id,
    i,
    target,
    repository,
    case when target = 1 then 'staging' else 'production' end as environment,
    case when target = 3 then sha_before else sha end as sha,
    landed_at + seconds(target * 1800 + 86400 * chance(i, target // 2, 'deployed at')) as created_at
from chosen, unnest([1, 2, 3]) as targets (target)
where target < 3 or (chance(i, 0, 'rollback') < 0.015 and sha_before is not null);

delete from deployed where created_at + to_seconds(600) > getvariable('as_of');

insert into raw_github.github.deployments by name
select
    id, repository, environment, sha, created_at, created_at + to_seconds(300) as updated_at,
    '{"task":"deploy"}' as payload, repository as _scope,
    getvariable('fetched_at') as _fetched_at, getvariable('load_id') as _dlt_load_id
from deployed;

insert into raw_github.github.deployment_statuses by name
select
    id || '-' || no as status_key,
    id as deployment_id,
    case
        when no = 1 then 'in_progress' when chance(i, target, 'failed') < 0.04 then 'failure' else 'success'
    end as state,
    created_at + to_seconds(30 + 240 * (no - 1)) as created_at,
    '{}' as payload,
    repository as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from deployed, unnest([1, 2]) as numbers (no);
