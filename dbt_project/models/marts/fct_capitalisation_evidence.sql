{#- A sub-task below a story below a feature below an epic. -#}
{%- set steps = 3 -%}

with

work_items as (

    select * from {{ ref('dim_work_items') }}

),

epics as (

    select
        work_items.work_item_key,
        work_items.work_item_version_key,
        value_streams.time_zone

    from work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    where work_items.is_current and work_items.level = 'epic'

),

links as (

    select * from {{ ref('bridge_work_item_links') }}

),

parents as (

    select
        from_key as work_item_key,
        to_key as parent_key,
        valid_from as starts_at,
        coalesce(valid_to, {{ as_of() }}) as ends_at

    from links

    where link_type = 'parent'

),

step_1 as (

    select
        work_item_key,
        parent_key as ancestor_key,
        starts_at,
        ends_at

    from parents

),

{%- for step in range(2, steps + 1) %}

    step_{{ step }} as (

        select
            nearer.work_item_key,
            parents.parent_key as ancestor_key,
            greatest(nearer.starts_at, parents.starts_at) as starts_at,
            least(nearer.ends_at, parents.ends_at) as ends_at

        from step_{{ step - 1 }} as nearer

        inner join parents
            on
                nearer.ancestor_key = parents.work_item_key
                and nearer.starts_at < parents.ends_at
                and nearer.ends_at > parents.starts_at

    ),
{%- endfor %}

-- What lay beneath an epic, and as long as it did.
beneath as (

    {%- for step in range(1, steps + 1) %}

        select
            epics.work_item_key as epic_key,
            epics.time_zone,
            step_{{ step }}.work_item_key,
            step_{{ step }}.starts_at,
            step_{{ step }}.ends_at

        from step_{{ step }}

        inner join epics
            on step_{{ step }}.ancestor_key = epics.work_item_key
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

visits as (

    select
        *,
        coalesce(exited_at, {{ as_of() }}) as ends_at

    from {{ ref('fct_stage_visits') }}

    where flow_state = 'active'

),

blocks as (

    select
        work_item_key,
        blocked_from as starts_at,
        coalesce(blocked_to, {{ as_of() }}) as ends_at

    from {{ ref('fct_blocked_intervals') }}

),

blocked_times as (

    {{ union_of_intervals('blocks', 'work_item_key') }}

),

-- Work is the visit less the parts of it in which the item was blocked.
spans as (

    select
        work_item_key,
        work_item_version_key,
        1 as sign,
        entered_at as starts_at,
        ends_at

    from visits

    union all

    select
        visits.work_item_key,
        visits.work_item_version_key,
        -1 as sign,
        greatest(visits.entered_at, blocked_times.starts_at) as starts_at,
        least(visits.ends_at, blocked_times.ends_at) as ends_at

    from visits

    inner join blocked_times
        on
            visits.work_item_key = blocked_times.work_item_key
            and visits.entered_at < blocked_times.ends_at
            and visits.ends_at > blocked_times.starts_at

),

worked as (

    select
        beneath.epic_key,
        beneath.time_zone,
        beneath.work_item_key,
        versions.level,
        versions.work_type,
        spans.sign,
        greatest(spans.starts_at, beneath.starts_at) as starts_at,
        least(spans.ends_at, beneath.ends_at) as ends_at

    from spans

    inner join work_items as versions
        on spans.work_item_version_key = versions.work_item_version_key

    inner join beneath
        on
            spans.work_item_key = beneath.work_item_key
            and spans.starts_at < beneath.ends_at
            and spans.ends_at > beneath.starts_at

),

local as (

    select
        *,
        cast(date_trunc('month', {{ local_time('starts_at', 'time_zone') }}) as date)
            as first_month,
        cast(date_trunc('month', {{ local_time('ends_at', 'time_zone') }}) as date) as last_month

    from worked

),

by_month as (

    select
        local.epic_key,
        local.work_item_key,
        local.level,
        local.work_type,
        local.sign,
        each_month_start.month_start,
        greatest(
            local.starts_at,
            {{ utc_of_local('cast(each_month_start.month_start as timestamp)', 'local.time_zone') }}
        ) as starts_at,
        least(
            local.ends_at,
            {{ utc_of_local(
                "cast(each_month_start.month_start + interval '1' month as timestamp)",
                'local.time_zone'
            ) }}
        ) as ends_at

    from local

    {{ each_month('local.first_month', 'local.last_month', 'month_start') }}

),

by_item as (

    select
        epic_key,
        work_item_key,
        month_start,
        level,
        work_type,
        sum(sign * {{ seconds_between('starts_at', 'ends_at') }}) as active_s

    from by_month

    group by 1, 2, 3, 4, 5

),

-- An item that was blocked all the time, or that ended with the month before, is none of them.
measured as (

    select
        epic_key,
        month_start,
        level,
        work_type,
        sum(active_s) as active_s,
        count(*) as item_count

    from by_item

    where active_s > 0

    group by 1, 2, 3, 4

),

-- The first move that commits it: in one second it may have been created, and moved on.
commitments as (

    select
        flows.work_item_key,
        flows.committed_at,
        transitions.stage_transition_key as committed_stage_transition_key,
        row_number() over (
            partition by flows.work_item_key
            order by transitions.transition_seq
        ) as row_num

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('fct_stage_transitions') }} as transitions
        on
            flows.work_item_key = transitions.work_item_key
            and flows.committed_at = transitions.changed_at

    inner join {{ ref('dim_stages') }} as stages
        on transitions.workflow || ':' || transitions.to_stage = stages.stage_key

    where stages.flow_state in ('wait', 'active')

),

-- The first change of anything beneath it that ran in production.
releases as (

    select
        beneath.epic_key,
        changes.deployed_at as first_release_at,
        brought.deployment_key as first_release_deployment_key,
        row_number() over (
            partition by beneath.epic_key
            order by changes.deployed_at, brought.deployment_key
        ) as row_num

    from beneath

    inner join links
        on beneath.work_item_key = links.to_key and links.link_type = 'implements'

    inner join {{ ref('fct_changes') }} as changes
        on links.from_key = changes.change_key

    inner join {{ ref('bridge_deployment_changes') }} as brought
        on changes.change_key = brought.change_key

    where changes.deployed_at is not null

),

scopes as (

    select
        epic_key,
        min(starts_at) as first_scope_at,
        max(starts_at) as last_scope_at

    from beneath

    group by 1

),

final as (

    select
        measured.epic_key || '|' || cast(measured.month_start as varchar) || '|'
        || measured.level || '|' || measured.work_type as capitalisation_evidence_key,
        measured.epic_key as work_item_key,
        epics.work_item_version_key,
        measured.level,
        measured.work_type,
        cast(measured.active_s as bigint) as active_s,
        measured.item_count,
        commitments.committed_stage_transition_key,
        releases.first_release_deployment_key,
        commitments.committed_at,
        scopes.first_scope_at,
        scopes.last_scope_at,
        releases.first_release_at,
        measured.month_start

    from measured

    inner join epics
        on measured.epic_key = epics.work_item_key

    inner join scopes
        on measured.epic_key = scopes.epic_key

    left join commitments
        on measured.epic_key = commitments.work_item_key and commitments.row_num = 1

    left join releases
        on measured.epic_key = releases.epic_key and releases.row_num = 1

)

select * from final
