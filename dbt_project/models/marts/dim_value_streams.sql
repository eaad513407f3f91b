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
        coalesce(calendar, 'standard') as calendar,
        false as is_default,
        valid_from,
        valid_to

    from value_streams

    union all

    select
        value_stream_key,
        min(scope) as name,
        'core' as kind,
        'UTC' as time_zone,
        'standard' as calendar,
        true as is_default,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

    from {{ ref('int_scopes_alone') }}

    group by 1

    union all

    select
        'unassigned' as value_stream_key,
        'Unassigned' as name,
        'core' as kind,
        'UTC' as time_zone,
        'standard' as calendar,
        false as is_default,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

)

select * from final
