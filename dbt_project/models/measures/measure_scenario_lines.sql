with

scenarios as (

    select * from {{ ref('scenarios') }}

),

-- As it is, once for each line that somebody asks about, beside what they ask.
asked as (

    select
        value_stream_key || '|' || workflow || '|' || level || '|as_is' as scenario_line_key,
        'as_is' as scenario_key,
        value_stream_key,
        workflow,
        level,
        'as_is' as change,
        cast(null as varchar) as stage,
        cast(null as double) as amount

    from scenarios

    group by 1, 2, 3, 4, 5, 6

    union all

    select
        value_stream_key || '|' || workflow || '|' || level || '|' || scenario_key
            as scenario_line_key,
        scenario_key,
        value_stream_key,
        workflow,
        level,
        change,
        stage,
        amount

    from scenarios

),

final as (

    select
        scenario_line_key,
        scenario_key,
        value_stream_key,
        workflow,
        level,
        value_stream_key || '|' || workflow || '|' || level as line_key,
        change,
        stage,
        amount

    from asked

)

select * from final
