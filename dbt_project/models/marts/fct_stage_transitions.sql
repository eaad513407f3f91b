{{ config(materialized='incremental', incremental_strategy='items') }}

with

-- As they are read, there are few texts of statuses: here each is brought into its form once.
transitions as (

    select
        *,
        {{ known_as('to_status') }} as status

    from {{ ref('int_status_transitions') }}
    {{ only_touched() }}

),

versions as (

    select
        work_items.*,
        value_streams.time_zone

    from {{ ref('dim_work_items') }} as work_items

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    {{ only_touched() }}

),

-- An item has one workflow, that of its present type: stages of two cannot be compared.
workflows as (

    select
        work_item_key,
        workflow

    from versions

    where is_current

),

status_stages as (

    select * from {{ ref('int_status_stages') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

resolutions as (

    select * from {{ ref('int_jira_resolutions') }}
    where outcome = 'cancelled'

),

cancellations as (

    select
        workflow,
        min(stage) as stage

    from stages

    where flow_state = 'cancelled' and stage <> 'deleted'

    group by 1

),

dated as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.to_status,
        transitions.status,
        transitions.is_deletion,
        transitions.changed_at,
        lead(transitions.changed_at) over (
            partition by transitions.work_item_key
            order by transitions.transition_seq
        ) as left_at,
        cast({{ local_time('transitions.changed_at', 'versions.time_zone') }} as date)
            as changed_date,
        workflows.workflow,
        versions.source_system,
        versions.scope,
        versions.work_item_version_key,
        versions.team_key

    from transitions

    inner join workflows
        on transitions.work_item_key = workflows.work_item_key

    left join versions
        on
            transitions.work_item_key = versions.work_item_key
            and {{ valid_at('versions', 'transitions.changed_at') }}

),

-- What a project says of its own statuses wins over what everybody says.
mapped as (

    select
        dated.*,
        coalesce(own_stages.stage, status_stages.stage) as mapped_stage,
        coalesce(
            cast(
                case
                    when own_stages.stage is null then status_stages.valid_from
                    else own_stages.valid_from
                end as varchar
            ),
            'always'
        ) as map_version

    from dated

    left join status_stages as own_stages
        on
            dated.source_system = own_stages.source_system
            and dated.workflow = own_stages.workflow
            and dated.scope = own_stages.scope
            and dated.status = own_stages.status
            and dated.changed_date >= coalesce(own_stages.valid_from, date '0001-01-01')
            and dated.changed_date < coalesce(own_stages.valid_to, date '9999-12-31')

    left join status_stages
        on
            dated.source_system = status_stages.source_system
            and dated.workflow = status_stages.workflow
            and status_stages.scope = '*'
            and dated.status = status_stages.status
            and dated.changed_date >= coalesce(status_stages.valid_from, date '0001-01-01')
            and dated.changed_date < coalesce(status_stages.valid_to, date '9999-12-31')

),

-- What was closed and not done says so in its resolution: the one that it had at last there.
staged as (

    select
        mapped.*,
        case
            when mapped.is_deletion then 'deleted'
            when stages.flow_state = 'done' and resolutions.resolution is not null
                then coalesce(cancellations.stage, stages.stage)
            else coalesce(stages.stage, 'unmapped')
        end as stage,
        case when stages.flow_state = 'done' then resolutions.resolution end as resolution

    from mapped

    left join stages
        on
            mapped.workflow = stages.workflow
            and mapped.mapped_stage = stages.stage

    left join cancellations
        on mapped.workflow = cancellations.workflow

    left join resolutions
        on
            mapped.work_item_key = resolutions.work_item_key
            and coalesce(resolutions.valid_from, timestamp '0001-01-01')
            < coalesce(mapped.left_at, timestamp '9999-12-31')
            and coalesce(resolutions.valid_to, timestamp '9999-12-31')
            >= coalesce(mapped.left_at, timestamp '9999-12-31')

),

chained as (

    select
        *,
        lag(stage) over (
            partition by work_item_key
            order by transition_seq
        ) as from_stage

    from staged

),

-- Statuses of one stage are one stay.
moves as (

    select
        chained.*,
        to_stages.ordinal,
        to_stages.flow_state,
        from_stages.flow_state as from_flow_state,
        row_number() over (
            partition by chained.work_item_key
            order by chained.transition_seq
        ) as stage_transition_seq,
        -- Where an item is parked says nothing of how far it is, and no more does its cancellation.
        case
            when to_stages.ordinal > 0 and to_stages.flow_state <> 'cancelled'
                then to_stages.ordinal
        end as position,
        coalesce(from_stages.flow_state in ('done', 'cancelled'), false) as is_after_end

    from chained

    inner join stages as to_stages
        on
            chained.workflow = to_stages.workflow
            and chained.stage = to_stages.stage

    left join stages as from_stages
        on
            chained.workflow = from_stages.workflow
            and chained.from_stage = from_stages.stage

    where chained.from_stage is null or chained.from_stage <> chained.stage

),

before as (

    select
        *,
        count(case when position is not null or is_after_end then 1 end) over so_far as places,
        lag(changed_at) over in_order as entered_before_at,
        lag(team_key) over in_order as team_before

    from moves

    window
        in_order as (
            partition by work_item_key
            order by stage_transition_seq
        ),
        so_far as (
            partition by work_item_key
            order by stage_transition_seq
            rows between unbounded preceding and current row
        )

),

-- How far an item is: the ordinal of the last stage that says so. What follows an end starts again.
placed as (

    select
        *,
        max(position) over (partition by work_item_key, places) as reached

    from before

),

-- An end that stood for long stands: what comes after it, work that is taken up again or another
-- end, is another attempt. A deletion is not an attempt.
attempted as (

    select
        *,
        lag(reached) over in_order as reached_before,
        1 + sum(
            case
                when
                    is_after_end
                    and flow_state <> from_flow_state
                    and stage <> 'deleted'
                    and {{ seconds_between('entered_before_at', 'changed_at') }}
                    > {{ var('reopen_days') }} * 86400
                    then 1
                else 0
            end
        ) over so_far as attempt_no

    from placed

    window
        in_order as (
            partition by work_item_key
            order by stage_transition_seq
        ),
        so_far as (
            partition by work_item_key
            order by stage_transition_seq
            rows between unbounded preceding and current row
        )

),

compared as (

    select
        *,
        max(position) over (
            partition by work_item_key, attempt_no
            order by stage_transition_seq
            rows between unbounded preceding and 1 preceding
        ) as high_water

    from attempted

),

final as (

    select
        work_item_key || ':' || stage_transition_seq as stage_transition_key,
        work_item_key,
        work_item_version_key,
        cast(stage_transition_seq as bigint) as transition_seq,
        cast(attempt_no as bigint) as attempt_no,
        workflow,
        from_stage,
        stage as to_stage,
        to_status,
        resolution,
        map_version,
        case
            when from_stage is null then 'new'
            when flow_state = 'cancelled' then 'cancel'
            when flow_state = 'done' then 'finish'
            when is_after_end then 'reopen'
            when position > reached_before then 'forward'
            when position < reached_before then 'backward'
            else 'lateral'
        end as direction,
        team_before as from_team_key,
        team_key as to_team_key,
        coalesce(
            team_before <> team_key and team_before <> 'unassigned' and team_key <> 'unassigned',
            false
        ) as is_handover,
        coalesce(
            flow_state not in ('done', 'cancelled') and reached < high_water, false
        ) as is_rework,
        changed_at

    from compared

)

select * from final
