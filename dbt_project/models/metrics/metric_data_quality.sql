with

flows as (

    select
        work_items.source_system,
        work_items.value_stream_key,
        work_items.team_key,
        flows.*

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('dim_work_items') }} as work_items
        on flows.work_item_version_key = work_items.work_item_version_key

),

histories as (

    select
        source_system,
        'history_' || history_quality as measure,
        count(*) as affected,
        total

    from (
        select
            *,
            count(*) over (partition by source_system) as total

        from flows
    ) as counted

    group by 1, 2, 4

),

items as (

    select
        source_system,
        count(*) as total,
        count(case when value_stream_key = 'unassigned' then 1 end) as without_stream,
        count(case when team_key = 'unassigned' then 1 end) as without_team,
        count(case when is_bulk_moved then 1 end) as bulk_moved,
        count(case when outcome = 'done' then 1 end) as finished,
        count(case when outcome = 'done' and started_at is null then 1 end) as never_started,
        count(case when outcome = 'deleted' then 1 end) as deleted

    from flows

    group by 1

),

visits as (

    select
        work_items.source_system,
        sum(visits.elapsed_s) as total,
        sum(case when visits.stage = 'unmapped' then visits.elapsed_s else 0 end) as unmapped

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    where not visits.is_terminal

    group by 1

),

transitions as (

    select
        work_items.source_system,
        count(*) as total,
        count(case when transitions.is_synthetic then 1 end) as synthetic,
        count(case when transitions.actor_type = 'bot' then 1 end) as automated

    from {{ ref('fct_status_transitions') }} as transitions

    inner join {{ ref('dim_work_items') }} as work_items
        on transitions.work_item_version_key = work_items.work_item_version_key

    group by 1

),

flags as (

    select
        flows.source_system,
        'flag_' || flags.reason as measure,
        count(*) as affected,
        items.total

    from {{ ref('fct_history_flags') }} as flags

    inner join flows
        on flags.work_item_key = flows.work_item_key

    inner join items
        on flows.source_system = items.source_system

    group by 1, 2, 4

),

incidents as (

    select
        flows.source_system,
        count(*) as total,
        count(case when incidents.acknowledged_at is null then 1 end) as not_acknowledged

    from {{ ref('fct_incidents') }} as incidents

    inner join flows
        on incidents.work_item_key = flows.work_item_key

    group by 1

),

change_requests as (

    select
        flows.source_system,
        count(*) as closed,
        count(case when change_requests.is_successful is null then 1 end) as without_verdict

    from {{ ref('fct_change_requests') }} as change_requests

    inner join flows
        on change_requests.work_item_key = flows.work_item_key

    where flows.outcome = 'done'

    group by 1

),

clocks as (

    select
        source_system,
        count(*) as changes,
        count(case when is_written_before_repository then 1 end) as written_before_repository,
        count(case when merged_at is not null then 1 end) as ended,
        count(case when is_behind_first_deployment then 1 end) as behind_first_deployment,
        count(is_coded_after_opening) as coded,
        count(case when is_coded_after_opening then 1 end) as coded_after_opening,
        count(is_reviewed_before_ready) as reviewed,
        count(case when is_reviewed_before_ready then 1 end) as reviewed_before_ready,
        count(is_reviewed_after_merge) as merged,
        count(case when is_reviewed_after_merge then 1 end) as reviewed_after_merge

    from {{ ref('fct_changes') }}

    group by 1

),

ci as (

    select
        source_system,
        'clock_ci_runs_backwards' as measure,
        count(case when is_clock_backwards then 1 end) as affected,
        count(*) as total

    from {{ ref('fct_ci_runs') }}

    group by 1

    union all

    select
        source_system,
        'clock_ci_jobs_backwards' as measure,
        count(case when is_clock_backwards then 1 end) as affected,
        count(*) as total

    from {{ ref('fct_ci_jobs') }}

    group by 1

),

named_keys as (

    select
        *,
        sum(named_keys) over (partition by source_system) as total

    from {{ ref('fct_change_keys') }}

),

lost_keys as (

    select
        source_system,
        'keys_without_item_' || key_project as measure,
        sum(keys_without_item) as affected,
        total

    from named_keys

    where keys_without_item > 0

    group by source_system, key_project, total

),

unioned as (

    select
        source_system,
        measure,
        affected,
        total
    from lost_keys
    union all
    select
        source_system,
        measure,
        affected,
        total
    from histories
    union all
    select
        source_system,
        measure,
        affected,
        total
    from ci
    union all
    select
        source_system,
        'clock_written_before_repository' as measure,
        written_before_repository as affected,
        changes as total
    from clocks
    union all
    select
        source_system,
        'changes_behind_first_deployment' as measure,
        behind_first_deployment as affected,
        ended as total
    from clocks
    union all
    select
        source_system,
        'incidents_not_acknowledged' as measure,
        not_acknowledged as affected,
        total
    from incidents
    union all
    select
        source_system,
        'changes_closed_without_verdict' as measure,
        without_verdict as affected,
        closed as total
    from change_requests
    union all
    select
        source_system,
        'clock_coded_after_opening' as measure,
        coded_after_opening as affected,
        coded as total
    from clocks
    union all
    select
        source_system,
        'clock_reviewed_before_ready' as measure,
        reviewed_before_ready as affected,
        reviewed as total
    from clocks
    union all
    select
        source_system,
        'clock_reviewed_after_merge' as measure,
        reviewed_after_merge as affected,
        merged as total
    from clocks
    union all
    select
        source_system,
        'items_without_value_stream' as measure,
        without_stream,
        total
    from items
    union all
    select
        source_system,
        'items_without_team' as measure,
        without_team,
        total
    from items
    union all
    select
        source_system,
        'items_moved_in_bulk' as measure,
        bulk_moved,
        total
    from items
    union all
    select
        source_system,
        'items_deleted' as measure,
        deleted,
        total
    from items
    union all
    select
        source_system,
        'finished_never_started' as measure,
        never_started,
        finished
    from items
    union all
    select
        source_system,
        measure,
        affected,
        total

    from flags

    union all

    select
        source_system,
        'seconds_unmapped' as measure,
        unmapped,
        total
    from visits
    union all
    select
        source_system,
        'transitions_synthetic' as measure,
        synthetic,
        total
    from transitions
    union all
    select
        source_system,
        'transitions_by_bots' as measure,
        automated,
        total
    from transitions

),

final as (

    select
        source_system || '|' || measure as metric_data_quality_key,
        source_system,
        measure,
        cast(affected as bigint) as affected,
        cast(total as bigint) as total,
        cast(affected as double) / nullif(total, 0) as affected_share

    from unioned

)

select * from final
