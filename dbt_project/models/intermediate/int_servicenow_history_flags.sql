with

tasks as (

    select * from {{ ref('stg_servicenow__tasks') }}

),

audits as (

    select * from {{ ref('stg_servicenow__audits') }}
    where changed_at <= {{ as_of() }}

),

state_changes as (

    select * from {{ ref('int_servicenow_state_changes') }}
    where changed_at <= {{ as_of() }}

),

labels as (

    select * from {{ ref('int_servicenow_state_labels') }}

),

versions as (

    select * from {{ ref('stg_servicenow__record_versions') }}

),

history_checks as (

    select * from {{ ref('stg_servicenow__history_checks') }}

),

tombstones as (

    select * from {{ ref('stg_servicenow__tombstones') }}

),

early_updates as (

    select distinct
        audits.work_item_key,
        'updates_before_opening' as reason

    from audits

    inner join tasks
        on audits.work_item_key = tasks.work_item_key

    where audits.changed_at < coalesce(tasks.opened_at, tasks.created_at)

),

-- Updates are counted as they happen: by their numbers, times never go back.
numbered as (

    select
        work_item_key,
        changed_at,
        max(changed_at) over (
            partition by work_item_key
            order by update_no
            range between unbounded preceding and current row
        ) as latest_at

    from audits

    where update_no is not null

),

shuffled as (

    select distinct
        work_item_key,
        'updates_out_of_order' as reason

    from numbered

    where changed_at < latest_at

),

unlabelled as (

    select
        work_item_key,
        'state_without_label' as reason

    from state_changes

    where is_unlabelled

    union

    select
        tasks.work_item_key,
        'state_without_label' as reason

    from tasks

    left join labels
        on tasks.class_name = labels.class_name and tasks.state = labels.value

    where labels.value is null and {{ safe_cast_text('tasks.state', 'bigint') }} is not null

),

-- An update that touched no audited field leaves its number only. More updates than the record
-- has had are not updates of it.
updates as (

    select
        tasks.work_item_key,
        tasks.update_count as source_count,
        count(distinct audits.update_no) as own_count,
        max(audits.update_no) as last_update_no

    from tasks

    inner join audits
        on tasks.work_item_key = audits.work_item_key

    where tasks.updated_at <= {{ as_of() }}

    group by 1, 2

),

counters as (

    select
        work_item_key,
        case
            when last_update_no > source_count then 'updates_beyond_the_count'
            else 'updates_without_audit'
        end as reason,
        own_count,
        source_count

    from updates

    where own_count < source_count or last_update_no > source_count

    union all

    select
        work_item_key,
        reason,
        reassignment_count as own_count,
        source_count

    from {{ ref('int_servicenow_reassignments') }}

    where reason is not null

),

missed as (

    select distinct
        work_item_key,
        case
            when history_source = 'metric' then 'metric_spans_disjoint' else 'updates_missed'
        end as reason

    from state_changes

    where is_gap

),

-- A load saw a record first when it had been updated; nothing tells of the time before.
first_seen as (

    select
        versions.work_item_key,
        min(versions.update_count) as update_count

    from versions

    where
        not exists (
            select 1 from history_checks
            where history_checks.work_item_key = versions.work_item_key
        )
        and not exists (
            select 1 from state_changes
            where
                state_changes.work_item_key = versions.work_item_key
                and state_changes.history_source <> 'snapshot'
        )

    group by 1

),

snapshots as (

    select
        work_item_key,
        'known_from_snapshots' as reason

    from first_seen

    union all

    select
        work_item_key,
        'updated_before_first_load' as reason

    from first_seen

    where update_count > 0

),

-- No time of a table has seconds: its clock, or an export, cut them off.
coarse_tables as (

    select tasks.table_name

    from audits

    inner join tasks
        on audits.work_item_key = tasks.work_item_key

    group by 1

    having
        count(*) >= 100
        and count(case when audits.changed_at <> date_trunc('minute', audits.changed_at) then 1 end)
        = 0

),

coarse as (

    select distinct
        audits.work_item_key,
        'times_to_the_minute' as reason

    from audits

    inner join tasks
        on audits.work_item_key = tasks.work_item_key

    inner join coarse_tables
        on tasks.table_name = coarse_tables.table_name

),

vanished as (

    select
        tasks.work_item_key,
        'not_shown_' || tombstones.state as reason

    from tombstones

    inner join tasks
        on tombstones.sys_id = tasks.sys_id

    where tombstones.state in ('archived', 'no_access', 'unknown')

),

unioned as (

    select * from early_updates
    union all
    select * from shuffled
    union all
    select * from unlabelled
    union all
    select * from missed
    union all
    select * from snapshots
    union all
    select * from coarse
    union all
    select * from vanished

),

counted as (

    select
        *,
        cast(null as bigint) as own_count,
        cast(null as bigint) as source_count

    from unioned

    union all

    select * from counters

),

final as (

    select
        work_item_key || ':' || reason as history_flag_key,
        work_item_key,
        reason,
        case
            when reason in ('updates_before_opening', 'updates_out_of_order') then 'conflict'
            when reason in ('state_without_label', 'metric_spans_disjoint', 'updates_missed')
                then 'gap'
            when reason in ('known_from_snapshots', 'updated_before_first_load')
                then 'snapshot_only'
        end as history_quality,
        own_count,
        source_count

    from counted

)

select * from final
