-- A load in which a share of the issues and incidents moved on: what they are told of is a new change
-- and the record as it now is.
create or replace temp table touched as
select
    id,
    getvariable('as_of') - seconds(60 + 80000 * chance(id, 0, getvariable('load_id'))) as happened_at,
    payload ->> '$.fields.status.name' as from_status,
    case when payload ->> '$.fields.status.name' = 'In Progress' then 'In Review' else 'In Progress' end
        as to_status
from raw_jira.jira.issues
where chance(id, 1, getvariable('load_id')) < getvariable('share') and _dlt_load_id <> getvariable('load_id');

insert into raw_jira.jira.histories by name
select
    cast(1000000 + hash(id, getvariable('load_id')) % 1000000 as varchar) as id,
    id as issue_id,
    happened_at as created_at,
    1 as item_count,
    cast(to_json({
        'created': iso(happened_at),
        'author': person(id, 0, 'touch'),
        'items': [
            {
                'field': 'status', 'fieldId': 'status', 'fieldtype': 'jira', 'from': status_id(from_status),
                'fromString': from_status, 'to': status_id(to_status), 'toString': to_status, 'role': null
            }
        ]
    }) as varchar) as payload,
    'P' as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from touched;

update raw_jira.jira.history_checks as checks
set history_count = history_count + 1
from touched
where checks.issue_id = touched.id;

update raw_jira.jira.issues as issues
set
    updated_at = happened_at,
    payload = cast(json_merge_patch(payload, to_json({
        'fields': {
            'status': {'id': status_id(to_status), 'name': to_status},
            'resolution': null, 'resolutiondate': null, 'updated': iso(happened_at)
        }
    })) as varchar),
    _fetched_at = getvariable('fetched_at'),
    _dlt_load_id = getvariable('load_id')
from touched
where issues.id = touched.id;
