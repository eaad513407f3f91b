-- Issues [first, last) with their histories. Every 25th is an epic of the 24 after it, the last three
-- of which are sub-tasks. Most change status 6 to 13 times, one in fifty 20 to 60 times, and three in
-- ten thousand are thousands of changes long.
create or replace temp table drawn as
select
    i,
    cast(100000 + i as varchar) as id,
    i % 25 = 0 as is_epic,
    i % 25 >= 22 as is_subtask,
    skewed(chance(i // 25, 0, 'project'), 40) as project,
    skewed(chance(i // 25, 0, 'other project'), 40) as other_project,
    timestamp '2023-01-01' + seconds(
        86400 * (1000 * chance(i // 25, 0, 'block') + case when i % 25 > 0 then 90 * chance(i, 0, 'born') else 0 end)
    ) as created_at,
    case
        when i % 25 = 0 then 3 + cast(floor(3 * chance(i, 0, 'length')) as integer)
        when chance(i, 0, 'long') < 0.0003 then 1000 + cast(floor(2000 * chance(i, 0, 'length')) as integer)
        when chance(i, 0, 'long') < 0.02 then 20 + cast(floor(40 * chance(i, 0, 'length')) as integer)
        else 6 + cast(floor(8 * chance(i, 0, 'length')) as integer)
    end as steps,
    86400 * case
        when i % 25 = 0 then 60 + 120 * chance(i, 0, 'epic')
        when chance(i, 0, 'long') < 0.0003 then 500 + 400 * chance(i, 0, 'epic')
        else least(exp(ln(12) + 1.1 * normal(i, 0, 'duration')), 500)
    end as duration_s,
    case
        when chance(i, 0, 'end') < 0.06 then 'cancelled'
        when chance(i, 0, 'end') < 0.12 and i % 25 > 0 then 'reopened'
        when chance(i, 0, 'end') < 0.15 then 'open'
        else 'done'
    end as ending,
    case when chance(i, 0, 'moved') < 0.01 then chance(i, 0, 'moved at') end as moved_at,
    case when chance(i, 0, 'flag') < 0.08 then 0.8 * chance(i, 0, 'flag at') end as flagged_at,
    chance(i, 0, 'flag') < 0.002 as is_flagged,
    chance(i, 0, 'priority') < 0.1 as is_raised,
    chance(i, 0, 'team') < 0.03 as is_handed_over,
    among(['Story', 'Story', 'Story', 'Task', 'Bug', 'Bug', 'Improvement', 'Spike'], chance(i, 0, 'type')) as type

from range(getvariable('first'), getvariable('last')) as issues (i);

create or replace temp table moves as
with weighed as (
    select
        i,
        k,
        steps,
        is_epic,
        ending,
        created_at,
        duration_s,
        -- A third of what is reopened is so long after.
        -ln(1 - chance(i, k, 'stay')) + case
            when ending = 'reopened' and k = steps - 2 and chance(i, 0, 'late') < 0.3 then 8 else 0
        end as stay,
        case
            when chance(i, k, 'step') < 0.80 then 1
            when chance(i, k, 'step') < 0.92 then -1
            when chance(i, k, 'step') < 0.96 then 2
            else -2
        end as step
    from drawn, unnest(range(1, steps + 1)) as each_step (k)
),

walked as (
    select
        *,
        sum(stay) over so_far as stayed,
        sum(stay) over (partition by i) as stays,
        ((sum(step) over so_far % 14) + 14) % 14 as place
    from weighed
    window so_far as (partition by i order by k rows between unbounded preceding and current row)
),

named as (
    select
        i,
        k,
        created_at + seconds(duration_s * stayed / stays) as happened_at,
        case
            when k = steps and ending = 'cancelled' then 'Won''t Do'
            when k = steps and ending in ('done', 'reopened') then 'Done'
            when ending = 'reopened' and k = steps - 3 then 'Done'
            when ending = 'reopened' and k = steps - 2 then 'In Progress'
            when ending = 'reopened' and k = steps - 1 then 'In Review'
            when is_epic then getvariable('epic_statuses')[1 + least(k, 3)]
            else getvariable('statuses')[cast(8 - abs(place - 7) as integer)]
        end as to_status
    from walked
)

select
    i,
    k,
    happened_at,
    lag(to_status, 1, 'Backlog') over (partition by i order by k) as from_status,
    to_status
from named
where happened_at <= getvariable('as_of');

create or replace temp table changes as
with told as (
    select i, k as part, happened_at, 'status' as field, 'status' as field_id, null as role,
        status_id(from_status) as from_id, from_status as from_name,
        status_id(to_status) as to_id, to_status as to_name
    from moves
    where from_status <> to_status

    union all

    -- What is no status: most of any real changelog.
    select i, 5000 + k, created_at + seconds(duration_s * chance(i, k, 'noise at')),
        among(['assignee', 'assignee', 'assignee', 'description', 'labels', 'Sprint', 'Rank'], chance(i, k, 'noise')) as field,
        field, case when field = 'Sprint' then 'sprints' end,
        null, 'p' || k, null, 'p' || (k + 1)
    from drawn, unnest(range(0, cast(floor(1 + 0.6 * steps * chance(i, 0, 'noises')) as integer))) as noises (k)

    union all

    select i, 9001, created_at + seconds(duration_s * flagged_at), 'Impediment', 'customfield_10021', 'flagged',
        null, '', null, 'Impediment'
    from drawn where flagged_at is not null

    union all

    select i, 9002, created_at + seconds(duration_s * (flagged_at + 0.1 * chance(i, 0, 'unflag'))) + to_seconds(1),
        'Impediment', 'customfield_10021', 'flagged', null, 'Impediment', null, ''
    from drawn where flagged_at is not null and not is_flagged

    union all

    select i, 9003, created_at + seconds(duration_s * moved_at), 'Key', 'issuekey', null,
        null, numbered('P', other_project) || '-' || i, null, numbered('P', project) || '-' || i
    from drawn where moved_at is not null and project <> other_project

    union all

    select i, 9004, created_at + seconds(duration_s * chance(i, 0, 'raised at')), 'priority', 'priority', null,
        '3', 'Medium', '2', 'High'
    from drawn where is_raised

    union all

    select i, 9005, created_at + seconds(duration_s * chance(i, 0, 'team at')), 'Team', 'customfield_10001', 'team',
        null, 'Team ' || numbered('', (project + 12) % 30), null, 'Team ' || numbered('', project % 30)
    from drawn where is_handed_over

    union all

    select i, 9006, created_at + seconds(duration_s * 0.2 * chance(i, 0, 'points at')), 'Story Points', 'customfield_10016',
        'story_points', null, '', null, cast(among([1, 2, 3, 5, 8], chance(i, 0, 'points')) as varchar)
    from drawn where not is_epic and not is_subtask and chance(i, 0, 'estimated') < 0.4
)

select * from told
where happened_at <= getvariable('as_of');

insert into raw_jira.jira.histories by name
select
    cast(row_number() over (partition by i order by happened_at, part) as varchar) as id,
    cast(100000 + i as varchar) as issue_id,
    happened_at as created_at,
    case when to_name in ('Done', 'Won''t Do') then 2 else 1 end as item_count,
    cast(to_json({
        'created': iso(happened_at),
        'author': person(i, part, 'author'),
        'items': [
            {
                'field': field, 'fieldId': field_id, 'fieldtype': 'jira', 'from': from_id,
                'fromString': from_name, 'to': to_id, 'toString': to_name, 'role': role
            }
        ] || case
            when to_name in ('Done', 'Won''t Do') then [
                {
                    'field': 'resolution', 'fieldId': 'resolution', 'fieldtype': 'jira', 'from': null,
                    'fromString': null, 'to': '10000', 'toString': to_name, 'role': null
                }
            ]
            else []
        end
    }) as varchar) as payload,
    'P' as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from changes;

create or replace temp table now as
select
    i,
    max(happened_at) as updated_at,
    arg_max(to_name, (happened_at, part)) filter (where field = 'status') as status,
    max(happened_at) filter (where to_name in ('Done', 'Won''t Do')) as ended_at,
    count(*) as histories
from changes
group by i;

insert into raw_jira.jira.issues by name
select
    drawn.id,
    numbered('P', project) || '-' || i as key,
    cast(10000 + project as varchar) as project_id,
    numbered('P', project) as project_key,
    created_at,
    coalesce(updated_at, created_at) as updated_at,
    cast(to_json({
        'id': drawn.id,
        'fields': {
            'issuetype': {
                'id': '1', 'name': case when is_epic then 'Epic' when is_subtask then 'Sub-task' else type end,
                'subtask': is_subtask, 'hierarchyLevel': case when is_epic then 1 when is_subtask then -1 else 0 end
            },
            'project': {'id': cast(10000 + project as varchar), 'key': numbered('P', project)},
            'status': {'id': status_id(coalesce(status, 'Backlog')), 'name': coalesce(status, 'Backlog')},
            'priority': case when is_raised then {'id': '2', 'name': 'High'} else {'id': '3', 'name': 'Medium'} end,
            'resolution': case when status in ('Done', 'Won''t Do') then {'id': '10000', 'name': status} end,
            'created': iso(created_at),
            'updated': iso(coalesce(updated_at, created_at)),
            'resolutiondate': case when status in ('Done', 'Won''t Do') then iso(ended_at) end,
            'duedate': null,
            'parent': case
                when is_subtask then {'id': cast(100000 + i - 20 as varchar), 'key': 'P'}
                when not is_epic and chance(i, 0, 'parent') < 0.75 then {'id': cast(100000 + i - i % 25 as varchar), 'key': 'P'}
            end,
            'labels': [], 'components': [], 'fixVersions': [],
            'issuelinks': case when chance(i, 0, 'link') < 0.06 then [{
                'id': cast(i as varchar),
                'type': {'name': among(['Blocks', 'Relates', 'Duplicate'], chance(i, 0, 'link type'))},
                'inwardIssue': null, 'outwardIssue': {'id': cast(100003 + i as varchar)}
            }] else [] end
            || case when chance(i - 3, 0, 'link') < 0.06 then [{
                'id': cast(i - 3 as varchar),
                'type': {'name': among(['Blocks', 'Relates', 'Duplicate'], chance(i - 3, 0, 'link type'))},
                'inwardIssue': {'id': cast(99997 + i as varchar)}, 'outwardIssue': null
            }] else [] end,
            'assignee': person(i, 0, 'assignee'),
            'reporter': person(i, 0, 'reporter'),
            'team': case
                when is_handed_over or chance(i, 0, 'has team') < 0.5 then {'id': '1', 'name': 'Team ' || numbered('', project % 30)}
            end,
            'story_points': case
                when not is_epic and not is_subtask and chance(i, 0, 'estimated') < 0.4
                    then cast(among([1, 2, 3, 5, 8], chance(i, 0, 'points')) as double)
            end,
            'flagged': is_flagged
        }
    }) as varchar) as payload,
    numbered('P', project) as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from drawn
left join now using (i)
-- Who made an issue in the future of this load has not made it yet.
where created_at <= getvariable('as_of');

insert into raw_jira.jira.history_checks by name
select
    drawn.id as issue_id,
    coalesce(histories, 0) as history_count,
    'complete' as history_quality,
    '{}' as payload,
    'P' as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from drawn
left join now using (i);

insert into raw_jira.jira.tombstones by name
select
    'issues' as object,
    drawn.id,
    'deleted' as state,
    gone_at as missed_at,
    gone_at,
    '{}' as payload,
    'P' as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from
    (
        select
            id,
            coalesce(updated_at, created_at) + seconds(864000 * chance(i, 0, 'gone')) as gone_at
        from drawn
        left join now using (i)
        where chance(i, 0, 'deleted') < 0.004
    ) as drawn
where gone_at <= getvariable('as_of');

insert into raw_jira.jira.worklogs by name
select
    drawn.id as id,
    drawn.id as issue_id,
    created_at + to_seconds(3600) as started_at,
    created_at + to_seconds(7200) as updated_at,
    3600 as time_spent_s,
    cast(to_json({'author': person(i, 0, 'worklog')}) as varchar) as payload,
    'P' as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from drawn
where chance(i, 0, 'worklog') < 0.1;
