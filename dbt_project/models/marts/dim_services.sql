with

services as (

    select * from {{ ref('int_services_unioned') }}

    union all

    select * from {{ ref('int_repositories_unassigned') }}

),

dated as (

    select
        *,
        case
            when {{ valid_at('services', as_of()) }} then 'present'
            when cast(valid_to as timestamp) <= {{ as_of() }} then 'past'
            else 'yet to come'
        end as standing

    from services

),

-- What holds now, else what held last, else what will hold first: a service that is gone or yet to
-- come stays, as the facts of its time name it.
ranked as (

    select
        *,
        row_number() over (
            partition by service_key
            order by
                case standing when 'present' then 0 when 'past' then 1 else 2 end,
                case when standing = 'yet to come' then valid_from end,
                valid_to desc
        ) as row_num

    from dated

),

final as (

    select
        service_key,
        name,
        coalesce(value_stream_key, 'unassigned') as value_stream_key,
        coalesce(team_key, 'unassigned') as team_key,
        standing = 'present' as is_current,
        valid_from,
        valid_to

    from ranked

    where row_num = 1

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
