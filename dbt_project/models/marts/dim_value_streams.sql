with

value_streams as (

    select * from {{ ref('value_streams') }}

),

final as (

    select
        value_stream_key,
        name,
        kind,
        coalesce(time_zone, 'UTC') as time_zone,
        coalesce(calendar, 'standard') as calendar

    from value_streams

    union all

    select
        'unassigned' as value_stream_key,
        'Unassigned' as name,
        'core' as kind,
        'UTC' as time_zone,
        'standard' as calendar

)

select * from final
