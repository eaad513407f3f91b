-- Records [first, last) with their audit: of 20, 14 are incidents, five changes and one is a problem.
create or replace temp table drawn as
select
    i,
    case when i % 20 < 14 then 'incident' when i % 20 < 19 then 'change_request' else 'problem' end as class,
    sys_id_of(i, 'record') as sys_id,
    timestamp '2023-01-01' + seconds(86400 * 1090 * chance(i, 0, 'born')) as created_at,
    case
        when i % 20 < 14 then 6 + cast(floor(9 * chance(i, 0, 'length')) as integer)
        else 5
    end as steps,
    600 + 86400 * least(exp(ln(1.2) + 1.2 * normal(i, 0, 'duration')), 300) as duration_s,
    skewed(chance(i, 0, 'service'), 40) as service,
    cast(floor(30 * chance(i, 0, 'group')) as integer) as group_no,
    cast(floor(30 * chance(i, 0, 'old group')) as integer) as old_group_no,
    chance(i, 0, 'handed over') < 0.3 as is_handed_over,
    chance(i, 0, 'end') < 0.04 as is_cancelled
from range(getvariable('first'), getvariable('last')) as records (i);

create or replace temp table moves as
with weighed as (
    select *, -ln(1 - chance(i, k, 'stay')) as stay
    from drawn, unnest(range(1, steps + 1)) as each_step (k)
),

walked as (
    select
        *,
        created_at + seconds(
            1 + duration_s * sum(stay) over (
                partition by i order by k rows between unbounded preceding and current row
            ) / sum(stay) over (partition by i)
        ) as happened_at
    from weighed
),

named as (
    select
        *,
        case
            when class = 'incident' and k = steps and is_cancelled then '8'
            when class = 'incident' and k = steps then '7'
            when class = 'incident' and k = steps - 1 then '6'
            when class = 'incident' and k % 2 = 1 then '2'
            when class = 'incident' then '3'
            when class = 'change_request' then ['-4', '-3', '-2', '-1', '3'][k]
            else ['102', '103', '104', '106', '107'][k]
        end as state
    from walked
    where happened_at <= getvariable('as_of')
)

select
    i, k, class, sys_id, happened_at,
    lag(state, 1, case class when 'incident' then '1' when 'change_request' then '-5' else '101' end)
        over (partition by i order by k) as from_state,
    state
from named;

delete from moves where from_state = state;

create or replace temp table audited as
with told as (
    select i, k as part, class, sys_id, 'state' as field, happened_at, from_state as old, state as new
    from moves
    union all
    select
        i, 900, class, sys_id, 'assignment_group', created_at + seconds(1 + duration_s * chance(i, 0, 'handed over at')),
        sys_id_of(old_group_no, 'group'), sys_id_of(group_no, 'group')
    from drawn where is_handed_over and group_no <> old_group_no
    union all
    select
        i, 910 + k, class, sys_id, among(['assigned_to', 'work_notes', 'category'], chance(i, k, 'noise')),
        created_at + seconds(1 + duration_s * chance(i, k, 'noise at')), null, 'x'
    from drawn, unnest(range(0, 3)) as noises (k)
)

select *, row_number() over (partition by i order by happened_at, part) as update_no
from told
where happened_at <= getvariable('as_of');

insert into raw_servicenow.servicenow.audits by name
select
    sys_id_of(i, 'audit' || part) as sys_id,
    class as table_name,
    sys_id as document_id,
    field as field_name,
    happened_at as sys_created_at,
    update_no as record_checkpoint,
    cast(to_json({'oldvalue': old, 'newvalue': new, 'user': person(i, part, 'user')}) as varchar) as payload,
    class as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from audited;

create or replace temp table records as
select
    drawn.*,
    coalesce(now.updates, 0) as updates,
    coalesce(now.updated_at, created_at) as updated_at,
    coalesce(now.state, case class when 'incident' then '1' when 'change_request' then '-5' else '101' end) as state,
    now.resolved_at,
    now.closed_at,
    coalesce(now.handovers, 0) as handovers
from drawn
left join (
    select
        i,
        max(update_no) as updates,
        max(happened_at) as updated_at,
        arg_max(new, update_no) filter (where field = 'state') as state,
        count(*) filter (where field = 'assignment_group') as handovers,
        max(happened_at) filter (where field = 'state' and new in ('6', '106')) as resolved_at,
        max(happened_at) filter (where field = 'state' and new in ('7', '8', '3', '107') and part >= 5) as closed_at
    from audited
    group by i
) as now using (i)
where created_at <= getvariable('as_of');

