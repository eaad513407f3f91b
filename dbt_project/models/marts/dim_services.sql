with

services as (

    select * from {{ ref('int_services_unioned') }}

    union all

    select * from {{ ref('int_repositories_unassigned') }}

),

dated as (

    select
        *,
        {{ valid_at('services', as_of()) }} as is_current,
        coalesce(cast(valid_from as timestamp) > {{ as_of() }}, false) as is_future

    from services

),

-- What holds now, else what held last, else what will hold first: a service that is gone or yet to
-- come stays, as the facts of its time name it. Where periods overlap, the latest one counts.
ranked as (

    select
        *,
        row_number() over (
            partition by service_key
            order by
                is_current desc,
                is_future,
                case when is_future then valid_from end,
                coalesce(valid_from, date '0001-01-01') desc,
                coalesce(valid_to, date '9999-12-31') desc,
                value_stream_key
        ) as place

    from dated

),

final as (

    select
        service_key,
        name,
        coalesce(value_stream_key, 'unassigned') as value_stream_key,
        coalesce(team_key, 'unassigned') as team_key,
        is_current,
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
        true as is_current,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to

)

select * from final
