with

stages as (

    select * from {{ own_first('stages') }} as stages

),

workflows as (

    select workflow from stages
    union
    select 'unassigned' as workflow

),

final as (

    select
        workflow || ':' || stage as stage_key,
        workflow,
        stage,
        cast(ordinal as integer) as ordinal,
        flow_state,
        value_class,
        is_started_boundary,
        is_ready_boundary,
        is_finished_boundary,
        coalesce(is_blocked, false) as is_blocked

    from stages

    union all

    -- Time in a status that nobody has mapped is not lost: it waits here until it is mapped.
    select
        workflow || ':unmapped' as stage_key,
        workflow,
        'unmapped' as stage,
        0 as ordinal,
        'wait' as flow_state,
        'waste' as value_class,
        false as is_started_boundary,
        false as is_ready_boundary,
        false as is_finished_boundary,
        false as is_blocked

    from workflows

    union all

    -- Items end here on the day on which their source no longer has them.
    select
        workflow || ':deleted' as stage_key,
        workflow,
        'deleted' as stage,
        0 as ordinal,
        'cancelled' as flow_state,
        'waste' as value_class,
        false as is_started_boundary,
        false as is_ready_boundary,
        false as is_finished_boundary,
        false as is_blocked

    from workflows

)

select * from final