create or replace temp table written as
select
    class,
    sys_id,
    upper(substr(class, 1, 3)) || i as number,
    class as sys_class_name,
    created_at as sys_created_at,
    updated_at as sys_updated_at,
    updates as sys_mod_count,
    cast(to_json({
        'sys_id': sys_id,
        'sys_created_on': stamp(created_at),
        'sys_mod_count': updates,
        'sys_class_name': class,
        'state': state,
        'opened_at': stamp(created_at),
        'resolved_at': case when state in ('6', '7', '106', '107') then stamp(resolved_at) end,
        'closed_at': case when state in ('7', '8', '3', '107') then stamp(closed_at) end,
        'priority': cast(1 + cast(floor(4 * chance(i, 0, 'priority')) as integer) as varchar),
        'severity': null,
        'type': case when class = 'change_request' then among(['normal', 'standard', 'emergency'], chance(i, 0, 'kind')) end,
        'close_code': case when class = 'change_request' and state = '3' then 'successful' end,
        'correlation_id': case
            when class = 'change_request' and chance(i, 0, 'correlated') < 0.5 and getvariable('pulls') > 0
                then cast(9000000002 + 10 * cast(floor(getvariable('pulls') * chance(i, 0, 'deployment')) as bigint) as varchar)
        end,
        'business_service': sys_id_of(service, 'service'),
        'cmdb_ci': sys_id_of(service, 'service'),
        'assignment_group': sys_id_of(case when is_handed_over and handovers = 0 then old_group_no else group_no end, 'group'),
        'assigned_to': person(i, 0, 'assigned'),
        -- One of the changes of the same block of 20, or of any before.
        'caused_by': case
            when class = 'incident' and chance(i, 0, 'caused') < 0.15
                then sys_id_of(cast(floor(i / 20 * chance(i, 0, 'by')) as bigint) * 20 + 15, 'record')
        end,
        'reassignment_count': handovers,
        'reopen_count': 0,
        'made_sla': chance(i, 0, 'sla') > 0.1
    }) as varchar) as payload,
    class as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from records;

insert into raw_servicenow.servicenow.incidents by name
select * exclude (class) from written where class = 'incident';

insert into raw_servicenow.servicenow.change_requests by name
select * exclude (class) from written where class = 'change_request';

insert into raw_servicenow.servicenow.problems by name
select * exclude (class) from written where class = 'problem';

insert into raw_servicenow.servicenow.history_checks by name
select
    class as table_name, sys_id, cast(updates as varchar) as version, audits.audit_count, '{}' as payload,
    class as _scope, getvariable('fetched_at') as _fetched_at, getvariable('load_id') as _dlt_load_id
from records
inner join (select i, count(*) as audit_count from audited group by i) as audits using (i);

insert into raw_servicenow.servicenow.record_versions by name
select
    class as table_name, sys_id, cast(updates as varchar) as version, updates as sys_mod_count,
    updated_at as sys_updated_at,
    cast(to_json({'state': state, 'incident_state': null, 'problem_state': null}) as varchar) as payload,
    class as _scope, getvariable('fetched_at') as _fetched_at, getvariable('load_id') as _dlt_load_id
from records;

-- Each incident is measured by two agreements: of its first answer and of its solution.
insert into raw_servicenow.servicenow.task_slas by name
select
    sys_id_of(i, 'sla' || part) as sys_id,
    'task_sla' as sys_class_name,
    created_at as sys_created_at,
    updated_at as sys_updated_at,
    1 as sys_mod_count,
    sys_id as task_id,
    sys_id_of(part, 'agreement') as sla_id,
    case when resolved_at is null then 'in_progress' else 'completed' end as stage,
    resolved_at is null as is_active,
    date_diff('second', created_at, coalesce(resolved_at, getvariable('as_of'))) > 43200 as has_breached,
    created_at as started_at,
    resolved_at as ended_at,
    created_at + to_seconds(43200) as planned_end_at,
    date_diff('second', created_at, coalesce(resolved_at, getvariable('as_of'))) as duration_s,
    date_diff('second', created_at, coalesce(resolved_at, getvariable('as_of'))) as business_duration_s,
    0 as pause_duration_s,
    '{"percentage":"55.79","business_percentage":"55.79"}' as payload,
    'task_sla' as _scope,
    getvariable('fetched_at') as _fetched_at,
    getvariable('load_id') as _dlt_load_id
from records, unnest([0, 1]) as parts (part)
where class = 'incident';
