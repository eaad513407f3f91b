with

services as (

    select * from {{ ref('services') }}
    where {{ valid_at('services', as_of()) }}

),

-- Of a service whose periods overlap, the latest one counts.
ranked as (

    select
        *,
        row_number() over (
            partition by service_key
            order by coalesce(valid_from, date '0001-01-01') desc, value_stream_key
        ) as place

    from services

),

final as (

    select
        service_key,
        name,
        value_stream_key,
        coalesce(team_key, 'unassigned') as team_key,
        valid_from,
        valid_to

    from ranked

    where place = 1

    union all

    select
        'unassigned' as service_key,
        'Unassigned' as name,
        'unassigned' as value_stream_key,
        'unassigned' as team_key,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

)

select * from final
